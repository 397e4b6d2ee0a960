#include "authenticity/fetch_schedule.hpp"

#include "tests/authenticity/token_fixture.hpp"

#include <gtest/gtest.h>

namespace graphhook::authenticity::test {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

TEST(FetchScheduleTest, IsDueAtOnceUntilSomethingWasTried) {
    FetchSchedule schedule(kLogin, Version::V1);
    EXPECT_EQ(schedule.due(kNow), kNow);
    EXPECT_EQ(schedule.due(kNow + hours(9)), kNow + hours(9));
}

TEST(FetchScheduleTest, AFleetDoesNotAskAllAtOnce) {
    FetchSchedule one(kLogin, Version::V1);
    FetchSchedule two(kLogin, Version::V2);
    one.succeeded(kNow, false);
    two.succeeded(kNow, false);
    EXPECT_NE(one.due(kNow), two.due(kNow));
    const auto first = one.due(kNow);
    one.succeeded(kNow + seconds(1), false);
    EXPECT_NE(one.due(kNow + seconds(1)), first + seconds(1));
    EXPECT_LE(one.due(kNow + seconds(1)), kNow + hours(24) + seconds(1));
}

TEST(FetchScheduleTest, AClockThatWasSetBackDelaysNothing) {
    FetchSchedule schedule(kLogin, Version::V1);
    schedule.succeeded(kNow, false);
    EXPECT_EQ(schedule.due(kNow - hours(100)), kNow - hours(100));
    schedule.key_wanted();
    schedule.began(kNow);
    schedule.succeeded(kNow - minutes(1), false);
    schedule.key_wanted();
    EXPECT_EQ(schedule.due(kNow - minutes(1)), kNow - minutes(1));
}

TEST(FetchScheduleTest, AWantedKeyGoesBeforePatienceButNotTwiceInFiveMinutes) {
    FetchSchedule schedule(kLogin, Version::V1);
    for (int i = 0; i < 20; ++i) schedule.failed(kNow);
    EXPECT_GT(schedule.due(kNow), kNow + minutes(10));
    EXPECT_LE(schedule.due(kNow), kNow + minutes(15));
    schedule.key_wanted();
    EXPECT_EQ(schedule.due(kNow), kNow);
    schedule.began(kNow);
    schedule.failed(kNow);
    schedule.key_wanted();
    EXPECT_EQ(schedule.due(kNow), kNow + minutes(5));
}

TEST(FetchScheduleTest, WhoeverWantedKeysBeforeThereWereAnyDelaysNoLaterKey) {
    FetchSchedule schedule(kLogin, Version::V1);
    schedule.key_wanted();
    schedule.began(kNow);
    schedule.key_wanted();  // meanwhile
    schedule.first_came();
    schedule.succeeded(kNow, false);
    EXPECT_GT(schedule.due(kNow), kNow + hours(1));
    schedule.key_wanted();
    EXPECT_EQ(schedule.due(kNow + seconds(1)), kNow + seconds(1));
    schedule.began(kNow + seconds(1));
    schedule.succeeded(kNow + seconds(1), false);
    schedule.key_wanted();
    EXPECT_EQ(schedule.due(kNow + seconds(2)), kNow + seconds(1) + minutes(5));
}

TEST(FetchScheduleTest, SuccessEndsTheGrowthOfPatience) {
    FetchSchedule schedule(kLogin, Version::V1);
    for (int i = 0; i < 5; ++i) schedule.failed(kNow);
    schedule.succeeded(kNow, false);
    schedule.failed(kNow);
    EXPECT_LE(schedule.due(kNow), kNow + seconds(30));
}

}  // namespace
}  // namespace graphhook::authenticity::test
