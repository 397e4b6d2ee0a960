#pragma once

#include "core/clock.hpp"
#include "store/sync.hpp"
#include "subscriptions/graph/graph.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

namespace graphhook::subscriptions {

/// When the next round of a target is, and why. Times of equal urgency: the earliest first.
struct NextRound {
    SystemTime at;
    std::uint8_t urgency = 2;  ///< 0: soon; 1: in its turn; 2: when there is nothing else.
    std::string_view reason;   ///< Of a plan's own; empty: the state's.
};

/// What decides, beside the state.
struct Rhythm {
    bool polled = false;
    std::chrono::milliseconds every{std::chrono::hours(24)};
    std::string_view seed;  ///< Spreads the daily ones over the day: the target's own.
};

/// 0 for "missed", "recreated", "gap", "signal", "operator"; 2 for "daily"; 1 for all others.
[[nodiscard]] std::uint8_t urgency_of(std::string_view reason) noexcept;

/// Pure. A round that is wanted comes at once, signals a few seconds after the last; the first as
/// soon as may be; polls `every` after the last began; sweeps at the target's own time within
/// `every`. None before `attempt_at`.
[[nodiscard]] NextRound next_round(const store::SyncState& state, const Rhythm& rhythm);

/// How long after that many failures in a row: 1 min, doubled up to 1 h, 10 % spread by `seed`.
[[nodiscard]] std::chrono::milliseconds retry_after(std::uint32_t failures, std::string_view seed);

/// Signals of one target make at most one round in this time.
inline constexpr std::chrono::seconds kSignalGap{5};

/// How long a feed of one configured name may be silent before it is asked, doubling while it
/// stays so.
class Silence {
  public:
    /// Something came: not silent.
    void arrived(SystemTime at);
    /// When it is silent for too long; nothing: never, as nothing ever came or `longest` is zero.
    [[nodiscard]] std::optional<SystemTime> due(std::chrono::milliseconds longest) const;
    /// It was asked because of it.
    void asked(SystemTime at);

  private:
    SystemTime arrived_, asked_;
    std::uint32_t times_ = 0;
};

}  // namespace graphhook::subscriptions
