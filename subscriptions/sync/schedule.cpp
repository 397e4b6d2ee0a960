#include "subscriptions/sync/schedule.hpp"

#include "core/digest.hpp"

#include <algorithm>
#include <array>

namespace graphhook::subscriptions {

using std::chrono::milliseconds;

std::uint8_t urgency_of(std::string_view reason) noexcept {
    constexpr std::array<std::string_view, 5> kSoon{
        "missed", "recreated", "gap", "signal", "operator"
    };
    if (std::ranges::find(kSoon, reason) != kSoon.end()) return 0;
    return reason == "daily" ? 2 : 1;
}

NextRound next_round(const store::SyncState& state, const Rhythm& rhythm) {
    NextRound next;
    if (state.wanted_at != SystemTime{}) {
        next.at = state.wanted_at;
        next.urgency = urgency_of(state.reason);
        if (state.reason == "signal") next.at = std::max(next.at, state.swept_at + kSignalGap);
    } else if (state.swept_at == SystemTime{}) {
        next.urgency = 1;
        next.reason = "baseline";
    } else if (rhythm.polled) {
        next.at = state.swept_at + rhythm.every;
        next.urgency = 1;
        next.reason = "poll";
    } else {
        // The target's own time of the day: the first after the last round.
        const auto every = std::max<std::int64_t>(
            std::chrono::duration_cast<std::chrono::microseconds>(rhythm.every).count(), 1'000'000
        );
        const auto own = static_cast<std::int64_t>(
            first64(sha256(rhythm.seed)) % static_cast<std::uint64_t>(every)
        );
        const std::int64_t swept = state.swept_at.time_since_epoch().count();
        std::int64_t slots = (swept - own) / every;
        if (swept < own) --slots;
        next.at = SystemTime(std::chrono::microseconds((slots + 1) * every + own));
        next.reason = "daily";
    }
    next.at = std::max(next.at, state.attempt_at);
    return next;
}

milliseconds retry_after(std::uint32_t failures, std::string_view seed) {
    const std::uint32_t times = std::min<std::uint32_t>(failures == 0 ? 0 : failures - 1, 10);
    const milliseconds plain = std::min<milliseconds>(
        std::chrono::minutes(1) * (std::int64_t{1} << times), std::chrono::hours(1)
    );
    const auto tenth = plain.count() / 10;
    return plain - milliseconds(static_cast<std::int64_t>(
                       first64(sha256(seed)) % static_cast<std::uint64_t>(tenth)
                   ));
}

void Silence::arrived(SystemTime at) {
    if (at <= arrived_) return;
    arrived_ = at;
    times_ = 0;
}

std::optional<SystemTime> Silence::due(milliseconds longest) const {
    if (arrived_ == SystemTime{} || longest <= milliseconds{0}) return std::nullopt;
    return std::max(arrived_, asked_) +
           longest * (std::int64_t{1} << std::min<std::uint32_t>(times_, 10));
}

void Silence::asked(SystemTime at) {
    asked_ = at;
    ++times_;
}

}  // namespace graphhook::subscriptions
