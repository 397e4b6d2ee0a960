#include "store/identity.hpp"
#include "tests/store/store_fixture.hpp"

#include <gmock/gmock.h>
#include <prometheus/text_serializer.h>

#include <cstring>
#include <string>
#include <utility>
#include <vector>

namespace graphhook::store {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;

class Quarantining : public StoreFixture {
  protected:
    Quarantining() { EXPECT_TRUE(call.attach("h").has_value()); }
    void reopen() {
        opened.reopen();
        ASSERT_TRUE(call.attach("h").has_value());
    }
    /// All that waits.
    std::vector<Delivery> judge_false(const std::string& why = "token_signature: no key of ours") {
        auto all = call.lease("h");
        for (const auto& delivery : all)
            EXPECT_EQ(call.settle("h", delivery, SettleAs::Quarantine, {}, why), 0u);
        return all;
    }
    std::vector<Delivery> forge(std::vector<Item> items) {
        EXPECT_TRUE(append(std::move(items)).has_value());
        return judge_false();
    }
    std::vector<DeliveryRow> quarantined() {
        DeliveryQuery query;
        query.state = DeliveryState::Quarantined;
        query.limit = 100'000;
        const auto rows = call.list(query);
        EXPECT_TRUE(rows.has_value());
        return rows ? *rows : std::vector<DeliveryRow>{};
    }
    std::vector<std::string> names() {
        std::vector<std::string> all;
        for (const auto& row : quarantined()) all.push_back(row.resource);
        return all;
    }
    template <class Wanted>
    bool eventually(Wanted wanted) {
        for (int round = 0; round < 500; ++round) {
            clock.advance(1s);
            static_cast<void>(call.stats());
            if (wanted()) return true;
        }
        return false;
    }
    std::string metrics() {
        return prometheus::TextSerializer().Serialize(opened.registry.Collect());
    }
    /// Made of content: the order key, and what was said.
    static Item by_content(const std::string& resource, const std::string& said) {
        Item made = rich(resource, "tokens of " + said);
        Key128& identity = made.identity.emplace();
        const std::uint64_t state = first64(key128(said));
        std::memcpy(identity.data(), &made.order_key, 8);
        std::memcpy(identity.data() + 8, &state, 8);
        return made;
    }
    static Item by_id(const std::string& resource, const std::string& id) {
        Item made = rich(resource, "tokens");
        made.identity = key128(id);
        return made;
    }
    static Item versioned(const std::string& object, const std::string& etag, Source source) {
        Item made = source == Source::Notification ? rich(object, "tokens") : item(object);
        auto stream = std::make_shared<Stream>(*made.stream);
        stream->source = source;
        made.stream = std::move(stream);
        made.version = version_key("inbox", object, etag, false);
        return made;
    }
};

TEST_F(Quarantining, WhatIsProvedFalseIsFinishedForItsHandlerAndKeptWithItsReason) {
    ASSERT_TRUE(append({rich("a", "tokens"), item("b")}).has_value());
    const auto leased = call.lease("h");
    ASSERT_THAT(leased, SizeIs(2));
    const std::string reason = "token_publisher: published by somebody else: a stranger";
    EXPECT_EQ(call.settle("h", leased[0], SettleAs::Quarantine, {}, reason), 0u);
    EXPECT_EQ(call.settle("h", leased[1]), 0u);
    for (const bool again : {false, true}) {
        if (again) reopen();
        EXPECT_THAT(call.lease("h"), IsEmpty());
        EXPECT_EQ(call.stats("h").waiting, 0u);
        EXPECT_EQ(call.stats("h").dead, 0u);
        const auto rows = quarantined();
        ASSERT_THAT(rows, SizeIs(1));
        EXPECT_EQ(rows[0].resource, "a");
        EXPECT_EQ(rows[0].handler, "h");
        EXPECT_EQ(rows[0].reason, reason);
        EXPECT_EQ(rows[0].received_at, leased[0].received_at);
        EXPECT_THAT(call.stats().quarantined, ElementsAre(Pair("token_publisher", 1u)));
        const auto shown = call.show(leased[0].id);
        ASSERT_THAT(shown->deliveries, SizeIs(1));
        EXPECT_EQ(shown->deliveries[0].state, DeliveryState::Quarantined);
        EXPECT_EQ(shown->deliveries[0].reason, reason);
    }
    EXPECT_EQ(delivery_state("quarantined"), DeliveryState::Quarantined);
    EXPECT_EQ(to_string(DeliveryState::Quarantined), "quarantined");
}

TEST_F(Quarantining, TheOrderKeyGoesOnWithWhatComesAfter) {
    ASSERT_TRUE(append({rich("a", "forged"), item("a", "2"), item("a", "3")}).has_value());
    const auto first = call.lease("h");
    ASSERT_THAT(first, SizeIs(1));
    // Also of one that was tried before and has a row.
    EXPECT_EQ(call.settle("h", first[0], SettleAs::Retry, in(1min)), 0u);
    clock.advance(1min);
    const auto again = judge_false();
    ASSERT_THAT(again, SizeIs(1));
    EXPECT_EQ(again[0].id, first[0].id);
    const auto second = call.lease("h");
    ASSERT_THAT(second, SizeIs(1));
    EXPECT_EQ(second[0].body, item("a", "2").body);
    EXPECT_EQ(call.settle("h", second[0]), 0u);
    EXPECT_THAT(call.lease("h"), SizeIs(1));
}

TEST_F(Quarantining, TheGenuineOneOfTheSameIdentityIsNoRepeat) {
    EXPECT_EQ(append({by_id("a", "1"), by_id("b", "2")})->stored, 2u);
    EXPECT_EQ(append({by_id("a", "1")})->repeated, 1u) << "not judged yet";
    judge_false();
    EXPECT_EQ(append({by_id("a", "1")})->stored, 1u);
    EXPECT_EQ(append({by_id("a", "1")})->repeated, 1u) << "that one counts";
    reopen();
    EXPECT_EQ(append({by_id("a", "1")})->repeated, 1u);
    EXPECT_EQ(append({by_id("b", "2")})->stored, 1u) << "forgotten across a restart too";
}

TEST_F(Quarantining, AnIdentityStaysForgottenWhenItsDeliveryHasLeftTheQuarantine) {
    forge({by_id("a", "1"), by_id("b", "2")});
    EXPECT_EQ(*call.drop_quarantined({}), 2u);
    reopen();
    EXPECT_EQ(append({by_id("a", "1")})->stored, 1u);
    EXPECT_EQ(append({by_id("b", "2")})->stored, 1u);
}

TEST_F(Quarantining, OfWhatContentIdentifiesTheGenuineOneIsNoRepeatEither) {
    EXPECT_EQ(append({by_content("a", "created")})->stored, 1u);
    const auto genuine = call.lease("h");
    ASSERT_THAT(genuine, SizeIs(1));
    EXPECT_EQ(call.settle("h", genuine[0]), 0u);
    forge({by_content("a", "deleted")});
    for (const bool again : {false, true}) {
        if (again) {
            forge({by_content("b", "deleted")});
            reopen();
        }
        const std::string resource = again ? "b" : "a";
        EXPECT_EQ(append({by_content(resource, "deleted")})->stored, 1u);
        EXPECT_EQ(append({by_content(resource, "deleted")})->repeated, 1u);
    }
}

TEST_F(Quarantining, OnlyThatIdentityIsForgotten) {
    ASSERT_TRUE(append({by_content("a", "forged")}).has_value());
    const auto forged = call.lease("h");
    ASSERT_THAT(forged, SizeIs(1));
    // Of the same order key, and newer.
    ASSERT_TRUE(append({by_content("a", "genuine"), by_id("b", "other")}).has_value());
    EXPECT_EQ(call.settle("h", forged[0], SettleAs::Quarantine, {}, "token_signature: no"), 0u);
    for (const bool again : {false, true}) {
        if (again) reopen();
        EXPECT_EQ(append({by_content("a", "genuine")})->repeated, 1u);
        EXPECT_EQ(append({by_id("b", "other")})->repeated, 1u);
    }
}

TEST_F(Quarantining, ItsVersionNoLongerCountsSoThatASweepHandsTheObjectOver) {
    forge({versioned("a", "1", Source::Notification), versioned("b", "1", Source::Notification)});
    EXPECT_EQ(append({versioned("a", "1", Source::Sweep)})->stored, 1u);
    EXPECT_EQ(append({versioned("a", "1", Source::Sweep)})->repeated, 1u);
    // In one page with one that is genuine.
    ASSERT_TRUE(append({versioned("c", "1", Source::Notification),
                        versioned("d", "1", Source::Notification)})
                    .has_value());
    const auto leased = call.lease("h");
    for (const auto& delivery : leased) {
        const bool forged = delivery.resource == "d";
        EXPECT_EQ(
            call.settle(
                "h", delivery, forged ? SettleAs::Quarantine : SettleAs::Done, {},
                forged ? "data_signature: no" : ""
            ),
            0u
        );
    }
    reopen();
    EXPECT_EQ(append({versioned("b", "1", Source::Sweep)})->stored, 1u);
    EXPECT_EQ(append({versioned("c", "1", Source::Sweep)})->repeated, 1u);
    EXPECT_EQ(append({versioned("d", "1", Source::Sweep)})->stored, 1u);
}

TEST_F(Quarantining, IsCountedByTheLabelOfItsReasonAlsoAfterARestart) {
    ASSERT_TRUE(append({item("a"), item("b"), item("c"), item("d")}).has_value());
    const std::vector<std::string> reasons{
        "token_expired: yesterday", "data_key: not for this key", "token_expired: long ago",
        "No label at all"
    };
    const auto leased = call.lease("h");
    ASSERT_THAT(leased, SizeIs(4));
    for (std::size_t at = 0; at < leased.size(); ++at)
        EXPECT_EQ(call.settle("h", leased[at], SettleAs::Quarantine, {}, reasons[at]), 0u);
    for (const bool again : {false, true}) {
        if (again) reopen();
        EXPECT_THAT(
            call.stats().quarantined,
            ElementsAre(Pair("data_key", 1u), Pair("other", 1u), Pair("token_expired", 2u))
        );
    }
    EXPECT_TRUE(eventually([&] {
        return metrics().find(R"(graphhook_quarantined{reason="token_expired"} 2)") !=
               std::string::npos;
    })) << metrics();
    EXPECT_EQ(*call.drop_quarantined({"", {leased[0].id, leased[2].id}, {}, {}}), 2u);
    EXPECT_THAT(call.stats().quarantined, ElementsAre(Pair("data_key", 1u), Pair("other", 1u)));
    EXPECT_TRUE(eventually([&] {
        return metrics().find(R"(graphhook_quarantined{reason="token_expired"} 0)") !=
               std::string::npos;
    })) << metrics();
}

TEST_F(Quarantining, HoldsAtMostSoManyAndTheOldestGoFirst) {
    opened.options.quarantine_items = 3;
    reopen();
    for (int i = 0; i < 5; ++i) {
        clock.advance(1s);
        forge({by_id("r" + std::to_string(i), std::to_string(i))});
    }
    EXPECT_THAT(names(), ElementsAre("r2", "r3", "r4"));
    EXPECT_THAT(call.stats().quarantined, ElementsAre(Pair("token_signature", 3u)));
    EXPECT_TRUE(eventually([&] {
        return metrics().find(R"(graphhook_quarantine_dropped_total{why="items"} 2)") !=
               std::string::npos;
    })) << metrics();
    reopen();
    EXPECT_EQ(append({by_id("r0", "0")})->stored, 1u) << "what was dropped was false all the same";
    opened.options.quarantine_items = 0;
    reopen();
    EXPECT_EQ(judge_false().size(), 1u);
    EXPECT_THAT(names(), IsEmpty());
    EXPECT_THAT(call.stats().quarantined, IsEmpty());
}

TEST_F(Quarantining, HoldsNoneLongerThanItsTimeAndItsPagesUntilThen) {
    forge({rich("old", "tokens")});
    ASSERT_TRUE(append({item("done")}).has_value());
    EXPECT_EQ(call.settle("h", call.lease("h").at(0)), 0u);
    ASSERT_TRUE(append({item("newest")}).has_value());
    clock.advance(100h);
    EXPECT_TRUE(eventually([&] { return call.stats().notifications == 2; }));
    EXPECT_THAT(names(), ElementsAre("old"));
    clock.advance(69h);
    EXPECT_TRUE(eventually([&] { return call.stats().notifications == 1; }));
    EXPECT_THAT(names(), IsEmpty());
    EXPECT_THAT(call.stats().quarantined, IsEmpty());
    EXPECT_EQ(in_file("SELECT count(*) FROM disowned"), 0);
    EXPECT_THAT(metrics(), HasSubstr(R"(graphhook_quarantine_dropped_total{why="age"} 1)"));
}

TEST_F(Quarantining, GivesWayWhenTheStoreIsTooLargeAndNotificationsAreTakenOn) {
    opened.options.retain_bytes = 256u << 10;
    reopen();
    for (int i = 0; i < 100; ++i) {
        Item made = rich("r" + std::to_string(i), "tokens");
        made.body = std::string(10'000, 'x');
        forge({made});
    }
    ASSERT_THAT(names(), SizeIs(100));
    EXPECT_TRUE(eventually([&] { return call.stats().notifications < 30; }));
    EXPECT_LT(names().size(), 30u);
    EXPECT_EQ(call.stats().quarantined["token_signature"], names().size());
    EXPECT_EQ(call.stats().refusing, "");
    EXPECT_TRUE(append({item("genuine")}).has_value());
    EXPECT_THAT(metrics(), HasSubstr(R"(graphhook_quarantine_dropped_total{why="bytes"} )"));
    reopen();
    EXPECT_EQ(call.stats().quarantined["token_signature"], names().size());
}

TEST_F(Quarantining, ARetryHandsOverAgainMarkedAndWithoutWhatWasFound) {
    ASSERT_TRUE(append({rich("a", "tokens"), rich("b", "tokens")}).has_value());
    ASSERT_TRUE(call.put_verdict(call.lease("h").at(0).proof->number, "false").has_value());
    reopen();
    const auto first = judge_false();
    ASSERT_THAT(first, SizeIs(2));
    EXPECT_EQ(first[0].proof->verdict, "false");
    EXPECT_EQ(*call.retry_quarantined({"h", {first[0].id}, {}, {}}), 1u);
    EXPECT_EQ(*call.retry_quarantined({"h", {first[0].id}, {}, {}}), 0u) << "it waits already";
    EXPECT_THAT(names(), ElementsAre("b"));
    for (const bool again : {false, true}) {
        if (again) reopen();
        const auto leased = call.lease("h");
        ASSERT_THAT(leased, SizeIs(1));
        EXPECT_EQ(leased[0].id, first[0].id);
        EXPECT_TRUE(leased[0].replayed);
        EXPECT_EQ(leased[0].attempt, 1u);
        ASSERT_NE(leased[0].proof, nullptr);
        EXPECT_EQ(leased[0].proof->verdict, "");
        EXPECT_EQ(leased[0].proof->tokens, "tokens");
    }
    reopen();
    judge_false("token_expired: still");
    EXPECT_THAT(names(), ElementsAre("a", "b"));
    EXPECT_THAT(
        call.stats().quarantined,
        ElementsAre(Pair("token_expired", 1u), Pair("token_signature", 1u))
    );
}

TEST_F(Quarantining, IsRetriedAndDroppedByTimeAndByHandlerAsDeadLettersAre) {
    ASSERT_TRUE(call.attach("other").has_value());
    forge({rich("a", "tokens")});
    clock.advance(1h);
    forge({rich("b", "tokens"), rich("c", "tokens")});
    EXPECT_EQ(*call.drop_quarantined({"other", {}, {}, {}}), 0u);
    EXPECT_EQ(call.drop_quarantined({"nobody", {}, {}, {}}).error().code, Errc::NotFound);
    EXPECT_EQ(*call.drop_quarantined({"h", {}, {}, in(-1min)}), 1u);
    EXPECT_THAT(names(), ElementsAre("b", "c"));
    EXPECT_EQ(*call.drop_dead({"h", {}, {}, {}}), 0u) << "they are no dead letters";
    EXPECT_EQ(*call.retry_quarantined({"", {}, in(-1min), {}}), 2u);
    EXPECT_THAT(names(), IsEmpty());
    EXPECT_THAT(resources(call.lease("h")), ElementsAre("b", "c"));
}

TEST_F(Quarantining, AReplayTakesItOutToBeJudgedAgain) {
    forge({rich("a", "tokens")});
    EXPECT_EQ(*call.replay({"h", {}, in(-1min), {}}), 1u);
    EXPECT_THAT(names(), IsEmpty());
    const auto leased = call.lease("h");
    ASSERT_THAT(leased, SizeIs(1));
    EXPECT_TRUE(leased[0].replayed);
    ASSERT_NE(leased[0].proof, nullptr) << "whoever hands it over asks what proves it";
}

TEST_F(Quarantining, WhoOnlyLooksSeesIt) {
    forge({rich("a", "tokens"), rich("b", "tokens")});
    const SystemTime received = clock.system_now();
    clock.advance(1h);
    EXPECT_EQ(call.stats().oldest_notification, received);
    for (const bool serving : {true, false}) {
        if (!serving) opened.close();
        auto looking = open_store_read_only(opened.options, clock, opened.metrics);
        ASSERT_TRUE(looking.has_value()) << to_string(looking.error());
        Store& store = **looking;
        const auto stats = wait_for<StoreStats>([&](Completion<StoreStats> done) {
            store.stats(std::move(done));
        });
        ASSERT_TRUE(stats.has_value());
        EXPECT_THAT(stats->quarantined, ElementsAre(Pair("token_signature", 2u)));
        EXPECT_EQ(stats->oldest_notification, received);
        const auto rows =
            wait_for<std::vector<DeliveryRow>>([&](Completion<std::vector<DeliveryRow>> done) {
                DeliveryQuery query;
                query.state = DeliveryState::Quarantined;
                store.list(query, std::move(done));
            });
        ASSERT_TRUE(rows.has_value());
        EXPECT_THAT(*rows, SizeIs(2));
        const auto refused = wait_for<std::uint64_t>([&](Completion<std::uint64_t> done) {
            store.retry_quarantined({}, std::move(done));
        });
        EXPECT_EQ(refused.error().code, Errc::Refused);
    }
}

}  // namespace
}  // namespace graphhook::store
