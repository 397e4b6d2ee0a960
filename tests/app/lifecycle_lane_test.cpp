#include "app/service/lifecycle_lane.hpp"

#include <gmock/gmock.h>

namespace graphhook::app {
namespace {

/// What the subscriptions would be told.
struct LifecycleLaneTest : ::testing::Test {
    using Told = std::pair<std::string, std::string>;
    static handlers::Delivery signal(std::string name, const std::string& graph_id) {
        handlers::Delivery made;
        made.lifecycle = true;
        made.subscription = std::move(name);
        made.change = "updated";
        made.item = R"({"subscriptionId":")" + graph_id + R"(","changeType":"updated"})";
        return made;
    }

    std::vector<subscriptions::LifecycleEvent> told;
    std::vector<Told> signals;
    std::function<Result<std::monostate>()> answer = [] { return std::monostate{}; };
    LifecycleLane lane{
        [this](const subscriptions::LifecycleEvent& event) {
            told.push_back(event);
            return answer();
        },
        [this](const std::string& name, const std::string& graph_id) {
            signals.emplace_back(name, graph_id);
            return answer();
        }
    };
};

TEST_F(LifecycleLaneTest, TellsTheSubscriptionsWhatHappenedToWhichOne) {
    handlers::Delivery first;
    first.lifecycle = true;
    first.subscription = "inbox";
    first.change = "subscriptionremoved";
    first.item = R"({"subscriptionId":"7f105c7d","lifecycleEvent":"subscriptionRemoved"})";
    handlers::Delivery second = first;
    second.item = "not JSON";
    const std::vector<handlers::Delivery> batch{first, second};
    const auto outcomes = lane.handle(batch, {});
    ASSERT_EQ(outcomes.size(), 2U);
    EXPECT_EQ(outcomes[1].kind, handlers::Outcome::Kind::Done);
    ASSERT_EQ(told.size(), 2U);
    EXPECT_EQ(told[0].graph_id, "7f105c7d");
    EXPECT_EQ(told[0].name, "inbox");
    EXPECT_EQ(told[0].event, "subscriptionremoved");
    EXPECT_EQ(told[1].graph_id, "");
    EXPECT_THAT(signals, ::testing::IsEmpty());
}

TEST_F(LifecycleLaneTest, SeveralSignalsOfOneSubscriptionInABatchAreToldOnce) {
    const std::vector<handlers::Delivery> batch{
        signal("drive", "a"), signal("drive", "a"), signal("drive", "b"), signal("list", "a"),
        signal("drive", "a")
    };
    const auto outcomes = lane.handle(batch, {});
    ASSERT_EQ(outcomes.size(), 5U);
    for (const auto& outcome : outcomes) EXPECT_EQ(outcome.kind, handlers::Outcome::Kind::Done);
    EXPECT_THAT(
        signals, ::testing::ElementsAre(Told("drive", "a"), Told("drive", "b"), Told("list", "a"))
    );
    EXPECT_THAT(told, ::testing::IsEmpty());
}

TEST_F(LifecycleLaneTest, ASignalThatCouldNotBeMadeDurableIsToldAgainAndBlamedOnUs) {
    answer = [] { return fail(Errc::Full, "no room"); };
    const std::vector<handlers::Delivery> batch{signal("drive", "a"), signal("drive", "a")};
    const auto outcomes = lane.handle(batch, {});
    ASSERT_EQ(outcomes.size(), 2U);
    for (const auto& outcome : outcomes) {
        EXPECT_EQ(outcome.kind, handlers::Outcome::Kind::RetryAfter);
        EXPECT_EQ(outcome.blame, handlers::Outcome::Blame::Target);
        EXPECT_THAT(outcome.reason, ::testing::HasSubstr("no room"));
    }
    EXPECT_EQ(signals.size(), 1U);
}

TEST_F(LifecycleLaneTest, AnEventThatCouldNotBeMadeDurableIsToldAgainAndBlamedOnUs) {
    answer = [] { return fail(Errc::Busy, "not now"); };
    handlers::Delivery missed;
    missed.lifecycle = true;
    missed.change = "missed";
    const auto outcome = lane.handle({&missed, 1}, {}).front();
    EXPECT_EQ(outcome.kind, handlers::Outcome::Kind::RetryAfter);
    EXPECT_EQ(outcome.blame, handlers::Outcome::Blame::Target);
}

TEST_F(LifecycleLaneTest, ASignalThatNobodyLooksAtAnyMoreIsDone) {
    answer = [] { return fail(Errc::NotFound, "not swept"); };
    const std::vector<handlers::Delivery> batch{signal("drive", "a")};
    EXPECT_EQ(lane.handle(batch, {}).front().kind, handlers::Outcome::Kind::Done);
}

TEST_F(LifecycleLaneTest, AcceptsNothingButWhatIsOnItsLane) {
    EXPECT_TRUE(LifecycleLane::accepts({.lane = store::Lane::Lifecycle}));
    EXPECT_FALSE(LifecycleLane::accepts({.lane = store::Lane::Change}));
}

}  // namespace
}  // namespace graphhook::app
