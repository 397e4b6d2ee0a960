#include "subscriptions/reconcile/reconciler.hpp"

#include "subscriptions/plan/renewal.hpp"
#include "tests/subscriptions/fakes.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <memory>

namespace graphhook::subscriptions {
namespace {

using namespace std::chrono_literals;
using store::SubscriptionState;
using test::FakeClock;
using test::FakeGraph;
using test::FakeSubscriptionTable;
using test::kNow;
using test::options_with;
using test::wanted;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class ReconcilerTest : public ::testing::Test {
  protected:
    ReconcilerTest() { start({wanted("inbox", "users/x/messages", {"created", "updated"})}); }

    /// A new process over the same store and the same Graph.
    void start(
        std::vector<WantedSubscription> all, std::chrono::milliseconds reconcile_every = 15min
    ) {
        auto options = options_with(std::move(all));
        options.reconcile_every = reconcile_every;
        bench_.reset();
        bench_ = std::make_unique<test::Bench>(
            graph_, table_, clock_, metrics_, quota_, random_, options
        );
    }
    SystemTime step() { return bench_->step(); }
    /// Steps through time as the thread would.
    void run_for(std::chrono::microseconds time) {
        ASSERT_TRUE(bench_->run_for(time)) << "never at rest";
    }
    Reconciler& reconciler() { return **bench_; }
    store::SubscriptionRecord active(std::string_view name = "inbox") {
        return table_.only(name, SubscriptionState::Active);
    }

    FakeClock clock_;
    FakeSubscriptionTable table_;
    FakeGraph graph_{clock_};
    prometheus::Registry registry_;
    Metrics metrics_{registry_};
    RandomHex random_ = test::counting_hex();
    Quota quota_{clock_};
    std::unique_ptr<test::Bench> bench_;
};

TEST_F(ReconcilerTest, CreatesWhatIsWantedAndKeepsWhatGraphReplied) {
    graph_.longest = 24h;  // less than was asked for
    step();
    const auto record = active();
    EXPECT_EQ(record.graph_id, "sub-1");
    EXPECT_EQ(record.kind, "message");
    EXPECT_EQ(record.changes, "created,updated");
    EXPECT_EQ(record.expires_at, kNow + 24h) << "expiry is what Graph's API replied";
    EXPECT_TRUE(record.client_state.empty()) << "Graph has it: nobody else needs it";
    EXPECT_EQ(record.state_hash, sha256(graph_.state_of("sub-1")));
    EXPECT_THAT(graph_.calls(), ElementsAre("list", "create users/x/messages"));
}

TEST_F(ReconcilerTest, TheClientStateIsStoredBeforeTheRequestGoesOut) {
    bool asked = false;
    graph_.before_create = [&](const CreateRequest& request, const std::stop_token&) {
        const auto record = table_.only("inbox", SubscriptionState::Creating);
        EXPECT_EQ(record.state_hash, sha256(request.client_state.reveal()));
        EXPECT_TRUE(record.client_state.equals(request.client_state.reveal()));
        EXPECT_EQ(request.client_state.reveal().size(), 64u) << "32 random bytes";
        asked = true;
    };
    step();
    EXPECT_TRUE(asked);
}

TEST_F(ReconcilerTest, NothingIsCreatedThatTheStoreDidNotTake) {
    table_.refuse(true);
    step();
    EXPECT_THAT(graph_.calls("create"), IsEmpty());
    EXPECT_THAT(reconciler().status().last_error, HasSubstr("no space left"));
    table_.refuse(false);
    run_for(1min);
    EXPECT_EQ(active().graph_id, "sub-1");
}

TEST_F(ReconcilerTest, TheClientStateStaysTheSameOverRetries) {
    std::vector<std::string> states;
    graph_.before_create = [&](const CreateRequest& request, const std::stop_token&) {
        states.emplace_back(request.client_state.reveal());
    };
    int failures = 3;
    graph_.fault = [&](const std::string& call) -> std::optional<GraphError> {
        if (!call.starts_with("create") || failures == 0) return std::nullopt;
        --failures;
        states.emplace_back(table_.only("inbox", SubscriptionState::Creating).client_state.reveal()
        );
        return GraphError{.next = Next::Refused, .status = 403, .code = "Forbidden"};
    };
    run_for(2h);
    ASSERT_THAT(states, SizeIs(4));
    EXPECT_THAT(states, ::testing::Each(states.front()));
    EXPECT_EQ(table_.all().size(), 1u);
}

TEST_F(ReconcilerTest, ACreateThatTimedOutButHappenedIsAdoptedAndLeavesNoDuplicate) {
    graph_.lose_create_replies = 1;
    run_for(10min);
    EXPECT_THAT(graph_.calls("create"), SizeIs(1));
    EXPECT_THAT(graph_.ids(), ElementsAre("sub-1"));
    EXPECT_EQ(active().graph_id, "sub-1");
    EXPECT_TRUE(active().client_state.empty());
}

TEST_F(ReconcilerTest, AnUnansweredCreateIsAdoptedByTheNextProcessToo) {
    graph_.lose_create_replies = 1;
    step();
    const auto before = table_.only("inbox", SubscriptionState::Creating);
    clock_.advance(5min);
    start({wanted("inbox", "users/x/messages", {"created", "updated"})});
    run_for(5min);
    EXPECT_THAT(graph_.calls("create"), SizeIs(1));
    EXPECT_EQ(active().graph_id, "sub-1");
    EXPECT_EQ(active().state_hash, before.state_hash);
}

TEST_F(ReconcilerTest, WhatWasThereBeforeTheCreateIsAnOrphanAndNeverTouched) {
    graph_.plant(
        "theirs", {.resource = "users/x/messages",
                   .changes = "created,updated",
                   .notification_url = test::kUrl,
                   .expires_at = kNow + 24h * 6}
    );
    graph_.lose_create_replies = 1;
    run_for(10min);
    EXPECT_EQ(active().graph_id, "sub-1");
    EXPECT_THAT(graph_.calls("renew theirs"), IsEmpty());
    EXPECT_THAT(graph_.calls("delete"), IsEmpty());
    const auto status = reconciler().status();
    ASSERT_THAT(status.orphans, SizeIs(1));
    EXPECT_EQ(status.orphans[0].graph_id, "theirs");
    EXPECT_THAT(
        test::metrics_text(registry_),
        HasSubstr("graphhook_subscription_orphans{tenant=\"contoso\"} 1")
    );
}

TEST_F(ReconcilerTest, OneLikeOursWithAnotherClientStateIsNotAdopted) {
    graph_.lose_create_replies = 1;
    step();
    graph_.lose("sub-1");
    // A new process does not know what was there before; only the echo tells.
    graph_.plant(
        "theirs",
        {.resource = "users/x/messages",
         .changes = "updated,created",
         .notification_url = test::kUrl,
         .expires_at = kNow + 10'065min},
        "another state"
    );
    clock_.advance(2min);
    start({wanted("inbox", "users/x/messages", {"created", "updated"})});
    run_for(5min);
    EXPECT_EQ(active().graph_id, "sub-2");
    EXPECT_THAT(reconciler().status().orphans, SizeIs(1));
}

TEST_F(ReconcilerTest, RenewsBeforeTheEndAndCountsIt) {
    step();
    const auto first = active();
    run_for(24h * 6);
    const auto renewed = active();
    EXPECT_EQ(renewed.graph_id, first.graph_id);
    EXPECT_GT(renewed.expires_at, first.expires_at);
    EXPECT_THAT(graph_.calls("renew"), SizeIs(1));
    EXPECT_THAT(
        test::metrics_text(registry_), HasSubstr("graphhook_renewals_total{outcome=\"renewed\"} 1")
    );
}

TEST_F(ReconcilerTest, StaysAliveForAQuarter) {
    start(
        {wanted("inbox", "users/x/messages"), wanted("drive", "drives/d/root"),
         wanted("shifts", "teams/t/schedule/shifts")},
        24h
    );
    run_for(24h * 90);
    EXPECT_THAT(graph_.calls("create"), SizeIs(3)) << "each was created once";
    EXPECT_THAT(graph_.ids(), SizeIs(3));
    EXPECT_EQ(table_.all().size(), 3u);
}

TEST_F(ReconcilerTest, RestartsDoNotRenewEarlierNorForget) {
    step();
    for (int day = 0; day < 30; ++day) {
        start({wanted("inbox", "users/x/messages", {"created", "updated"})});
        run_for(24h);
    }
    EXPECT_THAT(graph_.calls("create"), SizeIs(1));
    EXPECT_LE(graph_.calls("renew").size(), 7u);
    EXPECT_GT(active().expires_at, clock_.system_now());
}

TEST_F(ReconcilerTest, ASubscriptionFoundGoneIsCreatedAnewWithANewClientState) {
    step();
    const auto first = active();
    graph_.lose("sub-1");
    run_for(24h * 6);  // the renewal, or the list before it, finds out
    const auto second = active();
    EXPECT_EQ(second.graph_id, "sub-2");
    EXPECT_NE(second.state_hash, first.state_hash);
    EXPECT_THAT(
        test::metrics_text(registry_),
        HasSubstr("graphhook_renewals_total{outcome=\"recreated\"} 1")
    );
}

TEST_F(ReconcilerTest, WhatWasReplacedStaysKnownForGraphsRetryHorizon) {
    step();
    graph_.lose("sub-1");
    run_for(4h + 10min);  // the list is asked every four hours
    ASSERT_EQ(active().graph_id, "sub-2");
    const auto old = table_.only("inbox", SubscriptionState::Retired);
    EXPECT_EQ(old.graph_id, "sub-1");
    EXPECT_TRUE(old.client_state.empty());
    EXPECT_GE(old.forget_at, active().created_at + 4h);
    run_for(4h + 30min);
    EXPECT_EQ(table_.all().size(), 2u);
    run_for(1h);
    EXPECT_EQ(table_.all().size(), 1u) << "and is forgotten after it";
}

TEST_F(ReconcilerTest, AnotherResourceIsCreatedFirstAndThenTheOldOneRemoved) {
    step();
    (void)reconciler().set_options(options_with({wanted("inbox", "users/y/messages")}));
    step();
    const auto calls = graph_.calls();
    EXPECT_THAT(
        calls,
        ElementsAre("list", "create users/x/messages", "create users/y/messages", "delete sub-1")
    );
    EXPECT_EQ(active().graph_id, "sub-2");
    EXPECT_EQ(table_.only("inbox", SubscriptionState::Retired).graph_id, "sub-1");
}

TEST_F(ReconcilerTest, TheOldOneStaysAliveWhileTheNewOneFails) {
    step();
    graph_.fault = [](const std::string& call) -> std::optional<GraphError> {
        if (call != "create users/y/messages") return std::nullopt;
        return GraphError{.next = Next::Refused, .status = 403};
    };
    (void)reconciler().set_options(options_with({wanted("inbox", "users/y/messages")}));
    run_for(24h * 10);
    EXPECT_THAT(graph_.ids(), ElementsAre("sub-1"));
    EXPECT_THAT(graph_.calls("renew sub-1"), ::testing::Not(IsEmpty()));
}

TEST_F(ReconcilerTest, AReplacementThatGraphRefusesBesideTheOldOneTakesItsPlace) {
    step();
    graph_.fault = [this](const std::string& call) -> std::optional<GraphError> {
        if (!call.starts_with("create") || graph_.ids().empty()) return std::nullopt;
        return GraphError{.next = Next::Conflict, .status = 409};
    };
    auto moved = options_with({wanted("inbox", "users/x/messages", {"created", "updated"})});
    moved.lifecycle_url = "https://new.example.com/graph/lifecycle";
    (void)reconciler().set_options(moved);
    run_for(5min);
    EXPECT_THAT(graph_.ids(), ElementsAre("sub-2"));
    EXPECT_EQ(active().lifecycle_url, moved.lifecycle_url);
}

TEST_F(ReconcilerTest, WhatIsNoLongerWantedIsRemovedAfterTheGrace) {
    step();
    (void)reconciler().set_options(options_with({}));
    run_for(14min);
    EXPECT_THAT(graph_.calls("delete"), IsEmpty());
    run_for(2min);
    EXPECT_THAT(graph_.calls("delete"), ElementsAre("delete sub-1"));
    EXPECT_EQ(table_.only("inbox", SubscriptionState::Retired).graph_id, "sub-1");
}

TEST_F(ReconcilerTest, TheGraceSurvivesARestartAndAChangeOfMindEndsIt) {
    step();
    (void)reconciler().set_options(options_with({}));
    run_for(10min);
    start({});
    run_for(4min);
    EXPECT_THAT(graph_.calls("delete"), IsEmpty());
    start({wanted("inbox", "users/x/messages", {"created", "updated"})});
    run_for(1h);
    EXPECT_THAT(graph_.calls("delete"), IsEmpty());
    EXPECT_EQ(active().forget_at, SystemTime{});
}

TEST_F(ReconcilerTest, RemovalsAreHeldBackUntilAnOperatorAllowsThem) {
    std::vector<WantedSubscription> many;
    for (int i = 0; i < 40; ++i)
        many.push_back(wanted("s" + std::to_string(i), "drives/d" + std::to_string(i) + "/root"));
    start(many);
    run_for(1min);
    ASSERT_THAT(graph_.ids(), SizeIs(40));
    (void)reconciler().set_options(options_with({}));
    run_for(20min);
    EXPECT_THAT(graph_.ids(), SizeIs(30)) << "at most 10 an hour";
    EXPECT_EQ(reconciler().status().held_back, 30u);
    EXPECT_THAT(
        test::metrics_text(registry_),
        HasSubstr("graphhook_subscription_removals_held_back{tenant=\"contoso\"} 30")
    );
    reconciler().apply(5);
    run_for(1min);
    EXPECT_THAT(graph_.ids(), SizeIs(25));
    start({});  // the count of the hour is in the records
    run_for(20min);
    EXPECT_THAT(graph_.ids(), SizeIs(25));
    run_for(1h);
    EXPECT_THAT(graph_.ids(), SizeIs(15));
}

TEST_F(ReconcilerTest, ThrottlingHoldsTheWholeTenantForAsLongAsGraphSays) {
    start({wanted("a", "drives/a/root"), wanted("b", "drives/b/root")});
    bool throttle = true;
    graph_.fault = [&](const std::string& call) -> std::optional<GraphError> {
        if (!throttle || !call.starts_with("create")) return std::nullopt;
        throttle = false;
        return GraphError{.next = Next::Throttled, .status = 429, .retry_at = kNow + 120s};
    };
    EXPECT_EQ(step(), kNow + 120s);
    EXPECT_THAT(graph_.calls("create"), SizeIs(1));
    EXPECT_EQ(reconciler().status().waits_until, kNow + 120s);
    clock_.advance(119s);
    EXPECT_EQ(step(), kNow + 120s);
    EXPECT_THAT(graph_.calls("create"), SizeIs(1)) << "nudged, and yet it waits";
    clock_.advance(1s);
    run_for(5min);
    EXPECT_THAT(graph_.ids(), SizeIs(2));
}

TEST_F(ReconcilerTest, NothingIsCreatedBeforeTheListWhileTheTenantIsOutOfReach) {
    int failures = 3;
    graph_.fault = [&](const std::string&) -> std::optional<GraphError> {
        if (failures == 0) return std::nullopt;
        --failures;
        return GraphError{.next = Next::RetryLater, .message = "no connection", .uncertain = true};
    };
    run_for(10s);
    EXPECT_THAT(
        graph_.calls(), ElementsAre("list", "list", "list", "list", "create users/x/messages")
    );
}

TEST_F(ReconcilerTest, AListThatIsRefusedDoesNotKeepNewOnesFromBeingCreated) {
    graph_.fault = [&](const std::string& call) -> std::optional<GraphError> {
        if (call != "list") return std::nullopt;
        return GraphError{.next = Next::Garbled, .status = 200, .message = "HTML"};
    };
    run_for(10s);
    EXPECT_EQ(active().graph_id, "sub-1");
    EXPECT_THAT(graph_.calls("list"), SizeIs(1));
}

TEST_F(ReconcilerTest, AFailedHandshakeIsTriedAgainWithinSecondsAndIsNoFault) {
    int failures = 4;
    graph_.fault = [&](const std::string& call) -> std::optional<GraphError> {
        if (!call.starts_with("create") || failures-- <= 0) return std::nullopt;
        return GraphError{.next = Next::Handshake, .status = 400, .code = "InvalidRequest"};
    };
    run_for(2min);
    EXPECT_EQ(active().failures, 0u);
}

TEST_F(ReconcilerTest, ALimitThatGraphNamesIsTakenAtOnce) {
    std::vector<std::chrono::microseconds> asked;
    bool refuse = true;
    graph_.before_create = [&](const CreateRequest& request, const std::stop_token&) {
        asked.push_back(request.expires_at - clock_.system_now());
    };
    graph_.fault = [&](const std::string& call) -> std::optional<GraphError> {
        if (!call.starts_with("create") || !refuse) return std::nullopt;
        refuse = false;
        return GraphError{.next = Next::Refused, .status = 400, .longest_life = 4'230min};
    };
    step();
    EXPECT_THAT(asked, ElementsAre(4'225min));
    EXPECT_EQ(active().failures, 0u);
}

TEST_F(ReconcilerTest, AStoreInTroubleAfterTheReplyLosesNothing) {
    graph_.before_create = [&](const CreateRequest&, const std::stop_token&) {
        table_.refuse(true);
    };
    step();
    EXPECT_EQ(table_.only("inbox", SubscriptionState::Creating).graph_id, "");
    table_.refuse(false);
    run_for(1min);
    EXPECT_EQ(active().graph_id, "sub-1");
    EXPECT_THAT(graph_.calls("create"), SizeIs(1));
}

TEST_F(ReconcilerTest, StoppingAbandonsACreateAndTheNextStartTakesItUp) {
    std::promise<void> begun;
    graph_.before_create = [&](const CreateRequest&, const std::stop_token& stop) {
        begun.set_value();
        std::promise<void> stopped;
        const std::stop_callback on_stop(stop, [&] { stopped.set_value(); });
        stopped.get_future().wait();
    };
    graph_.lose_create_replies = 1;
    reconciler().step();  // begins the list
    reconciler().wait_idle();
    reconciler().step();
    begun.get_future().wait();
    bench_->stop();
    graph_.before_create = nullptr;
    clock_.advance(1min);
    start({wanted("inbox", "users/x/messages", {"created", "updated"})});
    run_for(1min);
    EXPECT_THAT(graph_.ids(), ElementsAre("sub-1"));
    EXPECT_EQ(active().graph_id, "sub-1");
}

}  // namespace
}  // namespace graphhook::subscriptions
