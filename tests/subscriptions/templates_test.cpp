// What a template's collection is asked for, what its elements become, and what tells of changes.
#include "subscriptions/templates/collection.hpp"
#include "subscriptions/templates/expander.hpp"

#include <boost/json/parse.hpp>
#include <gtest/gtest.h>

namespace graphhook::subscriptions {
namespace {

WantedSubscription entry(std::string for_each, std::string resource, std::string filter = {}) {
    WantedSubscription made;
    made.name = "calendars";
    made.tenant = "contoso";
    made.resource = std::move(resource);
    made.changes = {"created"};
    made.handlers = {"calendar"};
    made.for_each = std::move(for_each);
    made.filter = std::move(filter);
    made.sync = true;
    return made;
}

boost::json::array page(std::string_view text) {
    return boost::json::parse(text).as_array();
}

std::string target(const WantedSubscription& of) {
    return collection_request(of).target;
}

TEST(RenderTest, FillsInBothVariables) {
    EXPECT_EQ(*render("users/{id}/events", "0c0d", ""), "users/0c0d/events");
    EXPECT_EQ(
        *render("users/{userPrincipalName}/messages", "0c0d", "ann@contoso.com"),
        "users/ann@contoso.com/messages"
    );
    EXPECT_EQ(
        *render("Users('{id}')/messages?$filter=a eq '{id}'", "x", ""),
        "Users('x')/messages?$filter=a eq 'x'"
    );
    EXPECT_EQ(*render("users", "x", ""), "users");
}

TEST(RenderTest, TakesTheIdsThatGraphHas) {
    for (const char* id :
         {"0f0d2c9a-1111-4222-8333-444455556666", "b!-abc_DEF", "contoso.sharepoint.com,1,2",
          "19:abc_def@thread.v2", "AAMkADk0MGFkODE3LWE4ZjAt_-A=="}) {
        EXPECT_EQ(*render("drives/{id}/root", id, ""), "drives/" + std::string(id) + "/root");
    }
}

TEST(RenderTest, NoIdLeadsOutOfItsSegment) {
    for (const char* id :
         {"", ".", "..", "a/b", "a\\b", "a?b", "a#b", "a%2fb", "a b", "a\nb", "a'b", "a\x7f",
          "\xc3\xa4", "*", "{id}"}) {
        const auto rendered = render("users/{id}/events", id, "");
        ASSERT_FALSE(rendered) << id;
        EXPECT_EQ(rendered.error().code, Errc::BadInput);
    }
    EXPECT_FALSE(render("users/{id}/events", std::string(513, 'a'), ""));
}

TEST(RenderTest, NamesAreEncodedAsTheirSegmentNeedsIt) {
    const auto name = [](const std::string& text) {
        return render("users/{userPrincipalName}/drive/root", "x", text);
    };
    EXPECT_EQ(
        *name("ann_gmail.com#EXT#@contoso.com"),
        "users/ann_gmail.com%23EXT%23@contoso.com/drive/root"
    );
    EXPECT_EQ(*name("o'brien@contoso.com"), "users/o%27brien@contoso.com/drive/root");
    EXPECT_EQ(*name("j\xc3\xb6rg@contoso.com"), "users/j%C3%B6rg@contoso.com/drive/root");
    EXPECT_EQ(*name("50%@contoso.com"), "users/50%25@contoso.com/drive/root");
    EXPECT_EQ(
        *render("users('{userPrincipalName}')/drive/root", "x", "o'brien@contoso.com"),
        "users('o%27%27brien@contoso.com')/drive/root"
    );
    EXPECT_FALSE(name(""));
    EXPECT_FALSE(name("a/b@contoso.com"));
    EXPECT_FALSE(name("a\n@contoso.com"));
    EXPECT_FALSE(name(".."));
}

TEST(RenderTest, ANameThatBeginsLikeAnIdIsSaidToBeOneToOutlook) {
    const std::string name = "0f0d2c9a-1111-4222-8333-444455556666@contoso.com";
    EXPECT_EQ(
        *render("users/{userPrincipalName}/messages", "x", name),
        "users/AAD-UPN:" + name + "/messages"
    );
    EXPECT_EQ(
        *render("users/{userPrincipalName}/drive/root", "x", name), "users/" + name + "/drive/root"
    );
}

TEST(RenderTest, AVariableThatThereIsNotIsNamed) {
    const auto rendered = render("users/{mail}/events", "x", "y@z");
    ASSERT_FALSE(rendered);
    EXPECT_NE(rendered.error().detail.find("{mail}"), std::string::npos);
    EXPECT_FALSE(render("users/{id/events", "x", ""));
}

TEST(CollectionTest, AsksForWhatIsNeededInTheLargestPagesThereAre) {
    EXPECT_EQ(target(entry("users", "users/{id}/events")), "users?$select=id&$top=999");
    EXPECT_EQ(
        target(entry("/users", "users/{userPrincipalName}/events")),
        "users?$select=id,userPrincipalName&$top=999"
    );
    EXPECT_EQ(
        target(entry("groups/1/transitiveMembers/microsoft.graph.user", "users/{id}/events")),
        "groups/1/transitiveMembers/microsoft.graph.user?$select=id&$top=999"
    );
    EXPECT_EQ(
        target(entry("groups/1/members", "users/{id}/events")),
        "groups/1/members?$select=id&$top=999"
    );
    const auto request = collection_request(entry("users", "users/{id}/events"));
    EXPECT_EQ(request.operation, "expand");
    EXPECT_EQ(request.api, Api::V1);
}

TEST(CollectionTest, CollectionsThatMayRefuseThemGetNoTop) {
    EXPECT_EQ(target(entry("sites", "sites/{id}/lists/x")), "sites?$select=id");
    EXPECT_EQ(target(entry("groups/1/drives", "drives/{id}/root")), "groups/1/drives?$select=id");
    EXPECT_EQ(target(entry("chats", "chats/{id}/messages")), "chats?$select=id");
}

TEST(CollectionTest, TheFilterIsEncoded) {
    EXPECT_EQ(
        target(entry("users", "users/{id}/events", "department eq 'R&D #1'")),
        "users?$filter=department%20eq%20%27R%26D%20%231%27&$select=id&$top=999"
    );
}

TEST(CollectionTest, WhatThePathItselfSaysStands) {
    EXPECT_EQ(target(entry("sites?search=*", "sites/{id}/lists/x")), "sites?search=*&$select=id");
    EXPECT_EQ(
        target(entry("users?$Top=5&$filter=x", "users/{id}/events", "y")),
        "users?$Top=5&$filter=x&$select=id"
    );
}

TEST(CollectionTest, ElementsBecomeResources) {
    Collected collected;
    const auto of = entry("groups/1/members", "users/{id}/events");
    ASSERT_TRUE(
        add_page(of, page(R"([{"@odata.type":"#microsoft.graph.user","id":"b"}])"), collected)
    );
    ASSERT_TRUE(add_page(of, page(R"([{"id":"a"}])"), collected));
    ASSERT_TRUE(finish(collected));
    const std::vector<Element> expected{{"a", "users/a/events"}, {"b", "users/b/events"}};
    EXPECT_EQ(collected.elements, expected);
    EXPECT_EQ(collected.skipped, 0U);
}

TEST(CollectionTest, AMemberOfSeveralNestedGroupsIsOneElement) {
    Collected collected;
    const auto of = entry("groups/1/transitiveMembers", "users/{id}/events");
    ASSERT_TRUE(add_page(of, page(R"([{"id":"b"},{"id":"a"},{"id":"b"}])"), collected));
    ASSERT_TRUE(add_page(of, page(R"([{"id":"a"}])"), collected));
    ASSERT_TRUE(finish(collected));
    EXPECT_EQ(collected.elements.size(), 2U);
}

TEST(CollectionTest, WhatIsNoUserIsSkippedInATemplateForUsers) {
    const auto members = page(R"([
        {"@odata.type":"#microsoft.graph.device","id":"a"},
        {"@odata.type":"#microsoft.graph.group","id":"b"},
        {"@odata.type":"#microsoft.graph.servicePrincipal","id":"c"},
        {"@odata.type":"#microsoft.graph.orgContact","id":"d"},
        {"@odata.type":"#microsoft.graph.user","id":"e"}])");
    Collected users;
    ASSERT_TRUE(add_page(entry("groups/1/members", "/Users('{id}')/events"), members, users));
    EXPECT_EQ(users.elements, std::vector<Element>({{"e", "/Users('e')/events"}}));
    EXPECT_EQ(users.skipped, 4U);
    Collected groups;
    ASSERT_TRUE(add_page(entry("groups/1/members", "groups/{id}/conversations"), members, groups));
    EXPECT_EQ(groups.elements, std::vector<Element>({{"b", "groups/b/conversations"}}));
    Collected others;
    ASSERT_TRUE(add_page(entry("groups/1/members", "drives/{id}/root"), members, others));
    EXPECT_EQ(others.elements.size(), 5U);
}

TEST(CollectionTest, WhatLacksTheNameThatIsNeededOrHasAnOddOneIsSkippedAndCounted) {
    Collected collected;
    ASSERT_TRUE(add_page(
        entry("users", "users/{userPrincipalName}/events"),
        page(R"([{"id":"a","userPrincipalName":"a@c"},{"id":"b","userPrincipalName":null},
                 {"id":"c"},{"id":"d","userPrincipalName":"../d"}])"),
        collected
    ));
    EXPECT_EQ(collected.elements, std::vector<Element>({{"a", "users/a@c/events"}}));
    EXPECT_EQ(collected.skipped, 3U);
    EXPECT_EQ(collected.nameless, 2U);
    Collected odd;
    ASSERT_TRUE(
        add_page(entry("users", "users/{id}/events"), page(R"([{"id":"a/../b"},{"id":"*"}])"), odd)
    );
    EXPECT_TRUE(odd.elements.empty());
    EXPECT_EQ(odd.skipped, 2U);
}

TEST(CollectionTest, WhereNoneTellsItsNameAPermissionIsMissingAndNothingIsConcluded) {
    Collected collected;
    const auto of = entry("groups/1/members", "users/{userPrincipalName}/events");
    ASSERT_TRUE(add_page(of, page(R"([{"id":"a"},{"id":"b"}])"), collected));
    const auto finished = finish(collected);
    ASSERT_FALSE(finished);
    EXPECT_EQ(finished.error().code, Errc::Refused);
    EXPECT_NE(finished.error().detail.find("permission"), std::string::npos);
    Collected empty;
    EXPECT_TRUE(finish(empty));
}

TEST(CollectionTest, APageThatIsNotWhatGraphSendsIsAnError) {
    for (const char* text :
         {R"([1])", R"(["a"])", R"([{}])", R"([{"id":1}])", R"([{"id":""}])", R"([{"id":"a"},null])"
         }) {
        Collected collected;
        const auto added = add_page(entry("users", "users/{id}/events"), page(text), collected);
        ASSERT_FALSE(added) << text;
        EXPECT_EQ(added.error().code, Errc::BadInput);
    }
}

TEST(CollectionWatchTest, UsersAndGroupsTellOfThemselves) {
    const auto users = collection_watch(entry("/Users?$filter=x", "users/{id}/events", "y"));
    ASSERT_TRUE(users);
    EXPECT_EQ(users->resource, "users");
    EXPECT_EQ(users->changes, (std::vector<std::string>{"updated", "deleted"}));
    EXPECT_EQ(users->kind, "user");
    EXPECT_EQ(users->name, "calendars");
    EXPECT_EQ(users->tenant, "contoso");
    EXPECT_FALSE(users->is_template());
    EXPECT_FALSE(users->sync);
    EXPECT_TRUE(users->filter.empty());
    EXPECT_TRUE(users->handlers.empty());
    const auto groups = collection_watch(entry("groups", "groups/{id}/conversations"));
    ASSERT_TRUE(groups);
    EXPECT_EQ(groups->resource, "groups");
    EXPECT_EQ(groups->kind, "group");
}

TEST(CollectionWatchTest, MembersOfAGroupAreToldByItsMembers) {
    for (const char* path :
         {"groups/0C0D/members", "groups('0c0d')/transitiveMembers",
          "groups/0c0d/members/microsoft.graph.user"}) {
        const auto watch = collection_watch(entry(path, "users/{id}/events"));
        ASSERT_TRUE(watch) << path;
        EXPECT_EQ(watch->resource, "groups/0c0d/members") << path;
        EXPECT_EQ(watch->kind, "group");
    }
}

TEST(CollectionWatchTest, OtherCollectionsAreOnlyReadAgain) {
    for (const char* path :
         {"sites", "drives", "groups/1/owners", "groups/1", "groups/1/drives", "users/1/memberOf",
          "teams", "administrativeUnits/1/members"}) {
        EXPECT_FALSE(collection_watch(entry(path, "users/{id}/events"))) << path;
    }
    EXPECT_FALSE(collection_watch(entry("", "users/x/events")));
}

}  // namespace
}  // namespace graphhook::subscriptions
