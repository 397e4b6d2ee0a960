#pragma once

#include "core/error.hpp"
#include "emulator/user_notifications/posted.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace graphhook::emulator {

/// What is registered of app services as cross-device apps (protocol 10.8), and which of them are
/// blocked. An app without a registration takes every host name and platform. Ids are compared in
/// any case.
class CrossDeviceApps {
  public:
    /// {"appId":"…","hosts":["notify.example.com"],"platforms":["windows","ios"]}: replaces the
    /// app's registration. Absent or empty lists: all. Errc::BadInput.
    [[nodiscard]] Result<void> put(const boost::json::object& json);
    bool remove(std::string_view app);
    /// Whether the host name is verified for the app.
    [[nodiscard]] bool has_host(std::string_view app, std::string_view host) const;
    [[nodiscard]] bool has_platform(std::string_view app, Platform platform) const;

    void block(std::string_view app);
    bool unblock(std::string_view app);
    [[nodiscard]] bool blocked(std::string_view app) const;

    [[nodiscard]] boost::json::array to_json() const;
    [[nodiscard]] boost::json::array blocked_to_json() const;
    void clear() { apps_.clear(); }
    void unblock_all() { blocked_.clear(); }

  private:
    struct Registration {
        std::vector<std::string> hosts;
        std::vector<Platform> platforms;
    };
    std::map<std::string, Registration> apps_;  // by id in lower case
    std::set<std::string> blocked_;             // in lower case
};

}  // namespace graphhook::emulator
