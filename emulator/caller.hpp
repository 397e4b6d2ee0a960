#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace graphhook::emulator {

/// Who calls the Graph API, read from its access token.
struct Caller {
    std::string tenant;
    std::string app;
    /// Granted application roles; the single role "*" stands for all.
    std::vector<std::string> roles;

    /// One of the space-separated `wanted` (any case), or none is wanted.
    [[nodiscard]] bool has_one_of(std::string_view wanted) const;
};

}  // namespace graphhook::emulator
