// Rounds: what is found, and how they go on.
#include "store/identity.hpp"
#include "tests/subscriptions/sync_fakes.hpp"

#include <gmock/gmock.h>

namespace graphhook::subscriptions::test {
namespace {

using namespace std::chrono_literals;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
using testing::UnorderedElementsAre;

const std::string kInbox = "users/0f0d2c9a-1111-4222-8333-444455556666/mailFolders/inbox/messages";
const std::string kInboxFirst = kInbox + "/delta?$select=id,createdDateTime,lastModifiedDateTime";
const std::string kItem = "Users/0f0d2c9a-1111-4222-8333-444455556666/Messages/";
const std::string kDriveNow =
    "drives/d/root/delta?$top=200&$select=id,eTag,cTag,createdDateTime,lastModifiedDateTime,"
    "parentReference,deleted,root&token=latest";

std::string mail(
    const std::string& id, const std::string& etag = "1",
    const std::string& made = "2026-11-21T08:30:00Z",
    const std::string& modified = "2026-11-21T08:30:00Z"
) {
    return R"({"id":")" + id + R"(","@odata.etag":")" + etag + R"(","createdDateTime":")" + made +
           R"(","lastModifiedDateTime":")" + modified + R"("})";
}
std::string removed(const std::string& id) {
    return R"({"id":")" + id + R"(","@removed":{"reason":"deleted"}})";
}

/// One mail folder whose baseline is taken, one hour ago.
class InboxTest : public testing::Test {
  protected:
    void SetUp() override {
        rig.data.on(kInboxFirst, page(mail("old"), kGraph + "b2"));
        rig.data.on(kGraph + "b2", last(mail("older"), kGraph + "d1"));
        rig.want(swept("mail", kInbox), "message");
        rig.settle();
        rig.data.take_calls();
        rig.clock.advance(1h);
    }
    void sweep(std::string_view reason = "missed") {
        ASSERT_TRUE(rig.sweeper().want({"mail", ""}, reason));
        rig.settle();
    }
    Rig rig;
};

TEST_F(InboxTest, AFirstRoundTakesABaselineAndHandsOverNothing) {
    EXPECT_THAT(rig.table.told(), IsEmpty());
    EXPECT_EQ(rig.table.state("mail")->baseline_at, kNow);
    EXPECT_EQ(rig.table.links("mail")[""], kGraph + "d1");
    EXPECT_EQ(rig.status("mail").state, "waiting");
}

TEST_F(InboxTest, ASweepFindsWhatWasNotNotified) {
    rig.data.on(kGraph + "d1", page(mail("a"), kGraph + "n2"));
    rig.data.on(kGraph + "n2", last(removed("old"), kGraph + "d2"));
    sweep();
    EXPECT_THAT(
        rig.table.told(), ElementsAre("created " + kItem + "a", "deleted " + kItem + "old")
    );
    EXPECT_EQ(rig.table.links("mail")[""], kGraph + "d2");
    EXPECT_EQ(rig.table.state("mail")->found, 2U);
    EXPECT_EQ(rig.table.state("mail")->wanted_at, SystemTime{});
    EXPECT_THAT(rig.metrics_text(), HasSubstr("graphhook_sweep_found_total{kind=\"message\"} 2"));
    EXPECT_THAT(rig.metrics_text(), HasSubstr("graphhook_sweeps_total{outcome=\"done\"} 2"));
}

TEST_F(InboxTest, WhatWasHandedOverAlreadyIsNotHandedOverAgain) {
    rig.table.notified(store::version_key("mail", "a", "1", false));
    rig.data.on(kGraph + "d1", last(mail("a") + "," + mail("b"), kGraph + "d2"));
    sweep();
    EXPECT_THAT(rig.table.told(), ElementsAre("created " + kItem + "b"));
    EXPECT_EQ(rig.table.state("mail")->found, 1U);
}

TEST_F(InboxTest, AnEmptyPageWithANextLinkIsNotTheEnd) {
    rig.data.on(kGraph + "d1", page("", kGraph + "n2"));
    rig.data.on(kGraph + "n2", last(mail("a"), kGraph + "d2"));
    sweep();
    EXPECT_THAT(rig.table.told(), SizeIs(1));
}

TEST_F(InboxTest, ARoundThatIsCutOffGoesOnAtItsPageInTheNextProcess) {
    rig.data.on(kGraph + "d1", page(mail("a"), kGraph + "n2"));
    rig.data.on(kGraph + "n2", page(mail("b"), kGraph + "n3"));
    rig.data.on(kGraph + "n3", error(Next::Aborted));
    ASSERT_TRUE(rig.sweeper().want({"mail", ""}, "missed"));
    rig.once();
    EXPECT_THAT(rig.table.told(), SizeIs(2));
    EXPECT_EQ(rig.table.state("mail")->failures, 0U);
    rig.restart();
    rig.data.take_calls();
    rig.data.instead(kGraph + "n3", last(mail("c"), kGraph + "d2"));
    rig.clock.advance(10min);
    rig.settle();
    EXPECT_THAT(rig.data.calls(), ElementsAre(kGraph + "n3"));
    EXPECT_THAT(rig.table.told(), SizeIs(3));
    EXPECT_EQ(rig.table.links("mail")[""], kGraph + "d2");
    // It began when it began: what changed since then is still to be found.
    EXPECT_EQ(rig.table.state("mail")->swept_at, kNow + 1h);
}

TEST_F(InboxTest, TheLinkIsStoredOnlyWhenTheFindingsAreDurable) {
    rig.data.on(kGraph + "d1", last(mail("a"), kGraph + "d2"));
    rig.table.refuse_appends = 2;
    ASSERT_TRUE(rig.sweeper().want({"mail", ""}, "missed"));
    rig.once();
    EXPECT_EQ(rig.table.links("mail")[""], kGraph + "d1");
    EXPECT_EQ(rig.table.state("mail")->failures, 0U) << "back-pressure is no failure";
    rig.clock.advance(5s);
    rig.once();
    EXPECT_EQ(rig.table.links("mail")[""], kGraph + "d1");
    rig.clock.advance(5s);
    rig.settle();
    EXPECT_EQ(rig.table.links("mail")[""], kGraph + "d2");
    EXPECT_THAT(rig.table.told(), SizeIs(1));
}

TEST_F(InboxTest, ACrashBetweenFindingsAndLinkBringsRepeatsAndNothingTwice) {
    rig.data.on(kGraph + "d1", last(mail("a") + "," + removed("b"), kGraph + "d2"));
    rig.table.fail_change = [](const store::SyncChange& change) {
        return std::ranges::any_of(change.put, [](const auto& mark) {
            return mark.link == kGraph + "d2";
        });
    };
    ASSERT_TRUE(rig.sweeper().want({"mail", ""}, "missed"));
    rig.once();
    EXPECT_EQ(rig.table.links("mail")[""], kGraph + "d1");
    EXPECT_THAT(rig.table.told(), SizeIs(2));
    rig.table.fail_change = nullptr;
    rig.restart();
    rig.settle();
    EXPECT_EQ(rig.table.links("mail")[""], kGraph + "d2");
    EXPECT_THAT(rig.table.told(), SizeIs(2));
    EXPECT_EQ(rig.table.state("mail")->found, 0U) << "found by the one that crashed";
}

TEST_F(InboxTest, AnExpiredTokenStartsAnewAndOnlyWhatChangedSinceCounts) {
    rig.data.on(kGraph + "d1", error(Next::Resync, 410));
    rig.data.instead(
        kInboxFirst,
        page(mail("old", "1", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z"), kGraph + "r2")
    );
    rig.data.on(
        kGraph + "r2", last(
                           mail("new") + "," +
                               mail("changed", "2", "2026-01-01T00:00:00Z", "2026-11-21T08:59:00Z"),
                           kGraph + "d2"
                       )
    );
    sweep();
    EXPECT_THAT(
        rig.table.told(), ElementsAre("created " + kItem + "new", "updated " + kItem + "changed")
    );
    EXPECT_EQ(rig.table.links("mail")[""], kGraph + "d2");
    EXPECT_THAT(rig.metrics_text(), HasSubstr("graphhook_sweeps_total{outcome=\"restarted\"} 1"));
}

TEST_F(InboxTest, AnewBeginsWhereGraphSays) {
    auto gone = error(Next::Resync, 410);
    gone.location = kGraph + "empty-token";
    rig.data.on(kGraph + "d1", gone);
    rig.data.on(kGraph + "empty-token", last(mail("new"), kGraph + "d2"));
    sweep();
    EXPECT_THAT(rig.table.told(), SizeIs(1));
    EXPECT_EQ(rig.table.links("mail")[""], kGraph + "d2");
}

TEST_F(InboxTest, AGraphThatForgetsForEverIsAFailureAndNoLoop) {
    rig.data.on(kGraph + "d1", error(Next::Resync, 410));
    rig.data.instead(kInboxFirst, error(Next::Resync, 410));
    sweep();
    EXPECT_EQ(rig.table.state("mail")->failures, 1U);
    EXPECT_THAT(rig.data.calls(), SizeIs(2));
}

TEST_F(InboxTest, PageThreeOfNineRefusedLeavesWhatIsKnownAndIsTriedAgainThere) {
    rig.data.on(kGraph + "d1", page(mail("a"), kGraph + "n2"));
    rig.data.on(kGraph + "n2", page(mail("b"), kGraph + "n3"));
    rig.data.on(kGraph + "n3", error(Next::Refused, 403));
    rig.data.on(kGraph + "n3", last(mail("c"), kGraph + "d2"));
    sweep();
    EXPECT_THAT(rig.table.told(), SizeIs(2));
    EXPECT_EQ(rig.status("mail").state, "failing");
    EXPECT_THAT(rig.status("mail").last_error, HasSubstr("req-1"));
    EXPECT_THAT(rig.metrics_text(), HasSubstr("graphhook_sweeps_failing{tenant=\"contoso\"} 1"));
    rig.clock.advance(61s);
    rig.settle();
    EXPECT_THAT(rig.table.told(), SizeIs(3));
    EXPECT_EQ(rig.table.links("mail")[""], kGraph + "d2");
    EXPECT_THAT(rig.metrics_text(), HasSubstr("graphhook_sweeps_failing{tenant=\"contoso\"} 0"));
}

TEST_F(InboxTest, ALastPageWithoutADeltaLinkIsGarbled) {
    rig.data.on(kGraph + "d1", page(mail("a")));
    sweep();
    EXPECT_EQ(rig.table.state("mail")->failures, 1U);
    EXPECT_EQ(rig.table.links("mail")[""], kGraph + "d1");
    EXPECT_THAT(rig.table.told(), IsEmpty());
}

TEST_F(InboxTest, AnotherResourceIsAnotherBaseline) {
    const std::string other = "users/0f0d2c9a-1111-4222-8333-444455556666/mailFolders/x/messages";
    rig.data.on(
        other + "/delta?$select=id,createdDateTime,lastModifiedDateTime",
        last(mail("z"), kGraph + "x1")
    );
    rig.want(swept("mail", other), "message");
    rig.settle();
    EXPECT_THAT(rig.table.told(), IsEmpty());
    EXPECT_EQ(rig.table.links("mail")[""], kGraph + "x1");
    EXPECT_EQ(rig.table.state("mail")->baseline_at, kNow + 1h);
}

TEST(SweepTest, InitialAllHandsOverEverythingAsCreatedAndCountsNothingAsMissed) {
    Rig rig;
    auto entry = swept("mail", kInbox);
    entry.initial_all = true;
    rig.data.on(
        kInboxFirst,
        last(mail("a", "1", "2020-01-01T00:00:00Z") + "," + removed("b"), kGraph + "d1")
    );
    rig.want(entry, "message");
    rig.settle();
    EXPECT_THAT(rig.table.told(), ElementsAre("created " + kItem + "a"));
    EXPECT_THAT(rig.metrics_text(), Not(HasSubstr("graphhook_sweep_found_total{")));
}

TEST(SweepTest, AFilterThatDeltaCannotTakeIsAppliedAfterFetching) {
    Rig rig;
    const std::string first =
        kInbox + "/delta?$select=id,createdDateTime,lastModifiedDateTime,isRead";
    rig.data.on(first, last("", kGraph + "d1"));
    rig.data.on(
        kGraph + "d1",
        last(R"({"id":"a","isRead":true},{"id":"b","isRead":false},)" + removed("c"), kGraph + "d2")
    );
    rig.want(swept("mail", kInbox + "?$filter=isRead eq false"), "message");
    rig.settle();
    ASSERT_TRUE(rig.sweeper().want({"mail", ""}, "gap"));
    rig.settle();
    EXPECT_THAT(rig.table.told(), ElementsAre("updated " + kItem + "b", "deleted " + kItem + "c"));
}

TEST(SweepTest, ADriveTakesItsBaselineWithoutListing) {
    Rig rig;
    rig.data.on(kDriveNow, last("", kGraph + "d1"));
    rig.data.on(
        kGraph + "d1", last(
                           R"({"id":"1","eTag":"e1","root":{}},
        {"id":"2","eTag":"e2","createdDateTime":"2026-11-21T08:30:00Z"},
        {"id":"3","deleted":{"state":"deleted"}})",
                           kGraph + "d2"
                       )
    );
    rig.want(swept("files", "/drives/d/root", {"updated"}), "drive");
    rig.settle();
    EXPECT_THAT(rig.data.calls(), ElementsAre(kDriveNow));
    rig.clock.advance(1h);
    ASSERT_TRUE(rig.sweeper().want({"files", ""}, "signal"));
    rig.settle();
    EXPECT_THAT(
        rig.table.told(), ElementsAre("created drives/d/items/2", "deleted drives/d/items/3")
    );
    // Graph told that something changed: nothing was missed.
    EXPECT_EQ(rig.table.state("files")->found, 0U);
}

TEST(SweepTest, AUserNamedByUpnIsLookedUpOnceAndTakenAsItIsWhereThatIsRefused) {
    for (const bool allowed : {true, false}) {
        Rig rig;
        const std::string who = "users/ann@contoso.com";
        const std::string folder = who + "/mailFolders/inbox/messages";
        if (allowed) {
            rig.data.on_object(who + "?$select=id", boost::json::object{{"id", "oid-1"}});
        } else {
            rig.data.on_object(who + "?$select=id", error(Next::Refused, 403));
        }
        rig.data.on(
            folder + "/delta?$select=id,createdDateTime,lastModifiedDateTime",
            last("", kGraph + "d1")
        );
        rig.data.on(kGraph + "d1", last(mail("a"), kGraph + "d2"));
        rig.want(swept("mail", folder), "message");
        rig.settle();
        ASSERT_TRUE(rig.sweeper().want({"mail", ""}, "operator"));
        rig.settle();
        EXPECT_THAT(
            rig.table.told(), ElementsAre(
                                  std::string("created Users/") +
                                  (allowed ? "oid-1" : "ann@contoso.com") + "/Messages/a"
                              )
        );
        EXPECT_EQ(std::ranges::count(rig.data.calls(), who + "?$select=id"), 1);
    }
}

TEST(SweepTest, ImmutableIdsAndSmallPagesAreAskedFor) {
    Rig rig;
    rig.data.on(kInboxFirst, last("", kGraph + "d1"));
    rig.want(swept("mail", kInbox), "message");
    rig.settle();
    EXPECT_THAT(
        rig.data.requests().at(0).prefer,
        UnorderedElementsAre("IdType=\"ImmutableId\"", "odata.maxpagesize=200")
    );
    EXPECT_EQ(rig.data.requests().at(0).operation, "delta");
}

/// A whole mailbox with two folders, A and B, baseline taken.
class MailboxTest : public testing::Test {
  protected:
    static std::string folder(const std::string& id) {
        return kUser + "/mailFolders/" + id +
               "/messages/delta?$select=id,createdDateTime,lastModifiedDateTime";
    }
    void SetUp() override {
        rig.data.on(
            kFolders, last(
                          R"({"id":"A"},{"id":"B"},
            {"id":"S","@odata.type":"#microsoft.graph.mailSearchFolder"})",
                          kGraph + "f1"
                      )
        );
        rig.data.on(folder("A"), last(mail("m"), kGraph + "a1"));
        rig.data.on(folder("B"), last("", kGraph + "b1"));
        rig.want(swept("mail", kUser + "/messages"), "message");
        rig.settle();
        rig.clock.advance(1h);
        rig.data.on(kGraph + "f1", last("", kGraph + "f2"));
        rig.data.on(kGraph + "f2", last("", kGraph + "f3"));
    }
    void sweep() {
        ASSERT_TRUE(rig.sweeper().want({"mail", ""}, "missed"));
        rig.settle();
    }
    static inline const std::string kUser = "users/0f0d2c9a-1111-4222-8333-444455556666";
    static inline const std::string kFolders = kUser + "/mailFolders/delta?$select=id";
    Rig rig;
};

TEST_F(MailboxTest, MailIsSweptPerFolder) {
    EXPECT_THAT(rig.table.told(), IsEmpty());
    rig.data.on(kGraph + "a1", last(mail("a"), kGraph + "a2"));
    rig.data.on(kGraph + "b1", last(mail("b"), kGraph + "b2"));
    sweep();
    EXPECT_THAT(rig.table.told(), ElementsAre("created " + kItem + "a", "created " + kItem + "b"));
}

TEST_F(MailboxTest, AMoveBetweenFoldersIsNoDelete) {
    rig.data.on(kGraph + "a1", last(removed("m") + "," + removed("gone"), kGraph + "a2"));
    rig.data.on(kGraph + "b1", last(mail("m", "2", "2026-01-01T00:00:00Z"), kGraph + "b2"));
    sweep();
    EXPECT_THAT(
        rig.table.told(), ElementsAre("updated " + kItem + "m", "deleted " + kItem + "gone")
    );
    EXPECT_THAT(rig.table.links("mail"), SizeIs(3)) << "nothing of the round is left";
}

TEST_F(MailboxTest, AMoveIsNoDeleteThoughTheProcessEndedBetweenTheFolders) {
    rig.data.on(kGraph + "a1", last(removed("m") + "," + removed("gone"), kGraph + "a2"));
    rig.data.on(kGraph + "b1", error(Next::Aborted));
    ASSERT_TRUE(rig.sweeper().want({"mail", ""}, "missed"));
    rig.once();
    EXPECT_THAT(rig.table.told(), IsEmpty());
    rig.data.instead(kGraph + "b1", last(mail("m", "2", "2026-01-01T00:00:00Z"), kGraph + "b2"));
    rig.restart();
    rig.data.take_calls();
    rig.settle();
    EXPECT_THAT(rig.data.calls(), ElementsAre(kGraph + "b1"));
    EXPECT_THAT(
        rig.table.told(), ElementsAre("updated " + kItem + "m", "deleted " + kItem + "gone")
    );
}

TEST_F(MailboxTest, ANewFolderIsHandedOverWholeAndAGoneOneForgotten) {
    rig.data.instead(kGraph + "f1", last(R"({"id":"C"},{"id":"B","@removed":{}})", kGraph + "f2"));
    rig.data.on(kGraph + "a1", last("", kGraph + "a2"));
    rig.data.on(
        folder("C"), last(mail("c1") + "," + mail("c2", "1", "2020-01-01T00:00:00Z"), kGraph + "c1")
    );
    sweep();
    EXPECT_THAT(
        rig.table.told(), ElementsAre("created " + kItem + "c1", "updated " + kItem + "c2")
    );
    EXPECT_FALSE(rig.table.links("mail").contains("B"));
    EXPECT_EQ(rig.table.links("mail")["C"], kGraph + "c1");
}

TEST_F(MailboxTest, AFolderThatVanishedBetweenIsNoFailure) {
    rig.data.on(kGraph + "a1", error(Next::NotFound, 404));
    rig.data.on(kGraph + "b1", last(mail("b"), kGraph + "b2"));
    sweep();
    EXPECT_THAT(rig.table.told(), SizeIs(1));
    EXPECT_EQ(rig.table.state("mail")->failures, 0U);
    EXPECT_FALSE(rig.table.links("mail").contains("A"));
}

TEST_F(MailboxTest, AFolderThatIsRefusedHoldsUpNoOther) {
    rig.data.on(kGraph + "a1", error(Next::Refused, 403));
    rig.data.on(kGraph + "b1", last(mail("b"), kGraph + "b2"));
    rig.data.on(kGraph + "b2", last(mail("b3"), kGraph + "b3"));
    rig.data.on(kGraph + "b3", last("", kGraph + "b3"));
    sweep();
    EXPECT_THAT(rig.table.told(), SizeIs(1));
    EXPECT_EQ(rig.status("mail").state, "failing");
    EXPECT_EQ(rig.table.state("mail")->swept_at, kNow) << "not all of it was swept";
    rig.clock.advance(2min);
    rig.settle();
    EXPECT_THAT(rig.table.told(), SizeIs(2));
}

/// A calendar whose baseline is taken.
class CalendarTest : public testing::Test {
  protected:
    static std::string window(const std::string& from, const std::string& to) {
        return kUser + "/calendarView/delta?startDateTime=" + from + "&endDateTime=" + to;
    }
    void SetUp() override {
        rig.data.on(
            window("2026-10-22T08:00:00Z", "2027-05-20T08:00:00Z"),
            last(R"({"id":"old","type":"singleInstance"})", kGraph + "d1")
        );
        rig.want(swept("events", kUser + "/events"), "event");
        rig.settle();
    }
    void sweep() {
        ASSERT_TRUE(rig.sweeper().want({"events", ""}, "missed"));
        rig.settle();
    }
    static inline const std::string kUser = "users/0f0d2c9a-1111-4222-8333-444455556666";
    static inline const std::string kEvent = "Users/0f0d2c9a-1111-4222-8333-444455556666/Events/";
    static std::string confirm(const std::string& id) {
        return kUser + "/events/" + id + "?$select=id,createdDateTime,lastModifiedDateTime";
    }
    Rig rig;
};

TEST_F(CalendarTest, WhatOnlyLeftTheWindowIsNotDeleted) {
    rig.data.on(kGraph + "d1", last(removed("moved") + "," + removed("gone"), kGraph + "d2"));
    rig.data.on_object(
        confirm("moved"), boost::json::object{{"id", "moved"}, {"@odata.etag", "2"}}
    );
    rig.data.on_object(confirm("gone"), error(Next::NotFound, 404));
    sweep();
    EXPECT_THAT(
        rig.table.told(), ElementsAre("updated " + kEvent + "moved", "deleted " + kEvent + "gone")
    );
}

TEST_F(CalendarTest, AWindowThatLagsIsReadToItsEndAndThenMadeAnew) {
    rig.clock.advance(8 * 24h);
    rig.data.on(
        kGraph + "d1", last(R"({"id":"a","createdDateTime":"2026-11-28T08:00:00Z"})", kGraph + "d2")
    );
    rig.data.on(
        window("2026-10-30T08:00:00Z", "2027-05-28T08:00:00Z"),
        last(
            R"({"id":"far","@odata.etag":"1","createdDateTime":"2026-11-27T08:00:00Z",
                         "lastModifiedDateTime":"2026-11-27T08:00:00Z"},
                        {"id":"slid-in","@odata.etag":"1","createdDateTime":"2020-11-27T08:00:00Z",
                         "lastModifiedDateTime":"2020-11-27T08:00:00Z"})",
            kGraph + "e1"
        )
    );
    sweep();
    EXPECT_THAT(
        rig.table.told(), ElementsAre("created " + kEvent + "a", "created " + kEvent + "far")
    );
    EXPECT_EQ(rig.table.links("events")[""], kGraph + "e1");
    EXPECT_EQ(rig.table.links("events")["~window"], "2026-10-30T08:00:00Z");
}

TEST(CompareTest, AListWithoutDeltaIsComparedAndItsLossesAreTold) {
    Rig rig;
    const std::string path = "groups/g/conversations";
    rig.data.on(path, page(R"({"id":"a","lastDeliveredDateTime":"1"})", kGraph + "p2"));
    rig.data.on(kGraph + "p2", page(R"({"id":"b","lastDeliveredDateTime":"1"},
                                       {"id":"c","lastDeliveredDateTime":"1"})"));
    rig.want(swept("talk", path), "conversation");
    rig.settle();
    EXPECT_THAT(rig.table.told(), IsEmpty());
    rig.data.instead(path, page(R"({"id":"a","lastDeliveredDateTime":"1"},
                                   {"id":"b","lastDeliveredDateTime":"2"},
                                   {"id":"d","lastDeliveredDateTime":"1"})"));
    ASSERT_TRUE(rig.sweeper().want({"talk", ""}, "daily"));
    rig.settle();
    EXPECT_THAT(
        rig.table.told(),
        ElementsAre(
            "updated groups('g')/conversations('b')", "created groups('g')/conversations('d')",
            "deleted groups('g')/conversations('c')"
        )
    );
    EXPECT_THAT(rig.table.links("talk"), SizeIs(2));
}

TEST(CompareTest, AListIsComparedWholeThoughItsReadingWasCutOff) {
    Rig rig;
    const std::string path = "teams/t/channels";
    rig.data.on(path, page(R"({"id":"a","n":1},{"id":"b","n":1})"));
    rig.want(swept("channels", path), "channel");
    rig.settle();
    rig.data.instead(path, page(R"({"id":"a","n":1})", kGraph + "p2"));
    rig.data.on(kGraph + "p2", error(Next::Aborted));
    ASSERT_TRUE(rig.sweeper().want({"channels", ""}, "missed"));
    rig.once();
    rig.restart();
    rig.clock.advance(1ms);
    rig.data.instead(kGraph + "p2", page(R"({"id":"b","n":2,"@odata.context":"x"})"));
    rig.settle();
    EXPECT_THAT(rig.table.told(), ElementsAre("updated teams('t')/channels('b')"));
}

TEST(CompareTest, OneObjectIsComparedAndItsEndIsTold) {
    Rig rig;
    rig.data.on_object("teams/t1", boost::json::object{{"id", "t1"}, {"name", "x"}});
    rig.data.on_object("teams/t1", boost::json::object{{"id", "t1"}, {"name", "y"}});
    rig.data.on_object("teams/t1", error(Next::NotFound, 404));
    rig.want(swept("team", "teams/t1"), "team");
    rig.settle();
    for (int i = 0; i < 2; ++i) {
        ASSERT_TRUE(rig.sweeper().want({"team", ""}, "missed"));
        rig.settle();
    }
    EXPECT_THAT(rig.table.told(), ElementsAre("updated teams('t1')", "deleted teams('t1')"));
}

}  // namespace
}  // namespace graphhook::subscriptions::test
