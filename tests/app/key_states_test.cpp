// When an encryption key may go, and how a rotation is followed.

#include "app/service/key_states.hpp"

#include "app/cli/rotation_watch.hpp"
#include "core/time_text.hpp"

#include <boost/json/parse.hpp>
#include <gmock/gmock.h>

namespace graphhook::app {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;

const SystemTime kNow = parse_time("2026-11-21T12:00:00Z").value();
constexpr std::chrono::hours kWeek{7 * 24};

/// One that another has replaced, last used `ago`.
KeyFacts replaced(std::chrono::hours ago) {
    KeyFacts facts;
    facts.superseded = true;
    facts.last_used = kNow - ago;
    return facts;
}

TEST(KeyStatesTest, TheCurrentKeyAndWhatIsInUseStay) {
    auto facts = replaced(1'000h);
    facts.current = true;
    EXPECT_EQ(judge_key(facts, std::nullopt, kWeek, kNow).state, KeyState::Current);
    facts.current = false;
    facts.subscriptions = 1;
    EXPECT_EQ(judge_key(facts, std::nullopt, kWeek, kNow).state, KeyState::InUse);
}

TEST(KeyStatesTest, AReplacedKeyIsRetiredAfterItsTimeAndNotBefore) {
    const auto early = judge_key(replaced(kWeek - 1h), std::nullopt, kWeek, kNow);
    EXPECT_EQ(early.state, KeyState::Idle);
    EXPECT_EQ(early.retire_at, kNow + 1h);
    EXPECT_EQ(judge_key(replaced(kWeek), std::nullopt, kWeek, kNow).state, KeyState::Spent);
}

TEST(KeyStatesTest, AKeyStaysWhileAnythingStoredMayNeedIt) {
    const auto facts = replaced(kWeek + 24h);
    const auto last = *facts.last_used;
    // Graph may send for hours what it encrypted before.
    EXPECT_EQ(judge_key(facts, last - 1h, kWeek, kNow).state, KeyState::Waiting);
    EXPECT_EQ(judge_key(facts, last + kKeyHorizon, kWeek, kNow).state, KeyState::Waiting);
    EXPECT_EQ(judge_key(facts, last + kKeyHorizon + 1s, kWeek, kNow).state, KeyState::Spent);
}

TEST(KeyStatesTest, EvenTheShortestTimeOutlastsGraphsRetries) {
    EXPECT_EQ(judge_key(replaced(4h), std::nullopt, 4h, kNow).retire_at, kNow + 1h);
    EXPECT_EQ(judge_key(replaced(kKeyHorizon), std::nullopt, 4h, kNow).state, KeyState::Spent);
}

TEST(KeyStatesTest, WhatIsNotKnownToBeReplacedOrUnusedStays) {
    auto facts = replaced(1'000h);
    facts.superseded = false;
    EXPECT_EQ(judge_key(facts, std::nullopt, kWeek, kNow).state, KeyState::Idle);
    facts.coming = true;
    EXPECT_EQ(judge_key(facts, std::nullopt, kWeek, kNow).state, KeyState::Coming);
    auto unknown = replaced(1h);
    unknown.last_used.reset();
    EXPECT_EQ(judge_key(unknown, std::nullopt, kWeek, kNow).state, KeyState::Idle);
}

authenticity::EncryptionKeyPtr key(
    const std::string& id, std::chrono::hours since, std::chrono::hours until
) {
    auto made = std::make_shared<authenticity::EncryptionKey>();
    made->id = id;
    made->not_before = kNow - since;
    made->not_after = kNow + until;
    return made;
}

std::vector<std::string> lines(const std::vector<KeyRow>& rows) {
    std::vector<std::string> all;
    for (const auto& row : rows) all.push_back(row.id + ' ' + std::string(to_string(row.state)));
    return all;
}

TEST(KeyStatesTest, RowsComeNewestFirstWithWhatEachIsFor) {
    const authenticity::Keyring ring(
        {key("old", 900h, 100h), key("older", 1'000h, 100h), key("new", 1h, 100h),
         key("next", -1h, 100h), key("over", 500h, -1h)}
    );
    std::map<std::string, SystemTime> used;
    for (const auto* id : {"older", "over"}) used[id] = kNow - kWeek;
    const auto rows = key_rows(ring, {{"old", 3}}, used, std::nullopt, kWeek, kNow);
    EXPECT_THAT(
        lines(rows),
        ElementsAre("next coming", "new current", "over spent", "old in_use", "older spent")
    );
    EXPECT_EQ(rows[3].subscriptions, 3U);
}

TEST(KeyStatesTest, NothingIsRetiredWhileThereIsNoCurrentKey) {
    const authenticity::Keyring ring({key("a", 900h, -1h), key("b", 800h, -1h)});
    const std::map<std::string, SystemTime> used{{"a", kNow - kWeek}, {"b", kNow - kWeek}};
    EXPECT_THAT(
        lines(key_rows(ring, {}, used, std::nullopt, kWeek, kNow)), ElementsAre("b idle", "a idle")
    );
}

TEST(KeyStatesTest, OnlyLiveSubscriptionsUseAKey) {
    using store::SubscriptionState;
    std::vector<store::SubscriptionRecord> records(5);
    for (auto& record : records) {
        record.state = SubscriptionState::Active;
        record.certificate_id = "k";
    }
    records[1].state = SubscriptionState::Creating;
    records[2].state = SubscriptionState::Retired;
    records[3].state = SubscriptionState::Parked;
    records[4].certificate_id.clear();
    EXPECT_EQ(certificates_in_use(records), (std::map<std::string, std::size_t>{{"k", 2}}));
}

boost::json::array keys(const char* text) {
    return boost::json::parse(text).as_array();
}

TEST(RotationWatchTest, ARotationIsUnfinishedWhileAnOlderKeyIsInUse) {
    EXPECT_FALSE(unfinished_rotation({}));
    EXPECT_FALSE(unfinished_rotation(keys(R"([{"id":"a","state":"current","subscriptions":4},
                 {"id":"b","state":"idle","subscriptions":0}])")));
    const auto found = unfinished_rotation(keys(R"([{"id":"a","state":"in_use","subscriptions":4},
                 {"id":"b","state":"in_use","subscriptions":7}])"));
    ASSERT_TRUE(found);
    EXPECT_EQ(found->key, "b");
    EXPECT_EQ(found->subscriptions, 7U);
}

TEST(RotationWatchTest, ItIsDoneWhenNobodyUsesAnOlderKeyAndStuckWhenNothingMoves) {
    using Verdict = RotationWatch::Verdict;
    const auto left = [](int count) {
        boost::json::array rows;
        rows.push_back({{"id", "new"}, {"state", "current"}, {"subscriptions", 10 - count}});
        rows.push_back(
            {{"id", "old"}, {"state", count > 0 ? "in_use" : "idle"}, {"subscriptions", count}}
        );
        return rows;
    };
    RotationWatch watch;
    EXPECT_EQ(watch.take(left(10), 0s), Verdict::GoesOn);
    EXPECT_EQ(watch.text(), "0 of 10 subscriptions moved");
    // Two requests about one subscription are ten minutes apart: that is no standstill.
    EXPECT_EQ(watch.take(left(10), 11min), Verdict::GoesOn);
    EXPECT_EQ(watch.take(left(4), 12min), Verdict::GoesOn);
    EXPECT_EQ(watch.done(), 6U);
    EXPECT_EQ(watch.take(left(4), 27min), Verdict::Stuck);
    EXPECT_EQ(watch.take(left(0), 28min), Verdict::Done);
    EXPECT_EQ(RotationWatch().take(left(0), 0s), Verdict::Done);
}

}  // namespace
}  // namespace graphhook::app
