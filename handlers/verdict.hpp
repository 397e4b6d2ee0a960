#pragma once

#include "handlers/circuit_breaker.hpp"
#include "handlers/retry_policy.hpp"

#include <array>
#include <cstddef>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

namespace graphhook::handlers {

/// What became of a delivery, as counted.
enum class Became : std::uint8_t {
    Done,
    RetryItem,
    RetryTarget,
    Dead,
    Released,
    Waits,        ///< Given back until it can be proved.
    Quarantined,  ///< Proved false.
    RetryRecipient,
};
inline constexpr std::size_t kBecameCount = 8;
std::string_view to_string(Became became) noexcept;

/// What a batch comes to.
struct Verdict {
    std::vector<store::Settlement> settlements;  ///< One each, in the order of the tickets.
    std::array<std::size_t, kBecameCount> counts{};
    std::string reason;  ///< Of the first that failed on the target.
};

/// Facts of the moment that a verdict depends on.
struct Moment {
    SystemTime system;
    SteadyTime steady;
    std::function<double()> random;  ///< 0 <= r < 1
    bool probe = false;
    bool stopping = false;  ///< The handler was told to stop: what failed is given back.
};

/// Turns a handler's answers into settlements and tells the breaker what they say about the target.
/// `outcomes` may be short: what is missing is a retry blamed on the target. Pure but for
/// `breaker`.
[[nodiscard]] Verdict judge(
    std::span<const Ticket> tickets, std::vector<Outcome> outcomes, const RetryOptions& options,
    CircuitBreaker& breaker, const Moment& moment
);

}  // namespace graphhook::handlers
