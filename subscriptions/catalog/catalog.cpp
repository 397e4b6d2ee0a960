#include "subscriptions/catalog/catalog.hpp"

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
    {{
         .name = "message",
         .paths = "users/*/messages users/*/mailfolders/*/messages",
         .changes = kAll,
         .longest = kOutlook,
         .longest_rich = minutes{1'440},
         .lifecycle = kOutlookEvents,
         .outlook = true,
     },
     {
         .name = "event",
         .paths = "users/*/events",
         .changes = kAll,
         .longest = kOutlook,
         .longest_rich = minutes{1'440},
         .lifecycle = kOutlookEvents,
         .outlook = true,
     },
     {
         .name = "contact",
         .paths = "users/*/contacts users/*/contactfolders/*/contacts",
         .changes = kAll,
         .longest = kOutlook,
         .longest_rich = minutes{1'440},
         .lifecycle = kOutlookEvents,
         .outlook = true,
     },
     {
         .name = "drive",
         .paths = "users/*/drive/root/** drives/*/root/**",
         .changes = kUpdated,
         .longest = minutes{42'300},
     },
     {
         .name = "list",
         .paths = "sites/*/lists/*",
         .changes = kUpdated,
         .longest = minutes{42'300},
     },
     {
         .name = "user",
         .paths = "users users/*",
         .changes = kUpdated | kDeleted,
         .longest = kDirectory,
     },
     {
         .name = "group",
         .paths = "groups groups/* groups/*/owners groups/*/members",
         .changes = kUpdated | kDeleted,
         .longest = kDirectory,
     },
     {
         .name = "conversation",
         .paths = "groups/*/conversations",
         .changes = kAll,
         .longest = minutes{4'230},
     },
     {
         .name = "alert",
         .paths = "security/alerts security/alerts/* security/alerts_v2 security/alerts_v2/*",
         .changes = kUpdated | kCreated,
         .longest = minutes{43'200},
         .needs = Needs::FilterOrId,
     },
     {
         .name = "chat-message",
         .paths = "teams/getallmessages teams/*/channels/*/messages chats/getallmessages "
                  "chats/*/messages users/*/chats/getallmessages "
                  "appcatalogs/teamsapps/*/installedtochats/getallmessages",
         .changes = kAll,
         .longest = kTeams,
         .longest_rich = minutes{4'320},
         .lifecycle = kMayBeRemoved,
         .lifecycle_url_needed = true,
     },
     {
         .name = "chat",
         .paths = "chats chats/* users/*/chats appcatalogs/teamsapps/*/installedtochats",
         .changes = kAll,
         .longest = kTeams,
         .longest_rich = minutes{4'320},
         .lifecycle_url_needed = true,
     },
     {
         .name = "channel",
         .paths = "teams/getallchannels teams/*/channels",
         .changes = kAll,
         .longest = kTeams,
         .longest_rich = minutes{4'320},
         .lifecycle_url_needed = true,
     },
     {
         .name = "team",
         .paths = "teams teams/*",
         .changes = kAll,
         .longest = kTeams,
         .longest_rich = minutes{4'320},
         .lifecycle_url_needed = true,
     },
     {
         .name = "conversation-member",
         .paths = "teams/*/members teams/*/channels/getallmembers chats/*/members "
                  "chats/getallmembers appcatalogs/teamsapps/*/installedtochats/getallmembers "
                  "teams/getallmembers teams/getallchannels/getallmembers",
         .changes = kAll,
         .longest = kTeams,
         .longest_rich = minutes{4'320},
         .lifecycle_url_needed = true,
     },
     {
         .name = "app-installation",
         .paths = "appcatalogs/teamsapps/*/installations",
         .changes = kAll,
         .longest = kTeams,
         .lifecycle_url_needed = true,
     },
     {
         .name = "presence",
         .paths = "communications/presences communications/presences/*",
         .changes = kUpdated,
         .longest = minutes{60},
         .longest_rich = minutes{60},
         .needs = Needs::ResourceData,
     },
     {
         .name = "call-record",
         .paths = "communications/callrecords",
         .changes = kCreated | kUpdated,
         .longest = minutes{4'230},
     },
     {
         .name = "call-recording",
         .paths = "communications/onlinemeetings/getallrecordings "
                  "communications/onlinemeetings/*/recordings "
                  "users/*/onlinemeetings/getallrecordings "
                  "appcatalogs/teamsapps/*/installedtoonlinemeetings/getallrecordings",
         .changes = kCreated,
         .longest = kTeams,
         .longest_rich = minutes{4'320},
         .lifecycle_url_needed = true,
     },
     {
         .name = "call-transcript",
         .paths = "communications/onlinemeetings/getalltranscripts "
                  "communications/onlinemeetings/*/transcripts "
                  "users/*/onlinemeetings/getalltranscripts "
                  "appcatalogs/teamsapps/*/installedtoonlinemeetings/getalltranscripts",
         .changes = kCreated,
         .longest = kTeams,
         .longest_rich = minutes{4'320},
         .lifecycle_url_needed = true,
     },
     {
         .name = "online-meeting",
         .paths = "communications/onlinemeetings/*/meetingcallevents",
         .changes = kUpdated,
         .longest = minutes{4'230},
         .longest_rich = minutes{4'320},
         .lifecycle_url_needed = true,
         .beta = true,
     },
     {
         .name = "virtual-event",
         .paths = "solutions/virtualevents/events "
                  "solutions/virtualevents/events/geteventsfromorganizers/*",
         .changes = kCreated,
         .longest = minutes{1'440},
     },
     {
         .name = "virtual-event-webinar",
         .paths = "solutions/virtualevents/webinars/* solutions/virtualevents/townhalls/*",
         .changes = kUpdated,
         .longest = minutes{1'440},
     },
     {
         .name = "virtual-event-session",
         .paths = "solutions/virtualevents/webinars/*/sessions "
                  "solutions/virtualevents/townhalls/*/sessions",
         .changes = kCreated | kUpdated,
         .longest = minutes{1'440},
     },
     {
         .name = "virtual-event-registration",
         .paths = "solutions/virtualevents/webinars/*/registrations "
                  "solutions/virtualevents/townhalls/*/registrations",
         .changes = kCreated | kUpdated,
         .longest = minutes{1'440},
     },
     {
         .name = "shift",
         .paths = "teams/*/schedule/shifts",
         .changes = kAll,
         .longest = minutes{360},
         .lifecycle_url_needed = true,
     },
     {
         .name = "open-shift-change-request",
         .paths = "teams/*/schedule/openshiftchangerequests",
         .changes = kAll,
         .longest = minutes{360},
         .lifecycle_url_needed = true,
     },
     {
         .name = "offer-shift-request",
         .paths = "teams/*/schedule/offershiftrequests",
         .changes = kAll,
         .longest = minutes{360},
         .lifecycle_url_needed = true,
     },
     {
         .name = "swap-shifts-change-request",
         .paths = "teams/*/schedule/swapshiftschangerequests",
         .changes = kAll,
         .longest = minutes{360},
         .lifecycle_url_needed = true,
     },
     {
         .name = "time-off-request",
         .paths = "teams/*/schedule/timeoffrequests",
         .changes = kAll,
         .longest = minutes{360},
         .lifecycle_url_needed = true,
     },
     {
         .name = "approval",
         .paths = "solutions/approval/approvalitems",
         .changes = kAll,
         .longest = minutes{43'200},
     },
     {
         .name = "ai-interaction",
         .paths = "copilot/users/*/interactionhistory/getallenterpriseinteractions "
                  "copilot/interactionhistory/getallenterpriseinteractions",
         .changes = kAll,
         .longest = kTeams,
         .longest_rich = minutes{4'320},
         .lifecycle_url_needed = true,
     },
     // No documented limit: a day is safe and costs one renewal more.
     {
         .name = "ai-insight",
         .paths = "copilot/users/*/onlinemeetings/getallaiinsights "
                  "copilot/users/*/onlinemeetings/*/aiinsights",
         .changes = kCreated,
         .longest = minutes{1'440},
         .lifecycle_url_needed = true,
     },
     {
         .name = "printer",
         .paths = "print/printers/*/jobs",
         .changes = kUpdated,
         .longest = minutes{4'230},
         .needs = Needs::QueryOptions,
     },
     {
         .name = "print-task",
         .paths = "print/taskdefinitions/*/tasks print/printtaskdefinition/*/tasks",
         .changes = kCreated,
         .longest = minutes{4'230},
     },
     {
         .name = "todo-task",
         .paths = "users/*/todo/lists/*/tasks",
         .changes = kAll,
         .longest = minutes{4'230},
     },
     {
         .name = "health-alert",
         .paths = "reports/healthmonitoring/alerts",
         .changes = kAll,
         .longest = minutes{42'300},
     },
     {
         .name = "base-task",
         .paths = "users/*/tasks/lists/*/tasks users/*/tasks/alltasks",
         .changes = kAll,
         .longest = minutes{4'230},
         .beta = true,
     }}
);

}  // namespace

std::span<const Kind> catalog() noexcept {
    return kKinds;
}

const Kind* kind_named(std::string_view name) noexcept {
    const auto* found = std::ranges::find(kKinds, name, &Kind::name);
    return found == kKinds.end() ? nullptr : found;
}

std::chrono::minutes longest_life(const Kind& kind, bool rich) noexcept {
    return rich ? kind.longest_rich : kind.longest;
}

std::chrono::minutes ask_life(const Kind* kind, bool rich) noexcept {
    constexpr minutes kMargin{5};
    constexpr minutes kUnknown{1'440};
    if (kind == nullptr) return kUnknown - kMargin;
    const minutes longest = longest_life(*kind, rich);
    // Without such a form Graph refuses it whatever its life is.
    return (longest > minutes::zero() ? longest : kind->longest) - kMargin;
}

}  // namespace graphhook::subscriptions
