#include "handlers/circuit_breaker.hpp"

#include "handlers/verdict.hpp"

#include <gtest/gtest.h>

namespace graphhook::handlers {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using Advice = CircuitBreaker::Advice;
using State = CircuitBreaker::State;

const SteadyTime kStart{hours(5)};
constexpr CircuitBreaker::Batch kOneFails{.healthy = 0, .failed = 1};
constexpr CircuitBreaker::Batch kOneWorks{.healthy = 1, .failed = 0};

/// With `random` 1 the jitter is at its most: the whole back-off.
void open_it(CircuitBreaker& breaker) {
    for (std::uint32_t i = 0; i < breaker.options().threshold; ++i) {
        (void)breaker.record(kOneFails, kStart, 1);
    }
    ASSERT_EQ(breaker.state(), State::Open);
}

TEST(CircuitBreakerTest, OpensAfterSoManyLoneFailuresInARow) {
    CircuitBreaker breaker({}, 1);
    for (int i = 0; i < 4; ++i) {
        EXPECT_EQ(breaker.record(kOneFails, kStart, 1), Advice::Retry);
        EXPECT_EQ(breaker.state(), State::Closed);
    }
    EXPECT_EQ(breaker.record(kOneFails, kStart, 1), Advice::Retry);
    EXPECT_EQ(breaker.state(), State::Open);
    EXPECT_EQ(breaker.admission(kStart).batch, 0U);
}

TEST(CircuitBreakerTest, OnePoisonedItemAmongHealthyOnesNeverOpensIt) {
    CircuitBreaker breaker({}, 1);
    for (int i = 0; i < 100; ++i) {
        EXPECT_EQ(breaker.record(kOneFails, kStart, 1), Advice::Retry);
        (void)breaker.record(kOneWorks, kStart, 1);
    }
    EXPECT_EQ(breaker.state(), State::Closed);
}

TEST(CircuitBreakerTest, BatchThatFailsAsAWholeIsGivenBackAndTriedOneByOne) {
    CircuitBreaker breaker({}, 256);
    EXPECT_EQ(breaker.admission(kStart).batch, 256U);
    EXPECT_EQ(breaker.record({.healthy = 0, .failed = 256}, kStart, 1), Advice::Release);
    EXPECT_EQ(breaker.state(), State::Closed);
    EXPECT_EQ(breaker.admission(kStart).batch, 1U);
    std::size_t expected = 1;
    for (int i = 0; i < 10; ++i) {
        (void)breaker.record(kOneWorks, kStart, 1);
        expected = std::min<std::size_t>(expected * 2, 256);
        EXPECT_EQ(breaker.admission(kStart).batch, expected);
    }
}

TEST(CircuitBreakerTest, BatchOfWhichSomeWorkIsNoReasonToOpen) {
    CircuitBreaker breaker({}, 256);
    for (int i = 0; i < 20; ++i) {
        EXPECT_EQ(breaker.record({.healthy = 3, .failed = 9}, kStart, 1), Advice::Retry);
    }
    EXPECT_EQ(breaker.state(), State::Closed);
}

TEST(CircuitBreakerTest, LetsOneProbeThroughWhenTheTimeHasComeAndClosesOnSuccess) {
    CircuitBreaker breaker({}, 256);
    open_it(breaker);
    EXPECT_EQ(breaker.until(), kStart + seconds(1));
    EXPECT_EQ(breaker.admission(kStart + milliseconds(999)).batch, 0U);
    const auto admitted = breaker.admission(kStart + seconds(1));
    EXPECT_TRUE(admitted.probe);
    EXPECT_EQ(admitted.batch, 1U);
    breaker.probe_started();
    EXPECT_EQ(breaker.admission(kStart + seconds(9)).batch, 0U) << "one probe at a time";
    (void)breaker.record({.healthy = 1, .failed = 0, .probe = true}, kStart + seconds(9), 1);
    EXPECT_EQ(breaker.state(), State::Closed);
}

TEST(CircuitBreakerTest, ProbeThatFailsKeepsItOpenForLongerAndIsRetriedSoSomethingElseIsNext) {
    CircuitBreaker breaker({}, 1);
    open_it(breaker);
    auto now = kStart;
    for (const auto wait : {1, 2, 4, 8, 16, 32, 60, 60}) {
        EXPECT_EQ(breaker.until() - now, seconds(wait));
        now = breaker.until();
        ASSERT_TRUE(breaker.admission(now).probe);
        breaker.probe_started();
        EXPECT_EQ(
            breaker.record({.healthy = 0, .failed = 1, .probe = true}, now, 1), Advice::RetrySoon
        );
    }
}

TEST(CircuitBreakerTest, HalfOfTheBackOffIsJitter) {
    CircuitBreaker breaker({}, 1);
    for (int i = 0; i < 5; ++i) (void)breaker.record(kOneFails, kStart, 0);
    EXPECT_EQ(breaker.until(), kStart + milliseconds(500));
}

TEST(CircuitBreakerTest, ProbeThatFoundNothingToDoCanGoAgain) {
    CircuitBreaker breaker({}, 1);
    open_it(breaker);
    ASSERT_TRUE(breaker.admission(kStart + seconds(1)).probe);
    breaker.probe_started();
    breaker.probe_lapsed();
    EXPECT_TRUE(breaker.admission(kStart + seconds(1)).probe);
}

TEST(CircuitBreakerTest, TargetThatSaysHowLongToWaitOpensItAtOnceForThatLong) {
    CircuitBreaker breaker({}, 1);
    EXPECT_EQ(
        breaker.record({.healthy = 0, .failed = 1, .asked = seconds(30)}, kStart, 1), Advice::Retry
    );
    EXPECT_EQ(breaker.state(), State::Open);
    EXPECT_EQ(breaker.until(), kStart + seconds(30));
    CircuitBreaker greedy({}, 1);
    (void)greedy.record({.healthy = 0, .failed = 1, .asked = hours(24)}, kStart, 1);
    EXPECT_EQ(greedy.until(), kStart + minutes(15)) << "a lone answer is not believed for a day";
}

TEST(CircuitBreakerTest, WhatComesBackFailedWhileItIsOpenIsGivenBackUnwritten) {
    CircuitBreaker breaker({}, 1);
    open_it(breaker);
    const auto until = breaker.until();
    EXPECT_EQ(breaker.record(kOneFails, kStart, 1), Advice::Release);
    (void)breaker.record(kOneWorks, kStart, 1);
    EXPECT_EQ(breaker.state(), State::Open) << "it began before the circuit opened";
    EXPECT_EQ(breaker.until(), until);
}

std::vector<Ticket> tickets(int count) {
    std::vector<Ticket> list;
    for (int i = 1; i <= count; ++i) list.push_back({{i}, 1, 0, {}, {}});
    return list;
}
const Moment kMoment{SystemTime{hours(1)}, kStart, [] { return 0.5; }};

TEST(VerdictTest, HealthyOnesOfABatchAreDoneWhateverBecomesOfTheOthers) {
    CircuitBreaker breaker({}, 8);
    const auto verdict = judge(
        tickets(4),
        {Outcome::done(), Outcome::retry_target("HTTP 500"), Outcome::dead("no"),
         Outcome::retry_item("HTTP 400")},
        {}, breaker, kMoment
    );
    using store::SettleAs;
    EXPECT_EQ(verdict.settlements[0].as, SettleAs::Done);
    EXPECT_EQ(verdict.settlements[1].as, SettleAs::Retry);
    EXPECT_EQ(verdict.settlements[1].used, 0U);
    EXPECT_EQ(verdict.settlements[2].as, SettleAs::Dead);
    EXPECT_EQ(verdict.settlements[3].as, SettleAs::Retry);
    EXPECT_EQ(verdict.settlements[3].used, 1U);
    EXPECT_EQ(verdict.counts, (std::array<std::size_t, kBecameCount>{1, 1, 1, 1, 0}));
}

TEST(VerdictTest, RecipientWhoTakesNoMoreNowUsesUpNothingAndOpensNoCircuit) {
    CircuitBreaker breaker({}, 1);
    for (int i = 0; i < 50; ++i) {
        auto list = tickets(1);
        list[0].attempt = 40;
        const auto verdict =
            judge(list, {Outcome::retry_recipient("HTTP 406", seconds(300))}, {}, breaker, kMoment);
        EXPECT_EQ(verdict.settlements[0].as, store::SettleAs::Retry);
        EXPECT_EQ(verdict.settlements[0].used, 0U);
        EXPECT_GE(verdict.settlements[0].at, kMoment.system + seconds(300));
        EXPECT_EQ(verdict.counts[static_cast<std::size_t>(Became::RetryRecipient)], 1U);
    }
    EXPECT_EQ(breaker.state(), CircuitBreaker::State::Closed);
}

TEST(VerdictTest, ProbeThatOnlyItsRecipientRefusesClosesTheCircuit) {
    CircuitBreaker breaker({}, 1);
    open_it(breaker);
    ASSERT_TRUE(breaker.admission(breaker.until()).probe);
    auto moment = kMoment;
    moment.steady = breaker.until();
    moment.probe = true;
    static_cast<void>(judge(tickets(1), {Outcome::retry_recipient("HTTP 406")}, {}, breaker, moment)
    );
    EXPECT_EQ(breaker.state(), CircuitBreaker::State::Closed);
}

TEST(VerdictTest, MissingOutcomesAreRetriesBlamedOnTheTarget) {
    CircuitBreaker breaker({}, 8);
    const auto verdict = judge(tickets(3), {Outcome::done()}, {}, breaker, kMoment);
    ASSERT_EQ(verdict.settlements.size(), 3U);
    EXPECT_EQ(verdict.settlements[0].as, store::SettleAs::Done);
    EXPECT_EQ(verdict.settlements[2].as, store::SettleAs::Retry);
    EXPECT_EQ(verdict.settlements[2].used, 0U);
    EXPECT_EQ(verdict.reason, "the handler gave no outcome for this delivery");
}

TEST(VerdictTest, OutcomesNobodyAskedForAreIgnored) {
    CircuitBreaker breaker({}, 8);
    const auto verdict =
        judge(tickets(1), {Outcome::done(), Outcome::dead("whose?")}, {}, breaker, kMoment);
    ASSERT_EQ(verdict.settlements.size(), 1U);
    EXPECT_EQ(verdict.settlements[0].as, store::SettleAs::Done);
}

TEST(VerdictTest, WhatFailsBecauseTheServiceStopsIsGivenBack) {
    CircuitBreaker breaker({}, 1);
    auto moment = kMoment;
    moment.stopping = true;
    const auto verdict = judge(tickets(1), {Outcome::retry_target("aborted")}, {}, breaker, moment);
    EXPECT_EQ(verdict.settlements[0].as, store::SettleAs::Release);
}

TEST(VerdictTest, ProbeIsRetriedWithinTheLongestTimeACircuitStaysOpen) {
    CircuitBreaker breaker({}, 1);
    open_it(breaker);
    ASSERT_TRUE(breaker.admission(breaker.until()).probe);
    auto moment = kMoment;
    moment.steady = breaker.until();
    moment.probe = true;
    auto list = tickets(1);
    list[0].attempt = 50;
    const auto verdict = judge(list, {Outcome::retry_target("HTTP 503")}, {}, breaker, moment);
    EXPECT_EQ(verdict.settlements[0].as, store::SettleAs::Retry);
    EXPECT_EQ(verdict.settlements[0].at, moment.system + seconds(30));
}

}  // namespace
}  // namespace graphhook::handlers
