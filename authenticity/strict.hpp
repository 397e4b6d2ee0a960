#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace graphhook::authenticity {

/// RFC 4648 section 5 without padding, and in the one form that its bytes have: no stray bits at
/// the end, no other letters.
[[nodiscard]] std::optional<std::string> from_strict_base64url(std::string_view text);

}  // namespace graphhook::authenticity
