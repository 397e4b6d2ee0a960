#pragma once

#include "core/secret.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace graphhook::subscriptions {

/// Where Graph and the identity platform are. `global`, `us-gov`, `us-gov-dod` and `china` by name,
/// or given one by one.
struct Cloud {
    std::string graph = "https://graph.microsoft.com";
    std::string login = "https://login.microsoftonline.com";
    std::string ca_file;  ///< Empty: the system's authorities.
};

/// One entry of `tenants:`.
struct Tenant {
    std::string name;
    std::string tenant_id;
    std::string client_id;
    Cloud cloud;
    Secret client_secret;
};

/// One entry of `subscriptions:`.
struct WantedSubscription {
    std::string name;
    std::string tenant;    ///< Configured name.
    std::string resource;  ///< As Graph takes it, without base URL and version.
    std::vector<std::string> changes;
    std::vector<std::string> handlers;
    std::string kind;                          ///< Empty: recognised from the resource.
    bool beta = false;                         ///< Managed through /beta.
    std::optional<std::chrono::minutes> life;  ///< Instead of the catalog's longest.
    bool immutable_ids = true;                 ///< Outlook only: Prefer: IdType="ImmutableId".
};

/// `subscriptions` as a whole: what the manager needs to know.
struct SubscriptionsOptions {
    std::string notification_url;  ///< {public_url}/notifications
    std::string lifecycle_url;     ///< {public_url}/lifecycle
    std::vector<Tenant> tenants;
    std::vector<WantedSubscription> wanted;
    std::chrono::milliseconds reconcile_every = std::chrono::minutes(15);
    std::chrono::milliseconds list_every = std::chrono::hours(4);
    std::chrono::milliseconds removal_grace = std::chrono::minutes(15);
    std::chrono::milliseconds remember_retired =
        std::chrono::hours(5);  ///< Graph's retry horizon of 4 h and a margin.
    std::chrono::milliseconds request_timeout{30'000};
};

}  // namespace graphhook::subscriptions
