#pragma once

#include "core/clock.hpp"
#include "handlers/handler.hpp"
#include "handlers/options.hpp"
#include "handlers/user_notification/notification.hpp"
#include "handlers/user_notification/service.hpp"

#include <chrono>
#include <functional>
#include <stop_token>
#include <string>

namespace graphhook::handlers {

/// How one is posted.
struct PostOptions {
    /// Instead of "{graph}/beta/me/notifications/" of the tenant's cloud.
    std::string url;
    ContentCoding coding = ContentCoding::Identity;
    bool wrapped = false;
    std::size_t most_content_bytes = kMostContentBytes;
    /// Of one request; zero: as the tenant's client has it.
    std::chrono::milliseconds timeout{0};
};

/// Fresh ones, for client-request-id.
using NewGuid = std::function<std::string()>;

/// Posts one user notification, once (twice where the first token was refused), and says what is to
/// come of it. Checks it first: what would be refused is never sent, and Outcome::Dead names the
/// field. `unsid`: empty for a delegated tenant. Blocks; threads: any.
[[nodiscard]] Outcome post_notification(
    const UserNotification& notification, std::string_view unsid, NotificationAccess& access,
    const PostOptions& options, const NewGuid& new_guid, SystemTime now, const std::stop_token& stop
);

/// The user whose resource it is: the GUID of "Users/{guid}/…", "users('{guid}')/…", lower case;
/// nothing where the resource names no user, or by principal name. Pure.
[[nodiscard]] std::optional<std::string> user_of_resource(std::string_view resource);

}  // namespace graphhook::handlers
