#include "subscriptions/plan/estimate.hpp"

#include <gtest/gtest.h>

namespace graphhook::subscriptions {
namespace {

using namespace std::chrono_literals;
using Kind = WorkAhead::Kind;

TEST(EstimateTest, NothingTakesNoTime) {
    EXPECT_EQ(WorkAhead().lasts(), 0ms);
    WorkAhead none;
    none.add(Kind::Create, "users/x", 0);
    EXPECT_EQ(none.lasts(), 0ms);
    EXPECT_EQ(about(0ms), "no time");
}

TEST(EstimateTest, OneRequestTakesWhatOneTakes) {
    WorkAhead work;
    work.add(Kind::Renew, {});
    EXPECT_EQ(work.lasts(), 300ms);
    work.add(Kind::Create, {});
    EXPECT_EQ(work.lasts(), 1'500ms);
}

TEST(EstimateTest, CreatesOfManyMailboxesAreLimitedByRequestsUnderWay) {
    WorkAhead work;
    for (int i = 0; i < 10'000; ++i) work.add(Kind::Create, "users/" + std::to_string(i));
    EXPECT_EQ(work.requests(), 10'000U);
    EXPECT_EQ(work.lasts(), 1'875s);  // 10,000 x 1.5 s / 8
    EXPECT_EQ(work.lasts({.requests = 16}), 937'500ms);
}

TEST(EstimateTest, RenewalsOfManyAreLimitedByTheQuota) {
    WorkAhead work;
    work.add(Kind::Renew, {}, 100'000);
    // 500 in 20 s is Graph's figure, of which eight tenths are used: 20 a second.
    EXPECT_NEAR(static_cast<double>(work.lasts().count()), 5'000'000.0, 100.0);
    EXPECT_NEAR(
        static_cast<double>(work.lasts({.writes_a_second = 10}).count()), 10'000'000.0, 100.0
    );
}

TEST(EstimateTest, OneMailboxTakesFourAtOnce) {
    WorkAhead work;
    work.add(Kind::Create, "users/x", 400);
    EXPECT_EQ(work.lasts({.requests = 64, .writes_a_second = 1'000}), 150s);  // 400 x 1.5 s / 4
    EXPECT_EQ(work.lasts({.requests = 2, .writes_a_second = 1'000}), 300s);
}

TEST(EstimateTest, AReplacementIsACreateAndADelete) {
    WorkAhead replace;
    replace.add(Kind::Replace, "users/x", 10);
    WorkAhead both;
    both.add(Kind::Create, "users/x", 10);
    both.add(Kind::Delete, "users/x", 10);
    EXPECT_EQ(replace.requests(), 20U);
    EXPECT_EQ(replace.lasts(), both.lasts());
}

TEST(EstimateTest, WhatWasMeasuredCountsInsteadOfWhatIsUsual) {
    WorkAhead work;
    work.add(Kind::Create, {}, 80);
    EXPECT_EQ(work.lasts({.create = 5s}), 50s);
}

TEST(EstimateTest, SaysItInWords) {
    EXPECT_EQ(about(1ms), "a few seconds");
    EXPECT_EQ(about(5s), "a few seconds");
    EXPECT_EQ(about(6s), "about 10 seconds");
    EXPECT_EQ(about(40s), "about 40 seconds");
    EXPECT_EQ(about(90s), "about 90 seconds");
    EXPECT_EQ(about(91s), "about 2 minutes");
    EXPECT_EQ(about(7min), "about 7 minutes");
    EXPECT_EQ(about(90min), "about 90 minutes");
    EXPECT_EQ(about(91min), "about 2 hours");
    EXPECT_EQ(about(140min), "about 2.5 hours");
    EXPECT_EQ(about(48h), "about 48 hours");
    EXPECT_EQ(about(60h), "about 3 days");
}

}  // namespace
}  // namespace graphhook::subscriptions
