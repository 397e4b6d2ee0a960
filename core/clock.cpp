#include "core/clock.hpp"

namespace graphhook {
namespace {

class RealClock final : public Clock {
  public:
    SystemTime system_now() const override {
        return std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
    }
    SteadyTime steady_now() const override { return std::chrono::steady_clock::now(); }
};

}  // namespace

Clock& real_clock() {
    static RealClock clock;
    return clock;
}

}  // namespace graphhook
