#pragma once

#include <boost/json/object.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace graphhook::emulator {

/// A JSON Web Token in compact form, taken apart; nothing is checked yet.
struct Jwt {
    boost::json::object header;
    boost::json::object claims;
    std::string signed_text;
    std::string signature;

    /// Empty if it is absent or no text.
    [[nodiscard]] std::string header_text(std::string_view name) const;
    [[nodiscard]] std::string claim_text(std::string_view name) const;
    /// Seconds since 1970; nothing if it is absent or no number.
    [[nodiscard]] std::optional<std::int64_t> claim_time(std::string_view name) const;
};

/// Nothing for what is no such token, or longer than 16 KiB.
[[nodiscard]] std::optional<Jwt> parse_jwt(std::string_view text);

}  // namespace graphhook::emulator
