#pragma once

#include "core/error.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace graphhook::emulator {

struct Url {
    bool tls = true;
    std::string host;  ///< without the brackets of an IPv6 address
    std::string port;
    std::string target;  ///< path and query, byte for byte as written

    /// "hooks.example.com:8443": the Host header; without the port where it is the scheme's own.
    [[nodiscard]] std::string authority() const;
    /// One per scheme, host and port: what connections and reply-time windows belong to.
    [[nodiscard]] std::string endpoint() const;
};

/// http and https with a host. User information and fragments are refused (Errc::BadInput).
[[nodiscard]] Result<Url> parse_url(std::string_view text);

bool is_loopback(std::string_view host) noexcept;

/// application/x-www-form-urlencoded as Graph encodes the validation token: a space as '+', other
/// bytes as %3a with lower-case digits (protocol 1.3).
std::string form_encode(std::string_view text);
/// One pass; '+' is a space. Errc::BadInput for "%G1" or a trailing "%".
[[nodiscard]] Result<std::string> form_decode(std::string_view text);

/// "a=1&b=2" decoded, in order. Errc::BadInput as form_decode.
[[nodiscard]] Result<std::vector<std::pair<std::string, std::string>>> parse_form(
    std::string_view text
);

}  // namespace graphhook::emulator
