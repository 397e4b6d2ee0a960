#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace graphhook::handlers {

/// The first member that an object in this JSON text has twice, as a path
/// ("payload.visualContent.title", "list[2].name"); nothing: there is none, or the text is not
/// JSON. Names count as they read after unescaping. Pure.
[[nodiscard]] std::optional<std::string> member_twice(std::string_view json);

}  // namespace graphhook::handlers
