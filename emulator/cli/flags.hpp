#pragma once

#include "emulator/cli/commands.hpp"
#include "emulator/cli/identity_flags.hpp"
#include "emulator/cli/serve.hpp"
#include "emulator/cli/user_notification_flags.hpp"

#include <chrono>
#include <functional>
#include <string>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace graphhook::emulator::cli {

/// What the chosen subcommand does; its exit code.
using Action = std::function<int()>;

/// The options of `serve`; the variables live as long as the program.
struct ServeFlags {
    ServeArguments arguments;
    IdentityFlags identity;
    std::string log_format = "auto";
    std::string log_level = "info";
    std::chrono::milliseconds directory_delta_life = std::chrono::days(7);
    std::string delta_life;
    bool no_validate_updates = false;
    bool no_missed = false;
};

/// What the commands about data read.
struct DataFlags {
    std::string tenant;
    std::string object;
    std::string to;
    std::string start;
    bool existing = false;
    bool silent = false;
    bool soft = false;
    bool keep = false;
    std::string what;
    std::string user;
    std::string group;
    std::string members;
    std::string drive;
    std::string refuse;
    std::string resource;
    std::uint64_t users = 0;
    std::uint64_t guests = 0;
    std::uint64_t disabled = 0;
    std::uint64_t devices = 0;
    std::uint64_t groups = 0;
    std::uint64_t drive_items = 0;
    std::uint64_t mail_folders = 0;
    std::uint64_t messages = 0;
    std::uint64_t objects = 0;
    bool nested = false;
    bool personal = false;
};

/// What `fault set` reads besides.
struct FaultFlags {
    double share = 1;
    std::string path;
    std::string field;
    std::string code;
    std::uint32_t page = 2;
    bool no_retry_after = false;
    bool hang_up = false;
};

/// What the commands about resource data read.
struct RichFlags {
    std::string forge;
    std::uint64_t forge_every = 1;
    bool beside_good = false;
    bool plaintext = false;
    std::int64_t offset = 0;
    std::string form;
    std::string output = "table";
};

/// What the commands that speak to a running emulator read. GRAPH_EMULATOR_URL and
/// GRAPH_EMULATOR_CA stand in for options not given.
struct ClientFlags {
    ClientFlags();
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
    IdentityClientFlags identity;
    DataFlags data;
    FaultFlags faults;
    RichFlags rich;
    UserNotificationFlags user_notifications;
};

// Each adds subcommands to `app`; parsing then fills `flags` and sets `action`. All must outlive
// the parsing and the action.
void add_serve(CLI::App& app, ServeFlags& flags, Action& action);
void add_client_commands(CLI::App& app, ClientFlags& flags, Action& action);
/// A subcommand that speaks to a running emulator: its name and what it is for.
using AddClient =
    std::function<CLI::App*(CLI::App& app, const std::string& name, const std::string& help)>;
void add_fault_commands(
    CLI::App& app, ClientFlags& flags, const AddClient& add_client, Action& action
);
void add_data_commands(
    CLI::App& app, ClientFlags& flags, const AddClient& add_client, Action& action
);
/// What of the data's flags belongs into a request for changes.
void add_data_members(boost::json::object& request, const DataFlags& flags);
/// The options of `change` that forge, and what of them belongs into a request.
void add_forging(CLI::App& command, RichFlags& flags);
void add_forging_members(boost::json::object& request, const RichFlags& flags);
void add_rich_commands(
    CLI::App& app, ClientFlags& flags, const AddClient& add_client, Action& action
);
void add_identity_commands(
    CLI::App& app, ClientFlags& flags, const AddClient& add_client, Action& action
);
void add_user_notification_commands(
    CLI::App& app, ClientFlags& flags, const AddClient& add_client, Action& action
);

/// A duration such as 500ms, 3s or 10m; its present value is the default.
CLI::Option* add_duration(
    CLI::App& app, const std::string& name, std::chrono::milliseconds& value,
    const std::string& help
);

}  // namespace graphhook::emulator::cli
