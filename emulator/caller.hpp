#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace graphhook::emulator {

/// Who calls the Graph API, read from its access token.
struct Caller {
    std::string tenant;
    std::string app;
    /// Granted application roles; the single role "*" stands for all. Empty for a delegated caller.
    std::vector<std::string> roles;
    /// An app that works for a signed-in user; the members below are empty without one.
    bool delegated = false;
    std::string user;       ///< the user's id
    std::string user_name;  ///< the user's principal name
    /// Delegated permissions (`scp`); "*" stands for all.
    std::vector<std::string> scopes;
    bool personal = false;  ///< a personal account
    bool admin = false;     ///< the user is an administrator

    /// One of the space-separated `wanted` (any case), or none is wanted. Roles of an app, scopes
    /// of a delegated caller.
    [[nodiscard]] bool has_one_of(std::string_view wanted) const;
    /// As has_one_of a single permission, but "*" does not count.
    [[nodiscard]] bool was_given(std::string_view permission) const;
    /// Whether `name` is the signed-in user's id or principal name, in any case.
    [[nodiscard]] bool is_user(std::string_view name) const;
};

}  // namespace graphhook::emulator
