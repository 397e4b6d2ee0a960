#pragma once

#include "core/clock.hpp"
#include "handlers/handler.hpp"
#include "handlers/options.hpp"
#include "store/notification.hpp"

#include <chrono>
#include <cstdint>
#include <string>

namespace graphhook::handlers {

/// What a settlement needs to know of the delivery that was leased.
struct Ticket {
    store::NotificationId id;
    std::uint32_t attempt = 1;
    std::uint32_t used = 0;
    SystemTime received_at;
    SteadyTime leased_at;
    bool rich = false;  ///< It has to be proved before it is handed over.
};

/// A target is never given up before this many tries, however old the delivery is.
inline constexpr std::uint32_t kLeastTries = 3;

/// The wait before try number `tries` + 1: `random` (0 <= random < 1) times the doubled `first`,
/// which stops at `longest`. Full jitter: what failed together does not come back together.
[[nodiscard]] std::chrono::milliseconds back_off(
    std::uint32_t tries, const RetryOptions& options, double random
);

/// What the store is told about one delivery, after one answer of its handler. Pure.
/// Done and Dead are taken as they are. A retry blamed on the item uses up an attempt and is dead
/// when `attempts` are used up; any other uses up none and is dead only when it is older than
/// `max_age` and was tried at least kLeastTries times. A delay that the handler asked
/// for is a lower bound of the wait. The outcome's receipt goes along, unless it is longer than
/// 2,000 bytes.
[[nodiscard]] store::Settlement decide(
    const Outcome& outcome, const Ticket& ticket, const RetryOptions& options, SystemTime now,
    double random
);

/// Gives the delivery back as if it had never been leased.
[[nodiscard]] store::Settlement give_back(const Ticket& ticket, SystemTime now);

}  // namespace graphhook::handlers
