#include "tests/subscriptions/fakes.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <utility>

namespace graphhook::subscriptions {
namespace {

using namespace std::chrono_literals;
using store::SubscriptionState;
using test::kNow;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

class ReconcileAdoptionTest : public ::testing::Test {
  protected:
    ReconcileAdoptionTest() {
        theirs_.resource = "users/x/messages";
        theirs_.changes = "updated";
        theirs_.notification_url = "https://old.example.com/hook";
        theirs_.lifecycle_url = test::kLifecycleUrl;
        theirs_.expires_at = kNow + 24h * 5;
        auto inbox = test::wanted("inbox", "users/x/messages");
        inbox.client_state_file = "/etc/old-state";
        inbox.client_state = Secret("their-secret");
        options_ = test::options_with({inbox});
    }
    void start() {
        bench_.reset();
        bench_ = std::make_unique<test::Bench>(
            graph_, table_, clock_, metrics_, quota_, random_, options_
        );
    }
    void run_for(std::chrono::microseconds time) {
        ASSERT_TRUE(bench_->run_for(time)) << "never at rest";
    }

    test::FakeClock clock_;
    test::FakeSubscriptionTable table_;
    test::FakeGraph graph_{clock_};
    prometheus::Registry registry_;
    Metrics metrics_{registry_};
    Quota quota_{clock_};
    RandomHex random_ = test::counting_hex();
    SubscriptionsOptions options_;
    GraphSubscription theirs_;
    std::unique_ptr<test::Bench> bench_;
};

TEST_F(ReconcileAdoptionTest, AnotherReceiversIsTakenOverAndNotCreatedBesideIt) {
    graph_.plant("theirs", theirs_, "their-secret");
    bool known_before = false;
    graph_.fault = [&](const std::string& call) -> std::optional<GraphError> {
        if (call.starts_with("redirect")) {
            const auto record = table_.only("inbox", SubscriptionState::Active);
            known_before =
                record.graph_id == "theirs" && record.state_hash == sha256("their-secret");
        }
        return std::nullopt;
    };
    start();
    run_for(1min);
    EXPECT_TRUE(known_before) << "its notifications are accepted before they are sent to us";
    EXPECT_THAT(graph_.calls("create"), IsEmpty());
    EXPECT_THAT(graph_.calls("redirect"), ElementsAre("redirect theirs"));
    const auto record = table_.only("inbox", SubscriptionState::Active);
    EXPECT_EQ(record.notification_url, test::kUrl);
    EXPECT_GT(record.expires_at, theirs_.expires_at);
    EXPECT_THAT(graph_.ids(), ElementsAre("theirs"));
}

TEST_F(ReconcileAdoptionTest, WhatIsToBeTakenOverFromNowOnIsLookedForInANewList) {
    const auto wanted = std::exchange(options_.wanted, {});
    start();
    run_for(1min);
    graph_.plant("theirs", theirs_, "their-secret");
    options_.wanted = wanted;
    EXPECT_TRUE((*bench_)->set_options(options_));
    run_for(1min);
    EXPECT_THAT(graph_.calls("list"), SizeIs(2));
    EXPECT_THAT(graph_.calls("create"), IsEmpty());
    EXPECT_THAT(graph_.ids(), ElementsAre("theirs"));
}

TEST_F(ReconcileAdoptionTest, OneWithAnotherClientStateIsLeftAlone) {
    graph_.plant("theirs", theirs_, "something else");
    start();
    run_for(24h);
    EXPECT_THAT(graph_.calls("redirect"), IsEmpty()) << "not a single notification was led away";
    EXPECT_THAT(graph_.calls("delete"), IsEmpty());
    EXPECT_EQ(table_.only("inbox", SubscriptionState::Active).graph_id, "sub-1");
    EXPECT_THAT(graph_.ids(), ElementsAre("sub-1", "theirs"));
}

TEST_F(ReconcileAdoptionTest, AnotherLifecycleUrlMeansANewOneAndThenTheOldOneGoes) {
    theirs_.lifecycle_url = "https://old.example.com/lifecycle";
    graph_.plant("theirs", theirs_, "their-secret");
    start();
    run_for(1min);
    const auto calls = graph_.calls();
    EXPECT_THAT(
        calls,
        ElementsAre(
            "list", "renew theirs", "redirect theirs", "create users/x/messages", "delete theirs"
        )
    );
    EXPECT_THAT(graph_.ids(), ElementsAre("sub-1"));
    EXPECT_EQ(table_.only("inbox", SubscriptionState::Retired).graph_id, "theirs")
        << "what is on its way is accepted";
}

TEST_F(ReconcileAdoptionTest, CutOffAnywhereItGoesOn) {
    graph_.plant("theirs", theirs_, "their-secret");
    int failures = 2;
    graph_.fault = [&](const std::string& call) -> std::optional<GraphError> {
        if (!call.starts_with("redirect") || failures == 0) return std::nullopt;
        --failures;
        return GraphError{.next = Next::Handshake, .status = 400};
    };
    start();
    (void)bench_->step();
    EXPECT_EQ(
        table_.only("inbox", SubscriptionState::Active).notification_url, theirs_.notification_url
    );
    start();
    run_for(1h);
    EXPECT_THAT(graph_.ids(), ElementsAre("theirs"));
    EXPECT_EQ(table_.only("inbox", SubscriptionState::Active).notification_url, test::kUrl);
    EXPECT_THAT(graph_.calls("create"), IsEmpty());
}

TEST_F(ReconcileAdoptionTest, AnotherNotificationUrlAloneIsAPatch) {
    options_.wanted[0].client_state = Secret();
    start();
    run_for(1min);
    ASSERT_THAT(graph_.ids(), ElementsAre("sub-1"));
    clock_.advance(1h);
    options_.notification_url = "https://new.example.com/graph/notifications";
    EXPECT_TRUE((*bench_)->set_options(options_));
    run_for(1min);
    EXPECT_THAT(graph_.calls("redirect"), ElementsAre("redirect sub-1"));
    EXPECT_THAT(graph_.calls("create"), SizeIs(1));
    EXPECT_THAT(graph_.calls("delete"), IsEmpty());
    EXPECT_EQ(
        table_.only("inbox", SubscriptionState::Active).notification_url, options_.notification_url
    );
}

TEST_F(ReconcileAdoptionTest, AListOfManyPagesIsReadThroughAndGoesOnAfterThrottling) {
    graph_.page_size = 10;
    for (int i = 0; i < 45; ++i) {
        auto other = theirs_;
        other.resource = "users/" + std::to_string(i) + "/messages";
        other.notification_url = test::kUrl;
        graph_.plant("orphan-" + std::to_string(100 + i), other);
    }
    graph_.plant("theirs", theirs_, "their-secret");
    int throttle = 1;
    graph_.fault = [&](const std::string& call) -> std::optional<GraphError> {
        if (!call.starts_with("list orphan-119") || throttle-- <= 0) return std::nullopt;
        return GraphError{.next = Next::Throttled, .status = 429, .retry_at = kNow + 1min};
    };
    start();
    run_for(5min);
    EXPECT_THAT(graph_.calls("list"), SizeIs(6)) << "five pages, one of them twice";
    EXPECT_THAT((*bench_)->status().orphans, SizeIs(45));
    EXPECT_EQ(table_.only("inbox", SubscriptionState::Active).graph_id, "theirs");
}

TEST_F(ReconcileAdoptionTest, WhatWasMissedIsDurableOrToldAgain) {
    options_.wanted[0].client_state = Secret();
    options_.wanted[0].sync = true;
    start();
    run_for(1min);
    const LifecycleEvent missed{"sub-1", "inbox", "missed", clock_.system_now()};
    bench_->refuse_wants(true);
    EXPECT_FALSE((*bench_)->take(missed));
    bench_->refuse_wants(false);
    EXPECT_TRUE((*bench_)->take(missed));
    EXPECT_THAT(bench_->wants(), Contains("inbox missed"));
    EXPECT_THAT(bench_->wants(), Not(Contains("inbox gap")));
}

TEST_F(ReconcileAdoptionTest, AReauthorizationThatCameLateLeavesAGapToSweep) {
    options_.wanted[0].client_state = Secret();
    options_.wanted[0].sync = true;
    start();
    run_for(1h);
    bool refuse = true;
    graph_.fault = [&](const std::string& call) -> std::optional<GraphError> {
        if (!refuse || !call.starts_with("reauthorize")) return std::nullopt;
        return GraphError{.next = Next::Refused, .status = 403};
    };
    (void)(*bench_)->take(
        LifecycleEvent{"sub-1", "inbox", "reauthorizationRequired", clock_.system_now()}
    );
    run_for(30min);
    EXPECT_THAT(bench_->wants(), Not(Contains("inbox gap")));
    refuse = false;
    run_for(2h);
    EXPECT_THAT(bench_->wants(), Contains("inbox gap"));
}

TEST_F(ReconcileAdoptionTest, WhatIsRecreatedIsSwept) {
    options_.wanted[0].client_state = Secret();
    options_.wanted[0].sync = true;
    start();
    run_for(1min);
    EXPECT_EQ(table_.only("inbox", SubscriptionState::Active).sync, store::Sync::Versions);
    const auto before = bench_->wants().size();
    graph_.lose("sub-1");
    (void)(*bench_)->take(
        LifecycleEvent{"sub-1", "inbox", "subscriptionRemoved", clock_.system_now()}
    );
    run_for(1min);
    ASSERT_EQ(bench_->wants().size(), before + 1);
    EXPECT_EQ(bench_->wants().back(), "inbox recreated");
    EXPECT_EQ(bench_->swept().at({"inbox", ""}).graph_id, "sub-2");
}

}  // namespace
}  // namespace graphhook::subscriptions
