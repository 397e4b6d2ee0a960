#include "emulator/notification.hpp"

#include "tests/emulator/drafts.hpp"

#include <boost/json/parse.hpp>
#include <gtest/gtest.h>

#include <set>

namespace graphhook::emulator {
namespace {

using test::body_for;
using test::checked;
using test::some_time;

boost::json::object item_of(
    const std::string& resource, Change change, const std::string& changes = "updated"
) {
    auto body = body_for(resource, changes);
    body["notificationQueryOptions"] = "$filter = isFetchable eq true";
    auto subscription = checked(body, ApiVersion::Beta).value();
    subscription.id = "6d0f6a0c-7a39-4f0e-8a53-2f7a0b5d1c11";
    return boost::json::parse(change_item(subscription, change)).as_object();
}
Change change(ChangeType type = ChangeType::Updated) {
    return {.number = 5, .object = 7, .type = type, .at = some_time()};
}

std::set<std::string> names(const boost::json::object& json) {
    std::set<std::string> all;
    for (const auto& member : json) all.emplace(member.key());
    return all;
}

// protocol 3.1
TEST(NotificationTest, AMessageLooksAsDocumented) {
    const auto item =
        item_of("users/0f0d/mailFolders('inbox')/messages", change(ChangeType::Created), "created");
    EXPECT_EQ(
        names(item), (std::set<std::string>{
                         "id", "subscriptionId", "subscriptionExpirationDateTime", "clientState",
                         "tenantId", "changeType", "resource", "resourceData"
                     })
    );
    EXPECT_EQ(item.at("changeType"), "created");
    EXPECT_EQ(item.at("clientState"), "k3H9-example-secret");
    EXPECT_EQ(item.at("subscriptionExpirationDateTime"), "2026-11-21T08:50:00.0000000Z");
    const std::string resource(item.at("resource").as_string());
    EXPECT_TRUE(resource.starts_with("Users/0f0d/Messages/AAMk"))
        << "the folder is never part of it";
    const auto& data = item.at("resourceData").as_object();
    EXPECT_EQ(data.at("@odata.type"), "#Microsoft.Graph.Message");
    EXPECT_EQ(data.at("@odata.id").as_string(), resource);
    EXPECT_TRUE(std::string(data.at("@odata.etag").as_string()).starts_with("W/\"CQAAABYA"));
    EXPECT_EQ(resource, "Users/0f0d/Messages/" + std::string(data.at("id").as_string()));
}

TEST(NotificationTest, EventsAndContactsLookLikeMessages) {
    EXPECT_EQ(
        item_of("users/a/events", change()).at("resourceData").at("@odata.type"),
        "#Microsoft.Graph.Event"
    );
    EXPECT_EQ(
        item_of("users/a/contacts", change()).at("resourceData").at("@odata.type"),
        "#Microsoft.Graph.Contact"
    );
}

// protocol 3.4
TEST(NotificationTest, ADriveSaysOnlyThatSomethingChanged) {
    const auto item = item_of("/drives/b!x/root", change());
    EXPECT_EQ(item.at("resource"), "drives/b!x/root");
    EXPECT_TRUE(item.at("resourceData").is_null());
}

// protocol 3.5
TEST(NotificationTest, AListRepeatsTheSubscribedPathAndNamesItsType) {
    const auto item = item_of("sites/contoso.sharepoint.com,1,2/lists/77aa", change());
    EXPECT_EQ(item.at("resource"), "sites/contoso.sharepoint.com,1,2/lists/77aa");
    EXPECT_EQ(names(item.at("resourceData").as_object()), std::set<std::string>{"@odata.type"});
}

// protocol 3.6
TEST(NotificationTest, AnAlertIsNamedByItsPath) {
    const auto item = item_of("security/alerts?$filter=status eq 'New'", change());
    const auto& data = item.at("resourceData").as_object();
    EXPECT_EQ(
        item.at("resource").as_string(), "security/alerts/" + std::string(data.at("id").as_string())
    );
}

// protocol 2.4, 3.8
TEST(NotificationTest, AUserCarriesTicksOfItsEventTime) {
    const auto data = item_of("users", change()).at("resourceData").as_object();
    EXPECT_EQ(data.at("eventTime"), "2026-11-21T08:00:00.0000000Z");
    EXPECT_EQ(data.at("sequenceNumber").to_number<std::uint64_t>(), dotnet_ticks(some_time()));
    EXPECT_EQ(data.at("organizationId").as_string(), test::someone().tenant);
    const auto known = parse_time("2021-07-26T02:40:12.038556Z");
    EXPECT_EQ(dotnet_ticks(known.value()), 637'628'640'120'385'560U);
}

// protocol 3.9
TEST(NotificationTest, GroupMembershipComesAsADelta) {
    const auto added = item_of("groups/8d8d/members", change());
    EXPECT_EQ(added.at("resource"), "Groups/8d8d");
    EXPECT_FALSE(added.at("resourceData").at("members@delta").at(0).as_object().contains("@removed")
    );
    const auto removed = item_of("groups/8d8d/members", change(ChangeType::Deleted), "deleted");
    EXPECT_EQ(removed.at("resourceData").at("members@delta").at(0).at("@removed"), "deleted");
}

// protocol 3.10, 3.12
TEST(NotificationTest, ConversationsAndTeamsUseKeysInParentheses) {
    const auto conversation = item_of("groups/8d8d/conversations", change());
    EXPECT_TRUE(std::string(conversation.at("resource").as_string())
                    .starts_with("groups('8d8d')/conversations('"));
    EXPECT_EQ(item_of("teams/t1", change()).at("resource"), "teams('t1')");
}

TEST(NotificationTest, EveryPathMakesAnItemThatSaysWhatChanged) {
    for (const Path& path : paths()) {
        std::string resource(path.pattern);
        for (auto at = resource.find("{"); at != std::string::npos; at = resource.find("{")) {
            resource.replace(at, resource.find('}', at) - at + 1, "abc");
        }
        if (const auto at = resource.find("(*"); at != std::string::npos)
            resource.replace(at, 2, "(x='y')");
        if (path.needs_filter) resource += "?$filter=id eq 'x'";
        const auto recognised = recognise(resource);
        ASSERT_TRUE(recognised) << resource;
        ASSERT_EQ(recognised->kind->name, path.kind) << resource;
        const auto allowed = allowed_changes(*recognised);
        const auto type =
            (allowed & bit(ChangeType::Updated)) != 0 ? ChangeType::Updated : ChangeType::Created;
        const auto item = item_of(resource, change(type), std::string(to_string(type)));
        EXPECT_EQ(item.at("resource").as_string().find('{'), std::string::npos) << resource;
        EXPECT_EQ(item.at("tenantId").as_string(), test::someone().tenant);
    }
}

TEST(NotificationTest, DifferentChangesCanBeToldApart) {
    auto other = change();
    other.number = 6;
    const auto recognised = recognise("users/a/messages").value();
    const auto one = identity_of(recognised, change());
    const auto two = identity_of(recognised, other);
    EXPECT_EQ(one.object_id, two.object_id);
    EXPECT_NE(one.etag, two.etag);
    EXPECT_NE(one.notification_id, two.notification_id);
}

// protocol 6.1
TEST(NotificationTest, ALifecycleItemHasNeitherChangeNorResource) {
    const auto subscription = checked(body_for("users/a/messages")).value();
    const auto item =
        boost::json::parse(lifecycle_item(subscription, LifecycleEvent::Missed)).as_object();
    EXPECT_EQ(
        names(item), (std::set<std::string>{
                         "subscriptionId", "subscriptionExpirationDateTime", "clientState",
                         "tenantId", "lifecycleEvent"
                     })
    );
    EXPECT_EQ(item.at("lifecycleEvent"), "missed");
}

TEST(NotificationTest, ForgeriesAreWrongInOneThingOnly) {
    const auto subscription = checked(body_for("users/a/messages")).value();
    const auto good = boost::json::parse(change_item(subscription, change())).as_object();
    auto state =
        boost::json::parse(change_item(subscription, change(), Forgery::ClientState)).as_object();
    EXPECT_NE(state.at("clientState"), good.at("clientState"));
    state["clientState"] = good.at("clientState");
    EXPECT_EQ(state, good);
    auto unknown =
        boost::json::parse(change_item(subscription, change(), Forgery::Subscription)).as_object();
    EXPECT_NE(unknown.at("subscriptionId"), good.at("subscriptionId"));
}

TEST(NotificationTest, TextFromASubscriberIsEscaped) {
    auto body = body_for("users/a/messages");
    body["clientState"] = "\"\\\n\x01 \xe2\x82\xac";
    const auto subscription = checked(body).value();
    const auto item = boost::json::parse(change_item(subscription, change())).as_object();
    EXPECT_EQ(item.at("clientState"), body.at("clientState"));
}

}  // namespace
}  // namespace graphhook::emulator
