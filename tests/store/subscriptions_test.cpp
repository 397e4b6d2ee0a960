#include "tests/store/store_fixture.hpp"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace graphhook::store {
namespace {

using namespace std::chrono_literals;
using ::testing::SizeIs;

class StoredSubscriptions : public StoreFixture {
  protected:
    SubscriptionRecord record(const std::string& name, const std::string& id = "") {
        SubscriptionRecord made;
        made.name = name;
        made.tenant = "contoso";
        made.kind = "message";
        made.resource = "users/" + name + "/messages";
        made.changes = "created,updated";
        made.notification_url = "https://hooks.example.com/graph/notifications";
        made.graph_id = id;
        made.state = id.empty() ? SubscriptionState::Creating : SubscriptionState::Active;
        made.state_hash = sha256("client state of " + name);
        made.created_at = clock.system_now();
        made.expires_at = in(72h);
        return made;
    }
};

TEST_F(StoredSubscriptions, APutIsKnownWhenItCompletesAndAfterARestart) {
    SubscriptionRecord creating = record("inbox");
    creating.client_state = Secret("the state");
    creating.last_error = "none";
    creating.failures = 3;
    const auto number = call.put(creating);
    ASSERT_TRUE(number.has_value());
    const auto newcomer = opened->known()->by_state(creating.state_hash);
    ASSERT_NE(newcomer, nullptr);
    EXPECT_EQ(newcomer->family->name, "inbox");
    EXPECT_EQ(newcomer->family->created->change, "created");
    EXPECT_EQ(opened->known()->by_id("6D0F6A0C"), nullptr);

    SubscriptionRecord active = record("inbox", "6d0f6a0c");
    active.record = *number;
    EXPECT_EQ(*call.put(active), *number);
    opened.reopen();
    const auto known = opened->known()->by_id("6D0F6A0C");
    ASSERT_NE(known, nullptr);
    EXPECT_EQ(known->record, *number);
    EXPECT_EQ(known->state, SubscriptionState::Active);
    EXPECT_EQ(known->expires_at, in(72h));
    const auto all = call.subscriptions();
    ASSERT_TRUE(all.has_value());
    ASSERT_THAT(*all, SizeIs(1));
    EXPECT_EQ(all->front().resource, active.resource);
    EXPECT_TRUE(all->front().client_state.empty());
}

TEST_F(StoredSubscriptions, EveryFieldIsReadBackAsItWasWritten) {
    SubscriptionRecord full = record("inbox", "id");
    full.state = SubscriptionState::Creating;
    full.lifecycle_url = "https://hooks.example.com/graph/lifecycle";
    full.client_state = Secret("the state");
    full.touched_at = in(1s);
    full.attempt_at = in(2s);
    full.forget_at = in(3s);
    full.failures = 7;
    full.last_error = "403";
    ASSERT_TRUE(call.put(full).has_value());
    opened.reopen();
    const auto all = call.subscriptions();
    ASSERT_TRUE(all.has_value());
    ASSERT_THAT(*all, SizeIs(1));
    const auto& read = all->front();
    EXPECT_EQ(read.state, full.state);
    EXPECT_EQ(read.name, full.name);
    EXPECT_EQ(read.tenant, full.tenant);
    EXPECT_EQ(read.kind, full.kind);
    EXPECT_EQ(read.changes, full.changes);
    EXPECT_EQ(read.notification_url, full.notification_url);
    EXPECT_EQ(read.lifecycle_url, full.lifecycle_url);
    EXPECT_EQ(read.graph_id, full.graph_id);
    EXPECT_EQ(read.state_hash, full.state_hash);
    EXPECT_EQ(read.client_state.reveal(), "the state");
    EXPECT_EQ(read.created_at, full.created_at);
    EXPECT_EQ(read.expires_at, full.expires_at);
    EXPECT_EQ(read.touched_at, full.touched_at);
    EXPECT_EQ(read.attempt_at, full.attempt_at);
    EXPECT_EQ(read.forget_at, full.forget_at);
    EXPECT_EQ(read.failures, full.failures);
    EXPECT_EQ(read.last_error, full.last_error);
}

TEST_F(StoredSubscriptions, TheClientStateLeavesTheFileWithTheRecordThatNeededIt) {
    SubscriptionRecord creating = record("inbox");
    creating.client_state = Secret("0123456789abcdef-secret");
    creating.record = *call.put(creating);
    creating.client_state = Secret();
    ASSERT_TRUE(call.put(creating).has_value());
    opened.reopen();
    opened.close();
    std::ifstream file(opened.dir.file("store.db"), std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(file), {}};
    EXPECT_GT(bytes.size(), 4096u);
    EXPECT_EQ(bytes.find("0123456789abcdef-secret"), std::string::npos);
}

TEST_F(StoredSubscriptions, RetiredOnesStayKnownUntilTheyAreToBeForgotten) {
    SubscriptionRecord retired = record("inbox", "old");
    retired.state = SubscriptionState::Retired;
    retired.forget_at = in(4h);
    ASSERT_TRUE(call.put(retired).has_value());
    EXPECT_NE(opened->known()->by_id("old"), nullptr);
    EXPECT_NE((*call.ask({{"old", {}}})).front(), nullptr);
    clock.advance(4h);
    EXPECT_EQ((*call.ask({{"old", {}}})).front(), nullptr);
    static_cast<void>(call.stats());
    EXPECT_EQ(opened->known()->by_id("old"), nullptr);
    EXPECT_THAT(*call.subscriptions(), SizeIs(0));
}

TEST_F(StoredSubscriptions, TheStoredTableIsAskedByIdOrByClientState) {
    const SubscriptionRecord active = record("inbox", "Abc");
    ASSERT_TRUE(call.put(active).has_value());
    const auto answers = call.ask(
        {{"aBC", {}}, {"", active.state_hash}, {"other", active.state_hash}, {"other", {}}, {"", {}}
        }
    );
    ASSERT_TRUE(answers.has_value());
    ASSERT_THAT(*answers, SizeIs(5));
    EXPECT_NE(answers->at(0), nullptr);
    EXPECT_NE(answers->at(1), nullptr);
    EXPECT_NE(answers->at(2), nullptr);
    EXPECT_EQ(answers->at(3), nullptr);
    EXPECT_EQ(answers->at(4), nullptr);
}

TEST_F(StoredSubscriptions, AnErasedOneIsUnknownAndErasingTwiceIsNoFault) {
    const auto number = call.put(record("inbox", "id"));
    EXPECT_TRUE(call.erase(*number).has_value());
    EXPECT_EQ(opened->known()->by_id("id"), nullptr);
    EXPECT_EQ(opened->known()->size(), 0u);
    EXPECT_TRUE(call.erase(*number).has_value());
    SubscriptionRecord gone = record("inbox", "id");
    gone.record = *number;
    EXPECT_EQ(call.put(gone).error().code, Errc::NotFound);
    EXPECT_GT(*call.put(record("inbox", "id")), *number);
}

TEST_F(StoredSubscriptions, OfTwoWithOneClientStateTheLivelierAnswers) {
    SubscriptionRecord old = record("inbox", "old");
    old.state = SubscriptionState::Retired;
    old.forget_at = in(4h);
    ASSERT_TRUE(call.put(old).has_value());
    ASSERT_TRUE(call.put(record("inbox", "new")).has_value());
    EXPECT_EQ(opened->known()->by_state(old.state_hash)->graph_id, "new");
    EXPECT_EQ((*call.ask({{"", old.state_hash}})).front()->graph_id, "new");
    EXPECT_EQ(opened->known()->by_id("OLD")->state, SubscriptionState::Retired);
}

TEST_F(StoredSubscriptions, APictureDoesNotChangeInTheHandsOfItsReader) {
    const auto number = call.put(record("inbox", "one"));
    const auto before = opened->known();
    SubscriptionRecord renamed = record("inbox", "two");
    renamed.record = *number;
    ASSERT_TRUE(call.put(renamed).has_value());
    EXPECT_NE(before->by_id("one"), nullptr);
    EXPECT_EQ(before->by_id("two"), nullptr);
    EXPECT_EQ(opened->known()->by_id("one"), nullptr);
    EXPECT_NE(opened->known()->by_id("two"), nullptr);
}

TEST_F(StoredSubscriptions, ManyStayWorkable) {
    constexpr int kMany = 20'000;
    std::vector<SubscriptionRecord> records;
    for (int i = 0; i < kMany; ++i) {
        records.push_back(record("s" + std::to_string(i), "id" + std::to_string(i)));
        records.back().record = i + 1;
    }
    const KnownSubscriptions many(records);
    EXPECT_EQ(many.size(), static_cast<std::size_t>(kMany));
    auto picture = std::make_shared<const KnownSubscriptions>(many);
    for (int i = 0; i < 200; ++i) {
        const auto before = picture->by_id("id" + std::to_string(i));
        ASSERT_NE(before, nullptr);
        picture = picture->with({{before, nullptr}});
    }
    EXPECT_EQ(picture->size(), static_cast<std::size_t>(kMany - 200));
    EXPECT_EQ(picture->by_id("id7"), nullptr);
    EXPECT_EQ(picture->by_state(sha256("client state of s7")), nullptr);
    EXPECT_NE(picture->by_id("ID19999"), nullptr);
    EXPECT_NE(many.by_id("id7"), nullptr);
}

}  // namespace
}  // namespace graphhook::store
