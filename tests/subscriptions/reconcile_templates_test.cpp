#include "tests/subscriptions/fakes.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <set>

namespace graphhook::subscriptions {
namespace {

using namespace std::chrono_literals;
using store::SubscriptionState;
using test::kNow;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class ReconcileTemplatesTest : public ::testing::Test {
  protected:
    ReconcileTemplatesTest() { start(); }

    static WantedSubscription everyones() {
        auto all = test::wanted("everyones", "users/{id}/events");
        all.for_each = "groups/g/transitiveMembers";
        return all;
    }
    void start(std::vector<WantedSubscription> wanted = {everyones()}) {
        bench_.reset();
        bench_ = std::make_unique<test::Bench>(
            graph_, table_, clock_, metrics_, quota_, random_,
            test::options_with(std::move(wanted)), 4
        );
    }
    static Element element(const std::string& id) { return {id, "users/" + id + "/events"}; }
    void expand(const std::vector<std::string>& ids) {
        Expansion expansion;
        expansion.name = "everyones";
        for (const auto& id : ids) expansion.elements.push_back(element(id));
        expansion.began_at = clock_.system_now();
        (*bench_)->take(expansion);
    }
    void run_for(std::chrono::microseconds time) {
        ASSERT_TRUE(bench_->run_for(time)) << "never at rest";
    }
    /// The creates of elements; the collection has a subscription of its own.
    std::vector<std::string> creates() {
        auto all = graph_.calls("create users/");
        std::ranges::sort(all);
        return all;
    }
    std::vector<store::SubscriptionRecord> parked() {
        auto all = table_.all("everyones");
        std::erase_if(all, [](const auto& record) {
            return record.state != SubscriptionState::Parked;
        });
        return all;
    }
    std::set<std::string> standing() {
        std::set<std::string> elements;
        for (const auto& record : table_.all("everyones")) {
            if (record.state == SubscriptionState::Active && record.element != kCollection)
                elements.insert(record.element);
        }
        return elements;
    }

    test::FakeClock clock_;
    test::FakeSubscriptionTable table_;
    test::FakeGraph graph_{clock_};
    prometheus::Registry registry_;
    Metrics metrics_{registry_};
    Quota quota_{clock_};
    RandomHex random_ = test::counting_hex();
    std::unique_ptr<test::Bench> bench_;
};

TEST_F(ReconcileTemplatesTest, JoinersGetASubscriptionAndTheCollectionOneOfItsOwn) {
    run_for(1min);
    EXPECT_THAT(creates(), IsEmpty()) << "nothing is known of the collection yet";
    expand({"ada", "bob"});
    run_for(1min);
    EXPECT_THAT(creates(), ElementsAre("create users/ada/events", "create users/bob/events"));
    expand({"ada", "bob", "cy"});
    run_for(1min);
    EXPECT_THAT(standing(), ElementsAre("ada", "bob", "cy"));
    bool watched = false;
    for (const auto& record : table_.all("everyones")) {
        if (record.element != kCollection) continue;
        watched = true;
        EXPECT_EQ(record.sync, store::Sync::Signal);
        EXPECT_EQ(record.state, SubscriptionState::Active);
    }
    EXPECT_EQ(watched, collection_watch(everyones()).has_value());
}

TEST_F(ReconcileTemplatesTest, LeaversLoseTheirsAfterTheGraceAndWhoComesBackKeepsIt) {
    expand({"ada", "bob"});
    run_for(1min);
    expand({"ada"});
    run_for(10min);
    EXPECT_THAT(graph_.calls("delete"), IsEmpty());
    expand({"ada", "bob"});
    run_for(1h);
    EXPECT_THAT(graph_.calls("delete"), IsEmpty());
    expand({"ada"});
    run_for(16min);
    EXPECT_THAT(graph_.calls("delete"), SizeIs(1));
    EXPECT_THAT(standing(), ElementsAre("ada"));
}

TEST_F(ReconcileTemplatesTest, AfterARestartElementsStayUntilAnExpansionIsComplete) {
    expand({"ada", "bob"});
    run_for(1min);
    start();
    run_for(24h * 30);
    EXPECT_THAT(graph_.calls("delete"), IsEmpty());
    EXPECT_THAT(standing(), ElementsAre("ada", "bob"));
    EXPECT_THAT(creates(), SizeIs(2)) << "renewed, and not created again";
    expand({"bob"});
    run_for(16min);
    EXPECT_THAT(standing(), ElementsAre("bob"));
}

TEST_F(ReconcileTemplatesTest, AtMostATwentiethOfATemplateLeavesInAnHour) {
    std::vector<std::string> ids;
    for (int i = 0; i < 300; ++i) ids.push_back("u" + std::to_string(1'000 + i));
    expand(ids);
    run_for(5min);
    ASSERT_THAT(standing(), SizeIs(300));
    expand({});
    run_for(20min);
    EXPECT_THAT(standing(), SizeIs(285));
    EXPECT_EQ((*bench_)->status().held_back, 285u);
    (*bench_)->apply(100);
    run_for(1min);
    EXPECT_THAT(standing(), SizeIs(185));
}

TEST_F(ReconcileTemplatesTest, ARenderedResourceThatChangedIsReplaced) {
    expand({"ada"});
    run_for(1min);
    Expansion moved;
    moved.name = "everyones";
    moved.elements = {{"ada", "users/ada.l/events"}};
    (*bench_)->take(moved);
    run_for(1min);
    EXPECT_THAT(creates(), ElementsAre("create users/ada.l/events", "create users/ada/events"));
    EXPECT_THAT(graph_.calls("delete"), SizeIs(1));
}

TEST_F(ReconcileTemplatesTest, AnElementThatIsRefusedForItselfIsParkedTriedDailyAndInNobodysWay) {
    graph_.fault = [](const std::string& call) -> std::optional<GraphError> {
        if (call != "create users/room/events") return std::nullopt;
        return GraphError{
            .next = Next::Refused, .status = 404, .code = "MailboxNotEnabledForRESTAPI"
        };
    };
    expand({"ada", "bob", "room"});
    run_for(1h);
    EXPECT_THAT(standing(), ElementsAre("ada", "bob"));
    ASSERT_THAT(parked(), SizeIs(1));
    EXPECT_EQ(parked()[0].element, "room");
    EXPECT_THAT(parked()[0].last_error, HasSubstr("no mailbox"));
    EXPECT_TRUE(parked()[0].client_state.empty());
    EXPECT_THAT(graph_.calls("create users/room"), SizeIs(1));
    EXPECT_THAT(
        test::metrics_text(registry_),
        HasSubstr("graphhook_template_elements_parked{subscription=\"everyones\"} 1")
    );
    run_for(24h * 3 + 12h);
    EXPECT_THAT(graph_.calls("create users/room"), SizeIs(4)) << "daily";
    start();
    run_for(1h);
    EXPECT_THAT(graph_.calls("create users/room"), SizeIs(4)) << "and not with every start";
    (*bench_)->apply(0);
    run_for(1min);
    EXPECT_THAT(graph_.calls("create users/room"), SizeIs(5)) << "an operator's word";
    graph_.fault = nullptr;
    run_for(27h);
    EXPECT_THAT(standing(), ElementsAre("ada", "bob", "room"));
}

TEST_F(ReconcileTemplatesTest, WhatIsDeclinedForAllHoldsTheTemplateAndASuccessEndsIt) {
    graph_.fault = [](const std::string& call) -> std::optional<GraphError> {
        if (!call.starts_with("create users/")) return std::nullopt;
        return GraphError{
            .next = Next::Refused, .status = 403, .code = "Authorization_RequestDenied"
        };
    };
    std::vector<std::string> ids;
    for (int i = 0; i < 100; ++i) ids.push_back("u" + std::to_string(100 + i));
    expand(ids);
    run_for(1h);
    EXPECT_LE(creates().size(), 20u) << "not one for each";
    EXPECT_GE(creates().size(), 3u);
    const auto tried = creates();
    EXPECT_EQ(std::set<std::string>(tried.begin(), tried.end()).size(), tried.size())
        << "a different one each time";
    EXPECT_THAT(parked(), IsEmpty()) << "it is no fault of theirs";
    EXPECT_EQ((*bench_)->progress().to_do, 0u) << "a plan promises nothing that is held";
    const auto plan = (*bench_)->preview(0);
    const auto waiting = std::ranges::count(plan.steps, Action::Wait, &Step::action);
    EXPECT_EQ(waiting, 100) << "and says so";
    graph_.fault = nullptr;
    run_for(2h);
    EXPECT_THAT(standing(), SizeIs(100));
}

TEST_F(ReconcileTemplatesTest, ThatTheCollectionCanBeSubscribedSaysNothingOfItsElements) {
    graph_.fault = [](const std::string& call) -> std::optional<GraphError> {
        if (!call.starts_with("create users/")) return std::nullopt;
        return GraphError{.next = Next::Refused, .status = 403, .code = "ExtensionError"};
    };
    run_for(1min);
    ASSERT_THAT(table_.all("everyones"), SizeIs(1)) << "that of the collection";
    std::vector<std::string> ids;
    for (int i = 0; i < 100; ++i) ids.push_back("u" + std::to_string(100 + i));
    expand(ids);
    run_for(10min);
    EXPECT_THAT(parked(), IsEmpty());
    EXPECT_LE(creates().size(), 20u);
}

TEST_F(ReconcileTemplatesTest, TenThousandJoinersDoNotDelayARenewal) {
    expand({"ada"});
    run_for(1min);
    const auto ada = [&] {
        for (const auto& record : table_.all("everyones")) {
            if (record.element == "ada") return record;
        }
        return store::SubscriptionRecord{};
    };
    std::vector<std::string> ids{"ada"};
    for (int i = 0; i < 2'000; ++i) ids.push_back("u" + std::to_string(10'000 + i));
    expand(ids);
    (void)bench_->step();
    ASSERT_TRUE((*bench_)->renew("everyones"));
    clock_.advance(10min);
    const SystemTime asked = clock_.system_now();
    run_for(2s);
    EXPECT_GE(ada().touched_at, asked);
    run_for(5min);
    EXPECT_THAT(standing(), SizeIs(2'001));
}

TEST_F(ReconcileTemplatesTest, TheSweeperLearnsOfWhoComesAndWhoHasGone) {
    auto swept = everyones();
    swept.sync = true;
    start({swept});
    expand({"ada", "bob"});
    run_for(1min);
    const auto all = bench_->swept();
    ASSERT_THAT(all, SizeIs(2)) << "the collection itself is not swept";
    const auto& ada = all.at({"everyones", "ada"});
    EXPECT_EQ(ada.resource, "users/ada/events");
    EXPECT_EQ(ada.kind, "event");
    EXPECT_THAT(ada.graph_id, HasSubstr("sub-"));
    EXPECT_THAT(bench_->wants(), Contains("everyonesada recreated"));
    expand({"bob"});
    run_for(10min);
    EXPECT_THAT(bench_->swept(), SizeIs(2)) << "it may come back within the grace";
    run_for(10min);
    EXPECT_THAT(bench_->swept(), SizeIs(1));
}

TEST_F(ReconcileTemplatesTest, WhatIsPolledHasNoSubscription) {
    auto alerts = test::wanted("alerts", "security/alerts_v2");
    alerts.way = WantedSubscription::Way::Poll;
    start({alerts});
    run_for(1h);
    EXPECT_THAT(graph_.calls("create"), IsEmpty());
    EXPECT_THAT(bench_->swept(), SizeIs(1));
    EXPECT_EQ((*bench_)->status().subscriptions.at(0).state, "polled");
}

}  // namespace
}  // namespace graphhook::subscriptions
