#include "core/log.hpp"
#include "core/time_text.hpp"
#include "emulator/cli/commands.hpp"
#include "emulator/cli/serve.hpp"
#include "emulator/files.hpp"

#include <CLI/CLI.hpp>

#include <csignal>
#include <cstdio>
#include <exception>
#include <functional>
#include <iostream>

namespace {

using namespace graphhook;
using namespace graphhook::emulator;
using namespace graphhook::emulator::cli;

/// What the chosen subcommand does.
using Action = std::function<int()>;

constexpr const char* kExamples = R"(
Examples:
  graph-emulator serve
  graph-emulator serve --port 0 --port-file /run/emulator.port --time-scale 60 --receiver-certificate
  graph-emulator change --kind message --change created --count 1000 --rate 200/s --wait
  graph-emulator change --resource "users/support@contoso.com/messages" --change updated
  graph-emulator lifecycle --event missed --all
  graph-emulator fault set throttle --count 3 --retry-after 5
  graph-emulator status --output json

Where the running emulator is: --url, or GRAPH_EMULATOR_URL. Exit codes: 0 done, 1 failed, 2 wrong usage.)";

CLI::Option* add_duration(
    CLI::App& app, const std::string& name, std::chrono::milliseconds& value,
    const std::string& help
) {
    return app
        .add_option_function<std::string>(
            name,
            [&value, name](const std::string& text) {
                const auto parsed = parse_duration(text);
                if (!parsed || parsed->count() <= 0)
                    throw CLI::ValidationError(name, "a duration looks like 500ms, 3s or 10m");
                value = *parsed;
            },
            help + " (default " + duration_text(value) + ")"
        )
        ->type_name("DURATION");
}

void add_output(CLI::App& app, Output& output) {
    app.add_option("-o,--output", output, "table or json")
        ->transform(CLI::CheckedTransformer(
            std::map<std::string, Output>{{"table", Output::Table}, {"json", Output::Json}}
        ))
        ->type_name("FORMAT");
}

/// The options of `serve`; the variables live as long as the program.
struct ServeFlags {
    ServeArguments arguments;
    std::string secret;
    std::string secret_file;
    std::string permissions;
    std::string token_life = "3599s";
    std::string log_format = "auto";
    std::string log_level = "info";
    bool no_validate_updates = false;
    bool no_missed = false;
};

void add_listening(CLI::App& app, ServeFlags& flags) {
    Options& o = flags.arguments.options;
    app.add_option("--listen", o.host, "Address to listen on")
        ->capture_default_str()
        ->group("Listening");
    app.add_option("--port", o.port, "Port; 0 takes a free one")
        ->capture_default_str()
        ->group("Listening");
    app.add_option("--port-file", flags.arguments.port_file, "Write the bound port into this file")
        ->group("Listening");
    app.add_option("--tls-certificate", o.certificate, "PEM file with a certificate chain")
        ->group("Listening");
    app.add_option("--tls-key", o.key, "PEM file with its key")->group("Listening");
    app.add_flag(
           "--insecure-http", o.insecure_http,
           "Plain HTTP, on loopback only; http:// receivers on loopback are taken too"
    )
        ->group("Listening");
    app.add_option(
           "--certificates-dir", o.certificates_directory,
           "Where the throwaway authority is kept (default: ~/.local/share/graph-emulator)"
    )
        ->group("Listening");
    app.add_flag(
           "--receiver-certificate", flags.arguments.receiver_certificate,
           "Write receiver.crt and receiver.key there, for localhost and 127.0.0.1"
    )
        ->group("Listening");
    app.add_option(
           "--receiver-host", flags.arguments.receiver_hosts,
           "One more name or address for that certificate (repeatable)"
    )
        ->group("Listening");
}

void add_identity(CLI::App& app, ServeFlags& flags) {
    app.add_option(
           "--client-secret", flags.secret, "The secret of every app (default: emulator-secret)"
    )
        ->envname("GRAPH_EMULATOR_CLIENT_SECRET")
        ->group("Apps");
    app.add_option("--client-secret-file", flags.secret_file, "Read it from this file")
        ->group("Apps");
    app.add_option(
           "--permissions", flags.permissions,
           "Comma-separated application roles that apps have (default: all)"
    )
        ->group("Apps");
    app.add_option("--token-lifetime", flags.token_life, "How long tokens live")
        ->capture_default_str()
        ->group("Apps");
}

void add_subscribing(CLI::App& app, ServeFlags& flags) {
    Options& o = flags.arguments.options;
    app.add_option(
           "--duplicates", o.duplicates,
           "accept or conflict: a second subscription like one that is there"
    )
        ->transform(CLI::CheckedTransformer(std::map<std::string, Duplicates>{
            {"accept", Duplicates::Accept}, {"conflict", Duplicates::Conflict}
        }))
        ->group("Subscriptions");
    app.add_flag(
           "--no-validate-updates", flags.no_validate_updates,
           "No handshake when an update changes the notification URL"
    )
        ->group("Subscriptions");
    app.add_option("--page-size", o.page_size, "Subscriptions in a page of a list")
        ->capture_default_str()
        ->check(CLI::Range(1, 10'000))
        ->group("Subscriptions");
    add_duration(
        app, "--shortest-life", o.shortest_life, "Shorter lives are raised to this; scaled"
    )
        ->group("Subscriptions");
}

void add_delivering(CLI::App& app, ServeFlags& flags) {
    Options& o = flags.arguments.options;
    const std::string group = "Delivery";
    app.add_option("--time-scale", o.time_scale, "So many emulated seconds pass in a real one")
        ->capture_default_str()
        ->check(CLI::Range(0.01, 1e6))
        ->group(group);
    app.add_option("--batch", o.batch, "Most notifications in one POST")
        ->capture_default_str()
        ->check(CLI::Range(1, 1'000))
        ->group(group);
    app.add_option("--connections", o.connections_out, "Connections to each receiver")
        ->capture_default_str()
        ->check(CLI::Range(1, 1'000))
        ->group(group);
    app.add_option(
           "--queue", o.queue,
           "Most notifications that wait; changes are made slower when it is full"
    )
        ->capture_default_str()
        ->check(CLI::Range(1, 10'000'000))
        ->group(group);
    app.add_option(
           "--ledger", o.ledger, "Changes remembered for \"graph-emulator changes\"; 0: none"
    )
        ->capture_default_str()
        ->check(CLI::Range(0, 10'000'000))
        ->group(group);
    app.add_option(
           "--receiver-ca", o.receiver_ca,
           "PEM file with further authorities that receivers' certificates are checked with"
    )
        ->group(group);
    app.add_flag(
           "--receiver-tls13", o.receiver_tls13, "Offer TLS 1.3 to receivers, which Graph does not"
    )
        ->group(group);
    add_duration(
        app, "--handshake-timeout", o.handshake_timeout, "For a receiver's handshake; real time"
    )
        ->group(group);
    add_duration(
        app, "--first-timeout", o.first_timeout, "For the answer to a first attempt; real time"
    )
        ->group(group);
    add_duration(app, "--retry-timeout", o.retry_timeout, "For the answer to a retry; real time")
        ->group(group);
    add_duration(
        app, "--first-retry", o.first_retry, "Until the first retry, then doubling; scaled"
    )
        ->group(group);
    add_duration(
        app, "--give-up-after", o.give_up_after, "Until a notification is given up; scaled"
    )
        ->group(group);
    add_duration(
        app, "--window", o.window,
        "Over how long slow replies are counted, and how long a drop lasts; scaled"
    )
        ->group(group);
    add_duration(
        app, "--slow-delay", o.slow_delay, "How long a slow receiver's notifications wait; scaled"
    )
        ->group(group);
    app.add_flag(
           "--no-missed", flags.no_missed,
           "No \"missed\" by itself after notifications were dropped or given up"
    )
        ->group(group);
}

std::vector<std::string> split(const std::string& text) {
    std::vector<std::string> words;
    std::istringstream in(text);
    for (std::string word; std::getline(in, word, ',');) {
        if (!word.empty()) words.push_back(word);
    }
    return words;
}

int run_serve(ServeFlags& flags) {
    Options& o = flags.arguments.options;
    if (!flags.secret_file.empty()) {
        auto secret = read_file(flags.secret_file);
        if (!secret) {
            std::fputs(("graph-emulator: " + secret.error().detail + "\n").c_str(), stderr);
            return 1;
        }
        while (secret->ends_with('\n') || secret->ends_with('\r')) secret->pop_back();
        flags.secret = std::move(*secret);
    }
    if (!flags.secret.empty()) o.client_secret = Secret(flags.secret);
    if (!flags.permissions.empty()) o.roles = split(flags.permissions);
    const auto life = parse_duration(flags.token_life);
    if (!life || *life < std::chrono::seconds(1)) {
        std::fputs("graph-emulator: --token-lifetime looks like 1h or 90s\n", stderr);
        return 2;
    }
    o.token_life = std::chrono::duration_cast<std::chrono::seconds>(*life);
    o.validate_updates = !flags.no_validate_updates;
    o.send_missed = !flags.no_missed;
    LogFormat format = LogFormat::Auto;
    if (flags.log_format == "text") format = LogFormat::Text;
    if (flags.log_format == "json") format = LogFormat::Json;
    set_up_logging(format, flags.log_level);
    return serve(std::move(flags.arguments));
}

void add_serve(CLI::App& app, ServeFlags& flags, Action& action) {
    auto* command = app.add_subcommand("serve", "Run the emulator");
    add_listening(*command, flags);
    add_identity(*command, flags);
    add_subscribing(*command, flags);
    add_delivering(*command, flags);
    command->add_option("--log-format", flags.log_format, "auto, text or json")
        ->capture_default_str()
        ->check(CLI::IsMember({"auto", "text", "json"}));
    command->add_option("--log-level", flags.log_level, "debug, info, warn or error")
        ->capture_default_str()
        ->check(CLI::IsMember({"debug", "info", "warn", "error"}));
    command->callback([&action, &flags] { action = [&flags] { return run_serve(flags); }; });
}

/// What the commands that speak to a running emulator have in common.
struct ClientFlags {
    Target target;
    Output output = Output::Table;
    std::string kind;
    std::string resource;
    std::string subscription;
    std::string change = "updated";
    std::uint64_t count = 1;
    std::string rate;
    std::uint64_t objects = 0;
    bool wait = false;
    std::string event;
    bool all = false;
    bool batch = false;
    bool pause = false;
    bool keep = false;
    bool force = false;
    std::string fault;
    std::uint64_t retry_after = 5;
    std::chrono::milliseconds delay{0};
    int status = 503;
    std::string location;
    bool keep_subscriptions = false;
    std::string directory;
    std::vector<std::string> hosts;
};

CLI::App* add_client(
    CLI::App& app, ClientFlags& flags, const std::string& name, const std::string& help
) {
    auto* command = app.add_subcommand(name, help);
    command->add_option("--url", flags.target.url, "The running emulator")
        ->capture_default_str()
        ->envname("GRAPH_EMULATOR_URL");
    command
        ->add_option(
            "--ca", flags.target.ca,
            "PEM file that its certificate is checked with (default: ca.pem of --certificates-dir)"
        )
        ->envname("GRAPH_EMULATOR_CA");
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
    command->add_option("--change", flags.change, "created, updated or deleted")
        ->capture_default_str()
        ->check(CLI::IsMember({"created", "updated", "deleted"}));
    command->add_option("--count", flags.count, "How many")->capture_default_str();
    command->add_option(
        "--rate", flags.rate, "How many a second, as 200/s (default: as fast as they go out)"
    );
    command->add_option(
        "--objects", flags.objects, "Go round so many objects (default: each change to another one)"
    );
    command->add_flag(
        "--wait", flags.wait, "Until all notifications are accepted; exit code 1 if some are not"
    );
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

void add_fault(CLI::App& app, ClientFlags& flags, Action& action) {
    auto* fault = app.add_subcommand("fault", "Make something go wrong");
    fault->require_subcommand(1);
    auto* set = add_client(*fault, flags, "set", "Set a fault");
    set->add_option(
           "fault", flags.fault,
           "throttle, server-error, slow, redirect, token-error, create-late, duplicate, reorder, "
           "wrong-client-state, unknown-subscription or forget"
    )
        ->required()
        ->check(CLI::IsMember(
            {"throttle", "server-error", "slow", "redirect", "token-error", "create-late",
             "duplicate", "reorder", "wrong-client-state", "unknown-subscription", "forget"}
        ));
    set->add_option("subscription", flags.subscription, "With forget: the subscription's id");
    auto* count = set->add_option("--count", flags.count, "How many times; 0: until cleared")
                      ->capture_default_str();
    auto* after = set->add_option("--retry-after", flags.retry_after, "With throttle: seconds")
                      ->capture_default_str();
    auto* delay =
        add_duration(*set, "--delay", flags.delay, "With slow (5s) and create-late (60s)");
    auto* status = set->add_option("--status", flags.status, "With server-error: 400 to 599")
                       ->capture_default_str();
    auto* location = set->add_option("--location", flags.location, "With redirect: where to");
    set->callback([&flags, &action, count, after, delay, status, location] {
        if ((flags.fault == "forget") != !flags.subscription.empty())
            throw CLI::RequiredError("forget and a subscription's id together");
        boost::json::object request{{"fault", flags.fault}};
        if (!flags.subscription.empty()) request["subscription"] = flags.subscription;
        if (count->count() > 0) request["count"] = flags.count;
        if (after->count() > 0) request["retryAfterSeconds"] = flags.retry_after;
        if (delay->count() > 0) request["delayMilliseconds"] = flags.delay.count();
        if (status->count() > 0) request["status"] = flags.status;
        if (location->count() > 0) request["location"] = flags.location;
        action = [&flags, request] { return set_fault(flags.target, request, flags.output); };
    });
    add_client(*fault, flags, "clear", "Clear all faults")->callback([&] {
        action = [&flags] { return clear_faults(flags.target, flags.output); };
    });
    add_client(*fault, flags, "list", "Show the faults that are set")->callback([&] {
        action = [&flags] { return list_faults(flags.target, flags.output); };
    });
}

void add_looking(CLI::App& app, ClientFlags& flags, Action& action) {
    add_client(app, flags, "status", "What was made, sent and accepted")->callback([&] {
        action = [&flags] { return status(flags.target, flags.output); };
    });
    add_client(app, flags, "subscriptions", "The live subscriptions")->callback([&] {
        action = [&flags] { return subscriptions(flags.target, flags.output); };
    });
    add_client(
        app, flags, "changes", "The ledger: each change made, and what became of its notifications"
    )
        ->callback([&] { action = [&flags] { return changes(flags.target, flags.output); }; });
    auto* clean = add_client(
        app, flags, "reset", "Forget everything: subscriptions, queues, faults, counts, ledger"
    );
    clean->add_flag("--keep-subscriptions", flags.keep_subscriptions, "But the subscriptions");
    clean->callback([&] {
        action = [&flags] { return reset(flags.target, flags.keep_subscriptions, flags.output); };
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

int run(int argc, char** argv) {
    CLI::App app(
        "graph-emulator: a stand-in for Microsoft Graph's change notifications, to test receivers "
        "with"
    );
    app.footer(kExamples);
    app.set_version_flag("--version", "graph-emulator " GRAPHHOOK_VERSION);
    app.require_subcommand(1);
    ServeFlags serve_flags;
    ClientFlags client_flags;
    Action action;
    add_serve(app, serve_flags, action);
    add_change(app, client_flags, action);
    add_lifecycle(app, client_flags, action);
    add_fault(app, client_flags, action);
    add_looking(app, client_flags, action);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        const int code = app.exit(error);
        return code == 0 ? 0 : 2;
    }
    return action();
}

}  // namespace

int main(int argc, char** argv) {
    // A receiver that hangs up must not end us.
    std::signal(SIGPIPE, SIG_IGN);
    try {
        return run(argc, argv);
    } catch (const std::exception& error) {
        std::cerr << "graph-emulator: " << error.what() << '\n';
        return 1;
    }
}
