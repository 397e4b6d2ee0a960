#pragma once

#include "core/clock.hpp"

#include <mutex>

namespace graphhook::handlers {

/// Stands still until it is moved; both faces move together.
class FakeClock final : public Clock {
  public:
    SystemTime system_now() const override {
        const std::lock_guard lock(mutex_);
        return system_;
    }
    SteadyTime steady_now() const override {
        const std::lock_guard lock(mutex_);
        return steady_;
    }
    void advance(std::chrono::milliseconds by) {
        const std::lock_guard lock(mutex_);
        system_ += by;
        steady_ += by;
    }

  private:
    mutable std::mutex mutex_;
    SystemTime system_ = SystemTime(std::chrono::sys_days(std::chrono::year(2026) / 11 / 21));
    SteadyTime steady_ = SteadyTime(std::chrono::hours(1'000));
};

}  // namespace graphhook::handlers
