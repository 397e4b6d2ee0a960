#include "app/lifecycle_lane.hpp"

#include <gmock/gmock.h>

namespace graphhook::app {
namespace {

TEST(LifecycleLaneTest, TellsTheSubscriptionsWhatHappenedToWhichOne) {
    std::vector<subscriptions::LifecycleEvent> told;
    LifecycleLane lane([&](const subscriptions::LifecycleEvent& event) { told.push_back(event); });
    handlers::Delivery first;
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
}

TEST(LifecycleLaneTest, AcceptsNothingButLifecycleNotifications) {
    EXPECT_TRUE(LifecycleLane::accepts({.lane = store::Lane::Lifecycle}));
    EXPECT_FALSE(LifecycleLane::accepts({.lane = store::Lane::Change}));
}

}  // namespace
}  // namespace graphhook::app
