#pragma once

#include "app/cli/admin_client.hpp"

namespace graphhook::app {

/// Says on standard error what holds a whole tenant up, and what to do; nothing where all is well
/// or `serve` does not answer.
void say_tenants(AdminClient& client);

}  // namespace graphhook::app
