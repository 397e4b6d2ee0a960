// When rounds begin, and what follows from failures.
#include "tests/subscriptions/sync_fakes.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

namespace graphhook::subscriptions::test {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

std::string drive(const std::string& id) {
    return fmt::format(
        "drives/{}/root/delta?$top=200&$select=id,eTag,cTag,createdDateTime,lastModifiedDateTime,"
        "parentReference,deleted,root&token=latest",
        id
    );
}
WantedSubscription files(const std::string& name) {
    return swept(name, "drives/" + name + "/root", {"updated"});
}

/// A drive whose baseline is taken, and which has nothing new for ever.
class DriveTest : public testing::Test {
  protected:
    void SetUp() override {
        rig.data.on(drive("d"), last("", kGraph + "d1"));
        rig.data.on(kGraph + "d1", last("", kGraph + "d1"));
        rig.want(files("d"), "drive");
        rig.settle();
        rig.data.take_calls();
        rig.clock.advance(10min);
    }
    Rig rig;
    const TargetKey key{"d", ""};
};

TEST_F(DriveTest, WhatIsWantedDuringARoundMakesOneMoreAfterIt) {
    int asked = 0;
    rig.data.before_reply = [&](const DataRequest&) {
        if (asked++ > 0) return;
        for (int i = 0; i < 3; ++i) ASSERT_TRUE(rig.sweeper().want(key, "missed"));
    };
    ASSERT_TRUE(rig.sweeper().want(key, "missed"));
    rig.settle();
    rig.clock.advance(1ms);
    rig.settle();
    EXPECT_EQ(asked, 2);
    EXPECT_EQ(rig.table.state("d")->wanted_at, SystemTime{});
}

TEST_F(DriveTest, SignalsFoldIntoARoundEveryFewSeconds) {
    for (int i = 0; i < 20; ++i) ASSERT_TRUE(rig.sweeper().want(key, "signal"));
    rig.settle();
    EXPECT_THAT(rig.data.calls(), SizeIs(1));
    ASSERT_TRUE(rig.sweeper().want(key, "signal"));
    rig.once();
    EXPECT_THAT(rig.data.calls(), SizeIs(1));
    rig.clock.advance(5s);
    rig.settle();
    EXPECT_THAT(rig.data.calls(), SizeIs(2));
}

TEST_F(DriveTest, WhatIsMissedDoesNotWaitAsASignalDoes) {
    ASSERT_TRUE(rig.sweeper().want(key, "signal"));
    rig.settle();
    ASSERT_TRUE(rig.sweeper().want(key, "signal"));
    rig.clock.advance(1s);
    ASSERT_TRUE(rig.sweeper().want(key, "missed"));
    EXPECT_EQ(rig.status("d").reason, "missed");
    ASSERT_TRUE(rig.sweeper().want(key, "daily"));
    EXPECT_EQ(rig.status("d").reason, "missed");
    rig.settle();
    EXPECT_THAT(rig.data.calls(), SizeIs(2));
}

TEST_F(DriveTest, WhenItWasSweptIsShownByItsNameAfterARestartToo) {
    rig.restart();
    rig.clock.advance(24h);
    rig.settle();
    EXPECT_THAT(rig.metrics_text(), testing::Not(HasSubstr("subscription=\"\"")));
    EXPECT_GT(rig.table.state("d")->swept_at, kNow + 10min);
    const auto swept = rig.table.state("d")->swept_at.time_since_epoch() / 1s;
    EXPECT_THAT(rig.metrics_text(), HasSubstr("subscription=\"d\"} " + std::to_string(swept)));
}

TEST_F(DriveTest, WhatIsWantedIsWantedAfterARestart) {
    ASSERT_TRUE(rig.sweeper().want(key, "missed"));
    rig.restart();
    rig.settle();
    EXPECT_THAT(rig.data.calls(), ElementsAre(kGraph + "d1"));
}

TEST_F(DriveTest, ItIsSweptDaily) {
    rig.clock.advance(24h);
    rig.settle();
    EXPECT_THAT(rig.data.calls(), SizeIs(1));
    rig.clock.advance(24h);
    rig.settle();
    EXPECT_THAT(rig.data.calls(), SizeIs(2));
}

TEST_F(DriveTest, ASilentFeedIsAskedAndLessOftenWhileItStaysSilent) {
    rig.clock.advance(-10min);
    // Nothing ever came: an unused drive is no silent one.
    const auto quiet = [&](std::chrono::hours hours) {
        rig.clock.advance(hours);
        rig.settle();
        return rig.data.take_calls().size();
    };
    auto entry = files("d");
    entry.sweep_every = 10'000h;
    entry.silence = 6h;
    rig.want(entry, "drive");
    EXPECT_EQ(quiet(7h), 0U);
    const auto wakes = rig.wakes.load();
    rig.sweeper().arrived("d", rig.clock.system_now());
    EXPECT_EQ(rig.wakes, wakes + 1) << "there is a time to wait for now";
    rig.sweeper().arrived("d", rig.clock.system_now());
    EXPECT_EQ(rig.wakes, wakes + 1) << "whatever comes next only makes it later";
    EXPECT_EQ(quiet(5h), 0U);
    EXPECT_EQ(quiet(1h), 1U);
    EXPECT_EQ(quiet(6h), 0U) << "asked twice as late the second time";
    EXPECT_EQ(quiet(6h), 1U);
    rig.sweeper().arrived("d", rig.clock.system_now());
    EXPECT_EQ(quiet(6h), 1U);
}

TEST_F(DriveTest, ThrottlingIsObeyedToTheSecond) {
    auto busy = error(Next::Throttled, 429);
    busy.retry_at = rig.clock.system_now() + 95s;
    rig.data.instead(kGraph + "d1", busy);
    rig.data.on(kGraph + "d1", last("", kGraph + "d2"));
    ASSERT_TRUE(rig.sweeper().want(key, "missed"));
    rig.once();
    EXPECT_THAT(rig.data.calls(), SizeIs(1));
    rig.clock.advance(94s);
    rig.once();
    EXPECT_THAT(rig.data.calls(), SizeIs(1));
    rig.clock.advance(1s);
    rig.settle();
    EXPECT_THAT(rig.data.calls(), SizeIs(2));
    EXPECT_EQ(rig.table.links("d")[""], kGraph + "d2");
}

TEST_F(DriveTest, APageThatCanNotBeUnderstoodMovesNothing) {
    auto page = last(R"({"id":"x","file":{}},{"name":"nameless"})", kGraph + "d2");
    page.request_id = "r-7";
    rig.data.instead(kGraph + "d1", page);
    ASSERT_TRUE(rig.sweeper().want(key, "missed"));
    rig.once();
    EXPECT_THAT(rig.status("d").last_error, HasSubstr("an element without an id (request-id r-7)"));
    EXPECT_EQ(rig.table.links("d")[""], kGraph + "d1");
}

TEST_F(DriveTest, ARefusedCredentialHoldsSweepsUntilItIsMendedOrAnOperatorAsks) {
    rig.data.instead(kGraph + "d1", error(Next::Credentials, 401));
    ASSERT_TRUE(rig.sweeper().want(key, "missed"));
    rig.once();
    rig.once();
    EXPECT_THAT(rig.data.calls(), SizeIs(1));
    rig.data.instead(kGraph + "d1", error(Next::Credentials, 401));
    rig.sweeper().credential_mended();
    rig.once();
    EXPECT_THAT(rig.data.calls(), SizeIs(2));
    rig.once();
    EXPECT_THAT(rig.data.calls(), SizeIs(2));
    ASSERT_TRUE(rig.sweeper().want(key, "operator"));
    rig.once();
    EXPECT_THAT(rig.data.calls(), SizeIs(3));
}

TEST_F(DriveTest, AFailingTargetWaitsByItself) {
    rig.data.on(drive("e"), last("", kGraph + "e1"));
    rig.data.on(kGraph + "e1", last("", kGraph + "e1"));
    rig.want(files("e"), "drive");
    rig.settle();
    rig.data.take_calls();
    rig.data.instead(kGraph + "d1", error(Next::Refused, 403));
    ASSERT_EQ(rig.sweeper().want_all("", "outage").value(), 2U);
    rig.settle();
    EXPECT_EQ(rig.status("d").state, "failing");
    EXPECT_EQ(rig.status("e").state, "waiting");
    EXPECT_EQ(rig.table.state("e")->failures, 0U);
    EXPECT_EQ(rig.table.state("d")->reason, "outage") << "still wanted";
}

TEST_F(DriveTest, AnOperatorsWordGoesBeforeTheBackOff) {
    rig.data.instead(kGraph + "d1", error(Next::Refused, 403));
    rig.data.on(kGraph + "d1", last("", kGraph + "d2"));
    ASSERT_TRUE(rig.sweeper().want(key, "missed"));
    rig.settle();
    ASSERT_TRUE(rig.sweeper().want(key, "operator"));
    rig.settle();
    EXPECT_EQ(rig.table.links("d")[""], kGraph + "d2");
    EXPECT_EQ(rig.status("d").state, "waiting");
}

TEST_F(DriveTest, RefusedCredentialsPauseTheTenantAndAskSeldom) {
    rig.data.on(drive("e"), last("", kGraph + "e1"));
    rig.data.on(kGraph + "e1", error(Next::Credentials, 401));
    rig.data.instead(kGraph + "d1", error(Next::Credentials, 401));
    rig.want(files("e"), "drive");
    rig.settle();
    rig.data.take_calls();
    ASSERT_TRUE(rig.sweeper().want_all("", "outage"));
    rig.once();
    rig.once();
    EXPECT_THAT(rig.data.calls(), SizeIs(1)) << "the other would meet the same";
    int asked = 0;
    for (int minute = 0; minute < 60; ++minute) {
        rig.clock.advance(1min);
        rig.once();
        asked = static_cast<int>(rig.data.calls().size());
    }
    EXPECT_LE(asked, 8);
    EXPECT_GE(asked, 4);
}

TEST_F(DriveTest, WhatIsNoLongerWantedIsForgotten) {
    rig.sweeper().drop(key);
    EXPECT_FALSE(rig.table.state("d"));
    EXPECT_THAT(rig.sweeper().status(), IsEmpty());
    EXPECT_EQ(rig.sweeper().want(key, "missed").error().code, Errc::NotFound);
}

TEST_F(DriveTest, AnEntryThatIsNoLongerSweptIsForgotten) {
    auto entry = files("d");
    entry.sync = false;
    rig.sweeper().set_wanted({entry});
    rig.once();
    EXPECT_FALSE(rig.table.state("d"));
}

TEST_F(DriveTest, WhatTheStoreRefusesIsTriedAgain) {
    rig.table.fail_change = [](const auto&) { return true; };
    EXPECT_FALSE(rig.sweeper().want(key, "missed"));
    rig.table.fail_change = nullptr;
    ASSERT_TRUE(rig.sweeper().want(key, "missed"));
    rig.table.fail_change = [](const auto&) { return true; };
    rig.once();
    EXPECT_THAT(rig.data.calls(), IsEmpty()) << "no round that cannot say where it is";
    rig.table.fail_change = nullptr;
    rig.clock.advance(10s);
    rig.settle();
    EXPECT_THAT(rig.data.calls(), SizeIs(1));
}

TEST(SweepWhenTest, UrgentOnesGoBeforeAThousandDailyOnesAndALongRoundMakesRoom) {
    Rig rig;
    for (const char* name : {"long", "soon", "other"}) {
        rig.data.on(drive(name), last("", kGraph + name));
        rig.data.on(kGraph + name, last("", kGraph + name));
        rig.want(files(name), "drive");
    }
    rig.settle();
    rig.data.take_calls();
    rig.clock.advance(10min);
    rig.data.instead(kGraph + "long", page("", kGraph + "page2"));
    rig.data.on(kGraph + "page2", last("", kGraph + "long"));
    rig.data.before_reply = [&](const DataRequest& request) {
        if (request.target != kGraph + "long") return;
        // While its first page comes, something is missed elsewhere.
        ASSERT_TRUE(rig.sweeper().want({"soon", ""}, "missed"));
        rig.sweeper().step();
    };
    ASSERT_TRUE(rig.sweeper().want({"long", ""}, "daily"));
    rig.settle();
    EXPECT_THAT(rig.data.calls(), ElementsAre(kGraph + "long", kGraph + "soon", kGraph + "page2"));
}

TEST(SweepWhenTest, WhatHasNoWayIsShownAsImpossibleAndNeverAsked) {
    Rig rig;
    rig.want(swept("p", "communications/presences/x", {"updated"}), "presence");
    rig.settle();
    EXPECT_EQ(rig.status("p").state, "impossible");
    EXPECT_THAT(rig.status("p").reason, HasSubstr("rich only"));
    EXPECT_EQ(rig.sweeper().want({"p", ""}, "missed").error().code, Errc::NotFound);
    EXPECT_EQ(rig.sweeper().want_all("", "outage").value(), 0U);
    EXPECT_THAT(rig.data.calls(), IsEmpty());
}

TEST(SweepWhenTest, ATenantThatIsToldToWaitWaitsAsAWhole) {
    Rig rig;
    for (int i = 0; i < 6; ++i) {
        const std::string name = "d" + std::to_string(i);
        auto busy = error(Next::Throttled, 429);
        busy.retry_at = kNow + 60s;
        rig.data.on(drive(name), busy);
        rig.want(files(name), "drive");
    }
    for (int i = 0; i < 10; ++i) rig.once();
    EXPECT_THAT(rig.data.calls(), SizeIs(3));
}

TEST(SweepWhenTest, TwoOfTheSameNameAreSweptApart) {
    Rig rig(2);
    for (const char* element : {"a", "b"}) {
        auto entry = swept("all", std::string("drives/") + element + "/root", {"updated"});
        rig.data.on(drive(element), last("", kGraph + element));
        rig.want(entry, "drive", element);
    }
    rig.settle();
    EXPECT_THAT(rig.sweeper().status(), SizeIs(2));
    EXPECT_TRUE(rig.table.state("all", "a"));
    EXPECT_TRUE(rig.table.state("all", "b"));
    EXPECT_THAT(
        rig.metrics_text(),
        HasSubstr("graphhook_subscription_swept_timestamp_seconds{subscription=\"all\"}")
    );
}

TEST(SweepWhenTest, AMailboxIsNeverAskedByMoreThanItTakes) {
    Rig rig;
    const std::string user = "users/0f0d2c9a-1111-4222-8333-444455556666";
    const std::string first = user +
                              "/mailFolders/inbox/messages/delta?$select=id,createdDateTime,"
                              "lastModifiedDateTime";
    rig.data.on(first, last("", kGraph + "d1"));
    for (int i = 0; i < 4; ++i)
        ASSERT_EQ(rig.quota.begin(CallClass::Get, "other", user), SystemTime{});
    rig.want(swept("mail", user + "/mailFolders/inbox/messages"), "message");
    rig.once();
    EXPECT_THAT(rig.data.calls(), IsEmpty());
    EXPECT_EQ(rig.status("mail").failures, 0U);
    rig.quota.end(user);
    rig.clock.advance(1s);
    rig.settle();
    EXPECT_THAT(rig.data.calls(), SizeIs(1));
}

TEST(SweepWhenTest, AWholeTemplateIsWantedAtOnce) {
    Rig rig(2);
    for (int i = 0; i < 100; ++i) {
        const std::string element = "e" + std::to_string(i);
        rig.data.on(drive(element), last("", kGraph + element));
        rig.data.on(kGraph + element, last("", kGraph + element));
        rig.want(swept("all", "drives/" + element + "/root", {"updated"}), "drive", element);
    }
    rig.settle();
    rig.data.take_calls();
    rig.clock.advance(1min);
    EXPECT_EQ(rig.sweeper().want_all("all", "outage").value(), 100U);
    EXPECT_EQ(rig.sweeper().want_all("other", "outage").value(), 0U);
    rig.restart();
    rig.settle();
    EXPECT_THAT(rig.data.calls(), SizeIs(100));
    rig.table.fail_change = [](const auto&) { return true; };
    EXPECT_FALSE(rig.sweeper().want_all("", "outage"));
}

TEST(SweepWhenTest, ALongFeedIsReadPageByPageAndKeepsNothing) {
    Rig rig;
    constexpr int kPages = 100;
    std::string objects;
    for (int i = 0; i < 200; ++i)
        objects += (i == 0 ? "" : ",") + std::string(R"({"id":"i)") + std::to_string(i) +
                   R"(","eTag":"e"})";
    rig.data.on(drive("d"), last("", kGraph + "p0"));
    for (int i = 0; i < kPages; ++i) {
        const std::string next = kGraph + "p" + std::to_string(i + 1);
        rig.data.on(
            kGraph + "p" + std::to_string(i),
            i + 1 == kPages ? last(objects, next) : page(objects, next)
        );
    }
    rig.want(files("d"), "drive");
    rig.settle();
    rig.clock.advance(1h);
    ASSERT_TRUE(rig.sweeper().want({"d", ""}, "signal"));
    rig.settle();
    EXPECT_EQ(rig.data.calls().size(), 1U + kPages);
    EXPECT_THAT(rig.table.links("d"), SizeIs(1));
}

}  // namespace
}  // namespace graphhook::subscriptions::test
