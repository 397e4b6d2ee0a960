#include "handlers/factory.hpp"

#include "core/log.hpp"
#include "handlers/builtin/file_handler.hpp"
#include "handlers/builtin/http_handler.hpp"
#include "handlers/builtin/log_handler.hpp"
#include "handlers/dispatcher.hpp"
#include "handlers/user_notification/user_notification_handler.hpp"

namespace graphhook::handlers {
namespace {

struct Make {
    const std::string& name;
    Clock& clock;
    std::uint32_t workers;
    bool resource_data;
    NotificationWorld* world;

    Result<MadeHandler> operator()(const LogOptions& options) const {
        // A log has many readers, and is kept where no content may be.
        if (resource_data) return fail(Errc::BadInput, "a log handler never gets resource data");
        return MadeHandler{std::make_unique<LogHandler>(options, log()), Dispatcher::kTimeLimit};
    }
    Result<MadeHandler> operator()(const FileOptions& options) const {
        if (options.path.empty()) return fail(Errc::BadInput, "a file handler needs a path");
        return MadeHandler{
            std::make_unique<FileHandler>(options, real_file_calls(), resource_data),
            Dispatcher::kTimeLimit
        };
    }
    Result<MadeHandler> operator()(const HttpOptions& options) const {
        auto handler = HttpHandler::make(options, clock, workers, resource_data);
        if (handler.has_error()) return handler.error();
        return MadeHandler{std::move(*handler), HttpHandler::time_limit(options)};
    }
    Result<MadeHandler> operator()(const UserNotificationOptions& options) const {
        if (world == nullptr)
            return fail(Errc::BadInput, "nothing gives user notifications their tokens and UNSIDs");
        auto handler = UserNotificationHandler::make(name, options, resource_data, clock, *world);
        if (handler.has_error()) return handler.error();
        return MadeHandler{std::move(*handler), UserNotificationHandler::time_limit(options)};
    }
};

}  // namespace

Result<MadeHandler> make_handler(
    const HandlerOptions& options, Clock& clock, NotificationWorld* world
) {
    return std::visit(
        Make{options.name, clock, options.workers, options.resource_data, world}, options.type
    );
}

}  // namespace graphhook::handlers
