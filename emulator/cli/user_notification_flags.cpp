#include "emulator/cli/user_notification_flags.hpp"

#include "core/time_text.hpp"
#include "emulator/cli/flags.hpp"
#include "emulator/cli/user_notification_commands.hpp"

#include <CLI/CLI.hpp>

#include <chrono>

namespace graphhook::emulator::cli {
namespace {

const char* const kPlatforms = "windows, ios, android or webpush";

void add_life(CLI::App& command, UserNotificationFlags& flags) {
    command
        .add_option("--life", flags.life, "How long its subscription lives, as 1h (default: 30d)")
        ->type_name("DURATION");
}

/// Throws for what is no duration; whole seconds, one at least.
void add_life_member(boost::json::object& request, const UserNotificationFlags& flags) {
    if (flags.life.empty()) return;
    const auto life = parse_duration(flags.life);
    if (!life || life->count() <= 0)
        throw CLI::ValidationError("--life", "a duration looks like 10s or 1h");
    request["lifeSeconds"] = std::chrono::ceil<std::chrono::seconds>(*life).count();
}

void add_endpoint_argument(CLI::App& command, UserNotificationFlags& flags) {
    command.add_option("endpoint", flags.endpoint, "The endpoint's id")->required();
}

void add_registering(
    CLI::App& app, ClientFlags& flags, const AddClient& add_client, Action& action
) {
    UserNotificationFlags& mine = flags.user_notifications;
    auto* add = add_client(app, "add", "Register an endpoint, as a client app would");
    add->add_option("--user", mine.user, "The user's principal name or id")->required();
    add->add_option("--tenant", mine.tenant, "The user's tenant");
    add->add_option("--app", mine.app, "The app service: the client id that it posts with")
        ->required();
    add->add_option("--client-id", mine.client, "The client app (default: that of --app)");
    add->add_option("--platform", mine.platform, kPlatforms)->required();
    add->add_option("--name", mine.name, "The device's name");
    add_life(*add, mine);
    add->callback([&flags, &mine, &action] {
        boost::json::object request{
            {"user", mine.user}, {"appId", mine.app}, {"platform", mine.platform}
        };
        if (!mine.tenant.empty()) request["tenant"] = mine.tenant;
        if (!mine.client.empty()) request["clientId"] = mine.client;
        if (!mine.name.empty()) request["name"] = mine.name;
        add_life_member(request, mine);
        action = [&flags, request] { return add_endpoint(flags.target, request, flags.output); };
    });
    add_client(app, "list", "The endpoints")->callback([&flags, &action] {
        action = [&flags] { return list_endpoints(flags.target, flags.output); };
    });
    auto* renew = add_client(app, "renew", "Renew an endpoint's subscription before it is over");
    add_endpoint_argument(*renew, mine);
    add_life(*renew, mine);
    renew->callback([&flags, &mine, &action] {
        boost::json::object request;
        add_life_member(request, mine);
        action = [&flags, &mine, request] {
            return renew_endpoint(flags.target, mine.endpoint, request, flags.output);
        };
    });
    auto* remove = add_client(app, "remove", "Sign out at an endpoint");
    add_endpoint_argument(*remove, mine);
    remove->callback([&flags, &mine, &action] {
        action = [&flags, &mine] {
            return remove_endpoint(flags.target, mine.endpoint, flags.output);
        };
    });
}

void add_using(CLI::App& app, ClientFlags& flags, const AddClient& add_client, Action& action) {
    UserNotificationFlags& mine = flags.user_notifications;
    auto* feed = add_client(app, "feed", "What an endpoint was told");
    add_endpoint_argument(*feed, mine);
    feed->add_option("--after", mine.after, "Only what changed after this cursor");
    feed->callback([&flags, &mine, &action] {
        action = [&flags, &mine] {
            return endpoint_feed(flags.target, mine.endpoint, mine.after, flags.output);
        };
    });
    auto* act = add_client(app, "act", "What the user does with a notification at an endpoint");
    add_endpoint_argument(*act, mine);
    act->add_option("notification", mine.notification, "The notification's id")->required();
    auto* read = act->add_flag("--read", mine.read, "It is read");
    act->add_flag("--unread", mine.unread, "It is unread again")->excludes(read);
    auto* activate = act->add_flag("--activate", mine.activate, "It is opened");
    auto* dismiss = act->add_flag("--dismiss", mine.dismiss, "It is dismissed")->excludes(activate);
    act->add_flag("--snooze", mine.snooze, "It is snoozed")->excludes(activate)->excludes(dismiss);
    act->add_flag("--delete", mine.erase, "It is deleted, everywhere");
    act->callback([&flags, &mine, &action] {
        boost::json::object request;
        if (mine.read) request["readState"] = "Read";
        if (mine.unread) request["readState"] = "Unread";
        if (mine.activate) request["userActionState"] = "Activated";
        if (mine.dismiss) request["userActionState"] = "Dismissed";
        if (mine.snooze) request["userActionState"] = "Snoozed";
        if (request.empty() != mine.erase)
            throw CLI::RequiredError("--read, --activate, --dismiss, …, or --delete alone");
        action = [&flags, &mine, request] {
            return act_on_notification(
                flags.target, mine.endpoint, mine.notification, request, flags.output
            );
        };
    });
}

void add_watching(CLI::App& app, ClientFlags& flags, const AddClient& add_client, Action& action) {
    UserNotificationFlags& mine = flags.user_notifications;
    add_client(app, "list", "What was posted, taken or refused")->callback([&flags, &action] {
        action = [&flags] { return received_notifications(flags.target, flags.output); };
    });
    for (const bool blocked : {true, false}) {
        auto* command = add_client(
            app, blocked ? "block" : "unblock",
            blocked ? "An app's posts are answered 403" : "They are no longer"
        );
        command->add_option("app", mine.app, "The app's client id")->required();
        command->callback([&flags, &mine, &action, blocked] {
            action = [&flags, &mine, blocked] {
                return block_app(flags.target, mine.app, blocked, flags.output);
            };
        });
    }
    auto* register_app = add_client(
        app, "register", "Register a cross-device app: what is not named is refused from then on"
    );
    register_app->add_option("--app", mine.app, "The app service's client id")->required();
    register_app->add_option(
        "--host", mine.hosts, "A verified targetHostName (repeatable; default: each)"
    );
    register_app->add_option(
        "--platform", mine.platforms, std::string(kPlatforms) + " (repeatable; default: each)"
    );
    register_app->callback([&flags, &mine, &action] {
        const boost::json::object request{
            {"appId", mine.app},
            {"hosts", boost::json::array(mine.hosts.begin(), mine.hosts.end())},
            {"platforms", boost::json::array(mine.platforms.begin(), mine.platforms.end())}
        };
        action = [&flags, request] {
            return notification_apps(flags.target, request, flags.output);
        };
    });
    add_client(app, "apps", "The cross-device apps that are registered")
        ->callback([&flags, &action] {
            action = [&flags] { return notification_apps(flags.target, {}, flags.output); };
        });
}

}  // namespace

void add_user_notification_commands(
    CLI::App& app, ClientFlags& flags, const AddClient& add_client, Action& action
) {
    auto* endpoints = app.add_subcommand(
        "endpoints", "The devices that user notifications go to (a service retired in 2022)"
    );
    endpoints->require_subcommand(1);
    add_registering(*endpoints, flags, add_client, action);
    add_using(*endpoints, flags, add_client, action);
    auto* posted = app.add_subcommand(
        "user-notifications", "The user notifications that were posted, and who may post"
    );
    posted->require_subcommand(1);
    add_watching(*posted, flags, add_client, action);
}

}  // namespace graphhook::emulator::cli
