#include "app/service/lifecycle_lane.hpp"

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>

#include <map>
#include <utility>

namespace graphhook::app {
namespace {

/// Graph's id of the subscription that an item is about; empty where it does not tell.
std::string subscription_of(const std::string& item) {
    boost::system::error_code error;
    const auto value = boost::json::parse(item, error);
    const auto* object = error ? nullptr : value.if_object();
    if (object == nullptr) return {};
    const auto* id = object->if_contains("subscriptionId");
    return id != nullptr && id->is_string() ? std::string(id->as_string()) : std::string();
}

bool is_signal(const handlers::Delivery& delivery) {
    return store::is_signal(
        {.lane = delivery.lifecycle ? store::Lane::Lifecycle : store::Lane::Change,
         .change = delivery.change}
    );
}

handlers::Outcome outcome_of(const Result<std::monostate>& taken) {
    if (taken || taken.error().code == Errc::NotFound) return handlers::Outcome::done();
    return handlers::Outcome::retry_target(
        "the subscriptions could not take it: " + to_string(taken.error())
    );
}

}  // namespace

std::vector<handlers::Outcome> LifecycleLane::handle(
    std::span<const handlers::Delivery> batch, std::stop_token /*stop*/
) {
    std::vector<handlers::Outcome> outcomes;
    std::map<std::pair<std::string, std::string>, handlers::Outcome> told;
    for (const auto& delivery : batch) {
        std::string graph_id = subscription_of(delivery.item);
        if (is_signal(delivery)) {
            const std::pair key(delivery.subscription, std::move(graph_id));
            auto found = told.find(key);
            if (found == told.end())
                found = told.emplace(key, outcome_of(signal_(key.first, key.second))).first;
            outcomes.push_back(found->second);
            continue;
        }
        outcomes.push_back(outcome_of(take_({
            .graph_id = std::move(graph_id),
            .name = delivery.subscription,
            .event = delivery.change,
            .received_at = delivery.received_at,
        })));
    }
    return outcomes;
}

}  // namespace graphhook::app
