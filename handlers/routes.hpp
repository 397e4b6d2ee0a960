#pragma once

#include "handlers/options.hpp"
#include "store/notification.hpp"

#include <functional>
#include <string>
#include <vector>

namespace graphhook::handlers {

/// Whether a route lets notifications of this stream through: every list that is not empty contains
/// the stream's value. Lifecycle notifications need `lifecycle: true`, which in turn lets nothing
/// else through; `changes` are then lifecycle events. Signals (changes on the lane of lifecycle
/// notifications) are the subscriptions' own, and no route lets them through. Changes, events and
/// kinds are compared without regard to case, configured names exactly.
[[nodiscard]] bool matches(const Route& route, const store::Stream& stream);

/// What a handler accepts: all changes (not the lifecycle notifications) of the subscriptions that
/// name it in their `handlers:`, and whatever one of its own routes lets through. The function may
/// be called from any thread.
[[nodiscard]] std::function<bool(const store::Stream&)> make_accepts(
    std::vector<std::string> subscriptions_naming_it, std::vector<Route> routes
);

}  // namespace graphhook::handlers
