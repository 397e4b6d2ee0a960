#include "tests/store/store_fixture.hpp"

#include <gmock/gmock.h>

#include <atomic>

namespace graphhook::store {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class HandingOver : public StoreFixture {
  protected:
    HandingOver() { EXPECT_TRUE(call.attach("h").has_value()); }
    std::vector<std::string> bodies(const std::vector<Delivery>& deliveries) {
        std::vector<std::string> all;
        for (const auto& delivery : deliveries) all.push_back(delivery.body);
        return all;
    }
};

TEST_F(HandingOver, WhatIsAppendedIsLeasedWholeAndInOrder) {
    const auto appended = append({item("a", "1"), item("b", "2")});
    ASSERT_TRUE(appended.has_value());
    EXPECT_EQ(appended->stored, 2u);
    ASSERT_TRUE(append({item("c", "3")}).has_value());
    const auto leased = call.lease("h");
    ASSERT_THAT(leased, SizeIs(3));
    EXPECT_THAT(resources(leased), ElementsAre("a", "b", "c"));
    EXPECT_LT(leased[0].id, leased[1].id);
    EXPECT_LT(leased[1].id, leased[2].id);
    const Item expected = item("a", "1");
    EXPECT_EQ(leased[0].body, expected.body);
    EXPECT_EQ(leased[0].subscription_id, expected.subscription_id);
    EXPECT_EQ(leased[0].order_key, expected.order_key);
    EXPECT_EQ(*leased[0].stream, *expected.stream);
    EXPECT_EQ(leased[0].received_at, clock.system_now());
    EXPECT_EQ(leased[0].attempt, 1u);
    EXPECT_FALSE(leased[0].replayed);
}

TEST_F(HandingOver, WhatIsDoneIsNotHandedOverAgainAfterARestart) {
    ASSERT_TRUE(append({item("a"), item("b"), item("c")}).has_value());
    const auto leased = call.lease("h");
    ASSERT_THAT(leased, SizeIs(3));
    EXPECT_EQ(call.settle("h", leased[1]), 0u);
    EXPECT_EQ(call.stats("h").waiting, 2u);
    opened.reopen();
    ASSERT_TRUE(call.attach("h").has_value());
    EXPECT_EQ(call.stats("h").waiting, 2u);
    EXPECT_THAT(resources(call.lease("h")), ElementsAre("a", "c"));
}

TEST_F(HandingOver, OfOneKeyAtMostOneIsLeasedAndTheLowestFirst) {
    ASSERT_TRUE(append({item("a", "1"), item("a", "2"), item("b", "3"), item("a", "4")}).has_value()
    );
    auto first = call.lease("h");
    EXPECT_THAT(resources(first), ElementsAre("a", "b"));
    EXPECT_THAT(call.lease("h"), IsEmpty());
    EXPECT_EQ(call.settle("h", first[0]), 0u);
    const auto second = call.lease("h");
    ASSERT_THAT(second, SizeIs(1));
    EXPECT_EQ(second[0].body, item("a", "2").body);
    EXPECT_EQ(call.settle("h", second[0]), 0u);
    EXPECT_THAT(bodies(call.lease("h")), ElementsAre(item("a", "4").body));
}

TEST_F(HandingOver, WhileOneIsRetriedLaterOnesOfItsKeyWaitAndAllOthersGoOn) {
    ASSERT_TRUE(append({item("a", "1"), item("a", "2")}).has_value());
    const auto first = call.lease("h");
    ASSERT_THAT(first, SizeIs(1));
    EXPECT_EQ(call.settle("h", first[0], SettleAs::Retry, in(60s), "no"), 0u);
    ASSERT_TRUE(append({item("a", "3"), item("b", "4")}).has_value());
    EXPECT_THAT(resources(call.lease("h")), ElementsAre("b"));
    EXPECT_EQ(call.stats("h").retrying, 3u);
    for (int round = 0; round < 2; ++round) {
        opened.reopen();
        ASSERT_TRUE(call.attach("h").has_value());
    }
    const auto other = call.lease("h");  // it was leased, not done
    ASSERT_THAT(resources(other), ElementsAre("b"));
    EXPECT_EQ(call.settle("h", other[0]), 0u);
    clock.advance(60s);
    auto again = call.lease("h");
    ASSERT_THAT(again, SizeIs(1));
    EXPECT_EQ(again[0].body, item("a", "1").body);
    EXPECT_EQ(again[0].attempt, 2u);
    EXPECT_EQ(again[0].used, 1u);
    EXPECT_EQ(call.settle("h", again[0]), 0u);
    again = call.lease("h");
    EXPECT_THAT(bodies(again), ElementsAre(item("a", "2").body));
    EXPECT_EQ(call.settle("h", again[0]), 0u);
    again = call.lease("h");
    EXPECT_THAT(bodies(again), ElementsAre(item("a", "3").body));
    EXPECT_EQ(call.settle("h", again[0]), 0u);
    EXPECT_EQ(call.stats("h").retrying, 0u);
}

TEST_F(HandingOver, ADeadOneLetsItsKeyGoOn) {
    ASSERT_TRUE(append({item("a", "1"), item("a", "2")}).has_value());
    const auto first = call.lease("h");
    EXPECT_EQ(call.settle("h", first[0], SettleAs::Dead, {}, "gone"), 0u);
    EXPECT_THAT(bodies(call.lease("h")), ElementsAre(item("a", "2").body));
    EXPECT_EQ(call.stats("h").dead, 1u);
    opened.reopen();
    ASSERT_TRUE(call.attach("h").has_value());
    EXPECT_EQ(call.stats("h").dead, 1u);
    EXPECT_THAT(bodies(call.lease("h")), ElementsAre(item("a", "2").body));
}

TEST_F(HandingOver, ALeaseThatRanOutIsHandedOverAgainAndTheOlderAttemptIsRefused) {
    ASSERT_TRUE(append({item("a")}).has_value());
    const auto first = call.lease("h");
    ASSERT_THAT(first, SizeIs(1));
    clock.advance(61s);
    const auto second = call.lease("h");
    ASSERT_THAT(second, SizeIs(1));
    EXPECT_EQ(second[0].attempt, 2u);
    EXPECT_EQ(call.settle("h", first[0]), 1u);
    EXPECT_EQ(call.stats("h").waiting, 1u);
    EXPECT_EQ(call.settle("h", second[0]), 0u);
    EXPECT_EQ(call.stats("h").waiting, 0u);
}

TEST_F(HandingOver, ALateCompletionCountsWhileNobodyElseHasTheDelivery) {
    ASSERT_TRUE(append({item("a"), item("a")}).has_value());
    const auto first = call.lease("h");
    clock.advance(61s);
    EXPECT_EQ(call.stats("h").leased, 0u);
    EXPECT_EQ(call.settle("h", first[0]), 0u);
    EXPECT_EQ(call.stats("h").waiting, 1u);
    EXPECT_THAT(call.lease("h"), SizeIs(1));
}

TEST_F(HandingOver, ARunningHandlersLeaseIsExtended) {
    ASSERT_TRUE(append({item("a")}).has_value());
    const auto first = call.lease("h");
    clock.advance(50s);
    opened->extend("h", {first[0].id}, 60s);
    EXPECT_EQ(call.stats("h").leased, 1u);
    clock.advance(50s);
    EXPECT_THAT(call.lease("h"), IsEmpty());
    EXPECT_EQ(call.settle("h", first[0]), 0u);
}

TEST_F(HandingOver, WhatIsReleasedComesBackNotBeforeItsTimeAndBeforeLaterOnesOfItsKey) {
    ASSERT_TRUE(append({item("a", "1"), item("a", "2")}).has_value());
    const auto first = call.lease("h");
    EXPECT_EQ(call.settle("h", first[0], SettleAs::Release, in(10s)), 0u);
    EXPECT_THAT(call.lease("h"), IsEmpty());
    EXPECT_EQ(call.settle("h", first[0]), 1u);  // it was given back
    clock.advance(10s);
    const auto again = call.lease("h");
    ASSERT_THAT(again, SizeIs(1));
    EXPECT_EQ(again[0].body, item("a", "1").body);
    EXPECT_EQ(again[0].used, 0u);
    EXPECT_EQ(again[0].attempt, 1u) << "as if it had never been leased";
    EXPECT_EQ(call.settle("h", again[0], SettleAs::Release), 0u);
    EXPECT_THAT(bodies(call.lease("h")), ElementsAre(item("a", "1").body));
}

TEST_F(HandingOver, LifecycleNotificationsAreNeverBehindABacklog) {
    std::vector<Item> many;
    for (int i = 0; i < 500; ++i) many.push_back(item("r" + std::to_string(i)));
    ASSERT_TRUE(append(std::move(many)).has_value());
    ASSERT_TRUE(append({lifecycle("r0")}).has_value());
    const auto leased = call.lease("h", 2);
    ASSERT_THAT(leased, SizeIs(2));
    EXPECT_EQ(leased[0].stream->lane, Lane::Lifecycle);
    EXPECT_EQ(leased[1].resource, "r0");
}

TEST_F(HandingOver, EachHandlerIsHandedWhatItAccepts) {
    ASSERT_TRUE(
        call.attach("deleted", [](const Stream& s) { return s.change == "deleted"; }).has_value()
    );
    Item gone = item("b");
    gone.stream = stream("inbox", "deleted");
    ASSERT_TRUE(append({item("a"), gone, item("c")}).has_value());
    EXPECT_EQ(call.stats("deleted").waiting, 1u);
    EXPECT_THAT(resources(call.lease("deleted")), ElementsAre("b"));
    EXPECT_THAT(resources(call.lease("h")), ElementsAre("a", "b", "c"));
}

TEST_F(HandingOver, WorkIsAnnouncedOnceUntilALeaseComesBackShort) {
    std::atomic<int> told{0};
    ASSERT_TRUE(call.attach("h", {}, [&] { ++told; }).has_value());
    ASSERT_TRUE(append({item("a")}).has_value());
    ASSERT_TRUE(append({item("b")}).has_value());
    static_cast<void>(call.stats());
    EXPECT_EQ(told, 1);
    EXPECT_THAT(call.lease("h"), SizeIs(2));
    ASSERT_TRUE(append({item("c")}).has_value());
    static_cast<void>(call.stats());
    EXPECT_EQ(told, 2);
}

TEST_F(HandingOver, ALeaseIsBoundedInNumberAndBytes) {
    ASSERT_TRUE(append({item("a"), item("b"), item("c"), item("d")}).has_value());
    EXPECT_THAT(call.lease("h", 3), SizeIs(3));
    ASSERT_TRUE(append({item("e"), item("f")}).has_value());
    LeaseRequest request;
    request.handler = "h";
    request.limit_bytes = 1;
    const auto one = call.lease(request);
    ASSERT_TRUE(one.has_value());
    EXPECT_THAT(resources(*one), ElementsAre("d"));
}

}  // namespace
}  // namespace graphhook::store
