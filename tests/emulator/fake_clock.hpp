#pragma once

#include "core/clock.hpp"

#include <atomic>

namespace graphhook::emulator::test {

/// Stands still until it is told to go on; both faces move together.
class FakeClock final : public Clock {
  public:
    [[nodiscard]] SystemTime system_now() const override {
        return start_ + std::chrono::microseconds(passed_.load());
    }
    [[nodiscard]] SteadyTime steady_now() const override {
        return SteadyTime(std::chrono::hours(1000)) + std::chrono::microseconds(passed_.load());
    }
    void advance(std::chrono::microseconds time) { passed_ += time.count(); }

  private:
    const SystemTime start_ =
        std::chrono::sys_days(std::chrono::year(2026) / 11 / 21) + std::chrono::hours(8);
    std::atomic<std::int64_t> passed_{0};
};

}  // namespace graphhook::emulator::test
