#pragma once

#include "app/config.hpp"

namespace graphhook::app {

/// What can be said only of several keys together: names that are used and not defined, TLS that is
/// missing, secrets given twice or not at all, subscriptions that nobody handles.
std::vector<Problem> check_references(const Config& config);

}  // namespace graphhook::app
