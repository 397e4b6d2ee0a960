#include "subscriptions/catalog.hpp"

#include <algorithm>
#include <cctype>
#include <vector>

namespace graphhook::subscriptions {
namespace {

using std::chrono::minutes;

constexpr std::uint8_t kAll = kCreated | kUpdated | kDeleted;
constexpr std::uint8_t kOutlookEvents = kMayBeRemoved | kMayMiss;
// The service refuses more than 10,070 although the page says 10,080.
constexpr minutes kOutlook{10'070};
constexpr minutes kTeams{4'320};
constexpr minutes kDirectory{41'760};

constexpr auto kKinds = std::to_array<Kind>(
    {{.name = "message",
      .paths = "users/*/messages users/*/mailfolders/*/messages",
      .changes = kAll,
      .longest = kOutlook,
      .lifecycle = kOutlookEvents,
      .outlook = true,
      .application_permission = "Mail.Read",
      .delegated_permission = "Mail.ReadBasic"},
     {.name = "event",
      .paths = "users/*/events",
      .changes = kAll,
      .longest = kOutlook,
      .lifecycle = kOutlookEvents,
      .outlook = true,
      .application_permission = "Calendars.Read",
      .delegated_permission = "Calendars.Read"},
     {.name = "contact",
      .paths = "users/*/contacts users/*/contactfolders/*/contacts",
      .changes = kAll,
      .longest = kOutlook,
      .lifecycle = kOutlookEvents,
      .outlook = true,
      .application_permission = "Contacts.Read",
      .delegated_permission = "Contacts.Read"},
     {.name = "drive",
      .paths = "users/*/drive/root/** drives/*/root/**",
      .changes = kUpdated,
      .longest = minutes{42'300},
      .application_permission = "Files.Read.All",
      .delegated_permission = "Files.Read.All"},
     {.name = "list",
      .paths = "sites/*/lists/*",
      .changes = kUpdated,
      .longest = minutes{42'300},
      .application_permission = "Sites.Read.All",
      .delegated_permission = "Sites.Read.All"},
     {.name = "user",
      .paths = "users users/*",
      .changes = kUpdated | kDeleted,
      .longest = kDirectory,
      .application_permission = "User.Read.All",
      .delegated_permission = "User.Read.All"},
     {.name = "group",
      .paths = "groups groups/* groups/*/owners groups/*/members",
      .changes = kUpdated | kDeleted,
      .longest = kDirectory,
      .application_permission = "Group.Read.All",
      .delegated_permission = "Group.Read.All"},
     {.name = "conversation",
      .paths = "groups/*/conversations",
      .changes = kAll,
      .longest = minutes{4'230},
      .app_only = false,
      .delegated_permission = "Group.Read.All"},
     {.name = "alert",
      .paths = "security/alerts security/alerts/*",
      .changes = kUpdated | kCreated,
      .longest = minutes{43'200},
      .needs = Needs::FilterOrId,
      .application_permission = "SecurityEvents.ReadWrite.All",
      .delegated_permission = "SecurityEvents.ReadWrite.All"},
     {.name = "chat-message",
      .paths = "teams/getallmessages teams/*/channels/*/messages chats/getallmessages "
               "chats/*/messages users/*/chats/getallmessages "
               "appcatalogs/teamsapps/*/installedtochats/getallmessages",
      .changes = kAll,
      .longest = kTeams,
      .lifecycle = kMayBeRemoved,
      .lifecycle_url_needed = true,
      .application_permission = "ChannelMessage.Read.All or Chat.Read.All",
      .delegated_permission = "ChannelMessage.Read.All or Chat.Read"},
     {.name = "chat",
      .paths = "chats chats/* users/*/chats appcatalogs/teamsapps/*/installedtochats",
      .changes = kAll,
      .longest = kTeams,
      .lifecycle_url_needed = true,
      .application_permission = "Chat.ReadBasic.All",
      .delegated_permission = "Chat.ReadBasic"},
     {.name = "channel",
      .paths = "teams/getallchannels teams/*/channels",
      .changes = kAll,
      .longest = kTeams,
      .lifecycle_url_needed = true,
      .application_permission = "Channel.ReadBasic.All",
      .delegated_permission = "Channel.ReadBasic.All"},
     {.name = "team",
      .paths = "teams teams/*",
      .changes = kAll,
      .longest = kTeams,
      .lifecycle_url_needed = true,
      .application_permission = "Team.ReadBasic.All",
      .delegated_permission = "Team.ReadBasic.All"},
     {.name = "conversation-member",
      .paths = "teams/*/members teams/*/channels/getallmembers chats/*/members "
               "chats/getallmembers appcatalogs/teamsapps/*/installedtochats/getallmembers "
               "teams/getallmembers teams/getallchannels/getallmembers",
      .changes = kAll,
      .longest = kTeams,
      .lifecycle_url_needed = true,
      .application_permission =
          "TeamMember.Read.All, ChannelMember.Read.All or ChatMember.Read.All",
      .delegated_permission = "TeamMember.Read.All or ChatMember.Read"},
     {
         .name = "app-installation",
         .paths = "appcatalogs/teamsapps/*/installations",
         .changes = kAll,
         .longest = kTeams,
         .lifecycle_url_needed = true,
     },
     {.name = "presence",
      .paths = "communications/presences communications/presences/*",
      .changes = kUpdated,
      .longest = minutes{60},
      .needs = Needs::ResourceData,
      .app_only = false,
      .delegated_permission = "Presence.Read.All"},
     {.name = "call-record",
      .paths = "communications/callrecords",
      .changes = kCreated | kUpdated,
      .longest = minutes{4'230},
      .application_permission = "CallRecords.Read.All"},
     {.name = "call-recording",
      .paths = "communications/onlinemeetings/getallrecordings "
               "communications/onlinemeetings/*/recordings "
               "users/*/onlinemeetings/getallrecordings "
               "appcatalogs/teamsapps/*/installedtoonlinemeetings/getallrecordings",
      .changes = kCreated,
      .longest = kTeams,
      .lifecycle_url_needed = true,
      .application_permission = "OnlineMeetingRecording.Read.All",
      .delegated_permission = "OnlineMeetingRecording.Read.All"},
     {.name = "call-transcript",
      .paths = "communications/onlinemeetings/getalltranscripts "
               "communications/onlinemeetings/*/transcripts "
               "users/*/onlinemeetings/getalltranscripts "
               "appcatalogs/teamsapps/*/installedtoonlinemeetings/getalltranscripts",
      .changes = kCreated,
      .longest = kTeams,
      .lifecycle_url_needed = true,
      .application_permission = "OnlineMeetingTranscript.Read.All",
      .delegated_permission = "OnlineMeetingTranscript.Read.All"},
     {.name = "online-meeting",
      .paths = "communications/onlinemeetings/*/meetingcallevents",
      .changes = kUpdated,
      .longest = minutes{4'230},
      .lifecycle_url_needed = true,
      .beta = true,
      .application_permission = "OnlineMeetings.Read.All"},
     {.name = "virtual-event",
      .paths = "solutions/virtualevents/events "
               "solutions/virtualevents/events/geteventsfromorganizers/*",
      .changes = kCreated,
      .longest = minutes{1'440},
      .application_permission = "VirtualEvent.Read.All",
      .delegated_permission = "VirtualEvent.Read"},
     {.name = "virtual-event-webinar",
      .paths = "solutions/virtualevents/webinars/* solutions/virtualevents/townhalls/*",
      .changes = kUpdated,
      .longest = minutes{1'440},
      .application_permission = "VirtualEvent.Read.All",
      .delegated_permission = "VirtualEvent.Read"},
     {.name = "virtual-event-session",
      .paths = "solutions/virtualevents/webinars/*/sessions "
               "solutions/virtualevents/townhalls/*/sessions",
      .changes = kCreated | kUpdated,
      .longest = minutes{1'440},
      .application_permission = "VirtualEvent.Read.All",
      .delegated_permission = "VirtualEvent.Read"},
     {.name = "virtual-event-registration",
      .paths = "solutions/virtualevents/webinars/*/registrations "
               "solutions/virtualevents/townhalls/*/registrations",
      .changes = kCreated | kUpdated,
      .longest = minutes{1'440},
      .application_permission = "VirtualEvent.Read.All",
      .delegated_permission = "VirtualEvent.Read"},
     {.name = "shift",
      .paths = "teams/*/schedule/shifts",
      .changes = kAll,
      .longest = minutes{360},
      .lifecycle_url_needed = true,
      .application_permission = "Schedule.Read.All",
      .delegated_permission = "Schedule.Read.All"},
     {.name = "open-shift-change-request",
      .paths = "teams/*/schedule/openshiftchangerequests",
      .changes = kAll,
      .longest = minutes{360},
      .lifecycle_url_needed = true,
      .application_permission = "Schedule.Read.All",
      .delegated_permission = "Schedule.Read.All"},
     {.name = "offer-shift-request",
      .paths = "teams/*/schedule/offershiftrequests",
      .changes = kAll,
      .longest = minutes{360},
      .lifecycle_url_needed = true,
      .application_permission = "Schedule.Read.All",
      .delegated_permission = "Schedule.Read.All"},
     {.name = "swap-shifts-change-request",
      .paths = "teams/*/schedule/swapshiftschangerequests",
      .changes = kAll,
      .longest = minutes{360},
      .lifecycle_url_needed = true,
      .application_permission = "Schedule.Read.All",
      .delegated_permission = "Schedule.Read.All"},
     {.name = "time-off-request",
      .paths = "teams/*/schedule/timeoffrequests",
      .changes = kAll,
      .longest = minutes{360},
      .lifecycle_url_needed = true,
      .application_permission = "Schedule.Read.All",
      .delegated_permission = "Schedule.Read.All"},
     {
         .name = "approval",
         .paths = "solutions/approval/approvalitems",
         .changes = kAll,
         .longest = minutes{43'200},
     },
     {.name = "ai-interaction",
      .paths = "copilot/users/*/interactionhistory/getallenterpriseinteractions "
               "copilot/interactionhistory/getallenterpriseinteractions",
      .changes = kAll,
      .longest = kTeams,
      .lifecycle_url_needed = true,
      .application_permission = "AiEnterpriseInteraction.Read.All",
      .delegated_permission = "AiEnterpriseInteraction.Read"},
     // No documented limit: a day is safe and costs one renewal more.
     {
         .name = "ai-insight",
         .paths = "copilot/users/*/onlinemeetings/getallaiinsights "
                  "copilot/users/*/onlinemeetings/*/aiinsights",
         .changes = kCreated,
         .longest = minutes{1'440},
         .lifecycle_url_needed = true,
     },
     {.name = "printer",
      .paths = "print/printers/*/jobs",
      .changes = kUpdated,
      .longest = minutes{4'230},
      .needs = Needs::QueryOptions,
      .application_permission = "Printer.Read.All"},
     {.name = "print-task",
      .paths = "print/taskdefinitions/*/tasks print/printtaskdefinition/*/tasks",
      .changes = kCreated,
      .longest = minutes{4'230},
      .application_permission = "PrintTaskDefinition.ReadWrite.All"},
     {.name = "todo-task",
      .paths = "users/*/todo/lists/*/tasks",
      .changes = kAll,
      .longest = minutes{4'230},
      .application_permission = "Tasks.ReadWrite.All",
      .delegated_permission = "Tasks.ReadWrite"},
     {
         .name = "health-alert",
         .paths = "reports/healthmonitoring/alerts",
         .changes = kAll,
         .longest = minutes{42'300},
     },
     {.name = "base-task",
      .paths = "users/*/tasks/lists/*/tasks users/*/tasks/alltasks",
      .changes = kAll,
      .longest = minutes{4'230},
      .beta = true,
      .app_only = false,
      .delegated_permission = "Tasks.ReadWrite"}}
);

}  // namespace

std::span<const Kind> catalog() noexcept {
    return kKinds;
}

const Kind* kind_named(std::string_view name) noexcept {
    const auto* found = std::ranges::find(kKinds, name, &Kind::name);
    return found == kKinds.end() ? nullptr : found;
}

std::chrono::minutes ask_life(const Kind* kind) noexcept {
    constexpr minutes kMargin{5};
    constexpr minutes kUnknown{1'440};
    return (kind != nullptr ? kind->longest : kUnknown) - kMargin;
}

}  // namespace graphhook::subscriptions
