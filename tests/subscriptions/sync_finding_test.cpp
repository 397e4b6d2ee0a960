#include "store/identity.hpp"
#include "store/resource.hpp"
#include "subscriptions/catalog/catalog.hpp"
#include "subscriptions/sync/finding.hpp"
#include "tests/subscriptions/sync_fakes.hpp"

#include <boost/json/parse.hpp>
#include <gtest/gtest.h>

namespace graphhook::subscriptions {
namespace {

using namespace std::chrono_literals;
using test::kNow;

constexpr std::uint8_t kAll = kCreated | kUpdated | kDeleted;
const std::string kUser = "users/0f0d2c9a-1111-4222-8333-444455556666";

/// "created a, deleted b"
std::string read(
    std::string_view resource, std::string_view objects, Reading reading = Reading::Changes,
    std::uint8_t wanted = kAll
) {
    const Way way = way_of(WantedSubscription{}, resource, false);
    const std::map<std::string, std::string> tokens;
    const ReadingOf of{way, reading, kNow, wanted, tokens};
    std::string text;
    for (const auto& finding : findings(test::page(objects).value, of)) {
        const std::string told = told_as(finding.change, way, wanted);
        if (told.empty()) continue;
        text += (text.empty() ? "" : ", ") + told + " " + finding.id;
    }
    return text;
}

TEST(FindingTest, ChangesAreToldByCreationTimeAndRemoval) {
    EXPECT_EQ(
        read(kUser + "/messages", R"(
        {"id":"a","createdDateTime":"2026-11-21T09:00:00Z"},
        {"id":"b","createdDateTime":"2026-11-01T09:00:00Z"},
        {"id":"c","@removed":{"reason":"deleted"}})"),
        "created a, updated b, deleted c"
    );
}

TEST(FindingTest, WithinAPageTheLastOccurrenceOfAnIdWins) {
    EXPECT_EQ(
        read(kUser + "/messages", R"({"id":"a"},{"id":"b"},{"id":"a","@removed":{}})"),
        "updated b, deleted a"
    );
}

TEST(FindingTest, OnlyWantedChangesAreHandedOver) {
    const char* page = R"({"id":"a","createdDateTime":"2026-11-21T09:00:00Z"},
        {"id":"b","createdDateTime":"2026-11-01T09:00:00Z"},{"id":"c","@removed":{}})";
    EXPECT_EQ(read(kUser + "/messages", page, Reading::Changes, kCreated), "created a");
    EXPECT_EQ(read(kUser + "/messages", page, Reading::Changes, kDeleted), "deleted c");
    // It was created and updated since: who wants updates only is told of that.
    EXPECT_EQ(
        read(
            kUser + "/messages",
            R"({"id":"a","createdDateTime":"2026-11-21T09:00:00Z",
                       "lastModifiedDateTime":"2026-11-21T09:30:00Z"})",
            Reading::Changes, kUpdated
        ),
        "updated a"
    );
}

TEST(FindingTest, OfADriveEachItemIsToldExactlyThoughOnlyUpdatesCanBeWanted) {
    EXPECT_EQ(
        read(
            "drives/d/root", R"({"id":"r","root":{}},
        {"id":"a","createdDateTime":"2026-11-21T09:00:00Z"},
        {"id":"b","createdDateTime":"2026-11-01T09:00:00Z"},
        {"id":"c","deleted":{"state":"deleted"}})",
            Reading::Changes, kUpdated
        ),
        "created a, updated b, deleted c"
    );
}

TEST(FindingTest, UsersThatComeBackAreUpdatedAsGraphSays) {
    EXPECT_EQ(
        read(
            "users", R"({"id":"a","@removed":{"reason":"changed"}},
        {"id":"b","@removed":{"reason":"deleted"}},
        {"id":"c","createdDateTime":"2026-11-21T09:00:00Z"})",
            Reading::Changes, kUpdated | kDeleted
        ),
        "updated a, deleted b, updated c"
    );
}

TEST(FindingTest, ABaselineHandsOverNothingAndInitialAllEverythingAsCreated) {
    const char* page = R"({"id":"a","createdDateTime":"2020-11-21T09:00:00Z"},
        {"id":"b","@removed":{}})";
    EXPECT_EQ(read(kUser + "/messages", page, Reading::Baseline), "");
    EXPECT_EQ(read(kUser + "/messages", page, Reading::All), "created a");
}

TEST(FindingTest, ReadAnewOnlyWhatWasModifiedSinceCounts) {
    EXPECT_EQ(
        read(
            kUser + "/messages", R"(
        {"id":"a","createdDateTime":"2020-01-01T00:00:00Z",
         "lastModifiedDateTime":"2026-11-21T09:00:00Z"},
        {"id":"b","createdDateTime":"2020-01-01T00:00:00Z",
         "lastModifiedDateTime":"2026-11-20T09:00:00Z"},
        {"id":"c","createdDateTime":"2020-01-01T00:00:00Z"})",
            Reading::Anew
        ),
        "updated a, updated c"
    );
}

TEST(FindingTest, SingleOccurrencesOfASeriesAreTheirSeriesMatter) {
    EXPECT_EQ(
        read(kUser + "/events", R"({"id":"m","type":"seriesMaster"},
        {"id":"o","type":"occurrence"},{"id":"e","type":"exception"})"),
        "updated m, updated e"
    );
}

TEST(FindingTest, WhatHasNoIdIsPassedOver) {
    EXPECT_EQ(
        read("users", R"(1,"x",null,{},{"id":""},{"id":7,"x":1},{"id":"a"})"),
        "updated 7, updated a"
    );
}

TEST(FindingTest, AnItemHasGraphsShapeAndNothingOfTheContent) {
    const Way way = way_of(WantedSubscription{}, kUser + "/messages", false);
    const std::map<std::string, std::string> tokens;
    const ReadingOf of{way, Reading::Changes, kNow, kAll, tokens};
    const auto found = findings(
        test::page(R"({"@odata.etag":"W/\"1\"","id":"AAMk=","subject":"secret plans",
                       "createdDateTime":"2026-11-21T09:00:00Z"})")
            .value,
        of
    );
    ASSERT_EQ(found.size(), 1U);
    Addressee to;
    to.tenant = "contoso";
    to.tenant_id = "c0ffee00-0000-4000-8000-00000000c0de";
    to.name = "mail";
    to.kind = "message";
    const auto item = to_item(found[0], way, to, "1 page");
    EXPECT_EQ(boost::json::parse(item.body), boost::json::parse(R"({
        "subscriptionId":"00000000-0000-0000-0000-000000000000","changeType":"created",
        "resource":"Users/0f0d2c9a-1111-4222-8333-444455556666/Messages/AAMk=",
        "tenantId":"c0ffee00-0000-4000-8000-00000000c0de",
        "resourceData":{"@odata.type":"#Microsoft.Graph.Message",
            "@odata.id":"Users/0f0d2c9a-1111-4222-8333-444455556666/Messages/AAMk=",
            "@odata.etag":"W/\"1\"","id":"AAMk="}})"));
    EXPECT_EQ(item.stream->source, store::Source::Sweep);
    EXPECT_EQ(item.stream->subscription, "mail");
    EXPECT_EQ(
        item.order_key,
        store::order_key(
            "mail", store::normalise_resource("users/0f0d2c9a-1111-4222-8333-444455556666/messages/"
                                              "aamk=")
        )
    );
    EXPECT_EQ(item.version, store::version_key("mail", "AAMk=", "W/\"1\"", false));
}

TEST(FindingTest, TheSameObjectOnTheSamePageIsARepeatAndOnAnotherPageIsNot) {
    const Way way = way_of(WantedSubscription{}, "users", false);
    const std::map<std::string, std::string> tokens;
    const ReadingOf of{way, Reading::Changes, kNow, kAll, tokens};
    const auto once = findings(test::page(R"({"id":"a","city":"Bern"})").value, of);
    const auto later = findings(test::page(R"({"id":"a","city":"Basel"})").value, of);
    const Addressee to;
    const auto first = to_item(once[0], way, to, "1 page").identity;
    EXPECT_EQ(first, to_item(once[0], way, to, "1 page").identity);
    EXPECT_NE(first, to_item(once[0], way, to, "2 page").identity);
    EXPECT_NE(first, to_item(later[0], way, to, "1 page").identity);
    // Of a kind without etags nothing says that it is the same state.
    EXPECT_FALSE(to_item(once[0], way, to, "1 page").version);
}

}  // namespace
}  // namespace graphhook::subscriptions
