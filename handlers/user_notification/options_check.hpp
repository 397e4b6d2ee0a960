#pragma once

#include "handlers/options.hpp"
#include "handlers/user_notification/notification.hpp"

#include <vector>

namespace graphhook::handlers {

/// Everything that is wrong with the keys of one `user_notification` handler, in the order in which
/// they are documented; fields are named by their keys ("title", "fallback.after", "platforms[1]").
/// Unlike the problems of a notification these may quote what a key says: it is configuration, not
/// content. `resource_data`: the handler wants the decrypted resource. Pure.
[[nodiscard]] std::vector<FieldProblem> check_options(
    const UserNotificationOptions& options, bool resource_data
);

}  // namespace graphhook::handlers
