#include "core/log.hpp"
#include "core/time_text.hpp"
#include "emulator/cli/flags.hpp"

#include <CLI/CLI.hpp>

#include <cstdio>
#include <map>

namespace graphhook::emulator::cli {

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

namespace {

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
    app.add_option("--most-subscriptions", o.most_subscriptions, "More are refused")
        ->capture_default_str()
        ->check(CLI::Range(1, 100'000'000))
        ->group("Subscriptions");
    app.add_flag(
           "!--no-kind-limits", o.kind_limits,
           "No limits by kind: 100 for users in a tenant, 1 for each chat and app, …"
    )
        ->group("Subscriptions");
    app.add_flag(
           "--wrapped-notifications", o.wrapped_notifications,
           "User notifications are taken in {\"notification\":{…}}, too"
    )
        ->group("User notifications");
    app.add_option(
           "--most-content-bytes", o.most_content_bytes,
           "A longer raw content, title or body of a user notification is refused"
    )
        ->capture_default_str()
        ->check(CLI::Range(1, 262'144))
        ->group("User notifications");
    app.add_flag("--quotas", o.quotas, "Answer 429 beyond Graph's quotas; they are never scaled")
        ->group("Subscriptions");
    app.add_option(
           "--data-page-size", o.data_page_size, "Objects in a page that is asked for without $top"
    )
        ->capture_default_str()
        ->check(CLI::Range(1, 10'000))
        ->group("Data");
    app.add_option("--most-in-page", o.most_in_page, "Objects in a page at most")
        ->capture_default_str()
        ->check(CLI::Range(1, 10'000))
        ->group("Data");
    add_duration(
        app, "--directory-delta-life", flags.directory_delta_life,
        "How long a delta link of users or groups lives"
    )
        ->group("Data");
    app.add_option(
           "--delta-life", flags.delta_life,
           "How long all other delta links live (default: for ever)"
    )
        ->group("Data")
        ->type_name("DURATION");
    app.add_option("--seed", o.seed, "What is drawn is the same for the same seed")
        ->capture_default_str()
        ->group("Data");
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

int run_serve(ServeFlags& flags) {
    Options& o = flags.arguments.options;
    if (auto filled = fill_in(flags.identity, o); !filled) {
        std::fputs(("graph-emulator: " + filled.error().detail + "\n").c_str(), stderr);
        return filled.error().code == Errc::BadInput ? 2 : 1;
    }
    o.directory_delta_life = flags.directory_delta_life;
    if (!flags.delta_life.empty()) {
        const auto life = parse_duration(flags.delta_life);
        if (!life || life->count() <= 0) {
            std::fputs("graph-emulator: --delta-life looks like 1h or 7d\n", stderr);
            return 2;
        }
        o.delta_life = *life;
    }
    o.validate_updates = !flags.no_validate_updates;
    o.send_missed = !flags.no_missed;
    LogFormat format = LogFormat::Auto;
    if (flags.log_format == "text") format = LogFormat::Text;
    if (flags.log_format == "json") format = LogFormat::Json;
    set_up_logging(format, flags.log_level);
    return serve(std::move(flags.arguments));
}

}  // namespace

void add_serve(CLI::App& app, ServeFlags& flags, Action& action) {
    auto* command = app.add_subcommand("serve", "Run the emulator");
    add_listening(*command, flags);
    add_identity(*command, flags.identity);
    command
        ->add_option(
            "--managed-identity-port-file", flags.arguments.managed_identity_port_file,
            "Write that port into this file"
        )
        ->group("Managed identities");
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

}  // namespace graphhook::emulator::cli
