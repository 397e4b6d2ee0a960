#pragma once

#include "core/clock.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace graphhook::handlers {

struct CircuitBreakerOptions {
    /// So many deliveries that fail on the target one after the other, each by itself, open it.
    std::uint32_t threshold = 5;
    std::chrono::milliseconds first{1'000};     ///< Stays open this long at first, and doubles …
    std::chrono::milliseconds longest{60'000};  ///< … up to this; half of it is jitter.
    /// A target that names a time (Retry-After) is left alone that long, but a lone answer cannot
    /// silence it for longer than this.
    std::chrono::milliseconds longest_asked{15 * 60'000};
};

/// Decides whether a handler's target is asked, and how much at a time. Pure: time and chance are
/// given to it.
///
/// The question behind it: is it the target that fails, or one delivery that makes it fail? An
/// answer 500 does not tell. So what fails is tried alone before the target is blamed:
/// - A batch of several that fails as a whole proves nothing: it is given back, and the next
///   batches are of one. With each success they double again, up to the handler's own limit.
/// - A delivery that fails alone is retried later, durably, with back-off; what has the same order
///   key waits behind it and all others go on.
/// - `threshold` such failures without a success between them open the circuit: nothing is handed
///   over, what is leased is given back. A target that says how long to wait opens it at once.
/// - When the time has come, one delivery is the probe. Success closes the circuit; failure keeps
/// it
///   open for longer, and the probe is retried later, so that the next probe is another delivery:
///   one poisoned item never keeps a circuit open.
/// - An answer about the item (400, dead) or about its recipient (a user's limit is used up) comes
///   from a target that works: it counts as a success.
class CircuitBreaker {
  public:
    enum class State : std::uint8_t { Closed, Open, HalfOpen };

    CircuitBreaker(CircuitBreakerOptions options, std::size_t batch_limit)
        : options_(options), batch_limit_(batch_limit), size_(batch_limit) {}

    struct Admission {
        std::size_t batch = 0;  ///< The most deliveries in one batch; 0: none now.
        bool probe = false;     ///< One delivery, then wait for its outcome.
    };
    [[nodiscard]] Admission admission(SteadyTime now);
    void probe_started() { probing_ = true; }
    /// There was nothing to probe with, or it was given back.
    void probe_lapsed() { probing_ = false; }

    /// What one batch told about the target.
    struct Batch {
        std::size_t healthy = 0;  ///< Done, dead, or a retry not blamed on the target.
        std::size_t failed = 0;   ///< Retries blamed on the target.
        bool probe = false;
        std::optional<std::chrono::milliseconds> asked;  ///< The longest delay the target named.
    };
    enum class Advice : std::uint8_t {
        Retry,      ///< The failed ones are retried durably.
        RetrySoon,  ///< The same, and not later than `longest`: it was a probe.
        Release     ///< They are given back: they prove nothing, or the circuit is open already.
    };
    [[nodiscard]] Advice record(const Batch& batch, SteadyTime now, double random);

    [[nodiscard]] State state() const noexcept { return state_; }
    /// The most deliveries in one batch of what is leased already.
    [[nodiscard]] std::size_t batch_size() const noexcept { return size_; }
    /// Open: when the probe may go.
    [[nodiscard]] SteadyTime until() const noexcept { return until_; }
    [[nodiscard]] const CircuitBreakerOptions& options() const noexcept { return options_; }

  private:
    void open(SteadyTime now, double random, std::optional<std::chrono::milliseconds> asked);

    const CircuitBreakerOptions options_;
    const std::size_t batch_limit_;
    std::size_t size_;
    State state_ = State::Closed;
    bool probing_ = false;
    std::uint32_t failures_ = 0;  ///< In a row.
    std::uint32_t openings_ = 0;  ///< Since it was last closed.
    SteadyTime until_{};
};

}  // namespace graphhook::handlers
