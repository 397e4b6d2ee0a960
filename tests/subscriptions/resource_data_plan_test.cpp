// What is decided about subscriptions with resource data.
#include "subscriptions/plan/renewal.hpp"
#include "tests/subscriptions/fakes.hpp"

#include <gmock/gmock.h>

namespace graphhook::subscriptions {
namespace {

using namespace std::chrono_literals;
using store::SubscriptionRecord;
using store::SubscriptionState;
using test::kNow;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class ResourceDataPlanTest : public ::testing::Test {
  protected:
    ResourceDataPlanTest() {
        s_.now = kNow;
        s_.notification_url = test::kUrl;
        s_.lifecycle_url = test::kLifecycleUrl;
        s_.removal_grace = 15min;
        s_.remember_retired = 5h;
        s_.listing = Listing{kNow - 40min, {}};
        s_.certificate_id = "k2";
        s_.certificate_ends = kNow + 24h * 365;
        s_.wanted.push_back(test::wanted("chat", "chats/x/messages"));
        s_.wanted.back().resource_data = true;
    }
    SubscriptionRecord& active(const std::string& certificate) {
        SubscriptionRecord r;
        r.record = static_cast<std::int64_t>(s_.records.size()) + 1;
        r.state = SubscriptionState::Active;
        r.name = "chat";
        r.tenant = "contoso";
        r.kind = "chat-message";
        r.resource = "chats/x/messages";
        r.changes = "updated";
        r.certificate_id = certificate;
        r.notification_url = test::kUrl;
        r.lifecycle_url = test::kLifecycleUrl;
        r.created_at = kNow - 30min;
        r.graph_id = "g" + std::to_string(r.record);
        r.expires_at = r.created_at + 72h;
        s_.records.push_back(r);
        return s_.records.back();
    }
    std::vector<std::string> lines() {
        plan_ = make_plan(s_);
        std::vector<std::string> all;
        for (const auto& step : plan_.steps) all.emplace_back(to_string(step.action));
        return all;
    }

    Situation s_;
    Plan plan_;
};

TEST_F(ResourceDataPlanTest, WhatHasTheCurrentCertificateIsKept) {
    active("k2");
    EXPECT_THAT(lines(), ElementsAre("keep"));
}

TEST_F(ResourceDataPlanTest, WhatHasAnotherCertificateIsMovedAsRenewalsAre) {
    active("k1");
    EXPECT_THAT(lines(), ElementsAre("move-key"));
    EXPECT_EQ(verb_of(Action::MoveKey), "renew");
    s_.certificate_id.clear();
    EXPECT_THAT(lines(), ElementsAre("keep")) << "without a certificate it stays as it is";
    s_.certificate_id = "k2";
    s_.certificate_ends = kNow;
    EXPECT_THAT(lines(), ElementsAre("keep")) << "nor is it moved to one that has expired";
}

TEST_F(ResourceDataPlanTest, TroubleWithACertificateNeverKeepsASubscriptionFromLiving) {
    auto& r = active("k1");
    s_.memory[r.record].wants_reauthorize = kNow - 1min;
    EXPECT_THAT(lines(), ElementsAre("reauthorize"));
    r.expires_at = kNow + 1h;
    s_.memory[r.record].granted = 72h;
    EXPECT_THAT(lines(), ElementsAre("renew"));
}

TEST_F(ResourceDataPlanTest, TenMinutesLieBetweenAMoveAndAnyOtherTouch) {
    auto& r = active("k1");
    r.touched_at = kNow - 9min;
    EXPECT_THAT(lines(), ElementsAre("check")) << "perhaps that touch was the move";
    s_.memory[r.record].checked_at = kNow - 8min;
    EXPECT_THAT(lines(), ElementsAre("keep"));
    EXPECT_EQ(plan_.next, r.touched_at + kTouchSpacing);
    s_.now += 1min;
    EXPECT_THAT(lines(), ElementsAre("move-key"));
}

TEST_F(ResourceDataPlanTest, AfterAMoveItIsAskedWhetherGraphTookIt) {
    auto& r = active("k1");
    r.touched_at = kNow - 4s;
    s_.memory[r.record].key_sent = 1;
    EXPECT_THAT(lines(), ElementsAre("keep"));
    EXPECT_EQ(plan_.next, r.touched_at + 5s);
    s_.now += 1s;
    EXPECT_THAT(lines(), ElementsAre("check"));
    s_.memory[r.record].checked_at = s_.now;
    s_.memory[r.record].key_misses = 1;
    EXPECT_THAT(lines(), ElementsAre("keep")) << "Graph may lag behind itself";
    s_.now += 2min;
    EXPECT_THAT(lines(), ElementsAre("check"));
    s_.memory[r.record].key_misses = 2;
    EXPECT_THAT(lines(), ElementsAre("replace", "keep"));
    EXPECT_THAT(plan_.steps[0].reason, HasSubstr("another certificate"));
    active("k2");
    EXPECT_THAT(lines(), ElementsAre("retire-replaced", "keep"));
    EXPECT_EQ(plan_.steps[0].graph_id, "g1");
}

TEST_F(ResourceDataPlanTest, ResourceDataSwitchedOnOrOffIsAReasonToReplace) {
    active("");
    EXPECT_THAT(lines(), ElementsAre("replace", "keep"));
    s_.records.clear();
    active("k2");
    s_.wanted[0].resource_data = false;
    EXPECT_THAT(lines(), ElementsAre("replace", "keep"));
}

TEST_F(ResourceDataPlanTest, WithoutACertificateItWaitsAndSaysWhoMakesOne) {
    s_.certificate_id.clear();
    EXPECT_THAT(lines(), ElementsAre("wait"));
    EXPECT_THAT(plan_.steps[0].reason, HasSubstr("graphhook keys create"));
    s_.certificate_id = "k2";
    s_.certificate_ends = kNow;
    EXPECT_THAT(lines(), ElementsAre("wait"));
    EXPECT_THAT(plan_.steps[0].reason, HasSubstr("expired"));
    active("");
    EXPECT_THAT(lines(), ElementsAre("wait", "keep")) << "the basic one serves meanwhile";
    s_.records.clear();
    s_.memory[active("k1").record].gone = true;
    EXPECT_THAT(lines(), ElementsAre("retire")) << "and is created when there is one";
}

TEST_F(ResourceDataPlanTest, WhatIsKeptInMemoryOfARecordStaysLean) {
    EXPECT_LE(sizeof(Memory), 64u) << "a hundred thousand are held";
    Interner interner;
    Record a, b;
    pack(active("k1"), interner, a);
    pack(active("k1"), interner, b);
    EXPECT_EQ(a.shape, b.shape) << "the certificate's id is kept once";
    EXPECT_EQ(unpack(a, "contoso", "chat", "").certificate_id, "k1");
}

}  // namespace
}  // namespace graphhook::subscriptions
