#pragma once

#include "core/time_text.hpp"
#include "emulator/delegated.hpp"
#include "emulator/registry.hpp"
#include "emulator/rules.hpp"

#include <boost/json/object.hpp>

#include <string>

namespace graphhook::emulator::test {

inline Caller someone() {
    return Caller{.tenant = "c0ffee00-0000-4000-8000-00000000c0de", .app = "app-1", .roles = {"*"}};
}

/// A user of that app, for what apps alone may not have.
inline Caller somebody() {
    auto made = someone();
    made.roles.clear();
    made.delegated = true;
    made.user = "0f0d2c9a-1111-4222-8333-444455556666";
    made.user_name = "ann@contoso.com";
    made.scopes = {"*"};
    return made;
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

/// As an app; as a user where apps are not taken.
inline ApiResult<Subscription> checked(
    const boost::json::object& body, ApiVersion version = ApiVersion::V1
) {
    const auto* resource = body.if_contains("resource");
    bool app = true;
    if (resource != nullptr && resource->is_string()) {
        const auto recognised = recognise(std::string_view(resource->as_string()));
        app = !recognised || user_access(*recognised->path).for_apps;
    }
    return check_create(
        body, app ? someone() : somebody(), version, RulePolicy{.now = some_time()}
    );
}

/// A subscription for `resource`, in the registry.
inline SubscriptionPtr subscribe(
    Registry& registry, const std::string& resource, const std::string& changes = "updated"
) {
    return registry.add(checked(body_for(resource, changes), ApiVersion::Beta).value());
}

}  // namespace graphhook::emulator::test
