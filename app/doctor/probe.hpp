#pragma once

#include "app/doctor/certificates.hpp"

#include <chrono>
#include <string>
#include <utility>
#include <vector>

namespace graphhook::app::doctor {

/// What became of a handshake with a URL, as Graph does it (protocol: POST with `validationToken`).
struct Exchange {
    enum class Stage : std::uint8_t { Name, Connection, Tls, Reply, Done };
    std::string url;    ///< Without the token.
    std::string token;  ///< What has to come back.
    std::vector<std::string> addresses;
    Stage failed_at = Stage::Done;  ///< Done: there was a reply.
    std::string failure;            ///< Why it went no further.
    std::string tls_version;
    bool tls12_refused = false;  ///< It only went with a newer one.
    std::string chain_error;     ///< Why the certificate is not to be trusted; empty: it is.
    std::vector<CertificateDates> chain;
    int status = 0;
    std::vector<std::pair<std::string, std::string>> headers;  ///< Names in lower case.
    std::string body;                                          ///< The first 64 KiB.
    std::chrono::milliseconds took{0};  ///< From the connection's first byte to the reply's last.

    /// Empty: there is none.
    [[nodiscard]] std::string header(std::string_view name) const;
};

struct ProbeOptions {
    /// PEM file to trust instead of the system's authorities.
    std::string ca_file;
    std::chrono::milliseconds timeout{15'000};
};

/// Asks `url` (https://host[:port]/path) for a handshake from here, by its real name, directly (no
/// proxy), over TLS 1.2 first, as Graph does. An untrusted certificate is noted and does not end
/// it, so that one sees who answers. Blocks for at most twice the timeout. From then on the process
/// ignores SIGPIPE.
[[nodiscard]] Exchange try_handshake(
    const std::string& url, const std::string& token, const ProbeOptions& options
);

/// What Graph would send, with characters that are easily spoiled on the way.
std::string sample_token();

}  // namespace graphhook::app::doctor
