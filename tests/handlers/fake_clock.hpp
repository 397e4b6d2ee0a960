#pragma once

#include "tests/support/hand_clock.hpp"

namespace graphhook::handlers {

/// Stands still until it is moved; both faces move together.
class FakeClock final : public graphhook::test::HandClock {
  public:
    FakeClock() : HandClock(std::chrono::sys_days(std::chrono::year(2026) / 11 / 21)) {}
};

}  // namespace graphhook::handlers
