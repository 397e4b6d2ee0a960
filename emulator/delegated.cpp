#include "emulator/delegated.hpp"

#include <algorithm>
#include <array>

namespace graphhook::emulator {
namespace {

/// Stands for "not supported".
constexpr std::string_view kNo = "-";

constexpr std::string_view kMail = "Mail.ReadBasic Mail.Read Mail.ReadWrite";
constexpr std::string_view kCalendars = "Calendars.Read Calendars.ReadWrite";
constexpr std::string_view kContacts = "Contacts.Read Contacts.ReadWrite";
constexpr std::string_view kFiles = "Files.Read.All Files.ReadWrite.All";
constexpr std::string_view kOwnFiles =
    "Files.Read Files.ReadWrite Files.Read.All Files.ReadWrite.All";
constexpr std::string_view kUsers = "User.Read.All User.ReadWrite.All";
constexpr std::string_view kGroups = "Group.Read.All Group.ReadWrite.All";
constexpr std::string_view kChatContent = "Chat.Read Chat.ReadWrite";
constexpr std::string_view kChats = "Chat.ReadBasic Chat.Read Chat.ReadWrite";
constexpr std::string_view kSchedule = "Schedule.Read.All Schedule.ReadWrite.All";
constexpr std::string_view kPresence = "Presence.Read.All";

struct Row {
    std::string_view pattern;
    std::string_view work;
    std::string_view personal;
};
constexpr auto kRows = std::to_array<Row>({
    {"users/{}/messages", kMail, kMail},
    {"users/{}/mailfolders/{}/messages", kMail, kMail},
    {"users/{}/events", kCalendars, kCalendars},
    {"users/{}/contacts", kContacts, kContacts},
    {"users/{}/contactfolders/{}/contacts", kContacts, kContacts},
    {"drives/{}/root", kFiles, kOwnFiles},
    {"users/{}/drive/root", kFiles, kOwnFiles},
    {"drives/{}/root/{*}", kFiles, kOwnFiles},
    {"sites/{}/lists/{}", "Sites.Read.All Sites.ReadWrite.All", kNo},
    {"users", kUsers, kUsers},
    {"users/{}", kUsers, kUsers},
    {"groups", kGroups, kNo},
    {"groups/{}", kGroups, kNo},
    {"groups/{}/owners", kGroups, kNo},
    {"groups/{}/members", kGroups, kNo},
    {"groups/{}/conversations", kGroups, kNo},
    {"security/alerts", "SecurityEvents.ReadWrite.All", kNo},
    {"security/alerts/{}", "SecurityEvents.ReadWrite.All", kNo},
    {"communications/presences", kPresence, kNo},
    {"communications/presences/{}", kPresence, kNo},
    {"teams/{}/channels/{}/messages", "ChannelMessage.Read.All", kNo},
    {"chats/{}/messages", kChatContent, kNo},
    {"users/{}/chats/getallmessages", kChatContent, kNo},
    {"chats/{}", kChats, kNo},
    {"users/{}/chats", kChats, kNo},
    {"teams/{}/channels", "Channel.ReadBasic.All ChannelSettings.Read.All", kNo},
    {"teams/{}", "Team.ReadBasic.All TeamSettings.Read.All", kNo},
    {"teams/{}/members", "TeamMember.Read.All", kNo},
    {"chats/{}/members",
     "ChatMember.Read ChatMember.ReadWrite Chat.ReadBasic Chat.Read Chat.ReadWrite", kNo},
    {"communications/onlinemeetings/{}/recordings", "OnlineMeetingRecording.Read.All", kNo},
    {"users/{}/onlinemeetings/getallrecordings", "OnlineMeetingRecording.Read.All", kNo},
    {"communications/onlinemeetings/{}/transcripts", "OnlineMeetingTranscript.Read.All", kNo},
    {"users/{}/onlinemeetings/getalltranscripts", "OnlineMeetingTranscript.Read.All", kNo},
    {"users/{}/todo/lists/{}/tasks", "Tasks.ReadWrite", "Tasks.ReadWrite"},
    {"users/{}/tasks/lists/{}/tasks", "Tasks.ReadWrite", "Tasks.ReadWrite"},
    {"users/{}/tasks/alltasks", "Tasks.ReadWrite", "Tasks.ReadWrite"},
    {"copilot/users/{}/interactionhistory/getallenterpriseinteractions",
     "AiEnterpriseInteraction.Read", kNo},
});

/// Where every path of a kind that has no row above is the same.
constexpr auto kKinds = std::to_array<Row>({
    {"shift", kSchedule, kNo},
    {"virtualEvent", "VirtualEvent.Read", kNo},
    {"virtualEventWebinar", "VirtualEvent.Read", kNo},
    {"virtualEventSession", "VirtualEvent.Read", kNo},
    {"virtualEventRegistration", "VirtualEvent.Read", kNo},
    {"approval", "", ""},
    {"aiInsights", "", ""},
    {"teamsAppInstallation", "", ""},
    {"healthAlert", "", ""},
});

}  // namespace

UserAccess user_access(const Path& path) noexcept {
    UserAccess access;
    access.for_apps = path.kind != "presence" && path.kind != "conversation";
    access.own_only =
        path.pattern.starts_with("users/{}/") && !path.pattern.starts_with("users/{}/drive/");
    auto row = std::find_if(kRows.begin(), kRows.end(), [&](const Row& one) {
        return one.pattern == path.pattern;
    });
    const Row* found = row == kRows.end() ? nullptr : &*row;
    if (found == nullptr) {
        const auto kind = std::find_if(kKinds.begin(), kKinds.end(), [&](const Row& one) {
            return one.pattern == path.kind;
        });
        if (kind != kKinds.end()) found = &*kind;
    }
    // What is in neither table is for apps only.
    access.for_work = found != nullptr && found->work != kNo;
    access.for_personal = found != nullptr && found->personal != kNo;
    if (access.for_work) access.work = found->work;
    if (access.for_personal) access.personal = found->personal;
    return access;
}

}  // namespace graphhook::emulator
