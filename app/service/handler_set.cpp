#include "app/service/handler_set.hpp"

#include "handlers/routes.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace graphhook::app {
namespace {

std::vector<std::string> named_by(const Config& config, const std::string& handler) {
    std::vector<std::string> subscriptions;
    for (const auto& wanted : config.subscriptions.wanted) {
        if (std::find(wanted.handlers.begin(), wanted.handlers.end(), handler) !=
            wanted.handlers.end())
            subscriptions.push_back(wanted.name);
    }
    std::sort(subscriptions.begin(), subscriptions.end());
    return subscriptions;
}

bool has(const Config& config, const std::string& handler) {
    return std::any_of(config.handlers.begin(), config.handlers.end(), [&](const auto& one) {
        return one.name == handler;
    });
}

}  // namespace

std::function<bool(const store::Stream&)> accepts_of(
    const Config& config, const handlers::HandlerOptions& handler
) {
    return handlers::make_accepts(named_by(config, handler.name), handler.routes);
}

Result<std::vector<PreparedHandler>> prepare_handlers(
    const Config& config, const std::vector<std::string>& names, Clock& clock,
    handlers::NotificationWorld* world
) {
    std::vector<PreparedHandler> prepared;
    for (const auto& options : config.handlers) {
        if (std::find(names.begin(), names.end(), options.name) == names.end()) continue;
        auto made = handlers::make_handler(options, clock, world);
        if (!made) {
            return fail(
                made.error().code,
                fmt::format("handler '{}': {}", options.name, made.error().detail)
            );
        }
        PreparedHandler one;
        one.name = options.name;
        one.made = std::move(made).value();
        one.accepts = accepts_of(config, options);
        one.retry = options.retry;
        one.workers = options.workers;
        prepared.push_back(std::move(one));
    }
    return prepared;
}

Result<void> attach_handlers(
    handlers::Dispatcher& dispatcher, std::vector<PreparedHandler> prepared
) {
    for (auto& one : prepared) {
        const auto added = dispatcher.add(
            one.name, std::move(one.made.handler), std::move(one.accepts), one.retry, one.workers,
            one.made.time_limit
        );
        if (!added) {
            return fail(
                added.error().code, fmt::format("handler '{}': {}", one.name, added.error().detail)
            );
        }
    }
    return {};
}

HandlerChanges handler_changes(const Config& before, const Config& after) {
    HandlerChanges changes;
    for (const auto& old : before.handlers) {
        const bool same = has(after, old.name) &&
                          same_below(before, after, "handlers." + old.name) &&
                          named_by(before, old.name) == named_by(after, old.name);
        if (!same) changes.to_detach.push_back(old.name);
    }
    for (const auto& fresh : after.handlers) {
        const bool stays =
            has(before, fresh.name) &&
            std::find(changes.to_detach.begin(), changes.to_detach.end(), fresh.name) ==
                changes.to_detach.end();
        if (!stays) changes.to_attach.push_back(fresh.name);
    }
    return changes;
}

}  // namespace graphhook::app
