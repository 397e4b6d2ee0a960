#pragma once

#include <atomic>

namespace graphhook::receiver {

/// What /readyz says. Alive is whoever answers; ready is whoever should be sent requests. Trouble
/// of the store does not show here: it is answered with 503 and seen in the metrics. Threads: any.
class Health {
  public:
    enum class State : unsigned char { Starting, Ready, Draining };
    void set(State state) noexcept { state_.store(state, std::memory_order_relaxed); }
    [[nodiscard]] State state() const noexcept { return state_.load(std::memory_order_relaxed); }

  private:
    std::atomic<State> state_{State::Starting};
};

}  // namespace graphhook::receiver
