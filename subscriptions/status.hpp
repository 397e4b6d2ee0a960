#pragma once

#include "core/clock.hpp"
#include "subscriptions/plan/plan.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace graphhook::subscriptions {

/// One line of `subscriptions list`.
struct SubscriptionStatus {
    std::string name;
    std::string element;  ///< Of a template: Graph's id of the element; "*": its collection.
    std::string tenant;
    /// "planned" (wanted, no record yet), "creating", "active", "leaving" (no longer wanted),
    /// "parked" (an element that Graph refuses for itself), "polled" (nothing is subscribed), or
    /// "retired".
    std::string state;
    std::string kind;
    std::string resource;
    std::string changes;
    /// Which certificate its resource data is encrypted with; empty: it has none.
    std::string certificate_id;
    std::string graph_id;
    std::optional<SystemTime> created_at;
    std::optional<SystemTime> expires_at;
    std::optional<SystemTime> touched_at;
    std::optional<SystemTime> next_try;    ///< After a failure.
    std::optional<SystemTime> removal_at;  ///< "leaving": not before.
    std::uint32_t failures = 0;
    std::string last_error;
};

/// What holds for a tenant as a whole.
struct TenantStatus {
    std::string name;
    std::string last_error;                 ///< Empty: nothing is wrong.
    std::optional<SystemTime> waits_until;  ///< Throttled, out of reach, or refused.
    std::optional<SystemTime> listed_at;    ///< When Graph was last asked for all.
    std::vector<SubscriptionStatus> subscriptions;
    std::vector<Orphan> orphans;
    std::size_t held_back = 0;  ///< Removals that wait for an operator's word.
};

}  // namespace graphhook::subscriptions
