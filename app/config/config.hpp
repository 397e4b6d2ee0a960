#pragma once

#include "app/config/config_reader.hpp"
#include "app/config/problem.hpp"
#include "core/secret.hpp"
#include "handlers/options.hpp"
#include "receiver/options.hpp"
#include "store/options.hpp"
#include "subscriptions/options.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace graphhook::app {

struct LogSettings {
    std::string level = "info";
    std::string format = "auto";
};

/// `keys:`, all of which needs a restart.
struct KeysOptions {
    std::string folder = "/var/lib/graphhook/keys";
    Secret passphrase;  ///< Of PKCS#12 files.
    /// After its last use, of a key that is not the current one.
    std::chrono::milliseconds retire_after = std::chrono::hours(7 * 24);
    std::uint32_t threads = 0;  ///< That decrypt; 0: one for each processor that we may use.
};

/// `unsids:`, all of which needs a restart.
struct UnsidsOptions {
    bool enabled = false;  ///< Serve {base}/unsids.
    std::string scope;     ///< What a token's `scp` has to hold; empty: anything.
};

/// The whole configuration, as the rooms want it.
struct Config {
    receiver::ReceiverOptions receiver;
    receiver::AdminOptions admin;
    store::StoreOptions store;
    KeysOptions keys;
    UnsidsOptions unsids;
    subscriptions::SubscriptionsOptions subscriptions;
    std::vector<handlers::HandlerOptions> handlers;
    LogSettings log;
    /// What it was filled from: for `check`, and to tell what a reload changes.
    Reading reading;

    /// Whether any subscription is to have resource data.
    [[nodiscard]] bool any_resource_data() const noexcept;
};

struct Parsed {
    std::optional<Config> config;   ///< Absent with any error among the problems.
    std::vector<Problem> problems;  ///< In the order of the file.
};

/// Reads a configuration: everything that is wrong with it at once. Pure but for what `environment`
/// and `files` answer.
[[nodiscard]] Parsed parse_config(
    const std::string& text, const EnvironmentLookup& environment, const FileReader& files
);

/// For commands that look and repair: reads no files, so that nobody needs to be allowed to read
/// secrets for it, and gives the configuration if `store.url` and `admin.socket` are sound,
/// whatever is wrong elsewhere.
[[nodiscard]] Parsed parse_for_tools(const std::string& text, const EnvironmentLookup& environment);

/// The configuration as it is understood, as YAML with every default written out and secrets
/// hidden.
std::string print_config(const Config& config);

/// Whether everything below `path` ("handlers.audit") is the same in both, secrets included.
bool same_below(const Config& a, const Config& b, const std::string& path);

/// The paths of keys that differ and need a restart: a reload that brings any is refused.
std::vector<std::string> changed_needing_restart(const Config& before, const Config& after);

}  // namespace graphhook::app
