#pragma once

#include "core/time_text.hpp"
#include "emulator/registry.hpp"
#include "emulator/rules.hpp"

#include <boost/json/object.hpp>

#include <string>

namespace graphhook::emulator::test {

inline Caller someone() {
    return Caller{.tenant = "c0ffee00-0000-4000-8000-00000000c0de", .app = "app-1", .roles = {"*"}};
}

inline SystemTime some_time() {
    return std::chrono::sys_days(std::chrono::year(2026) / 11 / 21) + std::chrono::hours(8);
}

/// The body of a create that is in order, two hours long.
inline boost::json::object body_for(
    const std::string& resource, const std::string& changes = "updated"
) {
    return {
        {"resource", resource},
        {"changeType", changes},
        {"notificationUrl", "https://hooks.example.com/graph?acct=42"},
        {"lifecycleNotificationUrl", "https://hooks.example.com/life"},
        {"expirationDateTime", to_text(some_time() + std::chrono::minutes(50))},
        {"clientState", "k3H9-example-secret"}
    };
}

inline ApiResult<Subscription> checked(
    const boost::json::object& body, ApiVersion version = ApiVersion::V1
) {
    return check_create(body, someone(), version, RulePolicy{.now = some_time()});
}

/// A subscription for `resource`, in the registry.
inline SubscriptionPtr subscribe(
    Registry& registry, const std::string& resource, const std::string& changes = "updated"
) {
    return registry.add(checked(body_for(resource, changes), ApiVersion::Beta).value());
}

}  // namespace graphhook::emulator::test
