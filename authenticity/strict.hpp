#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace graphhook::authenticity {

// Reading what strangers wrote, without mercy: what two readers could understand differently is not
// understood at all.

/// RFC 4648 section 5 without padding, and in the one form that its bytes have: no stray bits at
/// the end, no other letters.
[[nodiscard]] std::optional<std::string> from_strict_base64url(std::string_view text);

/// The objects in a JSON text that have a member twice, as paths: "" is the document itself,
/// "/keys/3" the fourth element of its member "keys". An object is named once for each repetition;
/// after kMostTwice it ends. Nothing: it is not JSON. Names count as they read after unescaping.
inline constexpr std::size_t kMostTwice = 100;
[[nodiscard]] std::optional<std::vector<std::string>> members_twice(std::string_view json);

/// 8-4-4-4-12 hexadecimal digits.
[[nodiscard]] bool is_guid(std::string_view text) noexcept;

}  // namespace graphhook::authenticity
