#include "app/cli/cli.hpp"

#include "app/cli/cli_parts.hpp"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include <exception>
#include <iostream>
#include <string>

namespace graphhook::app {
namespace {

void add_paging(CLI::App* command, Arguments& arguments) {
    command->add_option("--handler", arguments.filter.handler, "Only of this handler");
    command->add_option(
        "--subscription", arguments.filter.subscription, "Only of this subscription"
    );
    command->add_option("--after", arguments.filter.after, "Only numbers above this");
    command->add_option("--limit", arguments.filter.limit, "At most so many")
        ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1'000'000}))
        ->capture_default_str();
}

void add_selection(CLI::App* command, Arguments& arguments) {
    auto& selection = arguments.selection;
    command->add_option("ID", selection.ids, "Numbers of notifications");
    command->add_option("--handler", selection.handler, "Of this handler");
    command->add_option(
        "--since", selection.since, "Received since: 2h (ago), or an RFC 3339 time"
    );
    command->add_option("--until", selection.until, "Received before: likewise");
}

/// Exactly one way to say which: numbers, or a time, or all.
void check_selection(CLI::App* command, const SelectionArguments& selection) {
    const bool time = !selection.since.empty() || !selection.until.empty();
    if (!selection.ids.empty() && (time || selection.all))
        throw CLI::ValidationError(command->get_name(), "give numbers or a time, not both");
    if (selection.ids.empty() && !time && !selection.all)
        throw CLI::ValidationError(command->get_name(), "say which: numbers, or --since");
}

/// A command that says which deliveries it is about.
CLI::App* add_selecting(
    CLI::App& parent, Arguments& arguments, const std::string& name, const std::string& what,
    const std::string& examples, Command command
) {
    auto* sub = add(parent, arguments, name, what, examples, {});
    add_selection(sub, arguments);
    add_output(sub, arguments);
    sub->callback([sub, &arguments, command = std::move(command)] {
        check_selection(sub, arguments.selection);
        arguments.command = command;
    });
    return sub;
}

void add_top(CLI::App& app, Arguments& arguments) {
    add(app, arguments, "serve", "Runs the service until SIGTERM; SIGHUP reloads the configuration",
        "  graphhook serve\n  graphhook -c ./graphhook.yaml serve", serve);
    add(app, arguments, "check",
        "Checks the configuration and prints it as understood, secrets hidden",
        "  graphhook check\n  graphhook -c ./graphhook.yaml check\n\nEverything that is wrong is "
        "said at once, as file:line:column: message.",
        check);
    auto* checks =
        add(app, arguments, "doctor",
            "Checks everything that has to be right outside, and says what to do",
            "  graphhook doctor\n  graphhook doctor --output json\n\nWorks while 'serve' runs, and "
            "while it is down. Exits 1 if any check fails.",
            run_doctor);
    add_output(checks, arguments);
    auto* kinds =
        add(app, arguments, "kinds", "What Graph can be subscribed to, as graphhook knows it",
            "  graphhook kinds\n  graphhook kinds --output json", list_kinds);
    add_output(kinds, arguments);
    auto* sign_in =
        add(app, arguments, "login", "Signs a user in for a tenant, with a code on another device",
            "  graphhook login personal\n\nThe tenant's credential has a refresh_token_file; the "
            "token is stored there. 'serve' takes it up by itself.",
            [&arguments](const CommandContext& context) { return login(context, arguments.name); });
    sign_in->add_option("TENANT", arguments.name, "A name below 'tenants'")->required();
    auto* replay = add_selecting(
        app, arguments, "replay", "Hands over again what a handler had before",
        "  graphhook replay --handler tickets --since 2h\n  graphhook replay --handler tickets "
        "1041 "
        "1042",
        [&arguments](const CommandContext& context) {
            return repair_deliveries(context, "replay", arguments.selection);
        }
    );
    replay->get_option("--handler")->required();
}

/// Which lines of a long list.
void add_list_filter(CLI::App* command, Arguments& arguments, const std::string& states) {
    auto& list = arguments.list;
    command->add_option("--name", list.name, "Only of this configured name");
    command->add_option("--tenant", list.tenant, "Only of this tenant");
    command->add_option("--state", list.state, "Only in this state: " + states);
    command->add_option("--after", list.after, "Go on after this line (its \"cursor\")");
    command->add_option("--limit", list.limit, "At most so many")
        ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1'000'000}))
        ->capture_default_str();
    add_output(command, arguments);
}

void add_looking(CLI::App& group, Arguments& arguments) {
    auto* list =
        add(group, arguments, "list", "What the store knows",
            "  graphhook subscriptions list\n  graphhook subscriptions list --state parked\n"
            "  graphhook subscriptions list --all --output json",
            [&arguments](const CommandContext& context) {
                return list_subscriptions(context, arguments.list);
            });
    list->add_flag("--all", arguments.list.all, "Retired ones too");
    add_list_filter(
        list, arguments, "planned, creating, active, parked, polled, leaving or retired"
    );
    auto* show =
        add(group, arguments, "show", "Everything about one, by its name or Graph's id",
            "  graphhook subscriptions show support-inbox",
            [&arguments](const CommandContext& context) {
                return show_subscription(context, arguments.name);
            });
    add_name(show, arguments, "Configured name, or Graph's id");
    add_output(show, arguments);
    auto* sweeps = add(
        group, arguments, "sweeps", "When Graph was asked again, and what was found",
        "  graphhook subscriptions sweeps\n  graphhook subscriptions sweeps --state failing",
        [&arguments](const CommandContext& context) { return list_sweeps(context, arguments.list); }
    );
    add_list_filter(sweeps, arguments, "waiting, due, running, failing or impossible");
    auto* templates =
        add(group, arguments, "templates", "Collections that templates stand for",
            "  graphhook subscriptions templates\n  graphhook subscriptions templates --expand "
            "everyones-calendar",
            [&arguments](const CommandContext& context) {
                return arguments.name.empty() ? list_templates(context)
                                              : expand_template(context, arguments.name);
            });
    templates->add_option("--expand", arguments.name, "Read the collection of this one now");
    add_output(templates, arguments);
}

void add_planning(CLI::App& group, Arguments& arguments) {
    auto* plan =
        add(group, arguments, "plan", "What would be done now, and nothing of it",
            "  graphhook subscriptions plan\n  graphhook subscriptions plan --all --output json",
            [&arguments](const CommandContext& context) {
                return plan_subscriptions(context, arguments.allow_delete, arguments.all);
            });
    plan->add_flag("--all", arguments.all, "What is kept as it is too");
    auto* apply =
        add(group, arguments, "apply", "Makes it so now, and waits until it is",
            "  graphhook subscriptions apply\n  graphhook subscriptions apply --allow-delete 40\n"
            "  graphhook subscriptions apply --no-wait\n\n'serve' does the work: interrupting this "
            "command ends the waiting only.",
            [&arguments](const CommandContext& context) {
                return apply_subscriptions(context, arguments.allow_delete, !arguments.no_wait);
            });
    apply->add_flag("--no-wait", arguments.no_wait, "Only begin it");
    for (auto* command : {plan, apply}) {
        command->add_option(
            "--allow-delete", arguments.allow_delete, "So many removals beyond what an hour takes"
        );
        add_output(command, arguments);
    }
}

void add_subscriptions(CLI::App& app, Arguments& arguments) {
    auto* group = add_group(
        app, "subscriptions", "What is subscribed at Graph, what would change, and make it so",
        "  graphhook subscriptions list\n  graphhook subscriptions plan\n  graphhook subscriptions "
        "apply\n  graphhook subscriptions sweep --all"
    );
    add_looking(*group, arguments);
    add_planning(*group, arguments);
    auto* sweep =
        add(*group, arguments, "sweep", "Asks Graph again for what it did not tell",
            "  graphhook subscriptions sweep finance-drive\n  graphhook subscriptions sweep --all",
            {});
    sweep->add_option("NAME", arguments.name, "Configured name: all its elements");
    sweep->add_flag("--all", arguments.all, "Everything that can be swept");
    add_output(sweep, arguments);
    sweep->callback([&arguments] {
        if (arguments.name.empty() != arguments.all)
            throw CLI::ValidationError("sweep", "give a name, or --all");
        arguments.command = [&arguments](const CommandContext& context) {
            return sweep_subscriptions(context, arguments.name);
        };
    });
    auto* renew =
        add(*group, arguments, "renew", "Renews one now",
            "  graphhook subscriptions renew support-inbox",
            [&arguments](const CommandContext& context) {
                return renew_subscription(context, arguments.name);
            });
    add_name(renew, arguments, "Configured name");
    add_output(renew, arguments);
    auto* remove =
        add(*group, arguments, "delete", "Deletes one that is no longer wanted, or an orphan",
            "  graphhook subscriptions delete old-inbox\n  graphhook subscriptions delete "
            "7f105c7d-2dc5-4530-97cd-4e7ae6534c07",
            [&arguments](const CommandContext& context) {
                return delete_subscription(context, arguments.name);
            });
    add_name(remove, arguments, "Name it had, or Graph's id");
    add_output(remove, arguments);
}

void add_deliveries(CLI::App& app, Arguments& arguments) {
    auto* group = add_group(
        app, "deliveries", "Notifications on their way to handlers",
        "  graphhook deliveries list --handler tickets --state retrying\n  graphhook deliveries "
        "show 1041"
    );
    auto* list =
        add(*group, arguments, "list", "What is stored, oldest first",
            "  graphhook deliveries list --state waiting\n  graphhook deliveries list --after 1041 "
            "--limit 20 --output json",
            [&arguments](const CommandContext& context) {
                return list_deliveries(context, arguments.filter);
            });
    add_paging(list, arguments);
    list->add_option("--state", arguments.filter.state, "Only in this state")
        ->check(CLI::IsMember(
            {"waiting", "leased", "retrying", "behind", "dead", "done", "quarantined"}
        ));
    add_output(list, arguments);
    auto* show =
        add(*group, arguments, "show", "A notification, its item, and its deliveries",
            "  graphhook deliveries show 1041 --output json",
            [&arguments](const CommandContext& context) {
                return show_delivery(context, arguments.name);
            });
    show->add_option("ID", arguments.name, "Its number")->required();
    add_output(show, arguments);
}

/// What was set aside and waits for an operator: "dead-letters" and "quarantine".
struct SetAside {
    std::string group, what, state;
    std::string again;  ///< The command that hands over again.
    std::string again_what;
};

void add_set_aside(CLI::App& app, Arguments& arguments, const SetAside& aside) {
    const auto example = [&aside](const std::string& rest) {
        return "  graphhook " + aside.group + " " + rest;
    };
    auto* group = add_group(
        app, aside.group, aside.what,
        example("list\n") + example(aside.again + " --handler tickets --all")
    );
    auto* list =
        add(*group, arguments, "list", "Which, and why",
            example("list --handler tickets --output json"),
            [&arguments, state = aside.state](const CommandContext& context) {
                auto filter = arguments.filter;
                filter.state = state;
                return list_deliveries(context, filter);
            });
    add_paging(list, arguments);
    list->add_option(
        "--reason", arguments.filter.reason, "Only with this label before the colon of the reason"
    );
    add_output(list, arguments);
    auto* show =
        add(*group, arguments, "show", "One, with its item as it is stored", example("show 1041"),
            [&arguments](const CommandContext& context) {
                return show_delivery(context, arguments.name);
            });
    show->add_option("ID", arguments.name, "Its number")->required();
    add_output(show, arguments);
    for (const bool again : {true, false}) {
        const auto verb = again ? aside.again : std::string("drop");
        auto* command = add_selecting(
            *group, arguments, verb, again ? aside.again_what : "Forgets them for good",
            again ? example(verb + " 1041 1042\n") + example(verb + " --handler tickets --all")
                  : example("drop 1041\n") + example("drop --until 720h"),
            [&arguments, target = aside.group + "/" + verb](const CommandContext& context) {
                return repair_deliveries(context, target, arguments.selection);
            }
        );
        command->add_flag("--all", arguments.selection.all, "All of them");
    }
}

void add_new_key(CLI::App* command, Arguments& arguments) {
    command->add_option(
        "--id", arguments.key.id, "How Graph and files name it (else made of today's date)"
    );
    command->add_option("--bits", arguments.key.bits, "Length of the RSA key")
        ->check(CLI::IsMember({2048, 3072, 4096}))
        ->capture_default_str();
    command->add_option("--days", arguments.key.days, "How long its certificate is valid")
        ->check(CLI::Range(1, 36'500))
        ->capture_default_str();
    add_output(command, arguments);
}

void add_keys(CLI::App& app, Arguments& arguments) {
    auto* group = add_group(
        app, "keys", "Keys that Graph encrypts resource data with",
        "  graphhook keys create\n  graphhook keys list\n  graphhook keys rotate"
    );
    auto* create = add(
        *group, arguments, "create", "Makes a key, which becomes the current one",
        "  graphhook keys create\n  graphhook keys create --id mail-2027 --bits 4096 --days "
        "730\n\nThe private key stays in keys.folder and is never printed.",
        [&arguments](const CommandContext& context) { return create_key(context, arguments.key); }
    );
    add_new_key(create, arguments);
    auto* list =
        add(*group, arguments, "list", "Which there are, who uses them, until when",
            "  graphhook keys list\n  graphhook keys list --output json", list_keys);
    add_output(list, arguments);
    auto* rotate =
        add(*group, arguments, "rotate",
            "Makes a key and moves every subscription to it, while notifications flow",
            "  graphhook keys rotate\n  graphhook keys rotate --bits 4096 --no-wait\n\n'serve' "
            "does the work: interrupting this command ends the waiting only. The old key stays "
            "until nothing can need it.",
            [&arguments](const CommandContext& context) {
                return rotate_keys(context, arguments.key, arguments.force, !arguments.no_wait);
            });
    add_new_key(rotate, arguments);
    rotate->add_flag("--no-wait", arguments.no_wait, "Only begin it");
    rotate->add_flag("--force", arguments.force, "Although the last rotation is not complete");
}

void add_inspect(CLI::App& app, Arguments& arguments) {
    auto& given = arguments.inspect;
    auto* command =
        add(app, arguments, "inspect", "Says what would be done with a body that Graph sent",
            "  graphhook inspect body.json\n  graphhook inspect --jwks keys.json --key mail.pem "
            "--at 2026-11-21T08:00:00Z < body.json\n\nWithout a network. Exits 0 if each item "
            "would be accepted and, if it has resource data, proved and decrypted.",
            [&given](const CommandContext& context) { return inspect(context, given); });
    command->add_option("BODY", given.file, "File with the body; '-' or none: standard input");
    command->add_option("--jwks", given.jwks, "Key set of the identity platform to verify with")
        ->type_name("FILE")
        ->allow_extra_args(false)
        ->check(CLI::ExistingFile);
    command->add_option("--key", given.keys, "Certificate and private key to decrypt with")
        ->type_name("FILE")
        ->allow_extra_args(false)
        ->check(CLI::ExistingFile);
    command->add_option("--passphrase-file", given.passphrase_file, "Of PKCS#12 files")
        ->type_name("FILE")
        ->check(CLI::ExistingFile);
    command->add_option("--at", given.at, "When it was received: 2h (ago), or an RFC 3339 time");
    auto* tenant = command->add_option(
        "--tenant-id", given.tenant_id, "Judge for this tenant, without a configuration"
    );
    auto* client =
        command->add_option("--client-id", given.client_id, "The application in that tenant");
    tenant->needs(client);
    client->needs(tenant);
    command->add_flag("--reveal", given.reveal, "Print the decrypted resources");
    add_output(command, arguments);
}

void add_handlers(CLI::App& app, Arguments& arguments) {
    auto* group = add_group(
        app, "handlers", "Who gets notifications, and how far they are",
        "  graphhook handlers list\n  graphhook handlers pause tickets"
    );
    auto* list =
        add(*group, arguments, "list", "Backlog and dead letters of each",
            "  graphhook handlers list --output json", list_handlers);
    add_output(list, arguments);
    for (const bool pause : {true, false}) {
        auto* command =
            add(*group, arguments, pause ? "pause" : "resume",
                pause ? "Hands over nothing more to it, also after a restart" : "Hands over again",
                pause ? "  graphhook handlers pause tickets"
                      : "  graphhook handlers resume tickets",
                [&arguments, pause](const CommandContext& context) {
                    return pause_handler(context, arguments.name, pause);
                });
        add_name(command, arguments, "Configured name");
        add_output(command, arguments);
    }
}

}  // namespace

int run(int argc, const char* const* argv) {
    CLI::App app("Receives Microsoft Graph's change notifications and hands each to your handlers."
    );
    app.name("graphhook");
    app.set_version_flag("--version", "graphhook " GRAPHHOOK_VERSION);
    app.require_subcommand(1);
    app.fallthrough();
    app.footer(
        "Examples:\n  graphhook check\n  graphhook serve\n  graphhook dead-letters list\n\n"
        "Commands that only read work while 'serve' is down; those that change something are asked "
        "of it.\n"
        "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 configuration or store refused.\n"
        "'graphhook COMMAND --help' says more."
    );
    Arguments arguments;
    app.add_option(
           "-c,--config", arguments.config,
           "Configuration file (else GRAPHHOOK_CONFIG, else /etc/graphhook/graphhook.yaml)"
    )
        ->type_name("FILE");
    add_top(app, arguments);
    add_subscriptions(app, arguments);
    add_deliveries(app, arguments);
    add_set_aside(
        app, arguments,
        {"dead-letters", "Deliveries that were given up", "dead", "replay", "Hands them over again"}
    );
    add_set_aside(
        app, arguments,
        {"quarantine", "Notifications that were proved false", "quarantined", "retry",
         "Judges them anew, and hands over what is genuine"}
    );
    add_keys(app, arguments);
    add_handlers(app, arguments);
    add_inspect(app, arguments);
    add_notify_user(app, arguments);
    add_unsids(app, arguments);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error, std::cout, std::cerr) == 0 ? kDone : kWrongUsage;
    }
    try {
        return arguments.command(arguments.context());
    } catch (const std::exception& error) {
        std::cerr << "graphhook: " << error.what() << '\n';
        return kFailed;
    }
}

}  // namespace graphhook::app
