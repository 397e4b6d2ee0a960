#pragma once

#include "core/error.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace graphhook::app {

/// Tells systemd how we are, in the datagrams that sd_notify(3) sends (READY=1, STOPPING=1, …),
/// without its library. Where nobody listens, all of it does nothing. Threads: any.
class ServiceManager {
  public:
    /// `address`: the value of NOTIFY_SOCKET, a path or, after '@', an abstract name; empty: nobody
    /// listens. `watchdog`: how often a sign of life is expected.
    ServiceManager(std::string address, std::optional<std::chrono::microseconds> watchdog);

    /// Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID, and takes them out of the environment
    /// so that no child believes they are meant for it.
    static ServiceManager from_environment();

    /// Takes connections now.
    void ready(std::string_view status) const;
    /// A reload has begun; `ready` ends it.
    void reloading() const;
    void stopping(std::string_view status) const;
    /// A sign of life, to be given at least every `watchdog_period()`.
    void alive() const;
    /// Half of what the manager waits for; absent: it does not.
    [[nodiscard]] std::optional<std::chrono::microseconds> watchdog_period() const;

  private:
    void tell(std::string_view message) const;
    std::string address_;
    std::optional<std::chrono::microseconds> watchdog_;
};

}  // namespace graphhook::app
