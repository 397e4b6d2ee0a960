#pragma once

#include "app/config/config.hpp"

#include <string_view>
#include <vector>

namespace graphhook::app {

/// What can be said only of several keys together: names that are used and not defined, TLS that is
/// missing, secrets given twice or not at all, subscriptions that nobody handles.
std::vector<Problem> check_references(const Config& config);

/// The same of user notifications: `unsids`, and handlers of type `user_notification` with their
/// templates.
std::vector<Problem> check_user_notifications(const Config& config);
/// Whether that is Graph of one of Microsoft's clouds, which has no such service any more.
[[nodiscard]] bool is_microsofts(std::string_view url);

/// Whether a route of the handler takes changes of that subscription, whatever their kind.
[[nodiscard]] bool is_routed(
    const subscriptions::WantedSubscription& wanted, const handlers::HandlerOptions& handler
);

}  // namespace graphhook::app
