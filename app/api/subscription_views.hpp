#pragma once

#include "core/error.hpp"
#include "subscriptions/manager.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace graphhook::app {

// What the admin API answers and `--output json` prints about subscriptions, sweeps and templates:
// a hundred thousand of them are given page by page.

using subscriptions::SubscriptionManager;

/// Which rows of a long list. Rows are in the order of their cursors.
struct RowFilter {
    std::string tenant, name, state;  ///< Empty: any.
    bool retired = false;             ///< Those too, where no state is asked for.
    bool failing = false;             ///< Only those with a last error.
    std::string after;                ///< A row's "cursor"; exclusive.
    std::size_t limit = 1'000;
};
inline constexpr std::size_t kMostRows = 10'000;
/// Steps of a plan.
inline constexpr std::uint64_t kMostSteps = 100'000;

/// Rows, and how many more there are after them.
struct Rows {
    boost::json::array rows;
    std::size_t more = 0;
};

/// "tenant", "name", "state", "retired", "failing", "after", "limit" of a query. Errc::BadInput.
[[nodiscard]] Result<RowFilter> parse_row_filter(
    const std::function<std::string(std::string_view)>& query
);

[[nodiscard]] Rows subscription_rows(
    const std::vector<subscriptions::TenantStatus>& tenants, const RowFilter& filter
);
[[nodiscard]] Rows sweep_rows(
    const std::vector<SubscriptionManager::TenantSweeps>& tenants, const RowFilter& filter
);
[[nodiscard]] boost::json::array template_rows(
    const std::vector<SubscriptionManager::TenantTemplates>& tenants
);
[[nodiscard]] boost::json::array progress_rows(
    const std::vector<SubscriptionManager::TenantProgress>& tenants
);

/// What an action is to an operator: "create", "renew", "replace", "adopt", "delete", "keep", or
/// "look after" (asking Graph, and what concerns the store alone).
std::string_view summary_word(subscriptions::Action action) noexcept;

/// A plan: its "summary", "held_back" and "orphans", then its "steps" (all but those that keep, or
/// with `all` every one), at most `limit` of them, and how many "more" there are.
[[nodiscard]] boost::json::object plan_view(
    const std::vector<SubscriptionManager::TenantPlan>& plans, bool all, std::size_t limit
);

/// "12 to create, 3 to renew, 99985 to keep; 2 removals held back; 1 orphan", from a plan's view.
std::string summary_line(const boost::json::object& plan);

}  // namespace graphhook::app
