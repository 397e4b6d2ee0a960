#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace graphhook {

// Reading JSON of strangers without mercy: what two readers could understand differently is not
// understood at all.

/// A member that an object has twice.
struct MemberTwice {
    std::string object;  ///< A path: "" is the document itself, "/keys/3" the fourth element of its
                         ///< member "keys".
    std::string name;    ///< As it reads after unescaping.
    bool operator==(const MemberTwice&) const = default;
};

/// All of them in a JSON text, one entry for each repetition; after kMostTwice it ends. Nothing: it
/// is not JSON. Pure.
inline constexpr std::size_t kMostTwice = 100;
[[nodiscard]] std::optional<std::vector<MemberTwice>> members_twice(std::string_view json);

}  // namespace graphhook
