#include "emulator/cli/flags.hpp"

#include <CLI/CLI.hpp>

#include <cstdlib>
#include <map>

namespace graphhook::emulator::cli {
namespace {

void add_output(CLI::App& app, Output& output) {
    app.add_option("-o,--output", output, "table or json")
        ->transform(CLI::CheckedTransformer(
            std::map<std::string, Output>{{"table", Output::Table}, {"json", Output::Json}}
        ))
        ->type_name("FORMAT");
}

CLI::App* add_client(
    CLI::App& app, ClientFlags& flags, const std::string& name, const std::string& help
) {
    auto* command = app.add_subcommand(name, help);
    command->add_option("--url", flags.target.url, "The running emulator")->capture_default_str();
    command->add_option(
        "--ca", flags.target.ca,
        "PEM file that its certificate is checked with (default: ca.pem of --certificates-dir)"
    );
    command->add_option(
        "--certificates-dir", flags.target.certificates_directory, "As given to serve"
    );
    add_output(*command, flags.output);
    return command;
}

void add_change(CLI::App& app, ClientFlags& flags, Action& action) {
    auto* command =
        add_client(app, flags, "change", "Make changes, of which subscribers are notified");
    auto* kind = command->add_option(
        "--kind", flags.kind, "All resources of this kind in turn; see graph-emulator kinds"
    );
    auto* resource = command->add_option("--resource", flags.resource, "This resource");
    auto* subscription = command->add_option(
        "--subscription", flags.subscription, "The resource of this subscription"
    );
    kind->excludes(resource)->excludes(subscription);
    resource->excludes(subscription);
    command->add_option("--change", flags.change, "created, updated, deleted or moved")
        ->capture_default_str()
        ->check(CLI::IsMember({"created", "updated", "deleted", "moved"}));
    command->add_option(
        "--to", flags.data.to, "With moved: the folder that messages or contacts go to"
    );
    command->add_option(
        "--tenant", flags.data.tenant,
        "In this tenant; with --resource also where nobody subscribed"
    );
    command->add_option("--count", flags.count, "How many")->capture_default_str();
    command->add_option(
        "--rate", flags.rate, "How many a second, as 200/s (default: as fast as they go out)"
    );
    command->add_option(
        "--objects", flags.objects, "Go round so many objects (default: each change to another one)"
    );
    auto* existing =
        command->add_flag("--existing", flags.data.existing, "Go round the objects that are there");
    command->add_option("--object", flags.data.object, "The object with this id")
        ->excludes(existing);
    command->add_option(
        "--start", flags.data.start, "When an event begins, as 2026-11-21T08:00:00Z"
    );
    command->add_flag("--soft", flags.data.soft, "With deleted: a user or group can be restored");
    command->add_flag("--silent", flags.data.silent, "Change the data and notify nobody");
    command->add_flag(
        "--wait", flags.wait, "Until all notifications are accepted; exit code 1 if some are not"
    );
    add_forging(*command, flags.rich);
    command->callback([&flags, &action] {
        if (flags.kind.empty() && flags.resource.empty() && flags.subscription.empty()) {
            throw CLI::RequiredError("--kind, --resource or --subscription");
        }
        ChangeArguments arguments;
        if (!flags.kind.empty()) arguments.request["kind"] = flags.kind;
        if (!flags.resource.empty()) arguments.request["resource"] = flags.resource;
        if (!flags.subscription.empty()) arguments.request["subscription"] = flags.subscription;
        arguments.request["change"] = flags.change;
        arguments.request["count"] = flags.count;
        arguments.request["objects"] = flags.objects;
        add_data_members(arguments.request, flags.data);
        add_forging_members(arguments.request, flags.rich);
        if (!flags.rate.empty()) {
            const auto rate = parse_rate(flags.rate);
            if (!rate) throw CLI::ValidationError("--rate", rate.error().detail);
            arguments.request["rate"] = *rate;
        }
        arguments.wait = flags.wait;
        action = [&flags, arguments] { return change(flags.target, arguments, flags.output); };
    });
}

void add_lifecycle(CLI::App& app, ClientFlags& flags, Action& action) {
    auto* command = add_client(app, flags, "lifecycle", "Send lifecycle notifications");
    command
        ->add_option(
            "--event", flags.event, "missed, subscriptionRemoved or reauthorizationRequired"
        )
        ->required()
        ->check(CLI::IsMember({"missed", "subscriptionRemoved", "reauthorizationRequired"}));
    auto* one = command->add_option("--subscription", flags.subscription, "For this subscription");
    auto* all = command->add_flag(
        "--all", flags.all, "For all that have a lifecycle URL and whose kind sends the event"
    );
    one->excludes(all);
    command->add_flag("--batch", flags.batch, "Several in one POST");
    command->add_flag(
        "--pause", flags.pause,
        "With reauthorizationRequired: changes are lost until it is answered"
    );
    command->add_flag(
        "--keep", flags.keep, "With subscriptionRemoved: keep the subscription nevertheless"
    );
    command->add_flag("--force", flags.force, "Also for kinds that do not send the event");
    command->callback([&flags, &action] {
        if (flags.subscription.empty() && !flags.all)
            throw CLI::RequiredError("--subscription or --all");
        boost::json::object request{{"event", flags.event}};
        if (flags.all) request["all"] = true;
        if (!flags.subscription.empty()) request["subscription"] = flags.subscription;
        request["batch"] = flags.batch;
        request["pause"] = flags.pause;
        request["keep"] = flags.keep;
        request["force"] = flags.force;
        action = [&flags, request] { return lifecycle(flags.target, request, flags.output); };
    });
}

void add_looking(CLI::App& app, ClientFlags& flags, Action& action) {
    add_client(app, flags, "status", "What was made, sent and accepted")->callback([&] {
        action = [&flags] { return status(flags.target, flags.output); };
    });
    add_client(app, flags, "subscriptions", "The live subscriptions")->callback([&] {
        action = [&flags] { return subscriptions(flags.target, flags.output); };
    });
    auto* ledger = add_client(
        app, flags, "changes", "The ledger: each change made, and what became of its notifications"
    );
    ledger->add_flag(
        "--plaintext", flags.rich.plaintext, "With the resource data, as it was before encryption"
    );
    ledger->callback([&] {
        action = [&flags] { return changes(flags.target, flags.rich.plaintext, flags.output); };
    });
    auto* clean = add_client(
        app, flags, "reset",
        "Forget everything: subscriptions, data, queues, faults, counts, ledger"
    );
    clean->add_flag("--keep-subscriptions", flags.keep_subscriptions, "But the subscriptions");
    clean->add_flag("--keep-data", flags.data.keep, "But the data");
    clean->callback([&] {
        action = [&flags] {
            const boost::json::object request{
                {"keepSubscriptions", flags.keep_subscriptions}, {"keepData", flags.data.keep}
            };
            return reset(flags.target, request, flags.output);
        };
    });
    auto* list = app.add_subcommand("kinds", "The kinds of resources that can be subscribed to");
    add_output(*list, flags.output);
    list->callback([&] { action = [&flags] { return kinds(flags.output); }; });
    auto* made = app.add_subcommand(
        "certificates", "Make ca.pem, receiver.crt and receiver.key, without serving"
    );
    made->add_option(
        "--certificates-dir", flags.directory, "Where (default: ~/.local/share/graph-emulator)"
    );
    made->add_option(
        "--receiver-host", flags.hosts, "One more name or address for the receiver (repeatable)"
    );
    made->callback([&] { action = [&flags] { return certificates(flags.directory, flags.hosts); }; }
    );
}

}  // namespace

ClientFlags::ClientFlags() {
    // Not CLI11's own way: it would read them for subcommands that were not chosen, too, over what
    // was given to the chosen one.
    if (const char* url = std::getenv("GRAPH_EMULATOR_URL"); url != nullptr && *url != '\0')
        target.url = url;
    if (const char* ca = std::getenv("GRAPH_EMULATOR_CA"); ca != nullptr && *ca != '\0')
        target.ca = ca;
}

void add_client_commands(CLI::App& app, ClientFlags& flags, Action& action) {
    add_change(app, flags, action);
    add_lifecycle(app, flags, action);
    add_looking(app, flags, action);
    const auto add = [&flags](CLI::App& to, const std::string& name, const std::string& help) {
        return add_client(to, flags, name, help);
    };
    add_fault_commands(app, flags, add, action);
    add_data_commands(app, flags, add, action);
    add_rich_commands(app, flags, add, action);
    add_identity_commands(app, flags, add, action);
    add_user_notification_commands(app, flags, add, action);
}

}  // namespace graphhook::emulator::cli
