#include "tests/store/store_fixture.hpp"

#include <gmock/gmock.h>

#include <string>

namespace graphhook::store {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class Repairing : public StoreFixture {
  protected:
    Repairing() { EXPECT_TRUE(call.attach("h").has_value()); }
    void reopen() {
        opened.reopen();
        ASSERT_TRUE(call.attach("h").has_value());
    }
    std::vector<Delivery> handle(
        std::vector<Item> items, SettleAs as, const std::string& why = ""
    ) {
        EXPECT_TRUE(append(std::move(items)).has_value());
        auto leased = call.lease("h");
        for (const auto& delivery : leased) {
            EXPECT_EQ(call.settle("h", delivery, as, in(1h), why), 0u);
        }
        return leased;
    }
    std::vector<std::string> listed(DeliveryQuery query = {}) {
        const auto rows = call.list(std::move(query));
        EXPECT_TRUE(rows.has_value());
        std::vector<std::string> all;
        for (const auto& row : *rows) {
            all.push_back(row.resource + " " + std::string(to_string(row.state)));
        }
        return all;
    }
};

TEST_F(Repairing, ListsShowEachStateOfADelivery) {
    handle({item("done")}, SettleAs::Done);
    handle({item("dead")}, SettleAs::Dead, "never");
    handle({item("retry", "1")}, SettleAs::Retry, "later");
    ASSERT_TRUE(append({item("retry", "2"), item("leased")}).has_value());
    ASSERT_THAT(call.lease("h"), SizeIs(1));
    ASSERT_TRUE(append({item("waiting")}).has_value());
    EXPECT_THAT(
        listed(), ElementsAre(
                      "done done", "dead dead", "retry retrying", "retry behind", "leased leased",
                      "waiting waiting"
                  )
    );
    DeliveryQuery query;
    query.state = DeliveryState::Dead;
    const auto dead = call.list(query);
    ASSERT_THAT(*dead, SizeIs(1));
    EXPECT_EQ(dead->front().reason, "never");
    EXPECT_EQ(dead->front().handler, "h");
    EXPECT_EQ(dead->front().attempts, 1u);
    EXPECT_EQ(dead->front().stream.subscription, "inbox");
    query.state = DeliveryState::Retrying;
    const auto retrying = call.list(query);
    ASSERT_THAT(*retrying, SizeIs(1));
    EXPECT_EQ(retrying->front().next_at, in(1h));
    query.state = DeliveryState::Done;
    EXPECT_THAT(listed(query), ElementsAre("done done"));
    reopen();
    EXPECT_THAT(
        listed(), ElementsAre(
                      "done done", "dead dead", "retry retrying", "retry behind", "leased waiting",
                      "waiting waiting"
                  )
    );
}

TEST_F(Repairing, ListsComeInPages) {
    for (int i = 0; i < 7; ++i) ASSERT_TRUE(append({item(std::to_string(i))}).has_value());
    DeliveryQuery query;
    query.limit = 3;
    std::vector<std::string> all;
    for (auto page = call.list(query); !page->empty(); page = call.list(query)) {
        EXPECT_LE(page->size(), 3u);
        for (const auto& row : *page) all.push_back(row.resource);
        query.after = page->back().id;
    }
    EXPECT_THAT(all, ElementsAre("0", "1", "2", "3", "4", "5", "6"));
    query = {};
    query.handler = "nobody";
    EXPECT_THAT(listed(query), IsEmpty());
    query = {};
    query.subscription = "other";
    EXPECT_THAT(listed(query), IsEmpty());
}

TEST_F(Repairing, ShowTellsAllOfOneNotification) {
    const auto leased = handle({item("a", "text")}, SettleAs::Dead, "no");
    const auto shown = call.show(leased[0].id);
    ASSERT_TRUE(shown.has_value());
    EXPECT_EQ(shown->body, item("a", "text").body);
    EXPECT_EQ(shown->resource, "a");
    EXPECT_EQ(shown->subscription_id, leased[0].subscription_id);
    EXPECT_EQ(shown->received_at, leased[0].received_at);
    ASSERT_THAT(shown->deliveries, SizeIs(1));
    EXPECT_EQ(shown->deliveries[0].state, DeliveryState::Dead);
    EXPECT_EQ(call.show({leased[0].id.value + 1}).error().code, Errc::NotFound);
    EXPECT_EQ(call.show({1}).error().code, Errc::NotFound);
}

TEST_F(Repairing, DeadLettersAreReplayedMarkedAndWithFreshAttempts) {
    handle({item("a"), item("b")}, SettleAs::Dead, "no");
    EXPECT_EQ(*call.replay_dead({"h", {}, {}, {}}), 2u);
    EXPECT_EQ(call.stats("h").dead, 0u);
    reopen();
    const auto again = call.lease("h");
    EXPECT_THAT(resources(again), ElementsAre("a", "b"));
    EXPECT_TRUE(again[0].replayed);
    EXPECT_EQ(again[0].attempt, 1u);
    EXPECT_EQ(again[0].used, 0u);
    EXPECT_EQ(call.settle("h", again[0]), 0u);
    EXPECT_EQ(call.settle("h", again[1]), 0u);
    EXPECT_EQ(call.stats("h").waiting, 0u);
}

TEST_F(Repairing, WhatIsUnderWayWhileOneOfItsKeyIsReplayedStaysBeforeWhatComesAfterIt) {
    const auto first = handle({item("a", "1")}, SettleAs::Dead, "no");
    ASSERT_TRUE(append({item("a", "2")}).has_value());
    const auto second = call.lease("h");
    ASSERT_THAT(second, SizeIs(1));
    EXPECT_EQ(*call.replay_dead({"h", {}, {}, {}}), 1u);
    ASSERT_TRUE(append({item("a", "3")}).has_value());
    EXPECT_THAT(call.lease("h"), IsEmpty());
    reopen();
    for (const std::string text : {"1", "2", "3"}) {
        const auto leased = call.lease("h", 1);
        ASSERT_THAT(leased, SizeIs(1));
        EXPECT_EQ(leased[0].body, item("a", text).body);
        EXPECT_EQ(call.settle("h", leased[0]), 0u);
    }
    EXPECT_EQ(call.stats("h").waiting, 0u);
}

TEST_F(Repairing, DeadLettersAreDroppedByIdOrByTime) {
    const auto first = handle({item("a"), item("b")}, SettleAs::Dead);
    clock.advance(1h);
    handle({item("c")}, SettleAs::Dead);
    EXPECT_EQ(*call.drop_dead({"", {first[0].id}, {}, {}}), 1u);
    EXPECT_EQ(*call.drop_dead({"h", {}, {}, clock.system_now()}), 1u);
    DeliveryQuery query;
    query.state = DeliveryState::Dead;
    EXPECT_THAT(listed(query), ElementsAre("c dead"));
    EXPECT_EQ(*call.drop_dead({"", {}, {}, {}}), 1u);
    EXPECT_THAT(listed(query), IsEmpty());
}

TEST_F(Repairing, AReplayHandsOverAgainWhatWasDoneSince) {
    handle({item("old")}, SettleAs::Done);
    clock.advance(1h);
    handle({item("a", "1"), item("b")}, SettleAs::Done);
    handle({item("a", "2")}, SettleAs::Done);
    ASSERT_TRUE(append({item("fresh")}).has_value());
    EXPECT_EQ(*call.replay({"h", {}, in(-1min), {}}), 3u);
    EXPECT_EQ(*call.replay({"h", {}, in(-1min), {}}), 0u) << "they wait already";
    reopen();
    auto leased = call.lease("h");
    EXPECT_THAT(resources(leased), ElementsAre("a", "b", "fresh"));
    EXPECT_EQ(leased[0].body, item("a", "1").body);
    EXPECT_TRUE(leased[0].replayed);
    EXPECT_FALSE(leased[2].replayed);
    for (const auto& delivery : leased) EXPECT_EQ(call.settle("h", delivery), 0u);
    leased = call.lease("h");
    ASSERT_THAT(leased, SizeIs(1));
    EXPECT_EQ(leased[0].body, item("a", "2").body);
}

TEST_F(Repairing, AReplayNeedsAHandlerThatExists) {
    EXPECT_EQ(call.replay({"", {}, {}, {}}).error().code, Errc::BadInput);
    EXPECT_EQ(call.replay({"nobody", {}, {}, {}}).error().code, Errc::NotFound);
}

TEST_F(Repairing, AReplayOfManyGoesInSlicesAndAllOfItComes) {
    std::vector<Item> many;
    for (int i = 0; i < 2000; ++i) many.push_back(item("r" + std::to_string(i)));
    ASSERT_TRUE(append(std::move(many)).has_value());
    for (auto leased = call.lease("h"); !leased.empty(); leased = call.lease("h")) {
        std::vector<Settlement> done;
        for (const auto& delivery : leased) done.push_back(settlement(delivery));
        ASSERT_TRUE(call.settle("h", done).has_value());
    }
    EXPECT_EQ(*call.replay({"h", {}, {}, {}}), 2000u);
    std::size_t handed = 0;
    for (auto leased = call.lease("h"); !leased.empty(); leased = call.lease("h")) {
        handed += leased.size();
        std::vector<Settlement> done;
        for (const auto& delivery : leased) done.push_back(settlement(delivery));
        ASSERT_TRUE(call.settle("h", done).has_value());
    }
    EXPECT_EQ(handed, 2000u);
    EXPECT_EQ(call.stats("h").waiting, 0u);
}

TEST_F(Repairing, APauseSurvivesARestartAndNothingIsLeasedMeanwhile) {
    ASSERT_TRUE(append({item("a")}).has_value());
    ASSERT_TRUE(call.pause("h", true).has_value());
    EXPECT_THAT(call.lease("h"), IsEmpty());
    reopen();
    EXPECT_TRUE(call.stats("h").paused);
    EXPECT_THAT(call.lease("h"), IsEmpty());
    ASSERT_TRUE(call.pause("h", false).has_value());
    EXPECT_THAT(call.lease("h"), SizeIs(1));
    EXPECT_EQ(call.pause("nobody", true).error().code, Errc::NotFound);
}

TEST_F(Repairing, ANewHandlerStartsAtTheOldestThatAnyHasNotFinished) {
    handle({item("done")}, SettleAs::Done);
    ASSERT_TRUE(append({item("a")}).has_value());
    ASSERT_TRUE(call.attach("second").has_value());
    EXPECT_THAT(resources(call.lease("second")), ElementsAre("a"));
}

TEST_F(Repairing, TheFirstHandlerEverStartsAtTheBeginning) {
    test::OpenStore other(clock);
    Caller of_other(other);
    ASSERT_TRUE(of_other.append({item("a")}, clock.system_now()).has_value());
    ASSERT_TRUE(of_other.attach("first").has_value());
    EXPECT_THAT(resources(of_other.lease("first")), ElementsAre("a"));
}

TEST_F(Repairing, ADetachedHandlerKeepsWhatItHasLeft) {
    ASSERT_TRUE(append({item("a"), item("b")}).has_value());
    const auto leased = call.lease("h", 1);
    EXPECT_TRUE(call.detach("h").has_value());
    EXPECT_EQ(call.settle("h", leased[0]), 1u) << "what it held was given back";
    EXPECT_FALSE(call.stats("h").attached);
    EXPECT_EQ(call.stats("h").waiting, 2u);
    EXPECT_EQ(call.lease(LeaseRequest{.handler = "h"}).error().code, Errc::NotFound);
    opened.reopen();
    EXPECT_EQ(call.stats("h").waiting, 2u);
    ASSERT_TRUE(call.attach("h").has_value());
    EXPECT_THAT(resources(call.lease("h")), ElementsAre("a", "b"));
}

TEST_F(Repairing, LookingIsPossibleBesideAServingStoreAndWithoutOne) {
    handle({item("dead")}, SettleAs::Dead, "no");
    ASSERT_TRUE(append({item("a")}).has_value());
    for (const bool serving : {true, false}) {
        if (!serving) opened.close();
        auto looking = open_store_read_only(opened.options, clock, opened.metrics);
        ASSERT_TRUE(looking.has_value()) << to_string(looking.error());
        Store& store = **looking;
        const auto rows =
            wait_for<std::vector<DeliveryRow>>([&](Completion<std::vector<DeliveryRow>> done) {
                store.list({}, std::move(done));
            });
        ASSERT_TRUE(rows.has_value());
        EXPECT_THAT(*rows, SizeIs(2));
        const auto stats = wait_for<StoreStats>([&](Completion<StoreStats> done) {
            store.stats(std::move(done));
        });
        ASSERT_TRUE(stats.has_value());
        ASSERT_THAT(stats->handlers, SizeIs(1));
        EXPECT_EQ(stats->handlers[0].waiting, 1u);
        EXPECT_EQ(stats->handlers[0].dead, 1u);
        EXPECT_EQ(stats->notifications, 2u);
        const auto refused = wait_for<Appended>([&](Completion<Appended> done) {
            store.append({item("x")}, clock.system_now(), std::move(done));
        });
        EXPECT_EQ(refused.error().code, Errc::Refused);
    }
    reopen();
    EXPECT_THAT(listed(), ElementsAre("dead dead", "a waiting"));
}

}  // namespace
}  // namespace graphhook::store
