// What users may subscribe to and see (protocol 4.2, 5.2).
#include "emulator/delegated.hpp"

#include "emulator/registry.hpp"
#include "tests/emulator/drafts.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace graphhook::emulator {
namespace {

using test::body_for;
using test::some_time;
using test::someone;
using testing::HasSubstr;

Caller ann(std::vector<std::string> scopes = {"*"}) {
    Caller made;
    made.tenant = someone().tenant;
    made.app = "app-1";
    made.delegated = true;
    made.user = "0f0d2c9a-1111-4222-8333-444455556666";
    made.user_name = "ann@contoso.com";
    made.scopes = std::move(scopes);
    return made;
}
Caller ben(std::vector<std::string> scopes = {"*"}) {
    auto made = ann(std::move(scopes));
    made.user = "ben-id";
    made.user_name = "ben@outlook.com";
    made.personal = true;
    return made;
}

ApiResult<Subscription> created(
    std::string_view resource, const Caller& caller, std::string_view changes = "updated"
) {
    RulePolicy policy;
    policy.now = some_time();
    return check_create(
        body_for(std::string(resource), std::string(changes)), caller, ApiVersion::Beta, policy
    );
}
int status(std::string_view resource, const Caller& caller, std::string_view changes = "updated") {
    const auto result = created(resource, caller, changes);
    return result ? 201 : result.error().status;
}

TEST(DelegatedTest, MeIsTheSignedInUser) {
    for (const auto* resource :
         {"me/messages", "/ME/messages", "me/mailFolders('inbox')/messages"}) {
        const auto draft = created(resource, ann());
        ASSERT_TRUE(draft) << resource;
        EXPECT_EQ(draft->resource.kind->name, "message");
        EXPECT_EQ(draft->resource.ids.front(), ann().user);
        EXPECT_EQ(draft->resource_text, resource) << "as it was written";
        EXPECT_EQ(draft->user, ann().user);
    }
    EXPECT_EQ(status("me/drive/root", ann()), 201);
    EXPECT_EQ(status("me", ann({"User.Read.All"})), 201);
    EXPECT_EQ(status("me", ann({"Mail.Read"})), 403);
    EXPECT_EQ(status("mention/messages", ann()), 400);
}

TEST(DelegatedTest, MeMeansNothingToAnApp) {
    const auto refused = created("me/messages", someone());
    ASSERT_FALSE(refused);
    EXPECT_THAT(
        refused.error().message, HasSubstr("only valid with delegated authentication flow")
    );
}

TEST(DelegatedTest, AUserSubscribesToTheirOwnMailboxOnly) {
    for (const auto* path :
         {"/messages", "/events", "/contacts", "/chats", "/todo/lists/l/tasks"}) {
        EXPECT_EQ(status("users/" + ann().user + path, ann()), 201) << path;
        EXPECT_EQ(status(std::string("users/ANN@contoso.com") + path, ann()), 201) << path;
        EXPECT_EQ(status(std::string("users/bob@contoso.com") + path, ann()), 403) << path;
    }
    EXPECT_EQ(status("users/bob@contoso.com/drive/root", ann()), 201) << "drives can be shared";
}

TEST(DelegatedTest, ThePermissionInTheTokenDecides) {
    EXPECT_EQ(status("me/messages", ann({"Mail.ReadBasic"})), 201) << "enough for users";
    EXPECT_EQ(status("me/messages", ann({"mail.read"})), 201);
    EXPECT_EQ(status("me/messages", ann({"Mail.Send"})), 403);
    EXPECT_EQ(status("me/messages", ann({"Mail.Read.Shared"})), 403);
    EXPECT_EQ(status("me/messages", ann({})), 403);
    EXPECT_EQ(status("me/events", ann({"Mail.Read"})), 403);
    EXPECT_EQ(status("me/chats/getAllMessages", ann({"Chat.Read"})), 201);
    EXPECT_EQ(status("me/chats/getAllMessages", ann({"Chat.Read.All"})), 403)
        << "that is an application's";
    EXPECT_EQ(status("me/todo/lists/l/tasks", ann({"Tasks.ReadWrite"})), 201);
    Caller app = someone();
    app.roles = {"Mail.ReadBasic"};
    EXPECT_EQ(status("users/a/messages", app), 403) << "not enough for applications";
}

TEST(DelegatedTest, ARefusalNamesWhatIsMissing) {
    EXPECT_THAT(
        created("me/events", ann({"Mail.Read"})).error().message,
        HasSubstr("One of these is needed: Calendars.Read Calendars.ReadWrite")
    );
}

TEST(DelegatedTest, WhatOnlyAppsMayHaveIsRefusedToUsers) {
    for (const auto* resource :
         {"communications/callRecords", "chats/getAllMessages", "teams/getAllMessages", "chats",
          "teams", "print/printers/p/jobs",
          "communications/onlineMeetings(joinWebUrl='x')/meetingCallEvents",
          "communications/onlineMeetings/getAllTranscripts",
          "copilot/interactionHistory/getAllEnterpriseInteractions"}) {
        EXPECT_EQ(
            check_roles(recognise(resource).value(), ann(), "Create").value_or(ApiError{}).status,
            403
        ) << resource;
    }
}

TEST(DelegatedTest, WhatOnlyUsersMayHaveIsRefusedToApps) {
    for (const auto* resource :
         {"groups/g/conversations", "communications/presences/u",
          "communications/presences?$filter=id in ('a')"}) {
        EXPECT_EQ(status(resource, someone()), 403) << resource;
        EXPECT_EQ(status(resource, ann()), 201) << resource;
    }
    EXPECT_THAT(
        created("groups/g/conversations", someone()).error().message,
        HasSubstr("Application permissions are not supported")
    );
}

TEST(DelegatedTest, PersonalAccountsHaveFewerKinds) {
    for (const auto* resource : {"me/messages", "me/events", "me/contacts", "me/drive/root"})
        EXPECT_EQ(status(resource, ben()), 201) << resource;
    for (const auto* resource : {"groups", "sites/s/lists/l", "me/chats", "groups/g/conversations"})
        EXPECT_EQ(status(resource, ben()), 403) << resource;
    EXPECT_EQ(status("me/drive/root", ben({"Files.Read"})), 201);
    EXPECT_EQ(status("me/drive/root", ann({"Files.Read"})), 403)
        << "work accounts need Files.Read.All";
}

TEST(DelegatedTest, EveryPathSaysWhoMayHaveIt) {
    for (const Path& path : paths()) {
        const auto access = user_access(path);
        EXPECT_TRUE(access.for_apps || access.for_work) << path.pattern;
        // What takes a permission of apps takes none of users by accident.
        if (access.for_work && !path.roles.empty() && path.kind != "teamsAppInstallation")
            EXPECT_FALSE(access.work.empty()) << path.pattern;
    }
}

class VisibilityTest : public testing::Test {
  protected:
    SubscriptionPtr add(const Caller& caller, std::string_view app = "app-1") {
        auto as = caller;
        as.app = std::string(app);
        auto draft = created(caller.delegated ? "me/messages" : "users/a/messages", as).value();
        return registry_.add(std::move(draft));
    }
    std::size_t sees(const Caller& caller) { return registry_.list(caller, 0, 100).items.size(); }
    static Caller bob() {
        auto made = ann();
        made.user = "bob-id";
        made.user_name = "bob@contoso.com";
        return made;
    }
    Registry registry_{Registry::Limits{}};
};

// protocol 5.2
TEST_F(VisibilityTest, AnAppSeesItsOwnAndThoseOfItsUsers) {
    const auto own = add(someone());
    const auto anns = add(ann());
    add(ann(), "app-2");
    EXPECT_EQ(sees(someone()), 2U);
    EXPECT_EQ(registry_.find(anns->id, someone()), anns);
    auto elsewhere = someone();
    elsewhere.tenant = "other";
    EXPECT_EQ(sees(elsewhere), 0U);
    EXPECT_EQ(registry_.find(own->id, elsewhere), nullptr);
}

TEST_F(VisibilityTest, AUserSeesTheirOwnOfThisApp) {
    const auto own = add(someone());
    const auto anns = add(ann());
    const auto bobs = add(bob());
    add(ann(), "app-2");
    EXPECT_EQ(sees(ann()), 1U);
    EXPECT_EQ(registry_.find(anns->id, ann()), anns);
    EXPECT_EQ(registry_.find(own->id, ann()), nullptr);
    EXPECT_EQ(registry_.see(bobs->id, ann()), nullptr);
}

TEST_F(VisibilityTest, WithSubscriptionReadAllAUserSeesTheirOwnOfAnyApp) {
    add(someone());
    add(ann());
    add(bob());
    const auto others = add(ann(), "app-2");
    EXPECT_EQ(sees(ann({"Mail.Read", "Subscription.Read.All"})), 2U);
    EXPECT_EQ(registry_.see(others->id, ann({"Subscription.Read.All"})), others);
    EXPECT_EQ(registry_.find(others->id, ann({"Subscription.Read.All"})), nullptr)
        << "to look at, not to change";
    auto admin = ann({"Subscription.Read.All"});
    admin.admin = true;
    EXPECT_EQ(sees(admin), 3U) << "every user's, of any app";
}

}  // namespace
}  // namespace graphhook::emulator
