#include "emulator/kinds.hpp"

#include <gtest/gtest.h>

#include <set>

namespace graphhook::emulator {
namespace {

std::string kind_of(std::string_view resource) {
    const auto recognised = recognise(resource);
    return recognised ? std::string(recognised->kind->name) : "";
}

// protocol 4.1: every row of the table of subscribable resources.
TEST(KindsTest, EveryPathFormOfTheTableIsRecognised) {
    const std::vector<std::pair<std::string_view, std::string_view>> rows{
        {"/users/a/messages", "message"},
        {"users/a@contoso.com/mailFolders('inbox')/messages", "message"},
        {"users/a/mailFolders/AAMk=/messages", "message"},
        {"users/a/messages?$filter=isRead eq false", "message"},
        {"/users/a/events", "event"},
        {"/users/a/contacts", "contact"},
        {"/users/a/contactFolders/f/contacts", "contact"},
        {"/drives/b!x/root", "drive"},
        {"/users/a/drive/root", "drive"},
        {"/drives/b!x/root/subfolder", "drive"},
        {"/sites/contoso.sharepoint.com,1,2/lists/77aa", "list"},
        {"/users", "user"},
        {"/users/7c7c", "user"},
        {"/groups", "group"},
        {"/groups/8d8d", "group"},
        {"/groups/8d8d/owners", "group"},
        {"/groups/8d8d/members", "group"},
        {"groups/8d8d/conversations", "conversation"},
        {"groups('8d8d')/conversations", "conversation"},
        {"/security/alerts/2518", "alert"},
        {"/security/alerts?$filter=vendorInformation/provider eq 'IPC'", "alert"},
        {"/teams/getAllMessages", "chatMessage"},
        {"/teams/t/channels/c/messages", "chatMessage"},
        {"/chats/getAllMessages?model=A", "chatMessage"},
        {"/chats/19:x@thread.v2/messages", "chatMessage"},
        {"/users/a/chats/getAllMessages", "chatMessage"},
        {"/appCatalogs/teamsApps/x/installedToChats/getAllMessages", "chatMessage"},
        {"/chats", "chat"},
        {"/chats/c?notifyOnUserSpecificProperties=true", "chat"},
        {"/users/a/chats", "chat"},
        {"/appCatalogs/teamsApps/x/installedToChats", "chat"},
        {"/teams/getAllChannels", "channel"},
        {"/teams/t/channels", "channel"},
        {"/teams", "team"},
        {"/teams/t", "team"},
        {"/teams/t/members", "conversationMember"},
        {"/teams/t/channels/getAllMembers", "conversationMember"},
        {"/chats/c/members", "conversationMember"},
        {"/chats/getAllMembers", "conversationMember"},
        {"/appCatalogs/teamsApps/x/installedToChats/getAllMembers", "conversationMember"},
        {"/appCatalogs/teamsApps/x/installations", "teamsAppInstallation"},
        {"/communications/presences/7c7c", "presence"},
        {"/communications/presences?$filter=id in ('a','b')", "presence"},
        {"/communications/callRecords", "callRecord"},
        {"communications/onlineMeetings/getAllRecordings", "callRecording"},
        {"communications/onlineMeetings/m/recordings", "callRecording"},
        {"users/a/onlineMeetings/getAllRecordings", "callRecording"},
        {"communications/onlineMeetings/getAllTranscripts", "callTranscript"},
        {"communications/onlineMeetings/m/transcripts", "callTranscript"},
        {"users/a/onlineMeetings/getAllTranscripts", "callTranscript"},
        {"/communications/onlineMeetings(joinWebUrl='https%253A%252F%252Fteams')/meetingCallEvents",
         "onlineMeeting"},
        {"solutions/virtualEvents/events", "virtualEvent"},
        {"solutions/virtualEvents/events/getEventsFromOrganizers(organizerIds=['a','b'])",
         "virtualEvent"},
        {"solutions/virtualEvents/webinars/w", "virtualEventWebinar"},
        {"solutions/virtualEvents/townhalls/w", "virtualEventWebinar"},
        {"solutions/virtualEvents/webinars/w/sessions", "virtualEventSession"},
        {"solutions/virtualEvents/webinars/w/registrations", "virtualEventRegistration"},
        {"/teams/t/schedule/shifts", "shift"},
        {"/teams/t/schedule/openShiftChangeRequests", "shift"},
        {"/teams/t/schedule/offerShiftRequests", "shift"},
        {"/teams/t/schedule/swapShiftsChangeRequests", "shift"},
        {"/teams/t/schedule/timeOffRequests", "shift"},
        {"/solutions/approval/approvalItems", "approval"},
        {"copilot/users/a/interactionHistory/getAllEnterpriseInteractions", "aiInteraction"},
        {"copilot/interactionHistory/getAllEnterpriseInteractions", "aiInteraction"},
        {"copilot/users/a/onlineMeetings/getAllAiInsights", "aiInsights"},
        {"copilot/users/a/onlineMeetings/m/aiInsights", "aiInsights"},
        {"/print/printers/p/jobs", "printer"},
        {"/print/taskDefinitions/t/tasks", "printTaskDefinition"},
        {"/users/a/todo/lists/l/tasks", "todoTask"},
        {"/reports/healthmonitoring/alerts", "healthAlert"},
        {"/users/a/tasks/lists/l/tasks", "baseTask"},
        {"/users/a/tasks/alltasks", "baseTask"},
    };
    std::set<std::string_view> seen;
    for (const auto& [resource, kind] : rows) {
        EXPECT_EQ(kind_of(resource), kind) << resource;
        seen.insert(kind);
    }
    for (const Kind& kind : kinds()) EXPECT_TRUE(seen.contains(kind.name)) << kind.name;
}

TEST(KindsTest, CaseOfSegmentsAndALeadingSlashDoNotMatter) {
    const auto plain = recognise("users/A@Contoso.com/messages");
    const auto odd = recognise("/USERS/a@contoso.COM/Messages");
    ASSERT_TRUE(plain);
    ASSERT_TRUE(odd);
    EXPECT_EQ(plain->key, odd->key);
}

TEST(KindsTest, KeysInParenthesesAreTheSameAsSegments) {
    EXPECT_EQ(
        recognise("groups('8d8d')/conversations")->key, recognise("groups/8d8d/conversations")->key
    );
}

TEST(KindsTest, FoldersOfOneMailboxSeeTheSameChanges) {
    EXPECT_EQ(
        recognise("users/a/messages")->key, recognise("users/a/mailFolders('inbox')/messages")->key
    );
    EXPECT_NE(recognise("users/a/messages")->key, recognise("users/b/messages")->key);
}

TEST(KindsTest, MeIsRefusedBecauseAnAppHasNoMailbox) {
    const auto refused = recognise("me/messages");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::BadInput);
}

TEST(KindsTest, TheBareCollectionOfAlertsIsRefusedWithoutAFilter) {
    EXPECT_FALSE(recognise("security/alerts"));
    EXPECT_TRUE(recognise("security/alerts?%24filter=status%20eq%20'New'"));
}

TEST(KindsTest, UnknownPathsAreRefused) {
    for (const auto* resource :
         {"", "/", "users/a/messages/x", "https://graph.microsoft.com/v1.0/users", "v1.0/users",
          "drives/x", "groups//members", "security/alerts_v2?$filter=x", "users/a/messages/",
          "((('"}) {
        EXPECT_FALSE(recognise(resource)) << resource;
    }
}

TEST(KindsTest, LongestLivesAreThoseOfTheTable) {
    EXPECT_EQ(find_kind("message")->longest_life, std::chrono::minutes(10'070));
    EXPECT_EQ(find_kind("drive")->longest_life, std::chrono::minutes(42'300));
    EXPECT_EQ(find_kind("user")->longest_life, std::chrono::minutes(41'760));
    EXPECT_EQ(find_kind("conversation")->longest_life, std::chrono::minutes(4'230));
    EXPECT_EQ(find_kind("alert")->longest_life, std::chrono::minutes(43'200));
    EXPECT_EQ(find_kind("chatMessage")->longest_life, std::chrono::minutes(4'320));
    EXPECT_EQ(find_kind("presence")->longest_life, std::chrono::minutes(60));
    EXPECT_EQ(find_kind("shift")->longest_life, std::chrono::minutes(360));
}

TEST(KindsTest, ChangeTypesAreReadInAnyCaseAndAnyOrder) {
    EXPECT_EQ(
        parse_change_types("Deleted, created"), bit(ChangeType::Created) | bit(ChangeType::Deleted)
    );
    EXPECT_FALSE(parse_change_types(""));
    EXPECT_FALSE(parse_change_types("created,"));
    EXPECT_FALSE(parse_change_types("creat"));
}

}  // namespace
}  // namespace graphhook::emulator
