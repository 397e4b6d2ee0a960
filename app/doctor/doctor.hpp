#pragma once

#include "app/config/config.hpp"
#include "app/config/config_file.hpp"
#include "app/doctor/finding.hpp"
#include "core/clock.hpp"

namespace graphhook::app::doctor {

/// Every check of a configuration, in the order in which one would look: the file, the service and
/// its store, certificates, the public URL, the tenants, what is subscribed, the handlers. Blocks,
/// a minute where nothing can be reached. Changes nothing, but that a signed-in user's refresh
/// token may be replaced by its successor.
[[nodiscard]] Findings examine(const LoadedConfig& loaded, Clock& clock);

}  // namespace graphhook::app::doctor
