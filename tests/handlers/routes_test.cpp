#include "handlers/routes.hpp"

#include <gtest/gtest.h>

namespace graphhook::handlers {
namespace {

store::Stream inbox() {
    return {store::Lane::Change, "contoso", "support-inbox", "message", "created"};
}
store::Stream lifecycle(std::string event = "missed") {
    return {store::Lane::Lifecycle, "contoso", "support-inbox", "message", std::move(event)};
}

TEST(RoutesTest, HandlerNamedByASubscriptionGetsAllItsChangesButNotItsLifecycle) {
    const auto accepts = make_accepts({"support-inbox"}, {});
    auto stream = inbox();
    for (const auto* change : {"created", "updated", "deleted", "somethingnew"}) {
        stream.change = change;
        EXPECT_TRUE(accepts(stream)) << change;
    }
    EXPECT_FALSE(accepts(lifecycle()));
    stream.subscription = "another";
    EXPECT_FALSE(accepts(stream));
}

TEST(RoutesTest, HandlerThatNobodyNamesAndThatHasNoRouteGetsNothing) {
    const auto accepts = make_accepts({}, {});
    EXPECT_FALSE(accepts(inbox()));
    EXPECT_FALSE(accepts(lifecycle()));
}

TEST(RoutesTest, RouteWithEmptyListsMatchesEveryChange) {
    EXPECT_TRUE(matches(Route{}, inbox()));
    EXPECT_FALSE(matches(Route{}, lifecycle()));
}

TEST(RoutesTest, RouteMatchesOnlyIfEveryListThatIsNotEmptyContainsTheValue) {
    struct Case {
        Route route;
        bool expected;
    };
    const Case cases[] = {
        {{.subscriptions = {"support-inbox"}}, true},
        {{.subscriptions = {"sales", "support-inbox"}}, true},
        {{.subscriptions = {"sales"}}, false},
        {{.subscriptions = {"Support-Inbox"}}, false},  // configured names are exact
        {{.kinds = {"message"}}, true},
        {{.kinds = {"event"}}, false},
        {{.changes = {"updated", "created"}}, true},
        {{.changes = {"Created"}}, true},  // words of Graph are not
        {{.changes = {"deleted"}}, false},
        {{.tenants = {"contoso"}}, true},
        {{.tenants = {"fabrikam"}}, false},
        {{.subscriptions = {"support-inbox"}, .kinds = {"message"}, .tenants = {"contoso"}}, true},
        {{.subscriptions = {"support-inbox"}, .kinds = {"message"}, .tenants = {"fabrikam"}}, false
        },
    };
    for (const auto& one : cases) {
        EXPECT_EQ(matches(one.route, inbox()), one.expected) << &one - cases;
    }
}

TEST(RoutesTest, LifecycleNotificationsComeOnlyWithARouteThatAsksForThem) {
    const Route all{.lifecycle = true};
    EXPECT_TRUE(matches(all, lifecycle()));
    EXPECT_FALSE(matches(all, inbox()));
    const Route removed{.changes = {"subscriptionremoved"}, .lifecycle = true};
    EXPECT_TRUE(matches(removed, lifecycle("subscriptionRemoved")));
    EXPECT_FALSE(matches(removed, lifecycle("missed")));
}

TEST(RoutesTest, SignalsAreTheSubscriptionsOwnAndComeToNoHandler) {
    const auto accepts = make_accepts({"support-inbox"}, {{.lifecycle = true}, {}});
    for (const auto* change : {"created", "updated", "deleted"}) {
        EXPECT_FALSE(accepts(lifecycle(change))) << change;
    }
    EXPECT_TRUE(accepts(lifecycle("missed")));
    EXPECT_TRUE(accepts(lifecycle("somethingnew")));
}

TEST(RoutesTest, WhatASweepFoundIsRoutedLikeANotification) {
    auto found = inbox();
    found.source = store::Source::Sweep;
    EXPECT_TRUE(make_accepts({"support-inbox"}, {})(found));
    EXPECT_TRUE(matches(Route{.changes = {"created"}}, found));
}

TEST(RoutesTest, NamingAndRoutesAddUp) {
    const auto accepts = make_accepts({"sales"}, {{.kinds = {"event"}}, {.lifecycle = true}});
    EXPECT_FALSE(accepts(inbox()));
    EXPECT_TRUE(accepts({store::Lane::Change, "contoso", "sales", "message", "created"}));
    EXPECT_TRUE(accepts({store::Lane::Change, "contoso", "other", "event", "created"}));
    EXPECT_TRUE(accepts(lifecycle()));
}

}  // namespace
}  // namespace graphhook::handlers
