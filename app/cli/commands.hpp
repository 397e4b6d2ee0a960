#pragma once

#include "app/cli/cli.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace graphhook::app {

enum class OutputFormat { Table, Json };

/// What every command is told.
struct CommandContext {
    std::string config_path;
    OutputFormat output = OutputFormat::Table;
};

/// `serve`: runs the service until a signal ends it.
ExitCode serve(const CommandContext& context);

/// `check`: what is wrong on standard error; without errors the configuration as understood on
/// standard output.
ExitCode check(const CommandContext& context);

// --- What only reads: from the store's file, whether `serve` runs or not.

struct DeliveryFilter {
    std::string handler, state, subscription;
    std::string reason;  ///< The label that the reason begins with.
    std::int64_t after = 0;
    std::uint64_t limit = 100;
};
ExitCode list_deliveries(const CommandContext& context, const DeliveryFilter& filter);
ExitCode show_delivery(const CommandContext& context, const std::string& id);
ExitCode list_handlers(const CommandContext& context);
/// Which lines of a long list.
struct ListFilter {
    std::string name, tenant, state, after;
    std::uint64_t limit = 1'000;
    bool all = false;  ///< Subscriptions: retired ones too.
};
ExitCode list_subscriptions(const CommandContext& context, const ListFilter& filter);
ExitCode show_subscription(const CommandContext& context, const std::string& name);
/// Which UNSIDs.
struct UnsidArguments {
    std::string tenant;  ///< Configured name, or the tenant's GUID.
    std::string user, unsid;
    std::uint64_t limit = 1'000;
    bool all = false;  ///< To list: expired ones too. To drop: everyone's of the tenant.
};
ExitCode list_unsids(const CommandContext& context, const UnsidArguments& which);
/// Asks a running `serve`, which knows Graph's list; without one it plans from the store alone.
/// `all`: what is kept too.
ExitCode plan_subscriptions(const CommandContext& context, std::uint64_t allow_delete, bool all);
/// Ask a running `serve`; without one the store.
ExitCode list_sweeps(const CommandContext& context, const ListFilter& filter);
ExitCode list_templates(const CommandContext& context);
/// `kinds`: the catalog; needs no configuration.
ExitCode list_kinds(const CommandContext& context);

/// `doctor`: every check, one line each; kFailed if any fails.
ExitCode run_doctor(const CommandContext& context);

// --- What changes something: asked of the running `serve`.

/// Which deliveries a repair is about.
struct SelectionArguments {
    std::string handler, since, until;
    std::vector<std::string> ids;
    bool all = false;
};
/// `what`: "replay", "dead-letters/replay", "dead-letters/drop", "quarantine/retry",
/// "quarantine/drop".
ExitCode repair_deliveries(
    const CommandContext& context, const std::string& what, const SelectionArguments& selection
);
ExitCode pause_handler(const CommandContext& context, const std::string& name, bool pause);
/// `wait`: until it is done, or nothing more can be done now.
ExitCode apply_subscriptions(const CommandContext& context, std::uint64_t allow_delete, bool wait);
/// Empty: all that can be swept.
ExitCode sweep_subscriptions(const CommandContext& context, const std::string& name);
ExitCode expand_template(const CommandContext& context, const std::string& name);
ExitCode renew_subscription(const CommandContext& context, const std::string& name);
ExitCode delete_subscription(const CommandContext& context, const std::string& name_or_id);

/// kWrongUsage where it does not say which.
ExitCode drop_unsids(const CommandContext& context, const UnsidArguments& which);

// --- Encryption keys: files in a folder, and who uses them.

struct KeyArguments {
    std::string id;  ///< Empty: made from today's date.
    int bits = 2048;
    int days = 365;
};
/// Makes one, whether `serve` runs or not.
ExitCode create_key(const CommandContext& context, const KeyArguments& wanted);
/// Asks a running `serve`; without one the folder and the store.
ExitCode list_keys(const CommandContext& context);
/// Makes one, and has a running `serve` move the subscriptions to it. `force`: although the last
/// rotation is not complete. `wait`: until all are moved, or nothing happens any more.
ExitCode rotate_keys(
    const CommandContext& context, const KeyArguments& wanted, bool force, bool wait
);

// --- User notifications by hand.

/// What `notify-user` is told. Absent: not given.
struct NotifyArguments {
    std::string tenant;       ///< Empty: the only one there is.
    std::string user, unsid;  ///< Who is told; neither, where a signed-in user is.
    /// A file with the whole resource as JSON, instead of what is said piece by piece; "-":
    /// standard input.
    std::string file;
    std::string handler;  ///< Takes host, URL, coding, form and limit from that handler.
    std::optional<std::string> host, title, body, raw, raw_file, group, id, priority, expires_in,
        expires_at, display_for, fallback_after, fallback_title, fallback_body, url, coding;
    std::vector<std::string> platforms;
    bool wrapped = false;
    bool dry_run = false;
    unsigned retries = 0;
};
/// Sends one from this process, with the tenant's credential, whether `serve` runs or not.
/// kWrongUsage: what would be refused was not sent.
ExitCode notify_user(const CommandContext& context, const NotifyArguments& arguments);

// --- What needs neither.

/// `login`: signs a user in, on another device, and stores the refresh token.
ExitCode login(const CommandContext& context, const std::string& tenant);

/// What `inspect` is told.
struct InspectArguments {
    std::string file;                     ///< Empty or "-": standard input.
    std::vector<std::string> jwks, keys;  ///< Instead of those that are stored.
    std::string passphrase_file, at;
    std::string tenant_id, client_id;  ///< Instead of a configuration.
    bool reveal = false;
};
/// `inspect`: what would be done with a body. Needs no network, and no configuration if enough is
/// given. kDone only if every item would be accepted, proved and decrypted.
ExitCode inspect(const CommandContext& context, const InspectArguments& arguments);

}  // namespace graphhook::app
