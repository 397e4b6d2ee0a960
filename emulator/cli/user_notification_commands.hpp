#pragma once

#include "emulator/cli/commands.hpp"

#include <boost/json/object.hpp>

#include <cstdint>
#include <string>

namespace graphhook::emulator::cli {

// The subcommands about user notifications. All return the exit code: 0 done, 1 failed.

int add_endpoint(const Target& target, const boost::json::object& request, Output output);
/// JSON: one array.
int list_endpoints(const Target& target, Output output);
/// Everything that changed after a cursor. JSON: {"notifications":[…],"cursor":N}.
int endpoint_feed(
    const Target& target, const std::string& endpoint, std::uint64_t after, Output output
);
/// What a person does with a notification; an empty `act` deletes it.
int act_on_notification(
    const Target& target, const std::string& endpoint, const std::string& notification,
    const boost::json::object& act, Output output
);
int renew_endpoint(
    const Target& target, const std::string& endpoint, const boost::json::object& request,
    Output output
);
int remove_endpoint(const Target& target, const std::string& endpoint, Output output);
/// What was posted, taken or refused. JSON: one array.
int received_notifications(const Target& target, Output output);
int block_app(const Target& target, const std::string& app, bool blocked, Output output);
/// Registers a cross-device app, or only shows those that are if `request` is empty.
int notification_apps(const Target& target, const boost::json::object& request, Output output);

}  // namespace graphhook::emulator::cli
