#pragma once

#include "emulator/kinds.hpp"

#include <string_view>

namespace graphhook::emulator {

/// Who may subscribe to a path of `kinds` besides apps with a role (protocol 4.2). Permissions are
/// separated by spaces; empty: none is documented.
struct UserAccess {
    std::string_view work;      ///< for users of an organization
    std::string_view personal;  ///< for personal accounts
    bool for_work = true;
    bool for_personal = true;
    bool for_apps = true;
    /// The user in the path must be the one who is signed in.
    bool own_only = false;
};

[[nodiscard]] UserAccess user_access(const Path& path) noexcept;

}  // namespace graphhook::emulator
