#pragma once

#include "emulator/changes.hpp"
#include "emulator/data/world.hpp"
#include "emulator/faults.hpp"
#include "emulator/http.hpp"
#include "emulator/identity/identity.hpp"
#include "emulator/ledger.hpp"
#include "emulator/outbox.hpp"
#include "emulator/quotas.hpp"
#include "emulator/registry.hpp"
#include "emulator/stats.hpp"
#include "emulator/user_notifications/service.hpp"

#include <chrono>
#include <functional>
#include <string>

namespace graphhook::emulator {

/// What the control API steers. All must outlive it.
struct Controlled {
    Registry& registry;
    World& world;
    Quotas& quotas;
    Outbox& outbox;
    ChangeMaker& changes;
    Ledger& ledger;
    Faults& faults;
    Stats& stats;
    Clock& clock;
    Identity& identity;
    UserNotifications& user_notifications;
    /// Called when there are changes to make.
    std::function<void()> pump;
};

/// The control API below /emulator/: JSON in, JSON out. One thread.
class Control {
  public:
    explicit Control(Controlled controlled) : it_(std::move(controlled)) {}

    [[nodiscard]] static bool serves(std::string_view path) {
        return path == "/" || path.starts_with("/emulator/");
    }
    [[nodiscard]] Response handle(const Request& request);
    /// How far the clock is off on purpose: that of validation tokens, and of the header Date.
    [[nodiscard]] std::chrono::seconds clock_offset() const noexcept { return clock_offset_; }

  private:
    [[nodiscard]] Response status() const;
    [[nodiscard]] Response subscriptions(const Request& request) const;
    [[nodiscard]] Response ledger(const Request& request) const;
    [[nodiscard]] Response change(const boost::json::object& body);
    [[nodiscard]] Response fill(const boost::json::object& body);
    [[nodiscard]] Response mark(const boost::json::object& body);
    [[nodiscard]] Response lifecycle(const boost::json::object& body);
    [[nodiscard]] boost::json::array faults() const;
    [[nodiscard]] Response set_fault(const boost::json::object& body);
    [[nodiscard]] Response forget(std::string_view id);
    [[nodiscard]] Response keys(const boost::json::object& body);
    [[nodiscard]] Response set_clock(const boost::json::object& body);
    [[nodiscard]] Response reset(const boost::json::object& body);

    Controlled it_;
    std::chrono::seconds clock_offset_{0};
};

}  // namespace graphhook::emulator
