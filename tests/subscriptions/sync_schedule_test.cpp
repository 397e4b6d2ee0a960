#include "subscriptions/sync/schedule.hpp"
#include "tests/subscriptions/sync_fakes.hpp"

#include <gtest/gtest.h>

#include <map>

namespace graphhook::subscriptions {
namespace {

using namespace std::chrono_literals;
using test::kNow;

store::SyncState swept_at(SystemTime at) {
    store::SyncState state;
    state.baseline_at = state.swept_at = at;
    return state;
}

TEST(ScheduleTest, AFirstRoundIsDueAtOnce) {
    const auto next = next_round({}, {});
    EXPECT_LE(next.at, kNow);
    EXPECT_EQ(next.reason, "baseline");
    EXPECT_EQ(next.urgency, 1);
}

TEST(ScheduleTest, WhatWasMissedGoesBeforeWhatIsDaily) {
    auto state = swept_at(kNow - 1h);
    state.wanted_at = kNow;
    state.reason = "missed";
    EXPECT_EQ(next_round(state, {}).at, kNow);
    EXPECT_EQ(next_round(state, {}).urgency, 0);
    EXPECT_LT(urgency_of("missed"), urgency_of("silence"));
    EXPECT_LT(urgency_of("silence"), urgency_of("daily"));
}

TEST(ScheduleTest, DailySweepsAreSpreadOverTheDayAndNeverFurtherThanADayApart) {
    std::map<std::int64_t, int> hours;
    for (int i = 0; i < 2'400; ++i) {
        const std::string seed = "mail/" + std::to_string(i);
        const Rhythm rhythm{false, 24h, seed};
        const auto next = next_round(swept_at(kNow), rhythm);
        EXPECT_EQ(next.reason, "daily");
        EXPECT_GT(next.at, kNow);
        EXPECT_LE(next.at, kNow + 24h);
        EXPECT_EQ(next_round(swept_at(next.at), rhythm).at, next.at + 24h);
        ++hours[(next.at - kNow) / 1h];
    }
    for (const auto& [hour, count] : hours) EXPECT_LT(count, 200) << hour;
    EXPECT_GE(hours.size(), 24U);
}

TEST(ScheduleTest, SignalsMakeARoundEveryFewSecondsAtMost) {
    auto state = swept_at(kNow);
    state.wanted_at = kNow + 1s;
    state.reason = "signal";
    EXPECT_EQ(next_round(state, {}).at, kNow + kSignalGap);
}

TEST(ScheduleTest, PollsFollowEachOtherAtTheirOwnPace) {
    EXPECT_EQ(next_round(swept_at(kNow), {true, 5min, "alerts"}).at, kNow + 5min);
}

TEST(ScheduleTest, NothingIsTriedBeforeItsBackOffIsOver) {
    auto state = swept_at(kNow - 2h);
    state.wanted_at = kNow - 1h;
    state.reason = "missed";
    state.attempt_at = kNow + 10min;
    EXPECT_EQ(next_round(state, {}).at, kNow + 10min);
}

TEST(ScheduleTest, FailuresBackOffFromAMinuteToAnHour) {
    EXPECT_LE(retry_after(1, "a"), 1min);
    EXPECT_GE(retry_after(1, "a"), 54s);
    EXPECT_LE(retry_after(50, "a"), 1h);
    EXPECT_GE(retry_after(50, "a"), 54min);
    EXPECT_NE(retry_after(3, "a"), retry_after(3, "b"));
}

TEST(ScheduleTest, SilenceIsAskedOnlyWhereSomethingEverCameAndLessOftenWhileItLasts) {
    Silence silence;
    EXPECT_FALSE(silence.due(6h));
    silence.arrived(kNow);
    EXPECT_FALSE(silence.due(0ms));
    EXPECT_EQ(silence.due(6h), kNow + 6h);
    silence.asked(kNow + 6h);
    EXPECT_EQ(silence.due(6h), kNow + 18h);
    silence.asked(kNow + 18h);
    EXPECT_EQ(silence.due(6h), kNow + 42h);
    silence.arrived(kNow + 20h);
    EXPECT_EQ(silence.due(6h), kNow + 26h);
}

}  // namespace
}  // namespace graphhook::subscriptions
