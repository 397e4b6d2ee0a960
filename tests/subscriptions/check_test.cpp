// What `check` says of subscriptions before Graph could: each rule by its name.
#include "subscriptions/catalog/check.hpp"

#include "subscriptions/plan/plan.hpp"

#include <gmock/gmock.h>

#include <string>
#include <vector>

namespace graphhook::subscriptions {
namespace {

using namespace std::chrono_literals;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

WantedSubscription wanted(
    const std::string& name, const std::string& resource,
    std::vector<std::string> changes = {"updated"}
) {
    WantedSubscription w;
    w.name = name;
    w.tenant = "contoso";
    w.resource = resource;
    w.changes = std::move(changes);
    w.handlers = {"h"};
    return w;
}

WantedSubscription each(const std::string& collection, const std::string& resource) {
    auto w = wanted("a", resource);
    w.for_each = collection;
    return w;
}

WantedSubscription polled(const std::string& resource) {
    auto w = wanted("a", resource, {"created", "updated"});
    w.way = WantedSubscription::Way::Poll;
    return w;
}

WantedSubscription swept(const std::string& resource) {
    auto w = wanted("a", resource);
    w.sync = true;
    return w;
}

Tenant tenant(Credential credential = ClientSecret{Secret("s")}) {
    Tenant t;
    t.name = "contoso";
    t.tenant_id = "84bd8158-6d4d-4958-8b9f-9d6445542f95";
    t.credential = std::move(credential);
    return t;
}

Tenant user(bool personal = false) {
    auto t = tenant(SignedInUser{.token_file = "/t"});
    if (personal) t.tenant_id = "9188040d-6c67-4c5b-b112-36a304b66dad";
    return t;
}

std::vector<Problem> all(WantedSubscription what, Tenant whose = tenant()) {
    SubscriptionsOptions options;
    options.tenants = {std::move(whose)};
    options.wanted = {std::move(what)};
    return check(options);
}

std::vector<std::string> problems_of(WantedSubscription what, Tenant whose = tenant()) {
    std::vector<std::string> keys;
    for (const auto& problem : all(std::move(what), std::move(whose))) {
        if (!problem.warning) keys.push_back(problem.key);
    }
    return keys;
}

std::string text_of(WantedSubscription what, Tenant whose = tenant()) {
    std::string text;
    for (const auto& problem : all(std::move(what), std::move(whose))) text += problem.text + '\n';
    return text;
}

TEST(CheckTest, FindsWhatGraphWouldRefuse) {
    EXPECT_THAT(problems_of(wanted("a", "users/x/messages")), IsEmpty());
    EXPECT_THAT(problems_of(wanted("a", "drives/x/root", {"created"})), ElementsAre("changes"));
    EXPECT_THAT(problems_of(wanted("a", "users/x/messages", {"moved"})), ElementsAre("changes"));
    EXPECT_THAT(problems_of(wanted("a", "users/x/messages", {})), ElementsAre("changes"));
    EXPECT_THAT(problems_of(wanted("a", "security/alerts")), ElementsAre("resource"));
    EXPECT_THAT(problems_of(wanted("a", "security/alerts?$top=1")), ElementsAre("resource"));
    EXPECT_THAT(problems_of(wanted("a", "security/alerts/1")), IsEmpty());
    EXPECT_THAT(problems_of(wanted("a", "security/alerts?$filter=status eq 'x'")), IsEmpty());
    EXPECT_THAT(
        problems_of(wanted("a", "communications/presences/x"), user()), ElementsAre("resource")
    );
    auto meeting = wanted("a", "communications/onlineMeetings(joinWebUrl='x')/meetingCallEvents");
    EXPECT_THAT(problems_of(meeting), ElementsAre("beta"));
    meeting.beta = true;
    EXPECT_THAT(problems_of(meeting), IsEmpty());
    auto mail = wanted("a", "users/x/messages");
    mail.life = 20'000min;
    EXPECT_THAT(problems_of(mail), ElementsAre("life"));
    mail.life = 10min;
    EXPECT_THAT(problems_of(mail), ElementsAre("life"));
    auto stray = wanted("a", "users/x/messages");
    stray.tenant = "fabrikam";
    EXPECT_THAT(problems_of(stray), ElementsAre("tenant"));
}

TEST(CheckTest, AnUnknownResourceWorksWithWhatTheConfigurationSays) {
    auto what = wanted("a", "brandNew/things", {"created", "deleted"});
    EXPECT_THAT(problems_of(what), IsEmpty());
    EXPECT_EQ(kind_of(what), "unknown");
    what.kind = "thing";
    what.life = 4'000min;
    EXPECT_THAT(problems_of(what), IsEmpty());
    EXPECT_EQ(kind_of(what), "thing");
    EXPECT_EQ(life_of(what), 4'000min);
}

TEST(CheckTest, NamesTwoThatWantTheSame) {
    SubscriptionsOptions options;
    options.tenants = {tenant()};
    options.wanted = {
        wanted("a", "users/x/messages", {"created", "updated"}),
        wanted("b", "Users('x')/messages", {"updated", "created"})
    };
    auto problems = check(options);
    ASSERT_EQ(problems.size(), 1u);
    EXPECT_EQ(problems[0].subscription, "b");
    EXPECT_THAT(problems[0].text, HasSubstr("`a`"));
    // Two templates over two collections are not the same.
    options.wanted = {
        each("users", "users/{id}/events"), each("groups/g/members", "users/{id}/events")
    };
    options.wanted[1].name = "b";
    EXPECT_THAT(check(options), IsEmpty());
}

TEST(CheckTest, MeIsForSignedInUsersOnly) {
    EXPECT_THAT(problems_of(wanted("a", "me/messages")), ElementsAre("resource"));
    EXPECT_THAT(text_of(wanted("a", "me/messages")), HasSubstr("an app of its own has none"));
    EXPECT_THAT(problems_of(wanted("a", "me/messages"), user()), IsEmpty());
    EXPECT_THAT(problems_of(wanted("a", "me/events"), user(true)), IsEmpty());
    EXPECT_THAT(
        problems_of(each("me/joinedTeams", "teams/{id}/channels")), ElementsAre("for_each")
    );
}

TEST(CheckTest, VariablesAndTheCollectionGoTogether) {
    EXPECT_THAT(problems_of(each("users", "users/{id}/messages")), IsEmpty());
    EXPECT_THAT(problems_of(each("users", "users/{userPrincipalName}/events")), IsEmpty());
    EXPECT_THAT(problems_of(each("users", "users/x/messages")), ElementsAre("resource"));
    EXPECT_THAT(problems_of(wanted("a", "users/{id}/messages")), ElementsAre("resource"));
    EXPECT_THAT(text_of(wanted("a", "users/{id}/messages")), HasSubstr("`for_each`"));
    EXPECT_THAT(problems_of(each("users", "users/{mail}/messages")), ElementsAre("resource"));
    EXPECT_THAT(
        text_of(each("users", "users/{mail}/messages")), HasSubstr("`{mail}` is no variable")
    );
    EXPECT_THAT(problems_of(each("users", "users/{id")), Contains("resource"));
    EXPECT_THAT(
        problems_of(each("groups/{id}/members", "users/{id}/messages")), ElementsAre("for_each")
    );
    EXPECT_THAT(problems_of(each("users?$top=5", "users/{id}/messages")), ElementsAre("for_each"));
    EXPECT_THAT(
        problems_of(each("https://graph.microsoft.com/v1.0/users", "users/{id}/messages")),
        ElementsAre("for_each")
    );
    auto filtered = wanted("a", "users/x/messages");
    filtered.filter = "accountEnabled eq true";
    EXPECT_THAT(problems_of(filtered), ElementsAre("filter"));
    filtered.resource = "users/{id}/messages";
    filtered.for_each = "users";
    EXPECT_THAT(problems_of(filtered), IsEmpty());
}

TEST(CheckTest, AKindThatTheCredentialCanNotHaveIsRefusedWithWhoCan) {
    EXPECT_THAT(problems_of(wanted("a", "groups/x/conversations")), ElementsAre("resource"));
    EXPECT_THAT(
        text_of(wanted("a", "groups/x/conversations")),
        HasSubstr("it takes a signed-in user (work or school)")
    );
    EXPECT_THAT(problems_of(wanted("a", "groups/x/conversations"), user()), IsEmpty());
    EXPECT_THAT(
        problems_of(wanted("a", "communications/callRecords"), user()), ElementsAre("resource")
    );
    EXPECT_THAT(problems_of(wanted("a", "communications/callRecords")), IsEmpty());
    EXPECT_THAT(problems_of(wanted("a", "groups"), user(true)), ElementsAre("resource"));
}

TEST(CheckTest, PollingSeesNoDeletionsAndNeedsNoSubscription) {
    EXPECT_THAT(problems_of(polled("security/alerts_v2")), IsEmpty());
    auto what = polled("security/alerts_v2");
    what.changes = {"created", "deleted"};
    EXPECT_THAT(problems_of(what), ElementsAre("changes"));
    what = polled("security/alerts_v2");
    what.sync = true;
    EXPECT_THAT(problems_of(what), ElementsAre("sync"));
    EXPECT_THAT(problems_of(polled("communications/presences/x"), user()), ElementsAre("source"));
}

TEST(CheckTest, AlertsOfOldAreRetiredAndTheNewOnesPolled) {
    const auto old = all(wanted("a", "security/alerts/1"));
    ASSERT_EQ(old.size(), 1u);
    EXPECT_TRUE(old[0].warning);
    EXPECT_THAT(old[0].text, HasSubstr("security/alerts_v2` with `source: poll`"));
    EXPECT_THAT(problems_of(wanted("a", "security/alerts_v2")), ElementsAre("resource"));
    EXPECT_THAT(text_of(wanted("a", "security/alerts_v2")), HasSubstr("`source: poll`"));
}

TEST(CheckTest, WhatACloudDoesNotHaveIsRefusedThere) {
    auto china = tenant();
    china.cloud.graph = "https://microsoftgraph.chinacloudapi.cn";
    auto government = user();
    government.cloud.graph = "https://dod-graph.microsoft.us";
    EXPECT_THAT(problems_of(polled("security/alerts_v2"), china), ElementsAre("resource"));
    EXPECT_THAT(
        problems_of(wanted("a", "me/todo/lists/x/tasks"), government), ElementsAre("resource")
    );
    EXPECT_THAT(problems_of(wanted("a", "me/todo/lists/x/tasks"), user()), IsEmpty());
    auto emulated = user();
    emulated.cloud.graph = "https://127.0.0.1:8443";
    EXPECT_THAT(problems_of(wanted("a", "me/todo/lists/x/tasks"), emulated), IsEmpty());
}

TEST(CheckTest, SyncNeedsAWayToAskAgain) {
    EXPECT_THAT(problems_of(swept("users/x/messages")), IsEmpty());
    EXPECT_THAT(problems_of(swept("drives/x/root")), IsEmpty());
    EXPECT_THAT(problems_of(swept("brandNew/things")), ElementsAre("sync"));
    EXPECT_THAT(text_of(swept("brandNew/things")), HasSubstr("or set `sync: off`"));
}

TEST(CheckTest, AdoptionIsOfOneSubscription) {
    auto what = wanted("a", "users/x/messages");
    what.client_state_file = "/state";
    what.client_state = Secret("theirs");
    EXPECT_THAT(problems_of(what), IsEmpty());
    what.client_state = Secret(std::string(129, 'x'));
    EXPECT_THAT(problems_of(what), ElementsAre("client_state_file"));
    what = each("users", "users/{id}/messages");
    what.client_state_file = "/state";
    EXPECT_THAT(problems_of(what), ElementsAre("client_state_file"));
    what = polled("security/alerts_v2");
    what.client_state_file = "/state";
    EXPECT_THAT(problems_of(what), ElementsAre("client_state_file"));
}

WantedSubscription rich(const std::string& resource) {
    auto w = wanted("a", resource);
    w.resource_data = true;
    return w;
}

TEST(CheckTest, ResourceDataIsRefusedForKindsWithoutARichForm) {
    for (const char* resource :
         {"drives/x/root", "sites/x/lists/y", "users", "groups", "security/alerts/1",
          "communications/callRecords", "solutions/virtualEvents/webinars/x",
          "teams/x/schedule/shifts"}) {
        EXPECT_THAT(problems_of(rich(resource)), ElementsAre("resource_data")) << resource;
    }
    EXPECT_THAT(text_of(rich("drives/x/root")), HasSubstr("a drive"));
    EXPECT_THAT(problems_of(rich("me/todo/lists/x/tasks"), user()), ElementsAre("resource_data"));
    for (const char* resource :
         {"teams/getAllMessages", "chats", "teams/x/channels", "teams", "chats/x/members",
          "copilot/interactionHistory/getAllEnterpriseInteractions"}) {
        EXPECT_THAT(problems_of(rich(resource)), IsEmpty()) << resource;
    }
    auto recordings = rich("communications/onlineMeetings/getAllRecordings");
    recordings.changes = {"created"};
    EXPECT_THAT(problems_of(recordings), IsEmpty());
}

TEST(CheckTest, ResourceDataOfAnUnknownKindIsTheOperatorsBusiness) {
    EXPECT_THAT(problems_of(rich("brandNew/things")), IsEmpty());
    auto named = rich("brandNew/things");
    named.kind = "thing";
    named.life = 9'000min;
    EXPECT_THAT(problems_of(named), IsEmpty());
}

TEST(CheckTest, ResourceDataIsRefusedForWhatIsPolled) {
    auto what = polled("users/x/messages?$select=subject");
    EXPECT_THAT(problems_of(what), IsEmpty());
    what.resource_data = true;
    EXPECT_THAT(problems_of(what), ElementsAre("resource_data"));
}

TEST(CheckTest, ResourceDataOfOutlookNeedsASelect) {
    for (const char* resource :
         {"users/x/messages", "users/x/events", "users/x/contacts",
          "users/x/messages?$filter=isRead eq false", "users/x/messages?$select="}) {
        EXPECT_THAT(problems_of(rich(resource)), ElementsAre("resource")) << resource;
        EXPECT_THAT(text_of(rich(resource)), HasSubstr("?$select=")) << resource;
    }
    for (const char* resource :
         {"users/x/messages?$select=subject", "Users('x')/Events?$Select=subject,start",
          "users/x/contacts?$filter=x eq 'y'&$select=displayName"}) {
        EXPECT_THAT(problems_of(rich(resource)), IsEmpty()) << resource;
    }
    auto everyones = each("users", "users/{id}/messages?$select=subject");
    everyones.resource_data = true;
    EXPECT_THAT(problems_of(everyones), IsEmpty());
    everyones.resource = "users/{id}/messages";
    EXPECT_THAT(problems_of(everyones), ElementsAre("resource"));
}

TEST(CheckTest, ResourceDataLivesShorter) {
    auto what = rich("users/x/messages?$select=subject");
    what.life = 1'440min;
    EXPECT_THAT(problems_of(what), IsEmpty());
    what.life = 1'441min;
    EXPECT_THAT(problems_of(what), ElementsAre("life"));
    EXPECT_THAT(text_of(what), HasSubstr("with resource data live 1440 minutes"));
    what.resource_data = false;
    EXPECT_THAT(problems_of(what), IsEmpty());
    what.life.reset();
    EXPECT_EQ(life_of(what), 10'065min);
    what.resource_data = true;
    EXPECT_EQ(life_of(what), 1'435min);
}

TEST(CheckTest, PresenceIsToldOnlyWithResourceData) {
    auto what = wanted("a", "communications/presences/x");
    EXPECT_THAT(problems_of(what, user()), ElementsAre("resource"));
    EXPECT_THAT(text_of(what, user()), HasSubstr("`resource_data: true`"));
    what.resource_data = true;
    EXPECT_THAT(problems_of(what, user()), IsEmpty());
    EXPECT_EQ(life_of(what), 55min);
}

TEST(CheckTest, PrintersAreToldOnlyWithQueryOptions) {
    auto what = wanted("a", "print/printers/x/jobs");
    EXPECT_THAT(problems_of(what), ElementsAre("resource"));
    EXPECT_THAT(text_of(what), HasSubstr("`query_options`"));
    what.query_options = "$filter=isFetchable eq true";
    EXPECT_THAT(problems_of(what), IsEmpty());
}

}  // namespace
}  // namespace graphhook::subscriptions
