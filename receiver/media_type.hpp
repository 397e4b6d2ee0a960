#pragma once

#include <string_view>

namespace graphhook::receiver {

/// Is it application/json, or a type with the suffix "+json"? Parameters do not matter.
[[nodiscard]] bool says_json(std::string_view content_type) noexcept;

/// Is a Content-Encoding one that changes nothing: absent, or "identity"?
[[nodiscard]] bool says_identity(std::string_view content_encoding) noexcept;

}  // namespace graphhook::receiver
