#include "tests/store/store_fixture.hpp"

#include <gmock/gmock.h>

#include <string>
#include <vector>

namespace graphhook::store {
namespace {

using namespace std::chrono_literals;
using ::testing::SizeIs;

class Receiving : public StoreFixture {
  protected:
    Receiving() { EXPECT_TRUE(call.attach("h").has_value()); }
    void reopen() {
        opened.reopen();
        ASSERT_TRUE(call.attach("h").has_value());
    }
    /// How many were refused.
    std::size_t settle(
        const Delivery& delivery, SettleAs as, const std::string& receipt,
        const std::string& handler = "h"
    ) {
        Settlement made = settlement(delivery, as);
        made.at = clock.system_now();
        made.receipt = receipt;
        const auto refused = call.settle(handler, {made});
        EXPECT_TRUE(refused.has_value());
        return refused ? *refused : 1;
    }
    Delivery one(const std::string& handler = "h") {
        const auto leased = call.lease(handler);
        EXPECT_THAT(leased, SizeIs(1));
        return leased.empty() ? Delivery{} : leased.front();
    }
    std::string listed(NotificationId id, const std::string& handler = "h") {
        const auto rows = call.list();
        for (const DeliveryRow& row : rows ? *rows : std::vector<DeliveryRow>{}) {
            if (row.id == id && row.handler == handler) return row.receipt;
        }
        return "no such row";
    }
    std::string shown(NotificationId id, const std::string& handler = "h") {
        const auto found = call.show(id);
        if (!found) return to_string(found.error());
        for (const DeliveryRow& row : found->deliveries) {
            if (row.handler == handler) return row.receipt;
        }
        return "no such row";
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
};

TEST_F(Receiving, AReceiptOfADoneDeliveryIsListedAndShownAlsoAfterAReopen) {
    ASSERT_TRUE(append({item("a"), item("b")}).has_value());
    const auto leased = call.lease("h");
    ASSERT_THAT(leased, SizeIs(2));
    const std::string receipt = R"({"status":201,"location":"…/notifications/1"})";
    EXPECT_EQ(settle(leased[0], SettleAs::Done, receipt), 0u);
    EXPECT_EQ(settle(leased[1], SettleAs::Done, ""), 0u);
    for (const bool again : {false, true}) {
        if (again) reopen();
        EXPECT_EQ(listed(leased[0].id), receipt);
        EXPECT_EQ(shown(leased[0].id), receipt);
        EXPECT_EQ(listed(leased[1].id), "");
        EXPECT_EQ(shown(leased[1].id), "");
        EXPECT_EQ(call.show(leased[0].id)->deliveries.at(0).state, DeliveryState::Done);
    }
}

TEST_F(Receiving, WithoutReceiptsADoneDeliveryCostsNoRow) {
    ASSERT_TRUE(append({item("a")}).has_value());
    EXPECT_EQ(settle(one(), SettleAs::Done, ""), 0u);
    EXPECT_EQ(in_file("SELECT count(*) FROM receipt"), 0);
    EXPECT_EQ(in_file("SELECT count(*) FROM delivery"), 0);
}

TEST_F(Receiving, AReceiptIsInTheFileWithItsSettlement) {
    ASSERT_TRUE(append({item("a")}).has_value());
    EXPECT_EQ(settle(one(), SettleAs::Done, "{}"), 0u);
    EXPECT_EQ(in_file("SELECT count(*) FROM receipt WHERE text = '{}'"), 1);
    EXPECT_EQ(in_file("SELECT count(*) FROM delivery"), 0) << "still no row of its own";
}

TEST_F(Receiving, EverySettlementThatDecidesKeepsItsReceipt) {
    ASSERT_TRUE(append({item("retry"), item("dead"), rich("false", "tokens")}).has_value());
    const auto leased = call.lease("h");
    ASSERT_THAT(leased, SizeIs(3));
    EXPECT_EQ(settle(leased[0], SettleAs::Retry, "1"), 0u);
    EXPECT_EQ(settle(leased[1], SettleAs::Dead, "2"), 0u);
    EXPECT_EQ(settle(leased[2], SettleAs::Quarantine, "3"), 0u);
    for (const bool again : {false, true}) {
        if (again) reopen();
        const auto rows = call.list();
        ASSERT_THAT(*rows, SizeIs(3));
        EXPECT_EQ(rows->at(0).state, DeliveryState::Retrying);
        EXPECT_EQ(rows->at(0).receipt, "1");
        EXPECT_EQ(rows->at(1).state, DeliveryState::Dead);
        EXPECT_EQ(rows->at(1).receipt, "2");
        EXPECT_EQ(rows->at(2).state, DeliveryState::Quarantined);
        EXPECT_EQ(rows->at(2).receipt, "3");
    }
    // Its row goes, the receipt stays with the notification.
    EXPECT_EQ(*call.drop_dead({"h", {}, {}, {}}), 1u);
    EXPECT_EQ(shown(leased[1].id), "2");
}

TEST_F(Receiving, ALaterReceiptReplacesTheEarlierAndNoneReplacesNothing) {
    ASSERT_TRUE(append({item("a")}).has_value());
    const Delivery first = one();
    EXPECT_EQ(settle(first, SettleAs::Retry, "first"), 0u);
    EXPECT_EQ(settle(one(), SettleAs::Retry, ""), 0u);
    EXPECT_EQ(listed(first.id), "first");
    EXPECT_EQ(settle(one(), SettleAs::Retry, "third"), 0u);
    EXPECT_EQ(listed(first.id), "third");
    EXPECT_EQ(settle(one(), SettleAs::Done, "last"), 0u);
    reopen();
    EXPECT_EQ(listed(first.id), "last");
    EXPECT_EQ(in_file("SELECT count(*) FROM receipt"), 1);
}

TEST_F(Receiving, AReceiptOfOverTwoThousandBytesIsNotKept) {
    ASSERT_TRUE(append({item("a"), item("b")}).has_value());
    const auto leased = call.lease("h");
    ASSERT_THAT(leased, SizeIs(2));
    const std::string longest(2'000, 'x');
    EXPECT_EQ(settle(leased[0], SettleAs::Retry, longest), 0u);
    EXPECT_EQ(settle(leased[1], SettleAs::Done, longest + "x"), 0u);
    EXPECT_EQ(listed(leased[0].id), longest);
    EXPECT_EQ(listed(leased[1].id), "");
    EXPECT_EQ(settle(one(), SettleAs::Done, longest + "x"), 0u);
    EXPECT_EQ(listed(leased[0].id), longest) << "the earlier one stays";
}

TEST_F(Receiving, EachHandlerHasItsOwn) {
    ASSERT_TRUE(call.attach("other").has_value());
    ASSERT_TRUE(append({item("a")}).has_value());
    const Delivery mine = one();
    EXPECT_EQ(settle(mine, SettleAs::Done, "mine"), 0u);
    EXPECT_EQ(shown(mine.id, "other"), "");
    EXPECT_EQ(settle(one("other"), SettleAs::Done, "theirs", "other"), 0u);
    EXPECT_EQ(shown(mine.id), "mine");
    EXPECT_EQ(shown(mine.id, "other"), "theirs");
    EXPECT_EQ(listed(mine.id, "other"), "theirs");
}

TEST_F(Receiving, ASettlementOfALostLeaseBringsNone) {
    ASSERT_TRUE(append({item("a")}).has_value());
    LeaseRequest request;
    request.handler = "h";
    request.hold = 1s;
    const auto lost = call.lease(request);
    ASSERT_THAT(*lost, SizeIs(1));
    clock.advance(2s);
    const Delivery newer = one();
    EXPECT_EQ(newer.attempt, 2u);
    EXPECT_EQ(settle(lost->front(), SettleAs::Done, "of the lost one"), 1u);
    EXPECT_EQ(listed(newer.id), "");
    EXPECT_EQ(settle(newer, SettleAs::Done, "of the newer"), 0u);
    EXPECT_EQ(settle(lost->front(), SettleAs::Done, "of the lost one"), 1u);
    EXPECT_EQ(listed(newer.id), "of the newer");
}

TEST_F(Receiving, WhatIsGivenBackBringsNone) {
    ASSERT_TRUE(append({item("a")}).has_value());
    const Delivery back = one();
    EXPECT_EQ(settle(back, SettleAs::Release, "given back"), 0u);
    EXPECT_EQ(listed(back.id), "");
    EXPECT_EQ(in_file("SELECT count(*) FROM receipt"), 0);
}

TEST_F(Receiving, AReplayKeepsTheOldOneUntilASettlementBringsAnother) {
    ASSERT_TRUE(append({item("a")}).has_value());
    const Delivery first = one();
    EXPECT_EQ(settle(first, SettleAs::Done, "old"), 0u);
    EXPECT_EQ(*call.replay({"h", {first.id}, {}, {}}), 1u);
    EXPECT_EQ(listed(first.id), "old");
    const Delivery again = one();
    EXPECT_TRUE(again.replayed);
    EXPECT_EQ(shown(first.id), "old");
    EXPECT_EQ(settle(again, SettleAs::Done, "new"), 0u);
    EXPECT_EQ(shown(first.id), "new");
}

TEST_F(Receiving, AReceiptGoesWithItsNotification) {
    ASSERT_TRUE(append({item("old")}).has_value());
    const Delivery old = one();
    EXPECT_EQ(settle(old, SettleAs::Done, "old"), 0u);
    ASSERT_TRUE(append({item("newest")}).has_value());
    const Delivery newest = one();
    EXPECT_EQ(settle(newest, SettleAs::Done, "newest"), 0u);
    reopen();
    clock.advance(100h);
    EXPECT_TRUE(eventually([&] { return call.stats().notifications == 1; }));
    EXPECT_EQ(call.show(old.id).error().code, Errc::NotFound);
    EXPECT_EQ(in_file("SELECT count(*) FROM receipt"), 1);
    EXPECT_EQ(shown(newest.id), "newest");
}

TEST_F(Receiving, ReceiptsAreListedOfWhatWasAskedForOnly) {
    ASSERT_TRUE(append({item("a"), item("b"), item("c")}).has_value());
    for (const Delivery& delivery : call.lease("h")) {
        EXPECT_EQ(
            settle(
                delivery, delivery.resource == "b" ? SettleAs::Dead : SettleAs::Done,
                delivery.resource
            ),
            0u
        );
    }
    DeliveryQuery query;
    query.state = DeliveryState::Dead;
    const auto rows = call.list(query);
    ASSERT_THAT(*rows, SizeIs(1));
    EXPECT_EQ(rows->front().receipt, "b");
}

TEST_F(Receiving, WhoOnlyLooksSeesThem) {
    ASSERT_TRUE(append({item("a")}).has_value());
    const Delivery first = one();
    EXPECT_EQ(settle(first, SettleAs::Done, "seen"), 0u);
    for (const bool serving : {true, false}) {
        if (!serving) opened.close();
        auto looking = open_store_read_only(opened.options, clock, opened.metrics);
        ASSERT_TRUE(looking.has_value()) << to_string(looking.error());
        Store& store = **looking;
        const auto rows =
            wait_for<std::vector<DeliveryRow>>([&](Completion<std::vector<DeliveryRow>> done) {
                store.list({}, std::move(done));
            });
        ASSERT_THAT(*rows, SizeIs(1));
        EXPECT_EQ(rows->front().receipt, "seen");
        const auto found = wait_for<StoredNotification>([&](Completion<StoredNotification> done) {
            store.show(first.id, std::move(done));
        });
        ASSERT_THAT(found->deliveries, SizeIs(1));
        EXPECT_EQ(found->deliveries.front().receipt, "seen");
    }
}

}  // namespace
}  // namespace graphhook::store
