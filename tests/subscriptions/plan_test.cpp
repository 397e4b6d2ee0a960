#include "subscriptions/plan/plan.hpp"

#include "subscriptions/catalog/catalog.hpp"
#include "subscriptions/plan/renewal.hpp"
#include "tests/subscriptions/fakes.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace graphhook::subscriptions {
namespace {

using namespace std::chrono_literals;
using store::SubscriptionRecord;
using store::SubscriptionState;
using test::kNow;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class PlanTest : public ::testing::Test {
  protected:
    PlanTest() {
        s_.now = kNow;
        s_.notification_url = test::kUrl;
        s_.lifecycle_url = test::kLifecycleUrl;
        s_.removal_grace = 15min;
        s_.remember_retired = 5h;
        s_.listing = Listing{kNow - 1h, {}};
    }

    SubscriptionRecord& record(const std::string& name, SubscriptionState state) {
        SubscriptionRecord r;
        r.record = static_cast<std::int64_t>(s_.records.size()) + 1;
        r.state = state;
        r.name = name;
        r.tenant = "contoso";
        r.kind = "message";
        r.resource = "users/x/messages";
        r.changes = "updated";
        r.notification_url = test::kUrl;
        r.lifecycle_url = test::kLifecycleUrl;
        r.created_at = kNow - 30min;
        if (state == SubscriptionState::Creating) {
            r.client_state = Secret("state");
        } else {
            r.graph_id = "g" + std::to_string(r.record);
            r.expires_at = r.created_at + 7 * 24h;
        }
        s_.records.push_back(r);
        return s_.records.back();
    }
    SubscriptionRecord& active(const std::string& name) {
        return record(name, SubscriptionState::Active);
    }
    SubscriptionRecord& creating(const std::string& name) {
        return record(name, SubscriptionState::Creating);
    }
    void want(const std::string& name, const std::string& resource = "users/x/messages") {
        s_.wanted.push_back(test::wanted(name, resource));
    }
    /// As Graph lists it.
    GraphSubscription at_graph(const std::string& id, SystemTime expires_at) {
        GraphSubscription there;
        there.id = id;
        there.resource = "Users('x')/Messages";
        there.changes = "updated";
        there.notification_url = test::kUrl;
        there.expires_at = expires_at;
        return there;
    }
    std::vector<std::string> lines() {
        plan_ = make_plan(s_);
        std::vector<std::string> all;
        for (const auto& step : plan_.steps)
            all.push_back(std::string(to_string(step.action)) + " " + step.name);
        return all;
    }

    Situation s_;
    Plan plan_;
};

TEST_F(PlanTest, WhatIsWantedAndNotThereIsCreatedAfterAList) {
    want("inbox");
    s_.listing.reset();
    EXPECT_THAT(lines(), ElementsAre("list ", "create inbox"));
    s_.listing = Listing{kNow, {}};
    EXPECT_THAT(lines(), ElementsAre("create inbox"));
}

TEST_F(PlanTest, WhatIsAsItShouldBeIsKeptUntilItsRenewal) {
    want("inbox");
    const auto& r = active("inbox");
    s_.listing->taken_at = kNow - 40min;
    EXPECT_THAT(lines(), ElementsAre("keep inbox"));
    EXPECT_EQ(plan_.next, r.expires_at - renew_before(7 * 24h, "inbox"));
    EXPECT_THAT(plan_.steps[0].reason, HasSubstr("renewal at"));
}

TEST_F(PlanTest, RenewalIsDueByWhatIsLeftOfTheGrantedLife) {
    want("inbox");
    auto& r = active("inbox");
    s_.listing->taken_at = r.created_at;
    s_.now = r.expires_at - renew_before(7 * 24h, "inbox") - 1s;
    EXPECT_THAT(lines(), ElementsAre("keep inbox"));
    s_.now += 1s;
    EXPECT_THAT(lines(), ElementsAre("renew inbox"));
    // Granted a day of the week that was asked for.
    s_.memory[r.record].granted = 24h;
    EXPECT_THAT(lines(), ElementsAre("keep inbox"));
}

TEST_F(PlanTest, TheMostUrgentRenewalComesFirst) {
    want("a");
    want("b", "users/y/messages");
    s_.listing->taken_at = kNow - 40min;
    active("a").expires_at = kNow + 2h;
    auto& b = active("b");
    b.resource = "users/y/messages";
    b.expires_at = kNow + 1h;
    s_.memory[1].granted = s_.memory[2].granted = 7 * 24h;
    EXPECT_THAT(lines(), ElementsAre("renew b", "renew a"));
}

TEST_F(PlanTest, TenMinutesLieBetweenTwoTouches) {
    want("inbox");
    auto& r = active("inbox");
    s_.listing->taken_at = r.created_at;
    r.touched_at = kNow - 9min;
    s_.memory[r.record].wants_renewal = true;
    EXPECT_THAT(lines(), ElementsAre("keep inbox"));
    EXPECT_EQ(plan_.next, r.touched_at + 10min);
    s_.memory[r.record] = {};
    s_.memory[r.record].wants_reauthorize = kNow - 1min;
    EXPECT_THAT(lines(), ElementsAre("keep inbox"));
    s_.now = r.touched_at + 10min;
    EXPECT_THAT(lines(), ElementsAre("reauthorize inbox"));
    s_.memory[r.record].wants_renewal = true;
    EXPECT_THAT(lines(), ElementsAre("renew inbox")) << "which reauthorizes as well";
}

TEST_F(PlanTest, AfterAFailureItWaitsForItsNextTry) {
    want("inbox");
    auto& r = active("inbox");
    s_.memory[r.record].wants_renewal = true;
    r.attempt_at = kNow + 1min;
    r.last_error = "refused";
    EXPECT_THAT(lines(), ElementsAre("keep inbox"));
    EXPECT_EQ(plan_.next, kNow + 1min);
    EXPECT_EQ(plan_.steps[0].reason, "refused");
}

TEST_F(PlanTest, WhatGraphsListLacksIsCheckedAndNotBelievedGone) {
    want("inbox");
    active("inbox");
    s_.listing->taken_at = kNow - 1min;
    EXPECT_THAT(lines(), ElementsAre("check inbox"));
    s_.memory[1].checked_at = kNow;
    EXPECT_THAT(lines(), ElementsAre("keep inbox"));
    s_.memory[1] = {};
    s_.memory[1].gone = true;
    EXPECT_THAT(lines(), ElementsAre("recreate inbox"));
}

TEST_F(PlanTest, AListThatIsOlderThanTheSubscriptionSaysNothingAboutIt) {
    want("inbox");
    active("inbox").created_at = kNow - 59min;
    s_.listing->taken_at = kNow - 58min;  // Graph's list may lag
    EXPECT_THAT(lines(), ElementsAre("keep inbox"));
}

TEST_F(PlanTest, AnotherExpiryInANewerListIsLearned) {
    want("inbox");
    auto& r = active("inbox");
    s_.listing = Listing{kNow - 1min, {at_graph("G1", kNow + 24h)}};
    EXPECT_THAT(lines(), ElementsAre("learn inbox"));
    EXPECT_EQ(plan_.steps[0].expires_at, kNow + 24h);
    // Even what we hold for expired lives on if Graph says so.
    r.expires_at = kNow - 1h;
    EXPECT_THAT(lines(), ElementsAre("learn inbox"));
    s_.listing = Listing{kNow - 31min, {at_graph("G1", kNow + 24h)}};
    EXPECT_THAT(lines(), ElementsAre("recreate inbox")) << "an older list does not";
}

TEST_F(PlanTest, WhatHasExpiredIsCreatedAnew) {
    want("inbox");
    active("inbox").expires_at = kNow;
    EXPECT_THAT(lines(), ElementsAre("recreate inbox"));
    EXPECT_EQ(plan_.steps[0].reason, "expired");
}

TEST_F(PlanTest, WhatDiffersIsReplacedAndServesUntilTheNewOneStands) {
    want("inbox", "users/y/messages");
    active("inbox");
    s_.listing->taken_at = kNow - 40min;
    EXPECT_THAT(lines(), ElementsAre("replace inbox", "keep inbox"));
    EXPECT_THAT(plan_.steps[0].reason, HasSubstr("resource"));
    s_.wanted[0] = test::wanted("inbox", "users/x/messages", {"created"});
    EXPECT_THAT(lines(), ElementsAre("replace inbox", "keep inbox"));
    EXPECT_THAT(plan_.steps[0].reason, HasSubstr("changes"));
    s_.wanted[0] = test::wanted("inbox", "users/x/messages");
    s_.lifecycle_url = "https://new.example/lifecycle";
    EXPECT_THAT(lines(), ElementsAre("replace inbox", "keep inbox"));
    EXPECT_THAT(plan_.steps[0].reason, HasSubstr("URL"));
    auto& fresh = active("inbox");
    fresh.lifecycle_url = s_.lifecycle_url;
    EXPECT_THAT(lines(), ElementsAre("retire-replaced inbox", "keep inbox"));
    EXPECT_EQ(plan_.steps[0].graph_id, "g1");
}

TEST_F(PlanTest, AnotherSpellingOfTheSameIsNoReasonToReplace) {
    s_.wanted.push_back(test::wanted("inbox", "/Users('X')/messages", {"Updated"}));
    active("inbox");
    s_.listing->taken_at = kNow - 40min;
    EXPECT_THAT(lines(), ElementsAre("keep inbox"));
}

TEST_F(PlanTest, AnUnansweredCreateWaitsForANewerList) {
    want("inbox");
    auto& r = creating("inbox");
    s_.memory[r.record].tried_at = kNow - 1min;
    s_.listing->taken_at = kNow - 2min;
    EXPECT_THAT(lines(), ElementsAre("list ", "wait inbox"));
    s_.listing->taken_at = kNow - 30s;
    EXPECT_THAT(lines(), ElementsAre("retry inbox"));
    s_.listing->subscriptions = {at_graph("new", kNow + 10'000min)};
    s_.memory[r.record].listed_before = true;
    EXPECT_THAT(lines(), ElementsAre("adopt inbox"));
    EXPECT_EQ(plan_.steps[0].graph_id, "new");
    EXPECT_THAT(plan_.orphans, IsEmpty());
}

TEST_F(PlanTest, ARefusedCreateNeedsNoList) {
    want("inbox");
    auto& r = creating("inbox");
    s_.memory[r.record].tried_at = kNow - 1min;
    s_.memory[r.record].refused = true;
    s_.listing->taken_at = kNow - 2min;
    EXPECT_THAT(lines(), ElementsAre("retry inbox"));
}

TEST_F(PlanTest, OfSeveralOwnOnesTheNewestIsAdoptedAndTheOthersRemoved) {
    want("inbox");
    auto& r = creating("inbox");
    s_.memory[r.record].listed_before = true;
    s_.listing =
        Listing{kNow, {at_graph("old", kNow + 9'000min), at_graph("new", kNow + 9'001min)}};
    EXPECT_THAT(lines(), ElementsAre("adopt inbox"));
    EXPECT_EQ(plan_.steps[0].graph_id, "new");
    r.state = SubscriptionState::Active;
    r.graph_id = "new";
    r.expires_at = kNow + 9'001min;
    s_.memory[r.record].was_uncertain = true;
    EXPECT_THAT(lines(), ElementsAre("delete-leftover inbox", "keep inbox"));
    EXPECT_EQ(plan_.steps[0].graph_id, "old");
}

TEST_F(PlanTest, WhatIsNotProvablyOursIsAnOrphanAndNeverTouched) {
    want("inbox");
    auto& r = creating("inbox");
    // Its expiry is not what our create asked for, and nothing is known of before.
    s_.listing = Listing{kNow, {at_graph("theirs", kNow + 24h)}};
    EXPECT_THAT(lines(), ElementsAre("retry inbox"));
    ASSERT_THAT(plan_.orphans, SizeIs(1));
    // It was there before our create.
    s_.listing = Listing{kNow, {at_graph("theirs", kNow + 10'065min)}};
    s_.first_seen["theirs"] = r.created_at - 1min;
    EXPECT_THAT(lines(), ElementsAre("retry inbox"));
    // An answer proved that it is another's.
    s_.first_seen.clear();
    EXPECT_THAT(lines(), ElementsAre("adopt inbox"));
    s_.foreign["theirs"] = kNow;
    EXPECT_THAT(lines(), ElementsAre("retry inbox"));
    EXPECT_THAT(plan_.orphans, SizeIs(1));
}

TEST_F(PlanTest, SubscriptionsWithAnotherUrlAreNoBusinessOfOurs) {
    auto other = at_graph("elsewhere", kNow + 24h);
    other.notification_url = "https://other.example/n";
    s_.listing->subscriptions = {other};
    EXPECT_THAT(lines(), IsEmpty());
    EXPECT_THAT(plan_.orphans, IsEmpty());
}

TEST_F(PlanTest, WhatIsNoLongerWantedHasItsGraceAndStaysAliveMeanwhile) {
    auto& r = active("inbox");
    s_.listing->taken_at = kNow - 40min;
    EXPECT_THAT(lines(), ElementsAre("mark-removal inbox", "keep inbox"));
    r.forget_at = kNow + 1min;
    EXPECT_THAT(lines(), ElementsAre("keep inbox", "keep inbox"));
    EXPECT_EQ(plan_.next, kNow + 1min);
    s_.now = kNow + 1min;
    EXPECT_THAT(lines(), ElementsAre("remove inbox"));
    want("inbox");
    EXPECT_THAT(lines(), ElementsAre("unmark inbox"));
}

TEST_F(PlanTest, AtMostTenOrATwentiethOfATenantAreRemovedInAnHour) {
    EXPECT_EQ(removal_quota(0), 10u);
    EXPECT_EQ(removal_quota(200), 10u);
    EXPECT_EQ(removal_quota(1'000), 50u);
    for (int i = 0; i < 12; ++i) active("s" + std::to_string(i)).forget_at = kNow - 1min;
    s_.listing->taken_at = kNow - 40min;
    (void)lines();
    const auto count = [this](Action action) {
        return std::ranges::count(plan_.steps, action, &Step::action);
    };
    EXPECT_EQ(count(Action::Remove), 10);
    EXPECT_EQ(count(Action::HoldBack), 2);
    EXPECT_EQ(plan_.held_back, 2u);
    s_.allow_delete = 1;
    (void)lines();
    EXPECT_EQ(count(Action::Remove), 11);
    // What was removed within the hour counts, whoever counted it.
    s_.allow_delete = 0;
    auto& gone = record("gone", SubscriptionState::Retired);
    gone.forget_at = kNow - 30min + s_.remember_retired;
    (void)lines();
    EXPECT_EQ(count(Action::Remove), 9);
    gone.forget_at = kNow - 61min + s_.remember_retired;
    (void)lines();
    EXPECT_EQ(count(Action::Remove), 10);
}

TEST_F(PlanTest, WhatIsHeldBackIsRenewedAllTheSame) {
    for (int i = 0; i < 12; ++i) {
        auto& r = active("s" + std::to_string(i));
        r.forget_at = kNow - 1min + std::chrono::seconds(i);
        r.expires_at = kNow + 1h;
    }
    s_.listing->taken_at = kNow - 40min;
    for (const auto& r : s_.records) s_.memory[r.record].granted = 7 * 24h;
    (void)lines();
    EXPECT_EQ(std::ranges::count(plan_.steps, Action::Renew, &Step::action), 2);
}

TEST_F(PlanTest, ReplacingIsNotRemovingAndNeverHeldBack) {
    for (int i = 0; i < 12; ++i) {
        const std::string name = "s" + std::to_string(i);
        const std::string resource = "users/u" + std::to_string(i) + "/messages";
        want(name, resource);
        active(name);
        active(name).resource = resource;
    }
    s_.listing->taken_at = kNow - 40min;
    (void)lines();
    EXPECT_EQ(std::ranges::count(plan_.steps, Action::RetireReplaced, &Step::action), 12);
    EXPECT_EQ(plan_.held_back, 0u);
}

TEST_F(PlanTest, WhatIsRetiredStaysKnownUntilItsTimeAndIsThenForgotten) {
    auto& r = record("inbox", SubscriptionState::Retired);
    r.forget_at = kNow + 1s;
    EXPECT_THAT(lines(), IsEmpty());
    EXPECT_EQ(plan_.next, kNow + 1s);
    s_.now = kNow + 1s;
    EXPECT_THAT(lines(), ElementsAre("forget inbox"));
}

TEST_F(PlanTest, WhatIsRetiredHereAndLivesAtGraphIsOursToRemove) {
    auto& r = record("inbox", SubscriptionState::Retired);
    r.forget_at = kNow - 30min + s_.remember_retired;
    s_.listing = Listing{kNow, {at_graph("G1", kNow + 24h)}};
    EXPECT_THAT(lines(), ElementsAre("delete-leftover inbox"));
    EXPECT_THAT(plan_.orphans, IsEmpty());
}

TEST_F(PlanTest, AnAbandonedCreateIsRetiredOnlyWhenItIsKnownNotToHaveHappened) {
    auto& r = creating("gone");
    s_.listing->taken_at = kNow - 1h;
    r.attempt_at = kNow - 1min;
    EXPECT_THAT(lines(), ElementsAre("list ", "keep gone"));
    s_.listing->taken_at = kNow;
    EXPECT_THAT(lines(), ElementsAre("retire gone"));
    s_.memory[r.record].listed_before = true;
    s_.listing->subscriptions = {at_graph("made", kNow + 24h)};
    EXPECT_THAT(lines(), ElementsAre("adopt gone")) << "to be removed in order";
}

TEST(RenewalTest, FollowsThePolicyForEachLife) {
    struct Row {
        std::chrono::milliseconds life, before;
    };
    for (const Row& row :
         {Row{60min, 20min}, Row{6h, 2h}, Row{24h, 8h}, Row{72h, 24h}, Row{7 * 24h, 48h},
          Row{29 * 24h, 5 * 24h}, Row{45min, 15min}}) {
        const auto before = renew_before(row.life, "x");
        EXPECT_GE(before, row.before * 9 / 10);
        EXPECT_LE(before, row.before * 11 / 10);
    }
}

TEST(RenewalTest, IsSpreadByNameAndTheSameForTheSameName) {
    std::chrono::milliseconds least = 1'000h;
    std::chrono::milliseconds most{0};
    for (int i = 0; i < 200; ++i) {
        const auto before = renew_before(7 * 24h, "s" + std::to_string(i));
        EXPECT_EQ(before, renew_before(7 * 24h, "s" + std::to_string(i)));
        least = std::min(least, before);
        most = std::max(most, before);
    }
    EXPECT_GT(most - least, 8h);
}

TEST(RenewalTest, FailuresAreTriedAgainFurtherAndFurtherApart) {
    EXPECT_LE(retry_after_failure(60min, 9, "x"), 66s);
    EXPECT_GT(retry_after_failure(7 * 24h, 9, "x"), 50min);
    EXPECT_LE(retry_after_failure(7 * 24h, 1, "x"), 33s);
    EXPECT_EQ(retry_after_handshake(1), 5s);
    EXPECT_EQ(retry_after_handshake(12), 1min);
    EXPECT_EQ(retry_after_handshake(13), 5min);
    EXPECT_LE(tenant_back_off(1'000, 0.99), 60s);
    EXPECT_GE(tenant_back_off(1, 0.0), 500ms);
    EXPECT_LE(retry_after_refusal(100, "x"), 66min);
}

}  // namespace
}  // namespace graphhook::subscriptions
