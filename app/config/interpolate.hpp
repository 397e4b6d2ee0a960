#pragma once

#include "core/error.hpp"

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace graphhook::app {

/// The value of an environment variable; absent where it is not set.
using EnvironmentLookup = std::function<std::optional<std::string>(std::string_view)>;

/// Puts the environment's values into a text: `${NAME}`, `${NAME:-default}` (also where NAME is set
/// but empty), and `$${` for a literal `${`. What is put in is not read again. Errc::BadInput: a
/// name that is not set, or not a name; a brace that is not closed.
[[nodiscard]] Result<std::string> interpolate(
    std::string_view text, const EnvironmentLookup& environment
);

}  // namespace graphhook::app
