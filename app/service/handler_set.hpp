#pragma once

#include "app/config/config.hpp"
#include "core/clock.hpp"
#include "handlers/dispatcher.hpp"
#include "handlers/factory.hpp"

#include <string>
#include <vector>

namespace graphhook::app {

/// A configured handler, made and not yet attached.
struct PreparedHandler {
    std::string name;
    handlers::MadeHandler made;
    std::function<bool(const store::Stream&)> accepts;
    handlers::RetryOptions retry;
    std::uint32_t workers = 1;
};

/// Makes the handlers of those names. Errc::BadInput names the one that can not be. `clock` and
/// `world` must outlive them.
[[nodiscard]] Result<std::vector<PreparedHandler>> prepare_handlers(
    const Config& config, const std::vector<std::string>& names, Clock& clock,
    handlers::NotificationWorld* world = nullptr
);

/// Attaches them. On an error those before it stay attached.
[[nodiscard]] Result<void> attach_handlers(
    handlers::Dispatcher& dispatcher, std::vector<PreparedHandler> prepared
);

/// What that handler of the configuration accepts. Callable from any thread.
[[nodiscard]] std::function<bool(const store::Stream&)> accepts_of(
    const Config& config, const handlers::HandlerOptions& handler
);

/// What a reload does to the handlers.
struct HandlerChanges {
    std::vector<std::string> to_detach;  ///< Gone, or changed.
    std::vector<std::string> to_attach;  ///< New, or changed.
};
/// A handler has changed with its own keys, with its routes, or with the subscriptions that name
/// it.
HandlerChanges handler_changes(const Config& before, const Config& after);

}  // namespace graphhook::app
