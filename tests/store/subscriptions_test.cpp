#include "tests/store/store_fixture.hpp"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <future>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

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
    full.element = "87d349ed-44d7-43e1-9a83-5f2406dee5bd";
    full.sync = Sync::Signal;
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
    EXPECT_EQ(read.element, full.element);
    EXPECT_EQ(read.sync, full.sync);
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

TEST_F(StoredSubscriptions, AParkedOneIsKeptAndNobodyMayKnowOfIt) {
    SubscriptionRecord parked = record("inbox", "id");
    parked.state = SubscriptionState::Parked;
    parked.last_error = "no mailbox";
    parked.record = *call.put(parked);
    const auto unknown = [&] {
        EXPECT_EQ(opened->known()->by_id("id"), nullptr);
        EXPECT_EQ(opened->known()->by_state(parked.state_hash), nullptr);
        EXPECT_EQ(opened->known()->size(), 0u);
        EXPECT_EQ((*call.ask({{"id", parked.state_hash}})).front(), nullptr);
    };
    unknown();
    opened.reopen();
    unknown();
    ASSERT_THAT(*call.subscriptions(), SizeIs(1));
    EXPECT_EQ(call.subscriptions()->front().state, SubscriptionState::Parked);
    const auto looking = open_store_read_only(opened.options, clock, opened.metrics);
    ASSERT_TRUE(looking.has_value());
    EXPECT_EQ((*looking)->known()->size(), 0u);

    SubscriptionRecord active = parked;
    active.state = SubscriptionState::Active;
    ASSERT_TRUE(call.put(active).has_value());
    EXPECT_NE(opened->known()->by_id("id"), nullptr) << "tried again, and it works now";
    ASSERT_TRUE(call.put(parked).has_value());
    unknown();
    EXPECT_TRUE(call.erase(parked.record).has_value());
    EXPECT_THAT(*call.subscriptions(), SizeIs(0));
}

TEST_F(StoredSubscriptions, AParkedOneDoesNotHideALivelierOneOfTheSameClientState) {
    SubscriptionRecord parked = record("inbox");
    parked.state = SubscriptionState::Parked;
    ASSERT_TRUE(call.put(record("inbox", "id")).has_value());
    ASSERT_TRUE(call.put(parked).has_value());
    EXPECT_EQ((*call.ask({{"", parked.state_hash}})).front()->graph_id, "id");
    EXPECT_EQ(opened->known()->by_state(parked.state_hash)->graph_id, "id");
}

TEST_F(StoredSubscriptions, RecordsOfOneNameShareTheirStreams) {
    for (int i = 0; i < 3; ++i) {
        auto made = record("everyones-mail", "id" + std::to_string(i));
        made.sync = i == 2 ? Sync::Signal : Sync::None;
        ASSERT_TRUE(call.put(made).has_value());
    }
    for (const bool reopened : {false, true}) {
        if (reopened) opened.reopen();
        const auto known = opened->known();
        EXPECT_EQ(known->by_id("id0")->family, known->by_id("id1")->family);
        const auto signal = known->by_id("id2")->family;
        EXPECT_NE(known->by_id("id0")->family, signal);
        EXPECT_EQ(signal->updated->lane, Lane::Lifecycle);
        EXPECT_EQ(known->by_id("id0")->family->updated->lane, Lane::Change);
        EXPECT_EQ(signal->missed->lane, Lane::Lifecycle);
    }
}

TEST_F(StoredSubscriptions, FamiliesThatNobodyHoldsAreLetGo) {
    KnownFamilies families;
    const auto kept = families.of("contoso", "kept", "message", Sync::None);
    std::weak_ptr<const KnownFamily> first = families.of("contoso", "0", "message", Sync::None);
    for (int i = 1; i < 3'000; ++i)
        static_cast<void>(families.of("contoso", std::to_string(i), "message", Sync::None));
    EXPECT_TRUE(first.expired());
    EXPECT_EQ(families.of("contoso", "kept", "message", Sync::None), kept);
}

TEST_F(StoredSubscriptions, AThousandPutsAtOnceShareTheirCommits) {
    constexpr int kMany = 1'000;
    const auto commits = [this] {
        for (const auto& family : opened.registry.Collect()) {
            if (family.name == "graphhook_store_commit_duration_seconds")
                return family.metric.front().histogram.sample_count;
        }
        return std::uint64_t{0};
    };
    const auto before = commits();
    std::vector<std::future<bool>> done;
    for (int i = 0; i < kMany; ++i) {
        auto promise = std::make_shared<std::promise<bool>>();
        done.push_back(promise->get_future());
        opened->put_subscription(
            record("s" + std::to_string(i), "id" + std::to_string(i)),
            {nullptr,
             [promise](const Result<std::int64_t>& put) { promise->set_value(put.has_value()); }}
        );
    }
    for (auto& one : done) EXPECT_TRUE(one.get());
    EXPECT_LT(commits() - before, std::uint64_t{kMany / 4});
    EXPECT_EQ(opened->known()->size(), std::size_t{kMany});
    opened.reopen();
    EXPECT_EQ(opened->known()->size(), std::size_t{kMany});
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
