#pragma once

#include "store/subscription.hpp"
#include "subscriptions/manager.hpp"
#include "subscriptions/options.hpp"

#include <vector>

namespace graphhook::app {

/// What `serve` would do, as far as the store alone can tell: it is taken for granted that Graph
/// has what we know, and nothing else of ours.
std::vector<subscriptions::SubscriptionManager::TenantPlan> offline_plan(
    const subscriptions::SubscriptionsOptions& options,
    const std::vector<store::SubscriptionRecord>& records, SystemTime now, std::size_t allow_delete
);

}  // namespace graphhook::app
