// `source: poll`, and what is asked by time.
#include "core/http_client.hpp"
#include "tests/subscriptions/sync_fakes.hpp"

#include <gmock/gmock.h>

namespace graphhook::subscriptions::test {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

std::string alerts_since(const std::string& time) {
    return "security/alerts_v2?$top=100&$filter=" + percent_encode("lastUpdateDateTime ge " + time);
}
std::string alert(const std::string& id, const std::string& time) {
    return R"({"id":")" + id + R"(","createdDateTime":")" + time + R"(","lastUpdateDateTime":")" +
           time + R"("})";
}
WantedSubscription polled(std::string name, std::string resource) {
    auto entry = swept(std::move(name), std::move(resource), {"created", "updated"});
    entry.sync = false;
    entry.way = WantedSubscription::Way::Poll;
    return entry;
}

TEST(PollTest, AlertsArePolledByTheirLastUpdateWithOverlapAndNothingTwice) {
    Rig rig;
    // 08:00 less the overlap of five minutes.
    rig.data.on(alerts_since("2026-11-21T07:55:00Z"), page(alert("a", "2026-11-21T07:58:00Z")));
    rig.want(polled("alerts", "security/alerts_v2"), "alert");
    rig.settle();
    EXPECT_THAT(rig.table.told(), IsEmpty()) << "a first poll is a baseline";

    rig.clock.advance(5min);
    rig.data.instead(
        alerts_since("2026-11-21T07:55:00Z"),
        page(
            alert("a", "2026-11-21T07:58:00Z") + "," + alert("b", "2026-11-21T08:03:00Z"),
            kGraph + "p2"
        )
    );
    rig.data.on(kGraph + "p2", page(alert("c", "2026-11-21T08:04:00Z")));
    rig.settle();
    EXPECT_THAT(
        rig.table.take_told(),
        ElementsAre("created security/alerts_v2/b", "created security/alerts_v2/c")
    );

    rig.clock.advance(5min);
    rig.data.on(
        alerts_since("2026-11-21T08:00:00Z"),
        page(
            alert("b", "2026-11-21T08:03:00Z") + "," +
            R"({"id":"c","createdDateTime":"2026-11-21T07:00:00Z",
                         "lastUpdateDateTime":"2026-11-21T08:09:00Z"})"
        )
    );
    rig.settle();
    EXPECT_THAT(rig.table.told(), ElementsAre("updated security/alerts_v2/c"));
    EXPECT_EQ(rig.table.items().at(0).stream->source, store::Source::Poll);
    EXPECT_EQ(rig.table.items().at(0).stream->kind, "alert");
    EXPECT_EQ(rig.data.requests().back().operation, "poll");
    EXPECT_THAT(rig.metrics_text(), Not(HasSubstr("graphhook_sweep_found_total{")));
}

TEST(PollTest, WhatWasSeenIsKnownAfterARestart) {
    Rig rig;
    rig.data.on(alerts_since("2026-11-21T07:55:00Z"), page(alert("a", "2026-11-21T07:58:00Z")));
    rig.want(polled("alerts", "security/alerts_v2"), "alert");
    rig.settle();
    rig.restart();
    rig.clock.advance(5min);
    rig.settle();
    EXPECT_THAT(rig.table.told(), IsEmpty());
    EXPECT_EQ(rig.table.state("alerts")->swept_at, kNow + 5min);
}

TEST(PollTest, InitialAllAsksWithoutATimeAndHandsOverEverything) {
    Rig rig;
    auto entry = polled("alerts", "security/alerts_v2");
    entry.initial_all = true;
    rig.data.on("security/alerts_v2?$top=100", page(alert("a", "2020-01-01T00:00:00Z")));
    rig.want(entry, "alert");
    rig.settle();
    EXPECT_THAT(rig.table.told(), ElementsAre("created security/alerts_v2/a"));
}

TEST(PollTest, TheEntrysFilterGoesWithTheRequest) {
    Rig rig;
    rig.data.on(
        "security/alerts_v2?$top=100&$filter=" +
            percent_encode("(severity eq 'high') and lastUpdateDateTime ge "
                           "2026-11-21T07:55:00Z"),
        page("")
    );
    rig.want(polled("alerts", "security/alerts_v2?$filter=severity eq 'high'"), "alert");
    rig.settle();
    EXPECT_TRUE(rig.table.state("alerts"));
    EXPECT_EQ(rig.table.state("alerts")->failures, 0U);
}

TEST(PollTest, APollThatFailedGoesOnFromTheLastThatDidNot) {
    Rig rig;
    rig.data.on(alerts_since("2026-11-21T07:55:00Z"), page(""));
    rig.want(polled("alerts", "security/alerts_v2"), "alert");
    rig.settle();
    rig.data.instead(alerts_since("2026-11-21T07:55:00Z"), error(Next::RetryLater, 503));
    rig.clock.advance(5min);
    rig.settle();
    EXPECT_EQ(rig.status("alerts").state, "failing");
    rig.data.instead(
        alerts_since("2026-11-21T07:55:00Z"), page(alert("a", "2026-11-21T08:01:00Z"))
    );
    rig.clock.advance(2h);
    rig.settle();
    EXPECT_THAT(rig.table.told(), ElementsAre("created security/alerts_v2/a"));
}

TEST(PollTest, AnUnknownResourceIsAskedByTimeAndComparedWhereThatIsRefused) {
    Rig rig;
    rig.data.on(
        "planets/mars/moons?$filter=" +
            percent_encode("lastModifiedDateTime ge 2026-11-21T07:55:00Z"),
        error(Next::Refused, 400)
    );
    rig.data.on("planets/mars/moons", page(R"({"id":"phobos","size":1})"));
    rig.want(polled("moons", "planets/mars/moons"), "unknown");
    rig.settle();
    EXPECT_THAT(rig.table.told(), IsEmpty());
    EXPECT_EQ(rig.table.state("moons")->failures, 0U);
    rig.clock.advance(5min);
    rig.data.instead(
        "planets/mars/moons", page(R"({"id":"phobos","size":2},{"id":"deimos","size":1})")
    );
    rig.settle();
    EXPECT_THAT(
        rig.table.told(),
        ElementsAre("updated planets/mars/moons/phobos", "created planets/mars/moons/deimos")
    );
    EXPECT_EQ(
        std::ranges::count_if(
            rig.data.calls(),
            [](const auto& call) { return call.find("$filter") != std::string::npos; }
        ),
        1
    );
}

TEST(PollTest, CallRecordsAreAskedFurtherBackThanACallLasts) {
    Rig rig;
    rig.data.on(
        "communications/callRecords?$filter=" +
            percent_encode("startDateTime ge 2026-11-20T06:00:00Z"),
        page("")
    );
    rig.want(swept("calls", "communications/callRecords", {"created", "updated"}), "call-record");
    rig.settle();
    EXPECT_EQ(rig.status("calls").state, "waiting") << rig.status("calls").last_error;
}

TEST(PollTest, AUserThatChangedIsPolledByItsDeltaQuery) {
    Rig rig;
    rig.data.on("users/delta?$deltatoken=latest", last("", kGraph + "u1"));
    rig.data.on(kGraph + "u1", last(R"({"id":"u","displayName":"x"})", kGraph + "u2"));
    rig.want(polled("people", "users"), "user");
    rig.settle();
    rig.clock.advance(5min);
    rig.settle();
    EXPECT_THAT(rig.table.told(), ElementsAre("updated Users/u"));
}

}  // namespace
}  // namespace graphhook::subscriptions::test
