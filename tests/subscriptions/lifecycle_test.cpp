#include "subscriptions/plan/lifecycle.hpp"

#include "tests/subscriptions/fakes.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

namespace graphhook::subscriptions {
namespace {

using namespace std::chrono_literals;
using store::SubscriptionState;
using test::kNow;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST(LifecycleTest, KnowsGraphsEventsInAnyCaseAndNoOthers) {
    EXPECT_EQ(lifecycle_name("SubscriptionRemoved"), "subscriptionRemoved");
    EXPECT_EQ(lifecycle_name("reauthorizationrequired"), "reauthorizationRequired");
    EXPECT_EQ(lifecycle_name("missed"), "missed");
    EXPECT_EQ(lifecycle_name("somethingNew"), "unknown");
}

TEST(LifecycleTest, WhatTheLastTouchAnsweredIsNotAnsweredAgain) {
    Record record;
    record.state = SubscriptionState::Active;
    record.touched_at = kNow;
    LifecycleEvent event{"id", "inbox", "reauthorizationRequired", kNow - 1s};
    EXPECT_EQ(judge(event, &record), LifecycleAction::Nothing);
    event.received_at = kNow + 1s;
    EXPECT_EQ(judge(event, &record), LifecycleAction::Reauthorize);
    record.state = SubscriptionState::Retired;
    EXPECT_EQ(judge(event, &record), LifecycleAction::Nothing);
    EXPECT_EQ(judge(event, nullptr), LifecycleAction::Nothing);
}

class LifecycleReconcilerTest : public ::testing::Test {
  protected:
    LifecycleReconcilerTest() {
        step();
        clock_.advance(1h);
    }
    static SubscriptionsOptions options() {
        auto inbox = test::wanted("inbox", "users/x/messages");
        inbox.sync = true;
        return test::options_with({inbox});
    }
    void step() { bench_.step(); }
    bool take(const std::string& event, const std::string& id = "sub-1") {
        return bench_->take(LifecycleEvent{id, "inbox", event, clock_.system_now()}).has_value();
    }

    test::FakeClock clock_;
    test::FakeSubscriptionTable table_;
    test::FakeGraph graph_{clock_};
    prometheus::Registry registry_;
    Metrics metrics_{registry_};
    Quota quota_{clock_};
    test::Bench bench_{graph_, table_, clock_, metrics_, quota_, test::counting_hex(), options()};
};

TEST_F(LifecycleReconcilerTest, ReauthorizesWhileMostOfTheLifeIsLeft) {
    EXPECT_TRUE(take("reauthorizationRequired"));
    step();
    EXPECT_THAT(graph_.calls("reauthorize"), ElementsAre("reauthorize sub-1"));
    EXPECT_THAT(graph_.calls("renew"), IsEmpty());
    EXPECT_EQ(table_.only("inbox", SubscriptionState::Active).touched_at, clock_.system_now());
}

TEST_F(LifecycleReconcilerTest, RenewsInsteadWhenTheRenewalIsDueAnyway) {
    clock_.advance(24h * 6);
    EXPECT_TRUE(take("reauthorizationRequired"));
    step();
    EXPECT_THAT(graph_.calls("reauthorize"), IsEmpty());
    EXPECT_THAT(graph_.calls("renew"), SizeIs(1));
}

TEST_F(LifecycleReconcilerTest, RepeatsCollapseIntoOneTouchInTenMinutes) {
    for (int i = 0; i < 5; ++i) take("reauthorizationRequired");
    step();
    for (int minute = 1; minute < 10; ++minute) {
        clock_.advance(1min);
        take("reauthorizationRequired");
        step();
    }
    EXPECT_THAT(graph_.calls("reauthorize"), SizeIs(1));
    clock_.advance(1min);
    step();
    EXPECT_THAT(graph_.calls("reauthorize"), SizeIs(2)) << "what came meanwhile, once";
}

TEST_F(LifecycleReconcilerTest, ARenewalAndAReauthorizationKeepTenMinutesApartWhoeverSends) {
    ASSERT_TRUE(bench_->renew("inbox"));
    step();
    ASSERT_THAT(graph_.calls("renew"), SizeIs(1));
    clock_.advance(9min);
    take("reauthorizationRequired");
    ASSERT_TRUE(bench_->renew("inbox"));
    step();
    EXPECT_THAT(graph_.calls("reauthorize"), IsEmpty());
    EXPECT_THAT(graph_.calls("renew"), SizeIs(1));
    clock_.advance(1min);
    step();
    EXPECT_THAT(graph_.calls("renew"), SizeIs(2)) << "one touch answers both";
    EXPECT_THAT(graph_.calls("reauthorize"), IsEmpty());
}

TEST_F(LifecycleReconcilerTest, HoweverManyRemovedEventsMakeOneReplacement) {
    const auto first = table_.only("inbox", SubscriptionState::Active);
    graph_.lose("sub-1");
    EXPECT_TRUE(take("subscriptionRemoved"));
    EXPECT_TRUE(take("subscriptionRemoved"));
    step();
    EXPECT_TRUE(take("subscriptionRemoved"));  // a late one finds it replaced
    step();
    EXPECT_THAT(graph_.ids(), ElementsAre("sub-2"));
    EXPECT_THAT(graph_.calls("create"), SizeIs(2));
    const auto second = table_.only("inbox", SubscriptionState::Active);
    EXPECT_NE(second.state_hash, first.state_hash) << "with a new client state";
}

TEST_F(LifecycleReconcilerTest, AReplacementThatIsRefusedIsTriedOnSlowly) {
    graph_.lose("sub-1");
    int refusals = 0;
    graph_.fault = [&](const std::string& call) -> std::optional<GraphError> {
        if (!call.starts_with("create") || ++refusals > 3) return std::nullopt;
        return GraphError{.next = Next::Refused, .status = 403};
    };
    take("subscriptionRemoved");
    for (int minute = 0; minute < 30; ++minute) {
        step();
        clock_.advance(1min);
    }
    EXPECT_EQ(table_.only("inbox", SubscriptionState::Active).graph_id, "sub-2");
}

TEST_F(LifecycleReconcilerTest, EventsAreCountedAndUnknownOnesOnlyThat) {
    EXPECT_TRUE(take("missed"));
    EXPECT_TRUE(take("somethingNew"));
    EXPECT_TRUE(take("reauthorizationRequired", "no-such-id"));
    step();
    EXPECT_THAT(graph_.calls(), ElementsAre("list", "create users/x/messages"));
    const auto text = test::metrics_text(registry_);
    EXPECT_THAT(text, HasSubstr("lifecycle_notifications_total{event=\"missed\"} 1"));
    EXPECT_THAT(text, HasSubstr("lifecycle_notifications_total{event=\"unknown\"} 1"));
}

TEST_F(LifecycleReconcilerTest, AnEarlierExpiryInAnItemBringsACheckForwardAndNeverPostpones) {
    const auto expires = table_.only("inbox", SubscriptionState::Active).expires_at;
    EXPECT_FALSE(bench_->expiry_seen("sub-1", expires + 24h));
    step();
    EXPECT_EQ(table_.only("inbox", SubscriptionState::Active).expires_at, expires);
    EXPECT_TRUE(bench_->expiry_seen("SUB-1", expires - 24h));
    step();
    EXPECT_THAT(graph_.calls("get"), ElementsAre("get sub-1"));
    EXPECT_EQ(table_.only("inbox", SubscriptionState::Active).expires_at, expires)
        << "expiry is what Graph's API replied";
    EXPECT_FALSE(bench_->expiry_seen("sub-1", expires - 24h)) << "once an hour is enough";
}

}  // namespace
}  // namespace graphhook::subscriptions
