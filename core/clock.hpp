#pragma once

#include <chrono>

namespace graphhook {

/// Wall-clock instants: expiry, tokens, what is stored and shown. Microseconds since the Unix
/// epoch.
using SystemTime = std::chrono::sys_time<std::chrono::microseconds>;
/// Deadlines, leases and back-off within this process.
using SteadyTime = std::chrono::steady_clock::time_point;

/// The two faces of time, injected wherever a decision depends on it. Threads: any.
class Clock {
  public:
    virtual ~Clock() = default;
    [[nodiscard]] virtual SystemTime system_now() const = 0;
    [[nodiscard]] virtual SteadyTime steady_now() const = 0;
};

/// The machine's own clocks; lives as long as the process.
Clock& real_clock();

}  // namespace graphhook
