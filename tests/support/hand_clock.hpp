#pragma once

#include "core/clock.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>

namespace graphhook::test {

/// A clock that only moves when it is told to. Threads: any.
class HandClock : public Clock {
  public:
    explicit HandClock(SystemTime start) : start_(start) {}
    [[nodiscard]] SystemTime system_now() const final {
        return start_ + std::chrono::microseconds(system_.load());
    }
    [[nodiscard]] SteadyTime steady_now() const final {
        return SteadyTime(std::chrono::hours(1'000)) + std::chrono::microseconds(steady_.load());
    }
    void advance(std::chrono::microseconds by) {
        system_ += by.count();
        steady_ += by.count();
    }
    void set(SystemTime now) {
        advance(std::chrono::duration_cast<std::chrono::microseconds>(now - system_now()));
    }
    /// The operator, or NTP.
    void set_wall_clock(std::chrono::microseconds by) { system_ += by.count(); }
    /// As none does: to see that it would be noticed.
    void turn_back_steady(std::chrono::microseconds by) { steady_ -= by.count(); }

  private:
    const SystemTime start_;
    std::atomic<std::int64_t> system_{0}, steady_{0};
};

}  // namespace graphhook::test
