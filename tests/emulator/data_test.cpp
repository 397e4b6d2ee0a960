// What is behind the notifications: collections, objects, paging, filters.
#include "emulator/data/filter.hpp"
#include "tests/emulator/data_fixture.hpp"

#include <boost/json/serialize.hpp>
#include <fmt/format.h>
#include <gmock/gmock.h>

namespace graphhook::emulator {
namespace {

using testing::HasSubstr;

class ReadingTest : public test::DataTest {};

TEST_F(ReadingTest, ACollectionComesPageByPageAndEachObjectOnce) {
    fill({{"users", 250}});
    const auto first = get("users");
    EXPECT_EQ(first.value().size(), 100U);
    EXPECT_THAT(first.next(), HasSubstr("https://localhost:8443/v1.0/users?$skiptoken="));
    const auto users = all("users");
    EXPECT_EQ(users.size(), 250U);
    EXPECT_EQ(ids(users).size(), 250U);
    EXPECT_EQ(get("users?$top=7").value().size(), 7U);
    EXPECT_EQ(get("users", {{"prefer", "odata.maxpagesize=3"}}).value().size(), 3U);
}

TEST_F(ReadingTest, ALinkKeepsTheOptionsOfTheFirstCall) {
    fill({{"users", 30}, {"disabled", 10}});
    auto link =
        std::string("users?$top=5&$select=userPrincipalName&$filter=accountEnabled eq true");
    std::size_t seen = 0;
    while (!link.empty()) {
        const auto answer = get(link);
        for (const auto& user : answer.value()) {
            ++seen;
            EXPECT_TRUE(user.as_object().contains("userPrincipalName"));
            EXPECT_FALSE(user.as_object().contains("displayName"));
        }
        link = answer.next();
    }
    EXPECT_EQ(seen, 20U);
}

TEST_F(ReadingTest, AUserIsReadByIdOrPrincipalNameAndElseIs404) {
    const std::string id(fill({{"users", 1}}).at("users").at(0).as_string());
    const auto user = get("users/" + id);
    EXPECT_EQ(user.status, 200);
    EXPECT_EQ(user.json.at("accountEnabled"), true);
    const auto upn = user.text("userPrincipalName");
    EXPECT_EQ(get("users/" + upn).text("id"), id);
    EXPECT_EQ(get("users('" + upn + "')").text("id"), id);
    EXPECT_EQ(get("users/nobody@nowhere.example").status, 404);
    EXPECT_EQ(get("nowhere").status, 0) << "no such collection";
}

TEST_F(ReadingTest, FiltersFindWhoTheyName) {
    fill({{"users", 20}, {"disabled", 3}, {"guests", 5}});
    const auto some = get("users").value();
    const auto id = std::string(some[0].at("id").as_string());
    const auto other = std::string(some[1].at("id").as_string());
    const auto upn = std::string(some[2].at("userPrincipalName").as_string());
    const auto count = [&](const std::string& filter) {
        return get("users?$filter=" + filter).value().size();
    };
    EXPECT_EQ(count("accountEnabled eq true"), 17U);
    EXPECT_EQ(count("userType eq 'Guest'"), 5U);
    EXPECT_EQ(count("accountEnabled eq true and userType eq 'Member'"), 12U);
    EXPECT_EQ(count("id eq '" + id + "' or id eq '" + other + "'"), 2U);
    EXPECT_EQ(count("id in ('" + id + "','" + other + "')"), 2U);
    EXPECT_EQ(count("userPrincipalName eq '" + upn + "'"), 1U);
    EXPECT_EQ(count("startswith(displayName,'User')"), 20U);
    EXPECT_EQ(count("not(startswith(displayName,'User'))"), 0U);
}

TEST_F(ReadingTest, AFilterThatIsNotUnderstoodIs400) {
    fill({{"users", 1}});
    for (const auto* filter :
         {"shoeSize eq 44", "accountEnabled", "accountEnabled like true", "(accountEnabled eq true",
          "startswith(displayName)", "id in ('x'", "accountEnabled eq", "and", "''"}) {
        EXPECT_EQ(get("users?$filter=" + std::string(filter)).status, 400) << filter;
    }
    EXPECT_EQ(get("users?$skip=5").status, 400);
    EXPECT_EQ(get("users?$top=0").status, 400);
    EXPECT_EQ(get("users?$skiptoken=made-up").status, 400);
}

TEST_F(ReadingTest, TimesAreComparedAsTimes) {
    const auto object = boost::json::parse(R"({"at":"2026-11-21T08:00:00.5Z"})").as_object();
    const auto matches = [&](const std::string& filter) {
        return Filter::parse(filter, object).value().matches(object);
    };
    EXPECT_TRUE(matches("at ge 2026-11-21T08:00:00Z"));
    EXPECT_TRUE(matches("at gt 2026-11-21T09:00:00+02:00"));
    EXPECT_FALSE(matches("at gt 2026-11-21T08:00:00.5000000Z"));
    EXPECT_TRUE(matches("at ge 2026-11-21T08:00:00.5000000Z"));
}

TEST_F(ReadingTest, TheRoleIsNeeded) {
    caller_.roles = {"Mail.Read"};
    EXPECT_EQ(get("users").status, 403);
    EXPECT_EQ(get("users").code(), "Authorization_RequestDenied");
    EXPECT_EQ(get("users/a/mailFolders").status, 200);
}

TEST_F(ReadingTest, TenantsSeeTheirOwnDataOnly) {
    fill({{"users", 3}});
    caller_.tenant = "other";
    EXPECT_TRUE(get("users").value().empty());
}

TEST_F(ReadingTest, AMailboxHasFoldersAndItsMessagesAreReadByFolderOrAllAtOnce) {
    EXPECT_EQ(get("users/a/mailFolders").value().size(), 6U);
    change("users/a/messages", ChangeType::Created, 1'001);
    change("users/a/mailFolders('archive')/messages", ChangeType::Created, 1'002);
    const auto inbox = get("users/a/mailFolders('inbox')/messages");
    ASSERT_EQ(inbox.value().size(), 1U);
    const std::string id(inbox.value()[0].at("id").as_string());
    const std::string folder(inbox.value()[0].at("parentFolderId").as_string());
    EXPECT_EQ(get("users/a/mailFolders/" + folder).text("displayName"), "inbox");
    EXPECT_EQ(get("users/a/mailFolders/" + folder + "/messages").value().size(), 1U);
    EXPECT_EQ(get("users/a/messages").value().size(), 2U);
    EXPECT_EQ(get("users/a/messages/" + id).text("id"), id);
    EXPECT_EQ(get("users/A/messages/" + id).status, 200);
    EXPECT_EQ(get("users/a/mailFolders/nowhere/messages").status, 404);
    EXPECT_EQ(get("users/a/mailFolders/inbox").json.at("totalItemCount"), 1);
}

TEST_F(ReadingTest, MessagesAreFilteredAndOrderedByTheirTime) {
    for (std::uint64_t i = 1; i <= 3; ++i) {
        change("users/a/messages", ChangeType::Created, 1'000 + i);
        clock_.advance(std::chrono::hours(1));
    }
    const auto newest = get("users/a/messages?$orderby=receivedDateTime desc&$top=1");
    ASSERT_EQ(newest.value().size(), 1U);
    EXPECT_EQ(newest.value()[0].at("subject"), "Message 1003");
    EXPECT_FALSE(newest.next().empty());
    const auto late =
        get("users/a/mailFolders/inbox/messages?$filter=receivedDateTime ge 2026-11-21T09:00:00Z");
    EXPECT_EQ(late.value().size(), 2U);
}

TEST_F(ReadingTest, ADriveIsATreeThatIsReadByFolder) {
    fill({{"drive", "d1"}, {"driveItems", 120}});
    const auto root = get("drives/d1/root");
    EXPECT_TRUE(root.json.contains("root"));
    const auto top = all("drives/d1/root/children");
    ASSERT_FALSE(top.empty());
    EXPECT_TRUE(top[0].as_object().contains("folder"));
    const std::string folder(top[0].at("id").as_string());
    const auto children = all("drives/d1/items/" + folder + "/children");
    EXPECT_GT(children.size(), 40U);
    const std::string child(children[0].at("id").as_string());
    EXPECT_EQ(
        get("drives/d1/items/" + child).json.at("parentReference").at("id").as_string(), folder
    );
}

TEST_F(ReadingTest, AUsersDriveIsOneDriveUnderTwoPaths) {
    const auto drive = get("users/a/drive").text("id");
    change("users/a/drive/root", ChangeType::Created, 1'001);
    EXPECT_EQ(get(fmt::format("drives/{}/root/children", drive)).value().size(), 1U);
    EXPECT_EQ(get("users/a/drive/root/children").value().size(), 1U);
    EXPECT_EQ(get("users/a/drives").value().size(), 1U);
    EXPECT_EQ(get("drives/" + drive).status, 200);
}

TEST_F(ReadingTest, MembersAreUsersDevicesAndTheMembersOfNestedGroups) {
    const auto made = fill(
        {{"users", 5},
         {"devices", 2},
         {"groups", 2},
         {"groupMembers", "all"},
         {"nestedGroups", true}}
    );
    const std::string group(made.at("groups").at(0).as_string());
    const auto members = all("groups/" + group + "/members");
    EXPECT_EQ(members.size(), 8U) << "five users, two devices, a group";
    std::size_t devices = 0;
    for (const auto& member : members) {
        if (member.at("@odata.type") == "#microsoft.graph.device") ++devices;
    }
    EXPECT_EQ(devices, 2U);
    change(
        "groups/" + std::string(made.at("groups").at(1).as_string()) + "/members",
        ChangeType::Created, 9'001
    );
    EXPECT_EQ(all("groups/" + group + "/transitiveMembers").size(), 9U);
    EXPECT_EQ(get("groups/unknown/members").status, 404);
}

TEST_F(ReadingTest, AlertsArePolledByTheirLastUpdate) {
    const auto early = change("security/alerts/a1", ChangeType::Created, 1);
    Landing alerts;
    alerts.shelf = place_of("security/alerts_v2")->shelf;
    alerts.key = "security/alerts_v2";
    for (std::uint64_t i = 1; i <= 4; ++i) {
        world_.change(kTenant, alerts, ChangeType::Created, 1'000 + i);
        clock_.advance(std::chrono::minutes(10));
    }
    const auto since =
        get("security/alerts_v2?$filter=lastUpdateDateTime ge "
            "2026-11-21T08:20:00Z&$orderby=lastUpdateDateTime&$top=1");
    EXPECT_EQ(since.status, 200);
    EXPECT_EQ(
        all("security/alerts_v2?$filter=lastUpdateDateTime ge 2026-11-21T08:20:00Z").size(), 2U
    );
    EXPECT_EQ(get("security/alerts").value().size(), 1U);
    EXPECT_NE(early.version, 0U);
}

TEST_F(ReadingTest, WhateverCanBeSubscribedToCanBeListed) {
    for (const Path& path : paths()) {
        if (path.object != "{id}") continue;
        std::string resource(path.pattern);
        for (auto at = resource.find("{}"); at != std::string::npos; at = resource.find("{}"))
            resource.replace(at, 2, "x");
        for (auto at = resource.find("(*"); at != std::string::npos; at = resource.find("(*"))
            resource.replace(at, 2, "(x='1')");
        if (path.needs_filter) resource += "?$filter=id eq '1'";
        const auto changed = change(resource, ChangeType::Updated, 5'000);
        EXPECT_NE(changed.version, 0U) << resource;
        const auto plain = resource.substr(0, resource.find('?'));
        // The internal path of its notifications is not what one reads.
        const auto answer = get(plain);
        ASSERT_EQ(answer.status, 200) << plain;
        EXPECT_GE(answer.value().size(), 1U) << plain;
    }
}

TEST_F(ReadingTest, PresencesAreAskedForByTheirUsers) {
    change("communications/presences/7c7c", ChangeType::Updated, 1);
    const auto answer =
        send("POST", "communications/getPresencesByUserId", R"({"ids":["7c7c","unknown"]})");
    ASSERT_EQ(answer.status, 200);
    ASSERT_EQ(answer.value().size(), 2U);
    EXPECT_EQ(answer.value()[0].at("id"), "7c7c");
    EXPECT_TRUE(answer.value()[0].as_object().contains("availability"));
    EXPECT_EQ(send("POST", "communications/getPresencesByUserId", "{}").status, 400);
}

TEST_F(ReadingTest, WhoIsGoneHasNoMailboxAndIsInNoGroup) {
    const auto made = fill({{"users", 2}, {"groups", 1}, {"groupMembers", "all"}});
    const std::string user(made.at("users").at(0).as_string());
    const std::string group(made.at("groups").at(0).as_string());
    EXPECT_EQ(all("groups/" + group + "/members").size(), 2U);
    change(
        "users/" + user, ChangeType::Deleted, world_.open(kTenant, "users").number_of(user).value()
    );
    EXPECT_EQ(get("users/" + user).status, 404);
    EXPECT_EQ(get("users/" + user + "/mailFolders").status, 404);
    EXPECT_EQ(all("groups/" + group + "/members").size(), 1U);
}

TEST_F(ReadingTest, MarkedUsersAreRefusedForTheirOwnReason) {
    const auto made = fill({{"users", 4}, {"devices", 1}, {"groups", 1}, {"groupMembers", "all"}});
    const auto user = [&](std::size_t i) {
        return std::string(made.at("users").at(i).as_string());
    };
    const auto refusal = [&](const std::string& resource) {
        return world_.refuses_subscription(kTenant, recognise(resource).value());
    };
    ASSERT_TRUE(mark_user(world_, kTenant, user(0), "no-mailbox"));
    ASSERT_TRUE(mark_user(world_, kTenant, user(1), "no-licence"));
    ASSERT_TRUE(mark_user(world_, kTenant, user(2), "mailbox-quota"));
    EXPECT_EQ(refusal("users/" + user(0) + "/messages")->status, 404);
    EXPECT_FALSE(refusal("users/" + user(0) + "/drive/root"));
    EXPECT_EQ(refusal("users/" + user(1) + "/messages")->status, 403);
    const auto quota = refusal("users/" + user(2) + "/events");
    EXPECT_EQ(quota->status, 403);
    EXPECT_THAT(quota->message, HasSubstr("limit of 1000 subscriptions per mailbox"));
    EXPECT_FALSE(refusal("users/" + user(3) + "/messages"));
    const std::string group(made.at("groups").at(0).as_string());
    for (const auto& member : all("groups/" + group + "/members")) {
        if (member.at("@odata.type") != "#microsoft.graph.device") continue;
        const auto device = std::string(member.at("id").as_string());
        EXPECT_EQ(refusal("users/" + device + "/messages")->status, 404);
    }
    ASSERT_TRUE(mark_user(world_, kTenant, user(0), "nothing"));
    EXPECT_FALSE(refusal("users/" + user(0) + "/messages"));
    EXPECT_EQ(mark_user(world_, kTenant, "nobody", "no-mailbox").error().code, Errc::NotFound);
    EXPECT_EQ(mark_user(world_, kTenant, user(0), "mood").error().code, Errc::BadInput);
}

TEST_F(ReadingTest, PopulatingRefusesWhatMakesNoSense) {
    const std::vector<boost::json::object> requests{
        {},
        {{"tenant", kTenant}, {"users", -1}},
        {{"tenant", kTenant}, {"driveItems", 5}},
        {{"tenant", kTenant}, {"mailFolders", 5}},
        {{"tenant", kTenant}, {"users", 1}, {"disabled", 2}},
        {{"tenant", kTenant}, {"objects", 1}, {"resource", "nowhere"}},
        {{"tenant", 5}},
    };
    for (const auto& request : requests)
        EXPECT_EQ(populate(world_, request).error().code, Errc::BadInput);
}

}  // namespace
}  // namespace graphhook::emulator
