#include "app/cli/offline_plan.hpp"

namespace graphhook::app {

std::vector<subscriptions::SubscriptionManager::TenantPlan> offline_plan(
    const subscriptions::SubscriptionsOptions& options,
    const std::vector<store::SubscriptionRecord>& records, SystemTime now, std::size_t allow_delete
) {
    std::vector<subscriptions::SubscriptionManager::TenantPlan> plans;
    for (const auto& tenant : options.tenants) {
        subscriptions::Situation situation;
        situation.now = now;
        situation.notification_url = options.notification_url;
        situation.lifecycle_url = options.lifecycle_url;
        situation.removal_grace = options.removal_grace;
        situation.remember_retired = options.remember_retired;
        situation.allow_delete = allow_delete;
        subscriptions::Listing listing;
        listing.taken_at = now;
        for (const auto& wanted : options.wanted) {
            if (wanted.tenant == tenant.name) situation.wanted.push_back(wanted);
        }
        for (const auto& record : records) {
            if (record.tenant != tenant.name) continue;
            situation.records.push_back(record);
            if (record.graph_id.empty() || record.state == store::SubscriptionState::Retired ||
                record.state == store::SubscriptionState::Parked)
                continue;
            subscriptions::GraphSubscription there;
            there.id = record.graph_id;
            there.resource = record.resource;
            there.changes = record.changes;
            there.notification_url = record.notification_url;
            there.lifecycle_url = record.lifecycle_url;
            there.expires_at = record.expires_at;
            listing.subscriptions.push_back(std::move(there));
        }
        situation.listing = std::move(listing);
        plans.push_back({tenant.name, subscriptions::make_plan(situation)});
    }
    return plans;
}

}  // namespace graphhook::app
