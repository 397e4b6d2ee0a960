#pragma once

#include "core/clock.hpp"
#include "emulator/http.hpp"
#include "emulator/identity/identity.hpp"
#include "emulator/user_notifications/service.hpp"

#include <boost/json/object.hpp>

#include <string_view>

namespace graphhook::emulator {

/// The device's side of user notifications, below /emulator/user-notifications/. How the real
/// client SDK spoke with the service is not known; this is our own HTTP API
/// (docs/graph-emulator.md).
///
/// - below /me/: for client apps, with an access token for Graph of the signed-in user. Counts
///   against the user's limits.
/// - the rest: for tests and the program's commands, as all of the control API without a token.
/// One thread.
class EndpointApi {
  public:
    /// All must outlive it.
    EndpointApi(UserNotifications& service, Identity& identity, const Clock& clock)
        : service_(service), identity_(identity), clock_(clock) {}

    [[nodiscard]] static bool serves(std::string_view path) {
        return path.starts_with("/emulator/user-notifications/");
    }
    [[nodiscard]] Response handle(const Request& request);

  private:
    struct Route;
    [[nodiscard]] Response for_user(const Request& request, const Route& route);
    [[nodiscard]] Response for_anyone(const Request& request, const Route& route);
    [[nodiscard]] Response on_endpoint(
        const Request& request, const Route& route, const boost::json::object& body, bool user
    );
    [[nodiscard]] Response register_for(const Caller& caller, const boost::json::object& body);
    [[nodiscard]] Response register_any(const boost::json::object& body);
    [[nodiscard]] Response apps(const Request& request, const boost::json::object& body);
    [[nodiscard]] Response blocked(const Request& request, const boost::json::object& body);
    [[nodiscard]] Response unauthenticated(std::string_view code, std::string_view message) const;

    UserNotifications& service_;
    Identity& identity_;
    const Clock& clock_;
};

}  // namespace graphhook::emulator
