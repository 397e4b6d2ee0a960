#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace graphhook::emulator {

/// Without padding (RFC 4648 5).
std::string base64url(std::string_view bytes);
/// Nothing for what is not base64url without padding.
std::optional<std::string> from_base64url(std::string_view text);
/// With padding (RFC 4648 4).
std::string base64(std::string_view bytes);

}  // namespace graphhook::emulator
