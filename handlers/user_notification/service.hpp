#pragma once

#include "core/clock.hpp"
#include "core/error.hpp"
#include "core/http_client.hpp"
#include "core/secret.hpp"

#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

namespace graphhook::handlers {

/// One tenant's way to the service. Threads: any.
class NotificationAccess {
  public:
    virtual ~NotificationAccess() = default;
    /// Graph of the tenant's cloud: "https://graph.microsoft.com".
    [[nodiscard]] virtual std::string graph() const = 0;
    /// Its tokens are a signed-in user's: who is told is that user, and no UNSID is needed.
    [[nodiscard]] virtual bool delegated() const = 0;
    /// Trusts the authorities of the tenant's cloud.
    [[nodiscard]] virtual HttpClient& http() = 0;
    /// A token that is good for a while. An error: one line that says what is in the way.
    [[nodiscard]] virtual Result<Secret> token(std::stop_token stop) = 0;
    /// `token` was refused: the next is another. `claims`: of a claims challenge (JSON), or empty.
    virtual void refused(const Secret& token, std::string_view claims) = 0;
};

/// What user notifications need of the world; app implements it. Threads: any that may block.
class NotificationWorld {
  public:
    virtual ~NotificationWorld() = default;
    /// Of the configured tenant; nullptr: there is none of that name (any more).
    [[nodiscard]] virtual std::shared_ptr<NotificationAccess> access(std::string_view tenant) = 0;
    /// The UNSID, live at `now`, that was handed in last for that user; nothing: there is none.
    [[nodiscard]] virtual Result<std::optional<std::string>> unsid_of(
        std::string_view tenant, std::string_view user_id, SystemTime now
    ) = 0;
    /// Fresh, for client-request-id.
    [[nodiscard]] virtual std::string new_guid() = 0;
};

}  // namespace graphhook::handlers
