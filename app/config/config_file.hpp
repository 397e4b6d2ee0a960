#pragma once

#include "app/config/config.hpp"

namespace graphhook::app {

/// The process's own environment.
EnvironmentLookup process_environment();

/// Reads whole files of at most 16 MiB. The error says which file and why.
FileReader file_system();

/// Which file to read: what `-c` named, else GRAPHHOOK_CONFIG, else
/// /etc/graphhook/graphhook.yaml.
std::string config_path(const std::string& asked_for, const EnvironmentLookup& environment);

struct LoadedConfig {
    std::string path;
    Parsed parsed;
};

/// Reads and checks. A file that can not be read is a problem like any other.
LoadedConfig load_config(const std::string& path);

}  // namespace graphhook::app
