// The quotas of the subscription API (protocol 5.10) and the limits by kind (protocol 4.1).
#include "emulator/quotas.hpp"

#include "emulator/registry.hpp"
#include "tests/emulator/drafts.hpp"
#include "tests/emulator/fake_clock.hpp"

#include <boost/json/array.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace graphhook::emulator {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using test::body_for;
using test::checked;
using test::FakeClock;
using test::someone;
using testing::HasSubstr;

Caller caller(const std::string& tenant, const std::string& app = "app-1") {
    auto made = someone();
    made.tenant = tenant;
    made.app = app;
    return made;
}

class QuotasTest : public testing::Test {
  protected:
    /// How many of so many requests are taken.
    std::size_t taken(Operation what, const Caller& who, std::size_t count) {
        std::size_t found = 0;
        for (std::size_t i = 0; i < count; ++i) {
            if (!quotas_.ask(what, who, clock_.steady_now())) ++found;
        }
        return found;
    }
    boost::json::object window(std::string_view operation, std::string_view scope) {
        const auto json = quotas_.to_json();
        for (const auto& entry : json.at("windows").as_array()) {
            if (entry.at("operation").as_string() == operation &&
                entry.at("scope").as_string() == scope)
                return entry.as_object();
        }
        return {};
    }
    FakeClock clock_;
    Quotas quotas_{true};
};

TEST_F(QuotasTest, AnAppHasItsQuotaInATenantAndOverAllTenants) {
    EXPECT_EQ(taken(Operation::Write, caller("a"), 600), 500U);
    EXPECT_EQ(taken(Operation::Write, caller("a", "app-2"), 600), 500U);
    clock_.advance(seconds(20));
    std::size_t all = 0;
    for (const auto* tenant : {"a", "b", "c", "d", "e"})
        all += taken(Operation::Write, caller(tenant), 450);
    EXPECT_EQ(all, 2'000U);
}

TEST_F(QuotasTest, EveryOperationHasItsOwn) {
    EXPECT_EQ(taken(Operation::List, caller("a"), 100), 25U);
    EXPECT_EQ(taken(Operation::List, caller("b"), 100), 15U) << "40 for the app";
    EXPECT_EQ(taken(Operation::Reauthorize, caller("a"), 2'000), 1'000U);
    EXPECT_EQ(taken(Operation::Get, caller("a"), 2'000), 500U);
    EXPECT_EQ(taken(Operation::Security, caller("a"), 2'000), 150U);
}

TEST_F(QuotasTest, TheWindowSlides) {
    EXPECT_EQ(taken(Operation::List, caller("a"), 20), 20U);
    clock_.advance(seconds(15));
    EXPECT_EQ(taken(Operation::List, caller("a"), 20), 5U);
    clock_.advance(seconds(5));
    EXPECT_EQ(taken(Operation::List, caller("a"), 30), 20U) << "the first 20 are over, the 5 not";
}

TEST_F(QuotasTest, WhoWaitsAsLongAsToldIsTaken) {
    taken(Operation::List, caller("a"), 25);
    clock_.advance(milliseconds(3'500));
    const auto refusal = quotas_.ask(Operation::List, caller("a"), clock_.steady_now());
    ASSERT_TRUE(refusal);
    EXPECT_EQ(refusal->retry_after, seconds(17));
    EXPECT_THAT(refusal->message, HasSubstr("list"));
    clock_.advance(refusal->retry_after);
    EXPECT_FALSE(quotas_.ask(Operation::List, caller("a"), clock_.steady_now()));
}

TEST_F(QuotasTest, TheMostInAnySpanIsKnownAndWhatWasRefused) {
    taken(Operation::List, caller("a"), 10);
    clock_.advance(seconds(30));
    taken(Operation::List, caller("a"), 30);
    clock_.advance(seconds(30));
    taken(Operation::List, caller("a"), 5);
    const auto known = window("list", "app and tenant");
    EXPECT_EQ(known.at("most"), 30);
    EXPECT_EQ(known.at("refused"), 5);
    EXPECT_EQ(known.at("quota"), 25);
    EXPECT_EQ(known.at("seconds"), 20);
}

TEST_F(QuotasTest, SwitchedOffTheyCountAndRefuseNothing) {
    Quotas off(false);
    for (int i = 0; i < 100; ++i)
        EXPECT_FALSE(off.ask(Operation::List, caller("a"), clock_.steady_now()));
    EXPECT_EQ(off.to_json().at("windows").at(0).at("refused"), 0);
}

TEST_F(QuotasTest, AMailboxTakesFourRequestsAtATime) {
    for (int i = 0; i < 4; ++i)
        EXPECT_FALSE(quotas_.enter_mailbox(caller("a"), "m", clock_.steady_now()));
    const auto refusal = quotas_.enter_mailbox(caller("a"), "m", clock_.steady_now());
    ASSERT_TRUE(refusal);
    EXPECT_THAT(refusal->message, HasSubstr("MailboxConcurrency"));
    EXPECT_FALSE(quotas_.enter_mailbox(caller("a"), "other", clock_.steady_now()));
    quotas_.leave_mailbox(caller("a"), "m");
    EXPECT_FALSE(quotas_.enter_mailbox(caller("a"), "m", clock_.steady_now()));
    EXPECT_EQ(window("mailbox", "app and mailbox").at("mostAtOnce"), 5);
}

TEST_F(QuotasTest, AMailboxTakes10000RequestsInTenMinutes) {
    std::size_t found = 0;
    for (int i = 0; i < 10'100; ++i) {
        if (quotas_.enter_mailbox(caller("a"), "m", clock_.steady_now())) continue;
        ++found;
        quotas_.leave_mailbox(caller("a"), "m");
    }
    EXPECT_EQ(found, 10'000U);
    clock_.advance(seconds(600));
    EXPECT_FALSE(quotas_.enter_mailbox(caller("a"), "m", clock_.steady_now()));
}

class LimitsTest : public testing::Test {
  protected:
    /// Creates as many as are taken, up to `most`; the refusal of the next one.
    std::optional<ApiError> fill(
        const std::function<std::string(int)>& resource, int most,
        const std::function<void(Subscription&, int)>& change = {}
    ) {
        for (int i = 0; i < most; ++i) {
            auto draft = checked(body_for(resource(i), "updated"), ApiVersion::Beta).value();
            if (change) change(draft, i);
            if (auto refused = registry_.refuses(draft)) {
                count_ = i;
                return refused;
            }
            registry_.add(std::move(draft));
        }
        count_ = most;
        return std::nullopt;
    }
    Registry registry_{{}};
    int count_ = 0;
};

std::string numbered(const std::string& before, int i, const std::string& after = {}) {
    return before + std::to_string(i) + after;
}

TEST_F(LimitsTest, AnAppHas100SubscriptionsToUsersInATenant) {
    const auto refused = fill([](int i) { return numbered("users/u", i); }, 200);
    ASSERT_TRUE(refused);
    EXPECT_EQ(count_, 100);
    EXPECT_EQ(refused->status, 403);
    EXPECT_THAT(refused->message, HasSubstr("limit of 100"));
    EXPECT_FALSE(fill([](int) { return "groups"; }, 1)) << "groups count apart";
}

TEST_F(LimitsTest, ATenantHas1000SubscriptionsToUsersOverAllApps) {
    const auto refused = fill(
        [](int i) { return numbered("users/u", i); }, 2'000,
        [](Subscription& draft, int i) { draft.app = numbered("app-", i / 50); }
    );
    ASSERT_TRUE(refused);
    EXPECT_EQ(count_, 1'000);
    EXPECT_THAT(refused->message, HasSubstr("limit of 1000"));
}

TEST_F(LimitsTest, AChatTakesOneSubscriptionOfAnApp) {
    EXPECT_FALSE(fill([](int i) { return numbered("chats/c", i, "/messages"); }, 50));
    const auto refused = fill([](int) { return "chats/c1/messages"; }, 1);
    ASSERT_TRUE(refused);
    EXPECT_EQ(refused->status, 403);
    EXPECT_THAT(refused->message, HasSubstr("limit of 1 "));
    EXPECT_FALSE(fill(
        [](int) { return "chats/c1/messages"; }, 1,
        [](Subscription& draft, int) { draft.app = "app-2"; }
    ));
}

TEST_F(LimitsTest, AUserIsWatchedByTenAppsAtMost) {
    const auto refused = fill(
        [](int) { return "users/u1/chats"; }, 20,
        [](Subscription& draft, int i) { draft.app = numbered("app-", i); }
    );
    ASSERT_TRUE(refused);
    EXPECT_EQ(count_, 10);
}

TEST_F(LimitsTest, ASecondPresenceSubscriptionIsAConflict) {
    const auto refused = fill([](int i) { return numbered("communications/presences/p", i); }, 2);
    ASSERT_TRUE(refused);
    EXPECT_EQ(refused->status, 409);
    EXPECT_THAT(refused->message, HasSubstr("A subscripton already exists"));
}

TEST_F(LimitsTest, CallRecordsAreLimitedInAnOrganization) {
    const auto refused = fill(
        [](int) { return "communications/callRecords"; }, 200,
        [](Subscription& draft, int i) { draft.app = numbered("app-", i); }
    );
    ASSERT_TRUE(refused);
    EXPECT_EQ(count_, 100);
}

TEST_F(LimitsTest, WhatIsRemovedOrOverMakesRoom) {
    fill([](int i) { return numbered("users/u", i); }, 200);
    registry_.remove(registry_.all().begin()->second->id);
    EXPECT_FALSE(fill([](int) { return "users/new"; }, 1));
    registry_.expire(registry_.all().begin()->second->expires);
    EXPECT_EQ(registry_.size(), 0U);
    EXPECT_FALSE(fill([](int i) { return numbered("users/u", i); }, 100));
}

TEST_F(LimitsTest, TheyCanBeSwitchedOffAndTheWholeCapSet) {
    Registry registry({.most = 150, .kind_limits = false});
    int i = 0;
    std::optional<ApiError> refused;
    for (; !refused && i < 300; ++i) {
        auto draft = checked(body_for(numbered("users/u", i), "updated")).value();
        refused = registry.refuses(draft);
        if (!refused) registry.add(std::move(draft));
    }
    ASSERT_TRUE(refused);
    EXPECT_EQ(registry.size(), 150U);
    EXPECT_THAT(refused->message, HasSubstr("limit of 150 subscriptions"));
}

TEST(RenewalTest, ARenewedSubscriptionEndsLaterAndOneThatIsGoneNever) {
    Registry registry({});
    const auto subscription = test::subscribe(registry, "users");
    const auto first = subscription->expires;
    registry.renew(*subscription, first + std::chrono::hours(1));
    EXPECT_TRUE(registry.expire(first).empty());
    EXPECT_EQ(registry.expire(first + std::chrono::hours(1)).size(), 1U);
    registry.renew(*subscription, first + std::chrono::hours(2));
    EXPECT_TRUE(registry.expire(first + std::chrono::hours(3)).empty());
}

}  // namespace
}  // namespace graphhook::emulator
