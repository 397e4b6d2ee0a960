#include "handlers/retry_policy.hpp"

#include <gtest/gtest.h>

namespace graphhook::handlers {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;
using store::SettleAs;

const SystemTime kNow{std::chrono::sys_days(std::chrono::year(2026) / 11 / 21)};
constexpr double kAlmostOne = 0.999999;

Ticket ticket(std::uint32_t attempt, std::uint32_t used, milliseconds age = seconds(1)) {
    return {{7}, attempt, used, kNow - age, {}};
}

TEST(RetryPolicyTest, BackOffDoublesWithFullJitterUpToTheLongest) {
    const RetryOptions options{.first = seconds(1), .longest = seconds(10)};
    EXPECT_EQ(back_off(1, options, 0.5), milliseconds(500));
    EXPECT_EQ(back_off(2, options, 0.5), milliseconds(1'000));
    EXPECT_EQ(back_off(4, options, 0.5), milliseconds(4'000));
    EXPECT_EQ(back_off(5, options, 0.5), milliseconds(5'000));
    EXPECT_EQ(back_off(4'000'000'000, options, 0.5), milliseconds(5'000));
    EXPECT_EQ(back_off(9, options, 0), milliseconds(0));
    EXPECT_LT(back_off(9, options, kAlmostOne), seconds(10));
}

TEST(RetryPolicyTest, DoneIsDone) {
    const auto settled = decide(Outcome::done(), ticket(3, 2), {}, kNow, 0.5);
    EXPECT_EQ(settled.as, SettleAs::Done);
    EXPECT_EQ(settled.id.value, 7);
    EXPECT_EQ(settled.attempt, 3U);
    EXPECT_EQ(settled.used, 2U);
}

TEST(RetryPolicyTest, AnswerAboutTheItemUsesUpAnAttemptAndTheLastOneIsDeath) {
    const RetryOptions options{.attempts = 3, .first = seconds(2)};
    auto settled = decide(Outcome::retry_item("HTTP 422"), ticket(1, 0), options, kNow, 0.5);
    EXPECT_EQ(settled.as, SettleAs::Retry);
    EXPECT_EQ(settled.used, 1U);
    EXPECT_EQ(settled.at, kNow + seconds(1));
    EXPECT_EQ(settled.reason, "HTTP 422");
    settled = decide(Outcome::retry_item("HTTP 422"), ticket(2, 1), options, kNow, 0.5);
    EXPECT_EQ(settled.as, SettleAs::Retry);
    EXPECT_EQ(settled.used, 2U);
    settled = decide(Outcome::retry_item("HTTP 422"), ticket(9, 2), options, kNow, 0.5);
    EXPECT_EQ(settled.as, SettleAs::Dead);
    EXPECT_EQ(settled.used, 3U);
    EXPECT_EQ(settled.reason, "HTTP 422; given up after 3 attempts");
}

TEST(RetryPolicyTest, DeadIsDeadAtOnce) {
    const auto settled = decide(Outcome::dead("unreadable"), ticket(1, 0), {}, kNow, 0.5);
    EXPECT_EQ(settled.as, SettleAs::Dead);
    EXPECT_EQ(settled.reason, "unreadable");
}

TEST(RetryPolicyTest, TargetThatFailsUsesUpNoAttemptHoweverOften) {
    const RetryOptions options{.attempts = 2};
    for (const std::uint32_t attempt : {1U, 2U, 8U, 500U}) {
        const auto settled =
            decide(Outcome::retry_target("HTTP 503"), ticket(attempt, 1), options, kNow, 0.5);
        EXPECT_EQ(settled.as, SettleAs::Retry);
        EXPECT_EQ(settled.used, 1U);
    }
}

TEST(RetryPolicyTest, TargetIsGivenUpAfterMaxAgeAndAtLeastThreeTries) {
    const auto as = [](std::uint32_t attempt, milliseconds age) {
        return decide(Outcome::retry_target("HTTP 503"), ticket(attempt, 0, age), {}, kNow, 0.5).as;
    };
    EXPECT_EQ(as(1, hours(100)), SettleAs::Retry);
    EXPECT_EQ(as(2, hours(100)), SettleAs::Retry);
    EXPECT_EQ(as(3, hours(100)), SettleAs::Dead);
    EXPECT_EQ(as(3, hours(72)), SettleAs::Retry);
    EXPECT_EQ(as(300, hours(71)), SettleAs::Retry);
}

TEST(RetryPolicyTest, DelayThatWasAskedForIsTheLeastWait) {
    const RetryOptions options{.first = seconds(10)};
    for (const auto& outcome :
         {Outcome::retry_item("HTTP 422", seconds(90)),
          Outcome::retry_target("HTTP 429", seconds(90))}) {
        EXPECT_EQ(decide(outcome, ticket(1, 0), options, kNow, 0.5).at, kNow + seconds(90));
    }
    // "Retry-After: 0" does not become a hot loop.
    EXPECT_EQ(
        decide(Outcome::retry_target("HTTP 503", seconds(0)), ticket(1, 0), options, kNow, 0.5).at,
        kNow + seconds(5)
    );
}

TEST(RetryPolicyTest, ReceiptGoesAlongWhateverBecomesOfTheDelivery) {
    const RetryOptions options{.attempts = 2, .max_age = hours(1)};
    const auto with = [](Outcome outcome) {
        outcome.receipt = R"({"status":503})";
        return outcome;
    };
    const std::vector<std::pair<Outcome, Ticket>> cases = {
        {with(Outcome::done()), ticket(1, 0)},
        {with(Outcome::dead("no")), ticket(1, 0)},
        {with(Outcome::retry_item("no")), ticket(1, 0)},
        {with(Outcome::retry_item("no")), ticket(2, 1)},  // its last
        {with(Outcome::retry_target("no")), ticket(1, 0)},
        {with(Outcome::retry_target("no")), ticket(5, 0, hours(2))},  // too old
    };
    for (const auto& [outcome, leased] : cases) {
        EXPECT_EQ(decide(outcome, leased, options, kNow, 0.5).receipt, R"({"status":503})");
    }
    EXPECT_EQ(decide(Outcome::done(), ticket(1, 0), options, kNow, 0.5).receipt, "");
    EXPECT_EQ(give_back(ticket(1, 0), kNow).receipt, "");
}

TEST(RetryPolicyTest, ReceiptOfMoreThanTwoThousandBytesIsNotKept) {
    auto outcome = Outcome::done();
    outcome.receipt = std::string(2'000, 'x');
    EXPECT_EQ(decide(outcome, ticket(1, 0), {}, kNow, 0.5).receipt.size(), 2'000U);
    outcome.receipt += 'x';
    EXPECT_EQ(decide(outcome, ticket(1, 0), {}, kNow, 0.5).receipt, "");
}

TEST(RetryPolicyTest, WhatIsGivenBackHasNothingUsedUp) {
    const auto settled = give_back(ticket(4, 2), kNow);
    EXPECT_EQ(settled.as, SettleAs::Release);
    EXPECT_EQ(settled.used, 2U);
    EXPECT_EQ(settled.attempt, 4U);
    EXPECT_EQ(settled.at, kNow);
}

}  // namespace
}  // namespace graphhook::handlers
