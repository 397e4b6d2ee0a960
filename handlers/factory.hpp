#pragma once

#include "core/clock.hpp"
#include "core/error.hpp"
#include "handlers/handler.hpp"
#include "handlers/options.hpp"
#include "handlers/user_notification/service.hpp"

#include <chrono>
#include <memory>

namespace graphhook::handlers {

/// A built-in handler, and how long one call of it may take (Dispatcher::add wants both).
struct MadeHandler {
    std::unique_ptr<Handler> handler;
    std::chrono::milliseconds time_limit;
};

/// Makes what an entry of `handlers:` describes. Touches neither disk nor network: a target that is
/// not there yet is retried. Errc::BadInput: the options contradict themselves. `clock` and `world`
/// must outlive the handler; only user notifications need a `world`.
[[nodiscard]] Result<MadeHandler> make_handler(
    const HandlerOptions& options, Clock& clock, NotificationWorld* world = nullptr
);

}  // namespace graphhook::handlers
