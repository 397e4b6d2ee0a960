#include "subscriptions/catalog/permissions.hpp"

#include "core/text.hpp"
#include "subscriptions/catalog/catalog.hpp"

#include <algorithm>
#include <array>

namespace graphhook::subscriptions {
namespace {

// clang-format off
constexpr auto kRows = std::to_array<PermissionRow>({
    {"users/*/messages users/*/mailfolders/*/messages", "Mail.ReadBasic Mail.Read", "Mail.ReadBasic Mail.Read", "Mail.Read"},
    {"users/*/events", "Calendars.Read", "Calendars.Read", "Calendars.Read"},
    {"users/*/contacts users/*/contactfolders/*/contacts", "Contacts.Read", "Contacts.Read", "Contacts.Read"},
    {"users/*/drive/root/** drives/*/root/**", "Files.Read.All", "Files.Read", "Files.Read.All"},
    {"sites/*/lists/*", "Sites.Read.All", "-", "Sites.Read.All"},
    {"users users/*", "User.Read.All", "User.Read.All", "User.Read.All"},
    {"groups groups/* groups/*/owners groups/*/members", "Group.Read.All", "-", "Group.Read.All"},
    {"groups/*/conversations", "Group.Read.All", "-", "-"},
    {"security/alerts security/alerts/*", "SecurityEvents.ReadWrite.All", "-", "SecurityEvents.ReadWrite.All"},
    {"security/alerts_v2 security/alerts_v2/*", "SecurityAlert.Read.All", "-", "SecurityAlert.Read.All"},
    {"communications/presences communications/presences/*", "Presence.Read.All", "-", "-"},
    {"communications/callrecords", "-", "-", "CallRecords.Read.All"},
    {"communications/onlinemeetings/getallrecordings", "-", "-", "OnlineMeetingRecording.Read.All"},
    {"communications/onlinemeetings/*/recordings users/*/onlinemeetings/getallrecordings", "OnlineMeetingRecording.Read.All", "-", "OnlineMeetingRecording.Read.All"},
    {"communications/onlinemeetings/getalltranscripts", "-", "-", "OnlineMeetingTranscript.Read.All"},
    {"communications/onlinemeetings/*/transcripts users/*/onlinemeetings/getalltranscripts", "OnlineMeetingTranscript.Read.All", "-", "OnlineMeetingTranscript.Read.All"},
    {"communications/onlinemeetings/*/meetingcallevents", "-", "-", "OnlineMeetings.Read.All OnlineMeetings.ReadWrite.All"},
    {"teams/*/channels/*/messages", "ChannelMessage.Read.All", "-", "ChannelMessage.Read.Group ChannelMessage.Read.All"},
    {"teams/getallmessages", "-", "-", "ChannelMessage.Read.All"},
    {"chats/*/messages", "Chat.Read Chat.ReadWrite", "-", "Chat.Read.All"},
    {"chats/getallmessages", "-", "-", "Chat.Read.All"},
    {"users/*/chats/getallmessages", "Chat.Read Chat.ReadWrite", "-", "Chat.Read.All Chat.ReadWrite.All"},
    {"appcatalogs/teamsapps/*/installedtochats/getallmessages", "-", "-", "Chat.Read.WhereInstalled Chat.ReadWrite.WhereInstalled"},
    {"chats", "-", "-", "Chat.ReadBasic.All Chat.Read.All Chat.ReadWrite.All"},
    {"chats/*", "Chat.ReadBasic Chat.Read Chat.ReadWrite", "-", "ChatSettings.Read.Chat ChatSettings.ReadWrite.Chat Chat.Manage.Chat Chat.ReadBasic.All Chat.Read.All Chat.ReadWrite.All"},
    {"users/*/chats", "Chat.ReadBasic Chat.Read Chat.ReadWrite", "-", "Chat.ReadBasic.All Chat.Read.All Chat.ReadWrite.All"},
    {"teams/getallchannels", "-", "-", "Channel.ReadBasic.All ChannelSettings.Read.All"},
    {"teams/*/channels", "Channel.ReadBasic.All ChannelSettings.Read.All", "-", "Channel.ReadBasic.All ChannelSettings.Read.All"},
    {"teams", "-", "-", "Team.ReadBasic.All TeamSettings.Read.All"},
    {"teams/*", "Team.ReadBasic.All TeamSettings.Read.All", "-", "Team.ReadBasic.All TeamSettings.Read.All"},
    {"chats/getallmembers", "-", "-", "ChatMember.Read.All ChatMember.ReadWrite.All Chat.ReadBasic.All Chat.Read.All Chat.ReadWrite.All"},
    {"chats/*/members", "ChatMember.Read ChatMember.ReadWrite Chat.ReadBasic Chat.Read Chat.ReadWrite", "-", "ChatMember.Read.Chat Chat.Manage.Chat ChatMember.Read.All ChatMember.ReadWrite.All Chat.ReadBasic.All Chat.Read.All Chat.ReadWrite.All"},
    {"teams/*/members", "TeamMember.Read.All", "-", "TeamMember.Read.All"},
    {"teams/*/channels/getallmembers", "-", "-", "ChannelMember.Read.All"},
    {"teams/*/schedule/shifts teams/*/schedule/openshiftchangerequests teams/*/schedule/offershiftrequests teams/*/schedule/swapshiftschangerequests teams/*/schedule/timeoffrequests", "Schedule.Read.All Schedule.ReadWrite.All", "-", "Schedule.Read.All Schedule.ReadWrite.All"},
    {"solutions/virtualevents/events solutions/virtualevents/events/geteventsfromorganizers/* solutions/virtualevents/webinars/* solutions/virtualevents/townhalls/* solutions/virtualevents/webinars/*/sessions solutions/virtualevents/townhalls/*/sessions solutions/virtualevents/webinars/*/registrations solutions/virtualevents/townhalls/*/registrations", "VirtualEvent.Read", "-", "VirtualEvent.Read.All"},
    {"print/printers/*/jobs", "-", "-", "Printer.Read.All Printer.ReadWrite.All"},
    {"print/taskdefinitions/*/tasks print/printtaskdefinition/*/tasks", "-", "-", "PrintTaskDefinition.ReadWrite.All"},
    {"users/*/todo/lists/*/tasks", "Tasks.ReadWrite", "Tasks.ReadWrite", "Tasks.ReadWrite.All"},
    {"copilot/users/*/interactionhistory/getallenterpriseinteractions", "AiEnterpriseInteraction.Read", "-", "AiEnterpriseInteraction.Read.All AiEnterpriseInteraction.Read.User"},
    {"copilot/interactionhistory/getallenterpriseinteractions", "-", "-", "AiEnterpriseInteraction.Read.All"},
    {"users/*/tasks/lists/*/tasks users/*/tasks/alltasks", "Tasks.ReadWrite", "Tasks.ReadWrite", "-"},
});
// clang-format on

/// Subscribing takes the first, yet the page on renewing names the second.
struct RenewalTwin {
    std::string_view read, read_write;
};
constexpr auto kRenewalTwins = std::to_array<RenewalTwin>(
    {{"Files.Read", "Files.ReadWrite"},
     {"Files.Read.All", "Files.ReadWrite.All"},
     {"Sites.Read.All", "Sites.ReadWrite.All"}}
);

std::string_view column(const PermissionRow& row, Account account) {
    switch (account) {
        case Account::Application:
            return row.application;
        case Account::Work:
            return row.work;
        case Account::Personal:
            return row.personal;
    }
    return {};
}

std::vector<std::string_view> words(std::string_view text) {
    std::vector<std::string_view> all;
    while (!text.empty()) {
        const auto blank = text.find(' ');
        all.push_back(text.substr(0, blank));
        text.remove_prefix(blank == std::string_view::npos ? text.size() : blank + 1);
    }
    return all;
}

}  // namespace

std::string_view to_string(Account account) noexcept {
    switch (account) {
        case Account::Application:
            return "an application";
        case Account::Work:
            return "a signed-in user (work or school)";
        case Account::Personal:
            return "a signed-in user (personal account)";
    }
    return "";
}

Account account_of(const Tenant& tenant) noexcept {
    if (!tenant.delegated()) return Account::Application;
    return tenant.personal() ? Account::Personal : Account::Work;
}

std::span<const PermissionRow> permission_rows() noexcept {
    return kRows;
}

Permissions permissions_for(std::string_view resource, Account account) {
    const PermissionRow* best = nullptr;
    std::size_t fewest_wildcards = 0;
    for (const PermissionRow& row : kRows) {
        const auto wildcards = fit(resource, row.paths);
        if (!wildcards || (best != nullptr && *wildcards >= fewest_wildcards)) continue;
        best = &row;
        fewest_wildcards = *wildcards;
    }
    Permissions permissions;
    if (best == nullptr) return permissions;
    const std::string_view needed = column(*best, account);
    if (needed.empty()) return permissions;
    if (needed == "-") {
        permissions.support = Permissions::Support::Refused;
        return permissions;
    }
    permissions.support = Permissions::Support::Documented;
    permissions.any_of = words(needed);
    for (const RenewalTwin& twin : kRenewalTwins) {
        if (permissions.any_of.front() == twin.read)
            permissions.also_for_renewal.push_back(twin.read_write);
    }
    return permissions;
}

bool suffice(const Permissions& needed, const std::vector<std::string>& granted) {
    if (needed.support != Permissions::Support::Documented) return true;
    return std::ranges::any_of(needed.any_of, [&](std::string_view one) {
        return std::ranges::any_of(granted, [&](const std::string& other) {
            // "*" is what graph-emulator grants unless told otherwise; Graph has none of that name.
            return other == "*" || same_letters(one, other);
        });
    });
}

}  // namespace graphhook::subscriptions
