#include "subscriptions/catalog/catalog.hpp"
#include "subscriptions/sync/way.hpp"

#include <gtest/gtest.h>

#include <set>

namespace graphhook::subscriptions {
namespace {

using How = Way::How;

Way way(std::string_view resource, bool delegated = false) {
    return way_of(WantedSubscription{}, resource, delegated);
}

TEST(WayTest, EachFormOfEachKindOfTheCatalogHasAWayOrSaysWhyNot) {
    for (const Kind& kind : catalog()) {
        std::string_view paths = kind.paths;
        while (!paths.empty()) {
            const auto end = std::min(paths.find(' '), paths.size());
            std::string resource(paths.substr(0, end));
            paths.remove_prefix(std::min(end + 1, paths.size()));
            for (auto at = resource.find('*'); at != std::string::npos; at = resource.find('*'))
                resource.replace(at, resource.substr(at, 2) == "**" ? 2 : 1, "x");
            const Way found = way(resource, true);
            if (found.how == How::None) {
                EXPECT_FALSE(found.why.empty()) << resource;
                EXPECT_NE(found.why.find("nothing is known"), 0U) << resource;
            } else {
                EXPECT_FALSE(found.item.empty()) << resource;
                EXPECT_NE(found.resync, Resync::None) << resource;
            }
        }
    }
}

TEST(WayTest, RowsNameKindsOfTheCatalog) {
    for (const WayRow& row : all_ways()) {
        if (row.kind == "incident") continue;  // polled only
        EXPECT_NE(kind_named(row.kind), nullptr) << row.kind;
    }
}

TEST(WayTest, MailIsAskedFolderByFolder) {
    const Way mail = way("/Users('8b9f0d2c-1111-4222-8333-444455556666')/Messages");
    EXPECT_EQ(mail.how, How::Folders);
    EXPECT_EQ(mail.folders, "users/8b9f0d2c-1111-4222-8333-444455556666/mailFolders/delta");
    EXPECT_EQ(
        mail.path, "users/8b9f0d2c-1111-4222-8333-444455556666/mailFolders/{folder}/messages/delta"
    );
}

TEST(WayTest, AUserByNameIsLookedUpAndAnObjectIdIsNot) {
    const Way named = way("users/a@contoso.com/mailFolders('inbox')/messages");
    EXPECT_EQ(named.how, How::Delta);
    EXPECT_EQ(named.path, "users/a@contoso.com/mailFolders/inbox/messages/delta");
    ASSERT_EQ(named.lookups.size(), 1U);
    EXPECT_EQ(named.lookups[0].path, "users/a@contoso.com?$select=id");
    EXPECT_EQ(named.lookups[0].instead, "a@contoso.com");
    const Way known = way("users/0f0d2c9a-1111-4222-8333-444455556666/messages");
    EXPECT_TRUE(known.lookups.empty());
    EXPECT_EQ(known.item, "Users/0f0d2c9a-1111-4222-8333-444455556666/Messages/{id}");
}

TEST(WayTest, MeIsTheSignedInUser) {
    const Way mine = way("me/events", true);
    EXPECT_EQ(mine.how, How::Calendar);
    EXPECT_EQ(mine.path, "me/calendarView/delta");
    ASSERT_EQ(mine.lookups.size(), 1U);
    EXPECT_EQ(mine.lookups[0].path, "me?$select=id");
}

TEST(WayTest, DrivesAreAskedFromNowOnAndFoldersById) {
    EXPECT_EQ(way("drives/b!x/root").path, "drives/b!x/root/delta");
    EXPECT_EQ(way("drives/b!x/root").baseline, "token=latest");
    EXPECT_TRUE(way("drives/b!x/root").lookups.empty());
    const Way folder = way("me/drive/root/Projects/2026");
    EXPECT_EQ(folder.path, "me/drive/items/{item}/delta");
    ASSERT_EQ(folder.lookups.size(), 2U);
    EXPECT_EQ(folder.lookups[1].path, "me/drive/root:/Projects/2026?$select=id");
}

TEST(WayTest, OneUserOrGroupIsAFilteredDirectory) {
    EXPECT_EQ(
        way("users/0f0d2c9a-1111-4222-8333-444455556666").options,
        "$filter=id%20eq%20'0f0d2c9a-1111-4222-8333-444455556666'"
    );
    EXPECT_EQ(way("groups/g1/members").path, "groups/delta");
    EXPECT_NE(way("groups/g1/members").options.find("id,members"), std::string::npos);
}

TEST(WayTest, AlertsAreAskedByTheTimeOfTheirLastUpdate) {
    const Way alerts = way("security/alerts_v2");
    EXPECT_EQ(alerts.how, How::Since);
    EXPECT_EQ(alerts.time, "lastUpdateDateTime");
    EXPECT_EQ(alerts.resync, Resync::NoDeletes);
}

TEST(WayTest, ALiteralSegmentGoesBeforeAnId) {
    EXPECT_EQ(way("teams/getAllMessages").how, How::None);
    EXPECT_EQ(way("teams/t1").how, How::One);
    EXPECT_EQ(way("security/alerts_v2").how, How::Since);
}

TEST(WayTest, AnUnknownResourceCanOnlyBePolled) {
    EXPECT_EQ(way("planets/mars/moons").how, How::None);
    WantedSubscription polled;
    polled.way = WantedSubscription::Way::Poll;
    const Way guessed = way_of(polled, "planets/mars/moons", false);
    EXPECT_EQ(guessed.how, How::Since);
    EXPECT_TRUE(guessed.guessed);
}

TEST(WayTest, WhatOnlyASignedInUserMayListIsNotPromisedToAnApplication) {
    EXPECT_EQ(way("chats", false).how, How::None);
    EXPECT_EQ(way("chats", true).how, How::Compare);
}

TEST(WayTest, ImmutableIdsAreAskedForAsTheSubscriptionDoes) {
    const std::string prefer = "IdType=\"ImmutableId\"";
    const auto has = [&](const Way& some) {
        return std::ranges::find(some.prefer, prefer) != some.prefer.end();
    };
    EXPECT_TRUE(has(way("users/x/messages")));
    EXPECT_FALSE(has(way("users")));
    WantedSubscription plain;
    plain.immutable_ids = false;
    EXPECT_FALSE(has(way_of(plain, "users/x/messages", false)));
}

TEST(WayTest, AFilterIsAppliedAfterFetchingWithItsPropertiesSelected) {
    const Way filtered = way("users/x/messages?$filter=isRead eq false");
    ASSERT_TRUE(filtered.filter);
    EXPECT_NE(filtered.options.find("lastModifiedDateTime,isRead"), std::string::npos);
    const Way listed = way("security/alerts?$filter=vendorInformation/provider eq 'IPC'");
    EXPECT_FALSE(listed.filter);
    EXPECT_EQ(listed.sent_filter, "vendorInformation/provider eq 'IPC'");
}

TEST(WayTest, TheCatalogsColumnsFollowFromTheTable) {
    EXPECT_EQ(to_string(resync_of("message")), "full");
    EXPECT_EQ(to_string(resync_of("event")), "window");
    EXPECT_EQ(to_string(resync_of("call-record")), "no-deletes");
    EXPECT_EQ(to_string(resync_of("presence")), "none");
    EXPECT_EQ(to_string(resync_of("nothing such")), "none");
    EXPECT_TRUE(only_signals("drive"));
    EXPECT_TRUE(only_signals("list"));
    EXPECT_FALSE(only_signals("message"));
    EXPECT_GT(usual_silence("message"), std::chrono::hours(0));
    EXPECT_EQ(usual_silence("presence"), std::chrono::hours(0));
}

}  // namespace
}  // namespace graphhook::subscriptions
