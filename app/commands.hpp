#pragma once

#include "app/cli.hpp"

#include <string>

namespace graphhook::app {

/// `check`: what is wrong on standard error; without errors the configuration as understood on
/// standard output.
ExitCode check(const std::string& config_path);

}  // namespace graphhook::app
