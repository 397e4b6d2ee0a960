#pragma once

#include "app/cli/commands.hpp"
#include "core/clock.hpp"
#include "handlers/handler.hpp"
#include "handlers/options.hpp"
#include "handlers/user_notification/notification.hpp"
#include "handlers/user_notification/poster.hpp"
#include "subscriptions/options.hpp"

#include <boost/json/object.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace graphhook::app {

/// What `notify-user` is to send.
struct NotifyPlan {
    handlers::UserNotification notification;
    handlers::PostOptions post;
    /// Empty: nothing is wrong. A field is the option that says it, or one of the resource.
    std::vector<handlers::FieldProblem> problems;
};

/// What was read before, as the arguments ask for it.
struct NotifyInput {
    std::string file;  ///< Content of `file` or `raw_file`.
    /// Of `handler`; nullptr: none is wanted.
    const handlers::UserNotificationOptions* handler = nullptr;
    std::string fresh_id;  ///< Where no appNotificationId is given.
};

/// Puts it together and checks it whole: everything that is wrong at once. What is given goes
/// before what the handler says. Pure.
[[nodiscard]] NotifyPlan compose(
    const NotifyArguments& arguments, const NotifyInput& input, SystemTime now
);

/// What is wrong with who is to be told: a tenant with an application's tokens needs one of user
/// and UNSID, one with a signed-in user's tokens neither. Pure.
[[nodiscard]] std::vector<handlers::FieldProblem> check_target(
    const NotifyArguments& arguments, const subscriptions::Tenant& tenant
);

/// Where it goes.
[[nodiscard]] std::string service_url(
    const handlers::PostOptions& post, const subscriptions::Cloud& cloud
);

/// What came of it, for people and scripts: "outcome" ("done", "retry", "dead"), "tenant",
/// "app_notification_id", "attempts", what the receipt holds, "reason" and "retry_after_seconds";
/// null where there is nothing. Pure.
[[nodiscard]] boost::json::object outcome_view(
    const handlers::Outcome& outcome, const std::string& tenant, const std::string& id,
    unsigned attempts
);

/// Where to look after what did not work, beyond what the reason says; empty: nowhere in
/// particular. Pure.
[[nodiscard]] std::string hint(const handlers::Outcome& outcome);

}  // namespace graphhook::app
