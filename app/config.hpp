#pragma once

#include "app/config_reader.hpp"
#include "app/problem.hpp"
#include "handlers/options.hpp"
#include "receiver/options.hpp"
#include "store/options.hpp"
#include "subscriptions/options.hpp"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace graphhook::app {

struct LogSettings {
    std::string level = "info";
    std::string format = "auto";
};

/// The whole configuration, as the rooms want it.
struct Config {
    receiver::ReceiverOptions receiver;
    receiver::AdminOptions admin;
    store::StoreOptions store;
    subscriptions::SubscriptionsOptions subscriptions;
    std::vector<handlers::HandlerOptions> handlers;
    LogSettings log;
    /// What it was filled from: for `check`, and to tell what a reload changes.
    Reading reading;
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
