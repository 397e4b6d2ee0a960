#include "subscriptions/catalog/catalog.hpp"

#include "tests/subscriptions/fakes.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

namespace graphhook::subscriptions {
namespace {

using namespace std::chrono_literals;
using test::options_with;
using test::wanted;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct Recognised {
    const char* resource;
    const char* kind;
};

class CatalogPathTest : public ::testing::TestWithParam<Recognised> {};

TEST_P(CatalogPathTest, IsRecognisedInEverySpelling) {
    const std::string resource = GetParam().resource;
    std::string upper = resource;
    for (char& c : upper) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    const std::string base = "https://graph.microsoft.com/v1.0/";
    for (const std::string& spelling : {resource, "/" + resource, base + resource, upper}) {
        const Kind* kind = recognise(spelling);
        ASSERT_NE(kind, nullptr) << spelling;
        EXPECT_EQ(kind->name, GetParam().kind) << spelling;
        EXPECT_EQ(comparable(spelling), comparable(resource)) << spelling;
    }
}

INSTANTIATE_TEST_SUITE_P(
    Protocol, CatalogPathTest,
    ::testing::Values(
        Recognised{"me/messages", "message"}, Recognised{"users/x/messages", "message"},
        Recognised{"Users('x')/Messages", "message"},
        Recognised{"me/mailFolders('inbox')/messages", "message"},
        Recognised{"users/x/mailFolders/y/messages", "message"},
        Recognised{
            "users/a@b.example/mailFolders('inbox')/messages?$filter=isRead eq false", "message"
        },
        Recognised{"me/events", "event"}, Recognised{"users/x/events", "event"},
        Recognised{"me/contacts", "contact"}, Recognised{"users/x/contacts", "contact"},
        Recognised{"users/x/contactFolders/y/contacts", "contact"},
        Recognised{"me/drive/root", "drive"}, Recognised{"users/x/drive/root", "drive"},
        Recognised{"drives/b!abc/root", "drive"},
        Recognised{"drives/b!abc/root/sub/folder", "drive"},
        Recognised{"sites/contoso.example,1,2/lists/y", "list"}, Recognised{"users", "user"},
        Recognised{"users/x", "user"}, Recognised{"groups", "group"},
        Recognised{"groups/x", "group"}, Recognised{"groups/x/owners", "group"},
        Recognised{"groups('x')/members", "group"},
        Recognised{"groups/x/conversations", "conversation"},
        Recognised{"security/alerts/x", "alert"},
        Recognised{"security/alerts?$filter=vendorInformation/provider eq 'IPC'", "alert"},
        Recognised{"teams/getAllMessages", "chat-message"},
        Recognised{"teams/x/channels/y/messages", "chat-message"},
        Recognised{"chats/getAllMessages", "chat-message"},
        Recognised{"chats/x/messages", "chat-message"},
        Recognised{"users/x/chats/getAllMessages", "chat-message"},
        Recognised{"appCatalogs/teamsApps/x/installedToChats/getAllMessages", "chat-message"},
        Recognised{"chats", "chat"},
        Recognised{"chats/x?notifyOnUserSpecificProperties=true", "chat"},
        Recognised{"users/x/chats", "chat"},
        Recognised{"appCatalogs/teamsApps/x/installedToChats", "chat"},
        Recognised{"teams/getAllChannels", "channel"}, Recognised{"teams/x/channels", "channel"},
        Recognised{"teams", "team"}, Recognised{"teams/x", "team"},
        Recognised{"teams/x/members", "conversation-member"},
        Recognised{"teams/x/channels/getAllMembers", "conversation-member"},
        Recognised{"chats/x/members", "conversation-member"},
        Recognised{"chats/getAllMembers", "conversation-member"},
        Recognised{"appCatalogs/teamsApps/x/installedToChats/getAllMembers", "conversation-member"},
        Recognised{"teams/getAllMembers", "conversation-member"},
        Recognised{"teams/getAllChannels/getAllMembers", "conversation-member"},
        Recognised{
            "appCatalogs/teamsApps/x/installations?$filter=scopeInfo/scope eq 'team'",
            "app-installation"
        },
        Recognised{"communications/presences/x", "presence"},
        Recognised{"communications/presences?$filter=id in ('a','b')", "presence"},
        Recognised{"communications/callRecords", "call-record"},
        Recognised{"communications/onlineMeetings/getAllRecordings", "call-recording"},
        Recognised{"communications/onlineMeetings/x/recordings", "call-recording"},
        Recognised{"users/x/onlineMeetings/getAllRecordings", "call-recording"},
        Recognised{
            "appCatalogs/teamsApps/x/installedToOnlineMeetings/getAllRecordings", "call-recording"
        },
        Recognised{"communications/onlineMeetings/getAllTranscripts", "call-transcript"},
        Recognised{"communications/onlineMeetings/x/transcripts", "call-transcript"},
        Recognised{"users/x/onlineMeetings/getAllTranscripts", "call-transcript"},
        Recognised{
            "appCatalogs/teamsApps/x/installedToOnlineMeetings/getAllTranscripts", "call-transcript"
        },
        Recognised{
            "communications/onlineMeetings(joinWebUrl='https%253A%252F%252Ft.example')"
            "/meetingCallEvents",
            "online-meeting"
        },
        Recognised{"solutions/virtualEvents/events", "virtual-event"},
        Recognised{
            "solutions/virtualEvents/events/getEventsFromOrganizers(organizerIds=['a','b'])",
            "virtual-event"
        },
        Recognised{"solutions/virtualEvents/webinars/x", "virtual-event-webinar"},
        Recognised{"solutions/virtualEvents/townhalls/x", "virtual-event-webinar"},
        Recognised{"solutions/virtualEvents/webinars/x/sessions", "virtual-event-session"},
        Recognised{
            "solutions/virtualEvents/webinars/x/registrations", "virtual-event-registration"
        },
        Recognised{"teams/x/schedule/shifts", "shift"},
        Recognised{"teams/x/schedule/openShiftChangeRequests", "open-shift-change-request"},
        Recognised{"teams/x/schedule/offerShiftRequests", "offer-shift-request"},
        Recognised{"teams/x/schedule/swapShiftsChangeRequests", "swap-shifts-change-request"},
        Recognised{"teams/x/schedule/timeOffRequests", "time-off-request"},
        Recognised{"solutions/approval/approvalItems", "approval"},
        Recognised{
            "copilot/users/x/interactionHistory/getAllEnterpriseInteractions", "ai-interaction"
        },
        Recognised{"copilot/interactionHistory/getAllEnterpriseInteractions", "ai-interaction"},
        Recognised{"copilot/users/x/onlineMeetings/getAllAiInsights", "ai-insight"},
        Recognised{"copilot/users/x/onlineMeetings/y/aiInsights", "ai-insight"},
        Recognised{"print/printers/x/jobs", "printer"},
        Recognised{"print/taskDefinitions/x/tasks", "print-task"},
        Recognised{"print/printtaskdefinition/x/tasks", "print-task"},
        Recognised{"me/todo/lists/x/tasks", "todo-task"},
        Recognised{"reports/healthmonitoring/alerts", "health-alert"},
        Recognised{"me/tasks/lists/x/tasks", "base-task"},
        Recognised{"me/tasks/alltasks", "base-task"}
    )
);

TEST(CatalogTest, AsksForLessThanTheLongestLife) {
    const auto asked = [](const char* name) { return ask_life(kind_named(name)); };
    EXPECT_EQ(asked("message"), 10'065min);
    EXPECT_EQ(asked("chat-message"), 4'315min);
    EXPECT_EQ(asked("user"), 41'755min);
    EXPECT_EQ(asked("online-meeting"), 4'225min);
    EXPECT_EQ(asked("alert"), 43'195min);
    EXPECT_EQ(asked("drive"), 42'295min);
    EXPECT_EQ(asked("shift"), 355min);
    EXPECT_EQ(ask_life(nullptr), 1'435min);
    EXPECT_EQ(ask_life(nullptr, true), 1'435min);
    EXPECT_EQ(ask_life(kind_named("message"), true), 1'435min);
    EXPECT_EQ(ask_life(kind_named("presence"), true), 55min);
    EXPECT_EQ(ask_life(kind_named("online-meeting"), true), 4'315min);
    EXPECT_EQ(ask_life(kind_named("drive"), true), 42'295min) << "which Graph refuses anyway";
}

TEST(CatalogTest, EveryRowIsWhole) {
    std::set<std::string_view> names;
    for (const Kind& kind : catalog()) {
        EXPECT_TRUE(names.insert(kind.name).second) << kind.name;
        EXPECT_NE(kind.changes, 0) << kind.name;
        EXPECT_GE(kind.longest, kShortestLife) << kind.name;
        EXPECT_FALSE(kind.paths.empty()) << kind.name;
    }
    EXPECT_EQ(kind_named("message")->lifecycle, kMayBeRemoved | kMayMiss);
    EXPECT_EQ(kind_named("chat-message")->lifecycle, kMayBeRemoved);
    EXPECT_EQ(kind_named("drive")->lifecycle, 0);
}

TEST(CatalogTest, DoesNotRecogniseWhatMerelyLooksAlike) {
    for (const char* resource :
         {"", "/", "messages", "users/x/message", "users/x/mailFolders/messages", "drives/x",
          "drives/root", "security", "groups/x/conversations/y", "https://"}) {
        EXPECT_EQ(recognise(resource), nullptr) << resource;
    }
}

TEST(CatalogTest, TwoSpellingsOfOneResourceAreTheSame) {
    EXPECT_EQ(
        comparable("Users('X')/mailFolders('Inbox')/Messages"),
        comparable("/users/x/mailfolders/inbox/messages")
    );
    EXPECT_NE(comparable("security/alerts?$filter=a"), comparable("security/alerts?$filter=b"));
    EXPECT_TRUE(same_changes("created,updated", " Updated , CREATED"));
    EXPECT_FALSE(same_changes("created", "created,updated"));
    EXPECT_TRUE(is_about_me("/me/messages"));
    EXPECT_FALSE(is_about_me("users/x/messages"));
}

}  // namespace
}  // namespace graphhook::subscriptions
