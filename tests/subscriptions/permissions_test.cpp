#include "subscriptions/catalog/permissions.hpp"

#include "subscriptions/catalog/catalog.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace graphhook::subscriptions {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Support = Permissions::Support;

struct Row {
    const char* resource;
    Account account;
    Support support;
    const char* least;  ///< Of the documented ones.
};

class PermissionsTest : public ::testing::TestWithParam<Row> {};

TEST_P(PermissionsTest, TheLeastPermissionComesFirst) {
    const auto permissions = permissions_for(GetParam().resource, GetParam().account);
    EXPECT_EQ(permissions.support, GetParam().support) << GetParam().resource;
    if (GetParam().support == Support::Documented) {
        ASSERT_FALSE(permissions.any_of.empty());
        EXPECT_EQ(permissions.any_of.front(), GetParam().least) << GetParam().resource;
    } else {
        EXPECT_THAT(permissions.any_of, IsEmpty());
    }
}

using enum Account;
INSTANTIATE_TEST_SUITE_P(
    Protocol, PermissionsTest,
    ::testing::Values(
        Row{"users/x/messages", Application, Support::Documented, "Mail.Read"},
        Row{"me/messages", Work, Support::Documented, "Mail.ReadBasic"},
        Row{"me/mailFolders('inbox')/messages", Personal, Support::Documented, "Mail.ReadBasic"},
        Row{"Users('x')/Events", Application, Support::Documented, "Calendars.Read"},
        Row{"me/contacts", Personal, Support::Documented, "Contacts.Read"},
        Row{"drives/b!a/root", Application, Support::Documented, "Files.Read.All"},
        Row{"me/drive/root", Personal, Support::Documented, "Files.Read"},
        Row{"sites/s/lists/l", Application, Support::Documented, "Sites.Read.All"},
        Row{"sites/s/lists/l", Personal, Support::Refused, ""},
        Row{"users", Application, Support::Documented, "User.Read.All"},
        Row{"groups/g/members", Application, Support::Documented, "Group.Read.All"},
        Row{"groups/g/conversations", Application, Support::Refused, ""},
        Row{"groups/g/conversations", Work, Support::Documented, "Group.Read.All"},
        Row{"security/alerts?$filter=x eq 1", Application, Support::Documented,
            "SecurityEvents.ReadWrite.All"},
        Row{"security/alerts_v2", Application, Support::Documented, "SecurityAlert.Read.All"},
        Row{"communications/presences/x", Application, Support::Refused, ""},
        Row{"communications/callRecords", Work, Support::Refused, ""},
        Row{"teams/getAllMessages", Work, Support::Refused, ""},
        Row{"teams/t/channels/c/messages", Work, Support::Documented, "ChannelMessage.Read.All"},
        Row{"chats/getAllMessages", Application, Support::Documented, "Chat.Read.All"},
        Row{"chats/c", Application, Support::Documented, "ChatSettings.Read.Chat"},
        Row{"teams/getAllChannels", Application, Support::Documented, "Channel.ReadBasic.All"},
        Row{"users/u/onlineMeetings/getAllTranscripts", Application, Support::Documented,
            "OnlineMeetingTranscript.Read.All"},
        Row{"communications/onlineMeetings/getAllRecordings", Work, Support::Refused, ""},
        Row{"me/todo/lists/l/tasks", Personal, Support::Documented, "Tasks.ReadWrite"},
        Row{"me/tasks/alltasks", Application, Support::Refused, ""},
        Row{"solutions/approval/approvalItems", Application, Support::Unknown, ""},
        Row{"brandNew/things", Application, Support::Unknown, ""}
    )
);

TEST(PermissionsTest, EveryKindSaysSomethingOrIsKnownToBeUndocumented) {
    const std::vector<std::string_view> undocumented = {
        "app-installation", "approval", "ai-insight", "health-alert"
    };
    for (const Kind& kind : catalog()) {
        const std::string first(kind.paths.substr(0, kind.paths.find(' ')));
        bool documented = false;
        for (const Account account : {Application, Work, Personal}) {
            documented = documented || permissions_for(first, account).support != Support::Unknown;
        }
        const bool listed = std::ranges::find(undocumented, kind.name) != undocumented.end();
        EXPECT_NE(documented, listed) << kind.name;
    }
}

TEST(PermissionsTest, AWritePermissionIsNoReadPermission) {
    const auto mail = permissions_for("users/x/messages", Application);
    EXPECT_TRUE(suffice(mail, {"User.Read.All", "mail.read"}));
    EXPECT_FALSE(suffice(mail, {"Mail.ReadWrite", "Mail.Send"}));
    EXPECT_FALSE(suffice(mail, {}));
    EXPECT_TRUE(suffice(mail, {"*"})) << "graph-emulator's";
    EXPECT_TRUE(suffice(permissions_for("brandNew/things", Application), {}));
}

TEST(PermissionsTest, RenewingADriveMayTakeMoreThanSubscribingToIt) {
    EXPECT_THAT(
        permissions_for("drives/d/root", Application).also_for_renewal,
        ElementsAre("Files.ReadWrite.All")
    );
    EXPECT_THAT(permissions_for("users/x/events", Application).also_for_renewal, IsEmpty());
}

TEST(PermissionsTest, APersonalAccountIsKnownByItsTenant) {
    Tenant tenant;
    EXPECT_EQ(account_of(tenant), Application);
    tenant.credential = SignedInUser{};
    EXPECT_EQ(account_of(tenant), Work);
    tenant.tenant_id = "9188040d-6c67-4c5b-b112-36a304b66dad";
    EXPECT_EQ(account_of(tenant), Personal);
}

}  // namespace
}  // namespace graphhook::subscriptions
