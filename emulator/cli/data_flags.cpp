#include "emulator/cli/flags.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>

namespace graphhook::emulator::cli {
namespace {

void add_populate(CLI::App& app, ClientFlags& flags, const AddClient& add_client, Action& action) {
    auto* command = add_client(app, "populate", "Fill a tenant with data; nobody is notified");
    DataFlags& d = flags.data;
    command->add_option("--tenant", d.tenant, "Where; as in the token endpoint's path")->required();
    command->add_option("--users", d.users, "So many more users");
    command->add_option("--guests", d.guests, "So many of them are guests");
    command->add_option("--disabled", d.disabled, "So many of them are disabled");
    command->add_option("--devices", d.devices, "Devices, members of every new group");
    command->add_option("--groups", d.groups, "So many more groups");
    command->add_option("--group-members", d.members, "Users in each new group: a number, or all");
    command->add_flag("--nested-groups", d.nested, "Each new group is a member of the one before");
    auto* drive = command->add_option("--drive", d.drive, "The id of a drive");
    command->add_option("--drive-items", d.drive_items, "So many more items in it")->needs(drive);
    command->add_flag("--personal", d.personal, "It is a personal one: folders have deltas")
        ->needs(drive);
    auto* user = command->add_option("--user", d.user, "The owner of a mailbox");
    command->add_option("--mail-folders", d.mail_folders, "So many more folders in it")
        ->needs(user);
    command->add_option("--messages-per-folder", d.messages, "More messages in each folder")
        ->needs(user);
    auto* resource =
        command->add_option("--resource", d.resource, "Any collection, as users/x/events");
    command->add_option("--objects", d.objects, "So many more objects in it")->needs(resource);
    command->callback([&flags, &d, &action] {
        boost::json::object request{{"tenant", d.tenant}};
        const std::pair<const char*, std::uint64_t> numbers[] = {
            {"users", d.users},
            {"guests", d.guests},
            {"disabled", d.disabled},
            {"devices", d.devices},
            {"groups", d.groups},
            {"driveItems", d.drive_items},
            {"mailFolders", d.mail_folders},
            {"messagesPerFolder", d.messages},
            {"objects", d.objects},
        };
        for (const auto& [name, number] : numbers) {
            if (number > 0) request[name] = number;
        }
        const std::pair<const char*, const std::string*> texts[] = {
            {"drive", &d.drive}, {"user", &d.user}, {"resource", &d.resource}
        };
        for (const auto& [name, text] : texts) {
            if (!text->empty()) request[name] = *text;
        }
        if (d.members == "all") {
            request["groupMembers"] = "all";
        } else if (!d.members.empty()) {
            if (d.members.size() > 9 ||
                !std::all_of(d.members.begin(), d.members.end(), [](char c) {
                    return c >= '0' && c <= '9';
                }))
                throw CLI::ValidationError("--group-members", "a number, or all");
            request["groupMembers"] = std::stoull(d.members);
        }
        if (d.nested) request["nestedGroups"] = true;
        if (d.personal) request["personal"] = true;
        action = [&flags, request] { return populate(flags.target, request, flags.output); };
    });
}

/// `add` and `remove`: changes to users, groups and members under handier names.
void add_people(
    CLI::App& app, ClientFlags& flags, const AddClient& add_client, Action& action, bool joining
) {
    auto* command = add_client(
        app, joining ? "add" : "remove",
        joining ? "Users or groups come, or members join; subscribers are notified"
                : "Users or groups go, or members leave; subscribers are notified"
    );
    DataFlags& d = flags.data;
    command->add_option("what", d.what, "user, group or member")
        ->required()
        ->check(CLI::IsMember({"user", "group", "member"}));
    command->add_option("--tenant", d.tenant, "Where")->required();
    command->add_option("--group", d.group, "With member: of which group");
    command->add_option(
        "--id", d.object,
        joining ? "Who; a new one without it" : "Who; the first ones there without it"
    );
    command->add_option("--count", flags.count, "How many, without an id")->capture_default_str();
    if (!joining) {
        command->add_flag(
            "!--permanent", d.soft, "For good; else a user or group could be restored"
        );
    }
    command->add_flag("--silent", d.silent, "Notify nobody");
    command->add_flag("--wait", flags.wait, "Until all notifications are accepted");
    command->callback([&flags, &d, &action, command, joining] {
        if ((d.what == "member") != !d.group.empty())
            throw CLI::RequiredError("member and --group together");
        ChangeArguments arguments;
        auto& request = arguments.request;
        if (d.what == "member") {
            request["resource"] = "groups/" + d.group + "/members";
        } else {
            request["resource"] = d.what == "user" ? "users" : "groups";
        }
        request["change"] = joining ? "created" : "deleted";
        request["count"] = flags.count;
        request["tenant"] = d.tenant;
        if (!d.object.empty()) request["object"] = d.object;
        if (!joining && d.object.empty()) request["existing"] = true;
        if (!joining && d.what != "member" && command->count("--permanent") == 0)
            request["soft"] = true;
        if (d.silent) request["silent"] = true;
        arguments.wait = flags.wait;
        action = [&flags, arguments] { return change(flags.target, arguments, flags.output); };
    });
}

}  // namespace

void add_data_members(boost::json::object& request, const DataFlags& flags) {
    if (!flags.tenant.empty()) request["tenant"] = flags.tenant;
    if (!flags.object.empty()) request["object"] = flags.object;
    if (!flags.to.empty()) request["to"] = flags.to;
    if (!flags.start.empty()) request["start"] = flags.start;
    if (flags.existing) request["existing"] = true;
    if (flags.silent) request["silent"] = true;
    if (flags.soft) request["soft"] = true;
}

void add_data_commands(
    CLI::App& app, ClientFlags& flags, const AddClient& add_client, Action& action
) {
    add_populate(app, flags, add_client, action);
    add_people(app, flags, add_client, action, true);
    add_people(app, flags, add_client, action, false);
    auto* refuse = add_client(
        app, "refuse", "Refuse subscriptions to what belongs to a user, for a reason of the user's"
    );
    refuse
        ->add_option(
            "reason", flags.data.refuse, "no-mailbox, no-licence, mailbox-quota, or nothing"
        )
        ->required()
        ->check(CLI::IsMember({"no-mailbox", "no-licence", "mailbox-quota", "nothing"}));
    refuse->add_option("--tenant", flags.data.tenant, "Where")->required();
    refuse->add_option("--user", flags.data.user, "Whose")->required();
    refuse->callback([&flags, &action] {
        const boost::json::object request{
            {"tenant", flags.data.tenant}, {"user", flags.data.user}, {"refuse", flags.data.refuse}
        };
        action = [&flags, request] { return mark_user(flags.target, request, flags.output); };
    });
}

}  // namespace graphhook::emulator::cli
