#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace graphhook {

/// RFC 4648 section 5, without padding.
[[nodiscard]] std::string to_base64url(std::span<const unsigned char> bytes);
[[nodiscard]] std::string to_base64url(std::string_view text);
/// RFC 4648 section 4, with padding, on one line.
[[nodiscard]] std::string to_base64(std::span<const unsigned char> bytes);
[[nodiscard]] std::string to_base64(std::string_view text);
/// Either alphabet, with or without padding; nothing else.
[[nodiscard]] std::optional<std::string> from_base64(std::string_view text);

}  // namespace graphhook
