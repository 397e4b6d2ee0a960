// Deltas as protocol 8 has them.
#include "emulator/notification.hpp"
#include "tests/emulator/data_fixture.hpp"

#include <boost/json/serialize.hpp>
#include <fmt/format.h>
#include <gmock/gmock.h>

namespace graphhook::emulator {
namespace {

using std::chrono::hours;
using testing::HasSubstr;

class DeltaTest : public test::DataTest {
  protected:
    std::string baseline(const std::string& where) {
        std::string link;
        all(where, &link);
        return link;
    }
    std::string user_id(std::uint64_t users = 1) {
        return std::string(fill({{"users", users}}).at("users").at(0).as_string());
    }
};

constexpr const char* kInbox = "users/a/mailFolders('inbox')/messages";

// protocol 8.1
TEST_F(DeltaTest, AFirstRoundTellsEverythingAndTheNextOneOnlyWhatChanged) {
    for (std::uint64_t i = 1; i <= 5; ++i) change(kInbox, ChangeType::Created, 1'000 + i);
    std::string link;
    EXPECT_EQ(all("users/a/mailFolders/inbox/messages/delta", &link).size(), 5U);
    EXPECT_THAT(link, HasSubstr("$deltatoken="));
    EXPECT_TRUE(all(link, &link).empty());
    change(kInbox, ChangeType::Updated, 1'002);
    change(kInbox, ChangeType::Created, 1'006);
    change(kInbox, ChangeType::Deleted, 1'003);
    const auto changed = all(link, &link);
    EXPECT_EQ(changed.size(), 3U);
    EXPECT_EQ(changed[2].at("@removed").at("reason"), "deleted");
    EXPECT_TRUE(all(link).empty());
}

TEST_F(DeltaTest, ALinkCanBeAskedAgainAndSaysTheSame) {
    const auto link = baseline("users/a/mailFolders/inbox/messages/delta");
    change(kInbox, ChangeType::Created, 1'001);
    EXPECT_EQ(all(link), all(link));
    EXPECT_EQ(all(link).size(), 1U);
}

TEST_F(DeltaTest, PagesLeadToOneAnotherAndLoseNothingThatChangesMeanwhile) {
    for (std::uint64_t i = 1; i <= 7; ++i) change(kInbox, ChangeType::Created, 1'000 + i);
    auto page = get("users/a/mailFolders/inbox/messages/delta?$top=3");
    EXPECT_EQ(page.value().size(), 3U);
    EXPECT_THAT(page.next(), HasSubstr("$skiptoken="));
    EXPECT_TRUE(page.delta().empty());
    change(kInbox, ChangeType::Updated, 1'001);
    change(kInbox, ChangeType::Deleted, 1'007);
    auto seen = test::DataTest::ids(page.value());
    std::string link;
    const auto rest = all(page.next(), &link);
    bool removed = false;
    for (const auto& element : rest) {
        seen.emplace(element.at("id").as_string());
        removed = removed || element.as_object().contains("@removed");
    }
    EXPECT_EQ(seen.size(), 7U);
    EXPECT_EQ(rest.size(), 5U) << "the changed one is told again";
    EXPECT_TRUE(removed);
    EXPECT_TRUE(all(link).empty());
}

// protocol 8.2
TEST_F(DeltaTest, AMoveRemovesInOneFolderAndIsNewInTheOther) {
    change(kInbox, ChangeType::Created, 1'001);
    const auto inbox = baseline("users/a/mailFolders/inbox/messages/delta");
    const auto archive = baseline("users/a/mailFolders/archive/messages/delta");
    world_.move(
        kTenant, landing_of(recognise(kInbox).value()),
        landing_of(recognise("users/a/mailFolders/archive/messages").value()), 1'001
    );
    const auto left = all(inbox);
    const auto arrived = all(archive);
    ASSERT_EQ(left.size(), 1U);
    ASSERT_EQ(arrived.size(), 1U);
    EXPECT_EQ(left[0].at("@removed").at("reason"), "deleted");
    EXPECT_FALSE(arrived[0].as_object().contains("@removed"));
}

TEST_F(DeltaTest, MessagesAreFollowedByFolderOnly) {
    EXPECT_EQ(get("users/a/messages/delta").status, 400);
    EXPECT_EQ(all("users/a/mailFolders/delta").size(), 6U);
    EXPECT_EQ(get("users/a/mailFolders/delta").value()[0].at("displayName"), "inbox");
}

TEST_F(DeltaTest, MessageDeltasTakeTheirOptionsAndKeepThem) {
    for (std::uint64_t i = 1; i <= 4; ++i) {
        change(kInbox, ChangeType::Created, 1'000 + i);
        clock_.advance(hours(1));
    }
    const std::string where = "users/a/mailFolders/inbox/messages/delta";
    std::string link;
    const auto since =
        all(where + "?$select=subject&$filter=receivedDateTime ge 2026-11-21T10:00:00Z", &link);
    EXPECT_EQ(since.size(), 2U);
    EXPECT_TRUE(since[0].as_object().contains("subject"));
    EXPECT_FALSE(since[0].as_object().contains("receivedDateTime"));
    change(kInbox, ChangeType::Created, 1'009);
    const auto later = all(link);
    ASSERT_EQ(later.size(), 1U);
    EXPECT_FALSE(later[0].as_object().contains("receivedDateTime"));
    EXPECT_EQ(get(where + "?$filter=isRead eq true").status, 400);
    EXPECT_EQ(get(where + "?$orderby=receivedDateTime desc").status, 200);
    EXPECT_EQ(get(where + "?$orderby=subject").status, 400);
    EXPECT_EQ(get(where + "?$search=x").status, 400);
}

TEST_F(DeltaTest, ChangeTypesAreChosenInTheFirstCall) {
    change(kInbox, ChangeType::Created, 1'001);
    const auto link = baseline("users/a/mailFolders/inbox/messages/delta?changeType=created");
    change(kInbox, ChangeType::Updated, 1'001);
    change(kInbox, ChangeType::Created, 1'002);
    change(kInbox, ChangeType::Created, 1'003);
    change(kInbox, ChangeType::Deleted, 1'003);
    EXPECT_EQ(all(link).size(), 1U);
}

// protocol 8.3
TEST_F(DeltaTest, ACalendarViewKeepsItsWindowAndRemovesWhatLeavesIt) {
    const auto at = clock_.system_now();
    change("users/a/events", ChangeType::Created, 1'001, {.start = at + hours(2)});
    change("users/a/events", ChangeType::Created, 1'002, {.start = at + hours(200)});
    const std::string where =
        "users/a/calendarView/delta?startDateTime=2026-11-21T00:00:00Z"
        "&endDateTime=2026-11-23T00:00:00Z";
    std::string link;
    EXPECT_EQ(all(where, &link).size(), 1U);
    change("users/a/events", ChangeType::Updated, 1'001, {.start = at + hours(300)});
    change("users/a/events", ChangeType::Created, 1'003, {.start = at + hours(3)});
    const auto changed = all(link);
    ASSERT_EQ(changed.size(), 2U);
    EXPECT_TRUE(changed[0].as_object().contains("@removed"));
    EXPECT_FALSE(changed[1].as_object().contains("@removed"));
    EXPECT_EQ(get("users/a/calendarView/delta").status, 400);
    for (const auto* option :
         {"$select=subject", "$filter=x eq 1", "$orderby=subject", "$expand=attachments",
          "$search=x"}) {
        EXPECT_EQ(get(where + "&" + option).status, 400) << option;
    }
    EXPECT_EQ(get("users/a/events/delta").status, 0);
}

// protocol 8.4
TEST_F(DeltaTest, ContactsAndTheirFoldersAreFollowed) {
    const auto folders = baseline("users/a/contactFolders/delta");
    const auto link = baseline("users/a/contacts/delta?$select=displayName");
    change("users/a/contacts", ChangeType::Created, 1'001);
    change("users/a/contactFolders('friends')/contacts", ChangeType::Created, 1'002);
    EXPECT_EQ(all(link).size(), 1U);
    EXPECT_EQ(all("users/a/contactFolders/friends/contacts/delta").size(), 1U);
    EXPECT_EQ(all(folders).size(), 1U);
}

// protocol 8.5
TEST_F(DeltaTest, ADriveTellsItemsWithTheirParentsAndReducedWhenDeleted) {
    fill({{"drive", "d1"}, {"driveItems", 60}});
    std::string link;
    const auto everything = all("drives/d1/root/delta", &link);
    EXPECT_EQ(everything.size(), 61U);
    EXPECT_TRUE(everything[0].as_object().contains("root"));
    EXPECT_THAT(link, HasSubstr("?token="));
    const auto& items = *world_.tenant(kTenant).find("drives/d1/items");
    const auto number = items.objects().back().number;
    change("drives/d1/root", ChangeType::Updated, number);
    const auto changed = all(link);
    ASSERT_GE(changed.size(), 2U) << "with the folders above";
    EXPECT_TRUE(changed[0].as_object().contains("root"));
    EXPECT_EQ(changed.back().at("id").as_string(), items.id_of(number));
    EXPECT_EQ(get(link, {{"deltaexcludeparent", "true"}}).value().size(), 1U);
    change("drives/d1/root", ChangeType::Deleted, number);
    const auto deleted = get(link, {{"deltaexcludeparent", "true"}}).value();
    ASSERT_EQ(deleted.size(), 1U);
    EXPECT_EQ(deleted[0].at("deleted").at("state"), "deleted");
    EXPECT_FALSE(deleted[0].as_object().contains("name"));
}

TEST_F(DeltaTest, ADriveStartsNowOrAtATimeWhereAsked) {
    fill({{"drive", "d1"}, {"driveItems", 10}});
    const auto now = get("drives/d1/root/delta?token=latest");
    EXPECT_TRUE(now.value().empty());
    clock_.advance(hours(1));
    change("drives/d1/root", ChangeType::Created, 9'001);
    EXPECT_FALSE(all(now.delta()).empty());
    const auto since =
        get("drives/d1/root/delta?token=2026-11-21T08:30:00Z", {{"deltaexcludeparent", "true"}});
    EXPECT_EQ(since.value().size(), 1U);
    EXPECT_TRUE(get("drives/d1/root/delta?token=2026-11-22T08:30:00Z").value().empty());
}

TEST_F(DeltaTest, AFolderHasADeltaOnPersonalDrivesOnly) {
    fill({{"drive", "d1"}, {"driveItems", 100}});
    fill({{"drive", "p1"}, {"driveItems", 100}, {"personal", true}});
    const auto folder_of = [&](const std::string& drive) {
        return std::string(all(fmt::format("drives/{}/root/children", drive))[0].at("id").as_string(
        ));
    };
    EXPECT_EQ(get("drives/d1/items/" + folder_of("d1") + "/delta").status, 400);
    const auto below = all("drives/p1/items/" + folder_of("p1") + "/delta");
    EXPECT_GT(below.size(), 40U);
    EXPECT_LE(below.size(), 100U);
}

// protocol 8.6
TEST_F(DeltaTest, UsersAreFollowedFromNowOnOrFromTheStart) {
    const auto id = user_id(3);
    const auto now = get("users/delta?$deltatoken=latest");
    EXPECT_TRUE(now.value().empty());
    std::string link;
    EXPECT_EQ(all("users/delta?$select=displayName,userPrincipalName", &link).size(), 3U);
    const auto number = world_.open(kTenant, "users").number_of(id).value();
    change("users", ChangeType::Updated, number);
    const auto changed = all(link, &link);
    ASSERT_EQ(changed.size(), 1U);
    EXPECT_TRUE(changed[0].as_object().contains("displayName"));
    EXPECT_FALSE(changed[0].as_object().contains("mail"));
    EXPECT_EQ(all(now.delta()).size(), 1U);
    const auto minimal = get(now.delta(), {{"prefer", "return=minimal"}}).value();
    ASSERT_EQ(minimal.size(), 1U);
    EXPECT_FALSE(minimal[0].as_object().contains("userPrincipalName"));
    change("users", ChangeType::Deleted, number, {.soft = true});
    EXPECT_EQ(all(link)[0].at("@removed").at("reason"), "changed");
    change("users", ChangeType::Deleted, number);
    EXPECT_EQ(all(link)[0].at("@removed").at("reason"), "deleted");
    EXPECT_EQ(get("users/delta?$filter=id eq '" + id + "'").status, 200);
    EXPECT_EQ(get("users/delta?$filter=accountEnabled eq true").status, 400);
}

TEST_F(DeltaTest, GroupsBringTheirMembersAndWhoLeft) {
    const auto made = fill({{"users", 4}, {"groups", 1}, {"groupMembers", "all"}});
    const std::string group(made.at("groups").at(0).as_string());
    std::string link;
    const auto first = all("groups/delta?$select=displayName,members", &link);
    ASSERT_EQ(first.size(), 1U);
    EXPECT_EQ(first[0].at("members@delta").as_array().size(), 4U);
    const auto user = world_.open(kTenant, "users").objects()[0].number;
    change("groups/" + group + "/members", ChangeType::Deleted, user);
    change("groups/" + group + "/members", ChangeType::Created, 9'001);
    const auto changed = all(link);
    ASSERT_EQ(changed.size(), 1U);
    const auto& members = changed[0].at("members@delta").as_array();
    ASSERT_EQ(members.size(), 2U);
    EXPECT_TRUE(members[0].as_object().contains("@removed"));
    EXPECT_FALSE(members[1].as_object().contains("@removed"));
    EXPECT_FALSE(all("groups/delta?$select=displayName")[0].as_object().contains("members@delta"));
}

TEST_F(DeltaTest, AGroupWithManyMembersIsToldInPartsWithTheSameId) {
    const auto made = fill({{"users", 2'500}, {"groups", 2}, {"groupMembers", "all"}});
    std::string link = "groups/delta?$select=members";
    std::map<std::string, std::set<std::string>> members;
    std::size_t pages = 0;
    while (!link.empty()) {
        const auto answer = get(link, {{"prefer", "odata.maxpagesize=1"}});
        ++pages;
        ASSERT_LT(pages, 20U);
        for (const auto& group : answer.value()) {
            for (const auto& member : group.at("members@delta").as_array()) {
                members[std::string(group.at("id").as_string())].emplace(member.at("id").as_string()
                );
            }
        }
        link = answer.next();
    }
    ASSERT_EQ(members.size(), 2U);
    for (const auto& [group, found] : members) EXPECT_EQ(found.size(), 2'500U) << group;
    EXPECT_GE(pages, 6U);
    EXPECT_EQ(made.at("groups").as_array().size(), 2U);
}

// protocol 8.7
TEST_F(DeltaTest, ListsAndTasksAreFollowed) {
    const auto list = baseline("sites/s1/lists/l1/items/delta");
    change("sites/s1/lists/l1", ChangeType::Created, 7);
    const auto items = all(list);
    ASSERT_EQ(items.size(), 1U);
    EXPECT_EQ(items[0].at("id"), "7");
    EXPECT_EQ(get("sites/s1/lists").value().size(), 1U);
    const auto tasks = baseline("users/a/todo/lists/l1/tasks/delta");
    change("users/a/todo/lists/l1/tasks", ChangeType::Created, 1'001);
    EXPECT_EQ(all(tasks).size(), 1U);
}

TEST_F(DeltaTest, TheLinksOfUsersEndAfterSevenDays) {
    const auto link = baseline("users/delta");
    clock_.advance(hours(24 * 7) - std::chrono::seconds(2));
    EXPECT_EQ(get(link).status, 200);
    clock_.advance(std::chrono::seconds(5));
    const auto gone = get(link);
    EXPECT_EQ(gone.status, 410);
    EXPECT_EQ(gone.header("Location"), kBase + "/v1.0/users/delta?$deltatoken=");
    EXPECT_EQ(get(gone.header("Location")).status, 200) << "the empty token starts anew";
    clock_.advance(hours(1000));
    EXPECT_EQ(get(baseline("users/a/mailFolders/inbox/messages/delta")).status, 200);
}

TEST_F(DeltaTest, EachServiceSaysInItsOwnWayThatALinkIsOver) {
    const auto over = [&](const std::string& where, Fault fault = {}) {
        const auto link = baseline(where);
        faults_.set(FaultKind::DeltaExpired, std::move(fault));
        auto answer = get(link);
        EXPECT_EQ(get(link).status, 200) << "once only";
        return answer;
    };
    const auto mail = over("users/a/mailFolders/inbox/messages/delta", {.status = 400});
    EXPECT_EQ(mail.status, 400);
    EXPECT_EQ(mail.code(), "SyncStateNotFound");
    EXPECT_EQ(over("users/a/mailFolders/inbox/messages/delta", {.status = 410}).status, 410);
    const auto drive = over("drives/d1/root/delta");
    EXPECT_EQ(drive.status, 410);
    EXPECT_EQ(drive.code(), "resyncChangesApplyDifferences");
    EXPECT_EQ(drive.json.at("error").at("innerError").at("code"), "resyncApplyDifferences");
    EXPECT_FALSE(drive.header("Location").empty());
    EXPECT_EQ(
        over("drives/d1/root/delta", {.code = "resyncChangesUploadDifferences"}).code(),
        "resyncChangesUploadDifferences"
    );
    const auto users = over("users/delta");
    EXPECT_EQ(users.status, 410);
    EXPECT_EQ(users.code(), "resyncRequired");
}

TEST_F(DeltaTest, LinksMadeBeforeAResetAreOver) {
    const auto link = baseline("users/delta");
    world_.clear();
    EXPECT_EQ(get(link).status, 410);
}

TEST_F(DeltaTest, ALinkIsForItsOwnCollectionOnly) {
    const auto link = baseline("users/delta");
    const auto token = link.substr(link.find('='));
    EXPECT_EQ(get("groups/delta?$deltatoken" + token).status, 400);
    EXPECT_EQ(get("users?$skiptoken" + token).status, 400);
}

TEST_F(DeltaTest, AnEmptyPageWithANextOneIsLegalAndLosesNothing) {
    const auto link = baseline("users/a/mailFolders/inbox/messages/delta");
    change(kInbox, ChangeType::Created, 1'001);
    faults_.set(FaultKind::EmptyPage, {.count = 2});
    auto page = get(link);
    EXPECT_TRUE(page.value().empty());
    EXPECT_FALSE(page.next().empty());
    page = get(page.next());
    EXPECT_TRUE(page.value().empty());
    EXPECT_EQ(all(page.next()).size(), 1U);
}

TEST_F(DeltaTest, AnObjectToldTwiceIsTheSame) {
    change(kInbox, ChangeType::Created, 1'001);
    change(kInbox, ChangeType::Created, 1'002);
    faults_.set(FaultKind::Replay, {});
    const auto told = all("users/a/mailFolders/inbox/messages/delta");
    ASSERT_EQ(told.size(), 3U);
    EXPECT_EQ(told[0], told[2]);
}

TEST_F(DeltaTest, AChangeIsToldWithTheIdAndEtagOfItsNotification) {
    const auto link = baseline("users/a/mailFolders/inbox/messages/delta");
    const auto resource = recognise("users/a/messages").value();
    const auto happened = change("users/a/messages", ChangeType::Created, 1'001);
    emulator::Change notified;
    notified.number = happened.version;
    notified.object = happened.object;
    notified.at = happened.at;
    const auto identity = identity_of(resource, notified);
    const auto told = all(link);
    ASSERT_EQ(told.size(), 1U);
    EXPECT_EQ(told[0].at("id").as_string(), identity.object_id);
    EXPECT_EQ(told[0].at("@odata.etag").as_string(), identity.etag);
}

TEST_F(DeltaTest, TheLogOfManyChangesToFewObjectsStaysShort) {
    const auto link = baseline("users/a/mailFolders/inbox/messages/delta");
    for (std::uint64_t i = 0; i < 10'000; ++i) change(kInbox, ChangeType::Updated, 1'000 + i % 10);
    const auto& messages = *world_.tenant(kTenant).find("users/a/mailfolders/inbox/messages");
    EXPECT_LT(messages.after(0).size(), 100U);
    EXPECT_EQ(all(link).size(), 10U);
}

TEST_F(DeltaTest, ADriveOf200000ItemsCostsLittleMemoryAndIsReadInPages) {
    fill({{"drive", "big"}, {"driveItems", 200'000}});
    EXPECT_LE(sizeof(Object), 64U);
    auto page = get("drives/big/root/delta?$top=500");
    EXPECT_EQ(page.value().size(), 500U);
    EXPECT_LT(page.next().size(), 400U) << "a link is a position, whatever the size";
    const auto& items = *world_.tenant(kTenant).find("drives/big/items");
    EXPECT_EQ(items.size(), 200'001U);
}

}  // namespace
}  // namespace graphhook::emulator
