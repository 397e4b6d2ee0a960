#include "tests/store/store_fixture.hpp"

#include <gmock/gmock.h>

#include <atomic>
#include <limits>
#include <memory>
#include <string>
#include <vector>

namespace graphhook::store {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Pair;
using ::testing::SizeIs;

class StoredUnsids : public StoreFixture {
  protected:
    Unsid made(
        const std::string& unsid, const std::string& user = "user",
        const std::string& platform = "windows"
    ) const {
        return {"tenant", user, unsid, platform, "client", in(24h), clock.system_now()};
    }
    /// A moment after the one before.
    void put(const Unsid& unsid, UnsidPut expected = UnsidPut::Registered) {
        const auto done = call.put(unsid);
        ASSERT_TRUE(done.has_value()) << to_string(done.error());
        EXPECT_EQ(*done, expected) << unsid.unsid;
        clock.advance(1s);
    }
    std::vector<std::string> names(const UnsidQuery& query = {}) {
        std::vector<std::string> all;
        const auto found = call.unsids(query);
        EXPECT_TRUE(found.has_value());
        if (!found) return all;
        for (const Unsid& unsid : *found) all.push_back(unsid.unsid);
        return all;
    }
    static UnsidQuery of_user(const std::string& user, const std::string& tenant = "") {
        UnsidQuery query;
        query.tenant_id = tenant;
        query.user_id = user;
        return query;
    }
    static UnsidQuery called(const std::string& unsid) {
        UnsidQuery query;
        query.unsid = unsid;
        return query;
    }
    UnsidQuery live() const {
        UnsidQuery query;
        query.live_at = clock.system_now();
        return query;
    }
    /// Until housekeeping has done it.
    template <class Wanted>
    bool eventually(Wanted wanted) {
        for (int round = 0; round < 500; ++round) {
            if (wanted()) return true;
            clock.advance(1s);
            static_cast<void>(call.stats());
        }
        return false;
    }
    /// Many at once, of a user each.
    void put_many(int count, const std::string& tenant, SystemTime expires_at) {
        const auto answered = std::make_shared<std::atomic<int>>(0);
        for (int number = 0; number < count; ++number) {
            Unsid unsid = made("u" + std::to_string(number), tenant + std::to_string(number));
            unsid.tenant_id = tenant;
            unsid.expires_at = expires_at;
            opened->put_unsid(unsid, {nullptr, [answered](const Result<UnsidPut>& put) {
                                          if (put) ++*answered;
                                      }});
        }
        static_cast<void>(call.stats());  // comes after them
        EXPECT_EQ(*answered, count);
    }
    /// What expires now is there for some turns of housekeeping: it takes 512 at a time, those
    /// first that expired before.
    void keep_housekeeping_busy() { put_many(2'500, "busy", in(-1h)); }
};

TEST_F(StoredUnsids, SurviveAReopenAsTheyWereHandedIn) {
    Unsid other = made("b", "other", "webpush");
    other.tenant_id = "elsewhere";
    const Unsid first = made("a");
    put(first);
    other.registered_at = clock.system_now();
    put(other);
    for (const bool again : {false, true}) {
        if (again) opened.reopen();
        EXPECT_THAT(*call.unsids(), ElementsAre(other, first)) << "the newest registered first";
    }
}

TEST_F(StoredUnsids, OfTheSameUserUnsidAndPlatformAreReplaced) {
    put(made("a"));
    put(made("b"));
    Unsid renewed = made("a");
    renewed.client_id = "another client";
    renewed.expires_at = in(48h);
    put(renewed, UnsidPut::Renewed);
    EXPECT_THAT(names(), ElementsAre("a", "b"));
    EXPECT_EQ(call.unsids(called("a"))->at(0), renewed);
    // Another platform, user or tenant is another one.
    put(made("a", "user", "ios"));
    put(made("a", "somebody else"));
    Unsid elsewhere = made("a");
    elsewhere.tenant_id = "elsewhere";
    put(elsewhere);
    // Compared as they are.
    put(made("A"));
    EXPECT_THAT(*call.unsids(), SizeIs(6));
    opened.reopen();
    renewed.registered_at = clock.system_now();
    put(renewed, UnsidPut::Renewed);
    EXPECT_THAT(*call.unsids(), SizeIs(6));
}

TEST_F(StoredUnsids, ThatHaveExpiredAreRenewedAllTheSame) {
    keep_housekeeping_busy();
    Unsid old = made("a");
    old.expires_at = clock.system_now();
    EXPECT_EQ(*call.put(old), UnsidPut::Registered);
    EXPECT_EQ(*call.put(made("a")), UnsidPut::Renewed);
    EXPECT_THAT(names(of_user("user")), ElementsAre("a"));
    EXPECT_THAT(call.stats().unsids, ElementsAre(Pair("windows", 1u)));
}

TEST_F(StoredUnsids, OfOneUserAreSixteenAtMostAndTheOneHandedInLongestAgoGivesWay) {
    for (int number = 0; number < 16; ++number) put(made("u" + std::to_string(number)));
    put(made("of another user", "other"));
    Unsid elsewhere = made("of another tenant");
    elsewhere.tenant_id = "elsewhere";
    put(elsewhere);
    put(made("u0"), UnsidPut::Renewed);
    EXPECT_THAT(*call.unsids(of_user("user", "tenant")), SizeIs(16));
    put(made("u16"));
    const auto left = names(of_user("user", "tenant"));
    EXPECT_THAT(left, SizeIs(kMostUnsidsOfOneUser));
    EXPECT_THAT(left, Not(::testing::Contains("u1"))) << "u0 was handed in again";
    EXPECT_EQ(left.front(), "u16");
    EXPECT_EQ(left.at(1), "u0");
    EXPECT_THAT(*call.unsids(), SizeIs(18));
    EXPECT_THAT(call.stats().unsids, ElementsAre(Pair("windows", 18u)));
}

TEST_F(StoredUnsids, OfAUserThatHasTooManyExpiredOnesGiveWayFirst) {
    for (int number = 0; number < 15; ++number) put(made("u" + std::to_string(number)));
    keep_housekeeping_busy();
    Unsid brief = made("brief");
    brief.expires_at = clock.system_now();
    EXPECT_EQ(*call.put(brief), UnsidPut::Registered);
    EXPECT_EQ(*call.put(made("new")), UnsidPut::Registered);
    const auto left = names(of_user("user"));
    EXPECT_THAT(left, SizeIs(16));
    EXPECT_THAT(left, Not(::testing::Contains("brief")));
    EXPECT_THAT(left, ::testing::Contains("u0"));
}

TEST_F(StoredUnsids, TheOneJustHandedInStaysWhateverItsTimesSay) {
    for (int number = 0; number < 16; ++number) put(made("u" + std::to_string(number)));
    Unsid early = made("early");
    early.registered_at = in(-1h);
    put(early);
    EXPECT_THAT(names(), ::testing::Contains("early"));
    EXPECT_THAT(names(), SizeIs(16));
}

TEST_F(StoredUnsids, AreFoundByTenantUserAndUnsidAndNoFurtherThanTheLimit) {
    put(made("a", "one"));
    put(made("b", "one"));
    put(made("a", "two"));
    Unsid elsewhere = made("c", "one");
    elsewhere.tenant_id = "elsewhere";
    put(elsewhere);
    EXPECT_THAT(names(of_user("one")), ElementsAre("c", "b", "a"));
    EXPECT_THAT(names(of_user("one", "tenant")), ElementsAre("b", "a"));
    EXPECT_THAT(names(of_user("One")), IsEmpty()) << "compared as it is";
    EXPECT_THAT(names(of_user("", "elsewhere")), ElementsAre("c"));
    EXPECT_THAT(names(called("a")), ElementsAre("a", "a"));
    UnsidQuery all = of_user("one", "tenant");
    all.unsid = "a";
    EXPECT_THAT(names(all), ElementsAre("a"));
    all.user_id = "three";
    EXPECT_THAT(names(all), IsEmpty());
    UnsidQuery few;
    few.limit = 2;
    EXPECT_THAT(names(few), ElementsAre("c", "a"));
    few.limit = 0;
    EXPECT_THAT(names(few), IsEmpty());
}

TEST_F(StoredUnsids, ThatHaveExpiredAreNeverShownToWhoAsksForLiveOnes) {
    keep_housekeeping_busy();
    Unsid brief = made("brief");
    brief.expires_at = clock.system_now();
    EXPECT_EQ(*call.put(brief), UnsidPut::Registered);
    EXPECT_EQ(*call.put(made("lasting", "user", "ios")), UnsidPut::Registered);
    EXPECT_THAT(names(of_user("user")), ElementsAre("lasting", "brief"));
    EXPECT_THAT(names(live()), ElementsAre("lasting"));
    UnsidQuery both = live();
    both.user_id = "user";
    EXPECT_THAT(names(both), ElementsAre("lasting"));
    EXPECT_THAT(call.stats().unsids, ElementsAre(Pair("ios", 1u))) << "live ones are counted";
    clock.advance(24h);
    EXPECT_THAT(names(live()), IsEmpty());
}

TEST_F(StoredUnsids, ThatHaveExpiredAreDroppedByHousekeepingSomeAtATime) {
    put_many(1'300, "t", in(1h));
    put(made("lasting"));
    opened.reopen();
    EXPECT_THAT(call.stats().unsids, ElementsAre(Pair("windows", 1'301u)));
    clock.advance(2h);
    EXPECT_THAT(call.stats().unsids, ElementsAre(Pair("windows", 1u)));
    EXPECT_TRUE(eventually([&] { return in_file("SELECT count(*) FROM unsid") < 1'301; }));
    EXPECT_GE(in_file("SELECT count(*) FROM unsid"), 1'301 - 2 * 512) << "in small steps";
    EXPECT_TRUE(eventually([&] { return in_file("SELECT count(*) FROM unsid") == 1; }));
    EXPECT_THAT(call.stats().unsids, ElementsAre(Pair("windows", 1u)));
    EXPECT_THAT(names(), ElementsAre("lasting"));
}

TEST_F(StoredUnsids, AreDroppedByUserUnsidOrTenant) {
    put(made("a", "one"));
    put(made("b", "one", "ios"));
    put(made("a", "two"));
    Unsid elsewhere = made("a", "one");
    elsewhere.tenant_id = "elsewhere";
    put(elsewhere);
    UnsidQuery one = of_user("one", "tenant");
    one.unsid = "a";
    one.limit = 0;  // Not for dropping.
    EXPECT_EQ(*call.drop(one), 1u);
    EXPECT_EQ(*call.drop(one), 0u) << "it is gone";
    EXPECT_THAT(names(), ElementsAre("a", "a", "b"));
    EXPECT_EQ(*call.drop(of_user("", "elsewhere")), 1u);
    EXPECT_EQ(*call.drop(called("a")), 1u);
    opened.reopen();
    EXPECT_THAT(names(), ElementsAre("b"));
    EXPECT_THAT(call.stats().unsids, ElementsAre(Pair("ios", 1u)));
    EXPECT_EQ(*call.drop(of_user("one")), 1u);
    EXPECT_THAT(call.stats().unsids, IsEmpty());
}

TEST_F(StoredUnsids, AreNotDroppedByAnEmptySelection) {
    put(made("a"));
    EXPECT_EQ(call.drop({}).error().code, Errc::BadInput);
    EXPECT_EQ(call.drop(live()).error().code, Errc::BadInput) << "that is nearly everything";
    EXPECT_THAT(names(), ElementsAre("a"));
}

TEST_F(StoredUnsids, OfOneTenantAreListedAndDroppedHoweverMany) {
    put_many(1'100, "large", in(24h));
    put_many(10, "small", in(24h));
    UnsidQuery large = of_user("", "large");
    EXPECT_THAT(*call.unsids(large), SizeIs(1'000)) << "as many as are asked for";
    large.limit = 10'000;
    const auto all = call.unsids(large);
    ASSERT_THAT(*all, SizeIs(1'100));
    EXPECT_EQ(all->front().unsid, "u1099");
    EXPECT_EQ(all->back().unsid, "u0");
    EXPECT_EQ(*call.drop(large), 1'100u);
    EXPECT_THAT(*call.unsids(), SizeIs(10));
    EXPECT_THAT(call.stats().unsids, ElementsAre(Pair("windows", 10u)));
}

TEST_F(StoredUnsids, WhatIsHandedInAfterADropWasAskedForStays) {
    put_many(1'100, "large", in(24h));
    // Both are asked for before either is answered.
    const auto dropped = wait_for<std::uint64_t>([&](Completion<std::uint64_t> done) {
        opened->drop_unsids(of_user("", "large"), std::move(done));
        Unsid late = made("late", "late");
        late.tenant_id = "large";
        opened->put_unsid(late, {nullptr, [](const Result<UnsidPut>&) {}});
    });
    EXPECT_EQ(*dropped, 1'100u);
    EXPECT_THAT(names(), ElementsAre("late"));
}

TEST_F(StoredUnsids, WithoutTenantUserUnsidOrPlatformAreRefused) {
    for (std::string Unsid::* member :
         {&Unsid::tenant_id, &Unsid::user_id, &Unsid::unsid, &Unsid::platform}) {
        Unsid bad = made("a");
        (bad.*member).clear();
        EXPECT_EQ(call.put(bad).error().code, Errc::BadInput);
    }
    EXPECT_THAT(names(), IsEmpty());
}

TEST_F(StoredUnsids, AreRefusedUnderTheReserveAsAppendsAreWhileWithdrawingGoesOn) {
    put(made("a"));
    put(made("b"));
    opened.options.reserve = std::numeric_limits<std::uint64_t>::max();
    opened.reopen();
    EXPECT_EQ(append({item("x")}).error().code, Errc::Full);
    EXPECT_EQ(call.put(made("c")).error().code, Errc::Full);
    EXPECT_EQ(call.put(made("a")).error().code, Errc::Full);
    EXPECT_THAT(names(), ElementsAre("b", "a"));
    EXPECT_EQ(*call.drop(called("a")), 1u);
    EXPECT_THAT(names(), ElementsAre("b"));
    opened.options.reserve = 0;
    opened.reopen();
    EXPECT_EQ(*call.put(made("c")), UnsidPut::Registered);
}

TEST_F(StoredUnsids, AreInTheFileWhenTheyAreAcknowledged) {
    ASSERT_TRUE(call.put(made("a")).has_value());
    EXPECT_EQ(in_file("SELECT count(*) FROM unsid WHERE unsid = 'a'"), 1);
    ASSERT_TRUE(call.drop(called("a")).has_value());
    EXPECT_EQ(in_file("SELECT count(*) FROM unsid"), 0);
}

TEST_F(StoredUnsids, AreSeenByWhoOnlyLooksAndNotChanged) {
    put(made("a"));
    Unsid brief = made("brief", "user", "ios");
    brief.expires_at = clock.system_now();
    ASSERT_TRUE(call.put(brief).has_value());
    for (const bool serving : {true, false}) {
        if (!serving) opened.close();
        auto looking = open_store_read_only(opened.options, clock, opened.metrics);
        ASSERT_TRUE(looking.has_value()) << to_string(looking.error());
        Store& store = **looking;
        const auto found = wait_for<std::vector<Unsid>>([&](Completion<std::vector<Unsid>> done) {
            store.unsids(live(), std::move(done));
        });
        ASSERT_THAT(*found, SizeIs(1));
        EXPECT_EQ(found->front().unsid, "a");
        const auto stats = wait_for<StoreStats>([&](Completion<StoreStats> done) {
            store.stats(std::move(done));
        });
        EXPECT_THAT(stats->unsids, ElementsAre(Pair("windows", 1u)));
        const auto put = wait_for<UnsidPut>([&](Completion<UnsidPut> done) {
            store.put_unsid(made("b"), std::move(done));
        });
        EXPECT_EQ(put.error().code, Errc::Refused);
        const auto dropped = wait_for<std::uint64_t>([&](Completion<std::uint64_t> done) {
            store.drop_unsids(called("a"), std::move(done));
        });
        EXPECT_EQ(dropped.error().code, Errc::Refused);
    }
}

}  // namespace
}  // namespace graphhook::store
