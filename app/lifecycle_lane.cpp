#include "app/lifecycle_lane.hpp"

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>

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

}  // namespace

std::vector<handlers::Outcome> LifecycleLane::handle(
    std::span<const handlers::Delivery> batch, std::stop_token /*stop*/
) {
    std::vector<handlers::Outcome> outcomes;
    for (const auto& delivery : batch) {
        take_({
            .graph_id = subscription_of(delivery.item),
            .name = delivery.subscription,
            .event = delivery.change,
            .received_at = delivery.received_at,
        });
        outcomes.push_back(handlers::Outcome::done());
    }
    return outcomes;
}

}  // namespace graphhook::app
