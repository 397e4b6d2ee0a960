#pragma once

#include "subscriptions/options.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace graphhook::subscriptions {

/// Who asks: what a token stands for.
enum class Account : std::uint8_t {
    Application,  ///< An application of its own.
    Work,         ///< A signed-in user with a work or school account.
    Personal,     ///< A signed-in user with a personal account.
};
/// "an application", "a signed-in user (work or school)", "a signed-in user (personal account)"
std::string_view to_string(Account account) noexcept;
[[nodiscard]] Account account_of(const Tenant& tenant) noexcept;

/// What Graph wants of a token that subscribes to a resource. Facts: Microsoft's page on creating a
/// subscription, as read on 2026-11-21.
struct Permissions {
    enum class Support : std::uint8_t {
        Documented,  ///< `any_of` names them.
        Unknown,     ///< Not documented, or a resource that the catalog does not know: it may work.
        Refused,     ///< Graph has no subscription to this for such an account.
    };
    Support support = Support::Unknown;
    /// Any one of these is enough; the least comes first.
    std::vector<std::string_view> any_of;
    /// Some pages of Graph name these for renewing instead: to be granted if a renewal is refused.
    std::vector<std::string_view> also_for_renewal;
};

/// Paths as in Kind::paths; then what each account needs, the least first: "" not documented, "-"
/// refused. Those that end in .Group or .Chat are consents to a single team or chat.
struct PermissionRow {
    std::string_view paths, work, personal, application;
};
[[nodiscard]] std::span<const PermissionRow> permission_rows() noexcept;

/// By the resource in any spelling. Pure.
[[nodiscard]] Permissions permissions_for(std::string_view resource, Account account);

/// Whether `granted` (as in a token's roles or scp, in any case of letters) holds one that does. A
/// ReadWrite permission holds its Read twin only where Graph takes it: never, for subscriptions
/// ("subscriptions don't support write access permissions when only read access is needed"). True
/// where nothing is documented.
[[nodiscard]] bool suffice(const Permissions& needed, const std::vector<std::string>& granted);

}  // namespace graphhook::subscriptions
