#pragma once

#include "tests/support/hand_clock.hpp"

namespace graphhook::emulator::test {

/// Stands still until it is told to go on; both faces move together.
class FakeClock final : public graphhook::test::HandClock {
  public:
    FakeClock()
        : HandClock(
              std::chrono::sys_days(std::chrono::year(2026) / 11 / 21) + std::chrono::hours(8)
          ) {}
};

}  // namespace graphhook::emulator::test
