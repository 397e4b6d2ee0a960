// The command line of `notify-user` and `unsids`.

#include "app/cli/cli_parts.hpp"

#include <array>
#include <string>

namespace graphhook::app {
namespace {

constexpr unsigned kMostRetries = 10;

/// What is said piece by piece of the resource.
constexpr std::array kPieces = {
    "--host",
    "--title",
    "--body",
    "--raw",
    "--raw-file",
    "--group",
    "--id",
    "--priority",
    "--expires-in",
    "--expires-at",
    "--display-for",
    "--platform",
    "--fallback-after",
    "--fallback-title",
    "--fallback-body",
};

void add_content(CLI::App* command, NotifyArguments& given) {
    const auto content = [command](const char* name, auto& value, const char* what) {
        return command->add_option(name, value, what)->group("Content");
    };
    content("--title", given.title, "What is shown");
    content("--body", given.body, "What is shown below the title");
    content("--raw", given.raw, "Raw content, for the app alone");
    content("--raw-file", given.raw_file, "The same, from a file; '-': stdin")->type_name("FILE");
    content("--host", given.host, "targetHostName: the domain of the cross-device app");
    content("--id", given.id, "appNotificationId (else a fresh GUID, which is printed)");
    content("--group", given.group, "groupName");
    content("--priority", given.priority, "none, low or high");
    content("--expires-in", given.expires_in, "How long it is kept: 7d (30d at most)");
    content("--expires-at", given.expires_at, "Until then it is kept, as an RFC 3339 time");
    content("--display-for", given.display_for, "How long it may be shown: 60s");
    content("--platform", given.platforms, "windows, ios, android or webpush; repeatable")
        ->type_name("TEXT")
        ->allow_extra_args(false);
    content("--fallback-after", given.fallback_after, "When iOS shows what is next: 60s");
    content("--fallback-title", given.fallback_title, "Shown on iOS if raw was not handled");
    content("--fallback-body", given.fallback_body, "Below that title");
    content("--file", given.file, "The whole notification as JSON instead of these; '-': stdin")
        ->type_name("FILE");
}

/// What can not be said together.
void check_together(CLI::App* command) {
    const auto not_both = [command](const std::string& one, const std::string& other) {
        if (command->count(one) > 0 && command->count(other) > 0)
            throw CLI::ValidationError(
                command->get_name(), "give " + one + " or " + other + ", not both"
            );
    };
    for (const auto* piece : kPieces) not_both("--file", piece);
    not_both("--user", "--unsid");
    not_both("--raw", "--raw-file");
    not_both("--expires-in", "--expires-at");
}

void add_posting(CLI::App* command, NotifyArguments& given) {
    const auto posting = [command](const char* name, auto& value, const char* what) {
        return command->add_option(name, value, what)->group("Service");
    };
    posting("--handler", given.handler, "Host, URL and form as this user_notification handler has");
    posting("--url", given.url, "Instead of {graph}/beta/me/notifications/ of the tenant's cloud");
    posting("--content-coding", given.coding, "How the body is sent: identity, gzip or deflate")
        ->check(CLI::IsMember({"identity", "gzip", "deflate"}));
    command->add_flag("--wrapped", given.wrapped, "In {\"notification\": ...}, as in early 2019")
        ->group("Service");
}

}  // namespace

void add_notify_user(CLI::App& app, Arguments& arguments) {
    auto& given = arguments.notify;
    auto* command =
        add(app, arguments, "notify-user", "Sends one user notification by hand",
            "  graphhook notify-user --user 3f0c8a52-9d0e-4b52-8a3e-2f5f0c3f7a10 --host "
            "notify.example.com --title 'Order shipped' --expires-in 7d\n"
            "  graphhook notify-user --unsid 1c6ae8a5-5d0d-4d6b-8f0e-1fdc6a2a9d01 --handler phones "
            "--raw-file order.json --dry-run\n"
            "  graphhook notify-user --tenant personal --file notification.json --output json\n\n"
            "Microsoft retired this service in January 2022: it talks to graph-emulator, or to a "
            "service that speaks the same API.\n"
            "Works while 'serve' runs, and while it is down. Exits 2 if it was not sent because of "
            "what is wrong with it, 1 if it was not taken.",
            {});
    command->callback([command, &arguments, &given] {
        check_together(command);
        arguments.command = [&given](const CommandContext& context) {
            return notify_user(context, given);
        };
    });
    command->add_option("--tenant", given.tenant, "A name below 'tenants', if there are several");
    command->add_option(
        "--user", given.user, "Who is told: object id (GUID); its UNSID is looked up"
    );
    command->add_option("--unsid", given.unsid, "Who is told: UNSID");
    add_content(command, given);
    add_posting(command, given);
    command->add_flag("--dry-run", given.dry_run, "Print the request, and send nothing");
    command
        ->add_option(
            "--retry", given.retries, "Try so often again what may be taken later, with the same id"
        )
        ->check(CLI::Range(0U, kMostRetries))
        ->capture_default_str();
    add_output(command, arguments);
}

void add_unsids(CLI::App& app, Arguments& arguments) {
    auto& given = arguments.unsids;
    auto* group = add_group(
        app, "unsids", "Whom user notifications can reach: UNSIDs that client apps handed in",
        "  graphhook unsids list\n  graphhook unsids drop --user "
        "3f0c8a52-9d0e-4b52-8a3e-2f5f0c3f7a10\n\n"
        "Microsoft retired the service that they are of in January 2022; graph-emulator and "
        "services of the same API have them."
    );
    auto* list =
        add(*group, arguments, "list", "Those that are live, newest first",
            "  graphhook unsids list\n  graphhook unsids list --tenant contoso --all --output json",
            [&given](const CommandContext& context) { return list_unsids(context, given); });
    list->add_flag("--all", given.all, "Expired ones too");
    list->add_option("--limit", given.limit, "At most so many")
        ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1'000'000}))
        ->capture_default_str();
    auto* drop =
        add(*group, arguments, "drop", "Forgets them; an app may hand in its own again",
            "  graphhook unsids drop --unsid 1c6ae8a5-5d0d-4d6b-8f0e-1fdc6a2a9d01\n"
            "  graphhook unsids drop --tenant contoso --all",
            [&given](const CommandContext& context) { return drop_unsids(context, given); });
    drop->add_flag("--all", given.all, "Everyone's of that tenant");
    for (auto* command : {list, drop}) {
        command->add_option("--tenant", given.tenant, "Of this tenant: configured name, or GUID");
        command->add_option("--user", given.user, "Of this user: object id (GUID)");
        command->add_option("--unsid", given.unsid, "This one");
        add_output(command, arguments);
    }
}

}  // namespace graphhook::app
