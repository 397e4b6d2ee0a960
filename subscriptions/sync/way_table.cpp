// How each kind is asked again: the table behind way.cpp.
#include "subscriptions/sync/way_table.hpp"

#include <array>

namespace graphhook::subscriptions {
namespace {

using How = Way::How;
using namespace std::chrono_literals;

constexpr std::string_view kOutlookSelect = "id,createdDateTime,lastModifiedDateTime";
constexpr std::string_view kDriveSelect =
    "id,eTag,cTag,createdDateTime,lastModifiedDateTime,parentReference,deleted,root";
constexpr std::string_view kPage = "odata.maxpagesize=200";
// A delta query over groups tracks what it selects, members and owners only if named.
constexpr std::string_view kGroupSelect =
    "id,createdDateTime,displayName,description,mail,mailNickname,mailEnabled,securityEnabled,"
    "groupTypes,visibility,classification,members,owners";
constexpr std::string_view kMessage = "#Microsoft.Graph.Message";
constexpr std::string_view kContact = "#Microsoft.Graph.Contact";
constexpr std::string_view kDriveItem = "#Microsoft.Graph.DriveItem";
constexpr std::string_view kGroup = "#Microsoft.Graph.Group";
constexpr std::string_view kChatMessage = "#Microsoft.Graph.chatMessage";
constexpr std::string_view kNoList = "Graph has no list of these across chats, teams or meetings";
constexpr std::string_view kPerTeam =
    "Graph has no list of these across the tenant: subscribe for each team or chat to have them "
    "swept";

constexpr Row none(std::string_view kind, std::string_view pattern, std::string_view why) {
    Row row;
    row.kind = kind;
    row.pattern = pattern;
    row.resync = Resync::None;
    row.why = why;
    return row;
}

constexpr Row compare(
    std::string_view kind, std::string_view pattern, std::string_view item, std::string_view type,
    std::string_view modified = {}
) {
    Row row;
    row.kind = kind;
    row.pattern = pattern;
    row.how = How::Compare;
    row.ask = "{p}";
    row.item = item;
    row.type = type;
    row.modified = modified;
    row.why = "the whole list is read and compared; at most 20,000 objects";
    return row;
}

constexpr Row one(
    std::string_view kind, std::string_view pattern, std::string_view item, std::string_view type
) {
    Row row = compare(kind, pattern, item, type);
    row.how = How::One;
    row.why = "the object is read and compared";
    return row;
}

constexpr auto kRows = std::to_array<Row>({
    // --- Outlook
    {.kind = "message",
     .pattern = "users/*/messages",
     .how = How::Folders,
     .ask = "{u}/mailFolders/{folder}/messages/delta",
     .item = "Users/{oid}/Messages/{id}",
     .type = kMessage,
     .select = kOutlookSelect,
     .prefer = kPage,
     .folders = "{u}/mailFolders/delta",
     .outlook = true,
     .silence = 6h,
     .why = "what was in a folder that is deleted as a whole"},
    {.kind = "message",
     .pattern = "users/*/mailfolders/*/messages",
     .how = How::Delta,
     .ask = "{p}/delta",
     .item = "Users/{oid}/Messages/{id}",
     .type = kMessage,
     .select = kOutlookSelect,
     .prefer = kPage,
     .outlook = true,
     .silence = 6h},
    {.kind = "event",
     .pattern = "users/*/events",
     .how = How::Calendar,
     .resync = Resync::Window,
     .ask = "{u}/calendarView/delta",
     .item = "Users/{oid}/Events/{id}",
     .type = "#Microsoft.Graph.Event",
     .prefer = "odata.maxpagesize=100",
     .confirm = "{u}/events/{id}?$select=id,createdDateTime,lastModifiedDateTime",
     .outlook = true,
     .silence = 12h,
     .why =
         "events that lie before 30 days ago or after 180 days from now, in calendars other than "
         "the default one"},
    {.kind = "contact",
     .pattern = "users/*/contacts",
     .how = How::Folders,
     .ask = "{u}/contactFolders/{folder}/contacts/delta",
     .item = "Users/{oid}/Contacts/{id}",
     .type = kContact,
     .select = kOutlookSelect,
     .prefer = kPage,
     .folders = "{u}/contactFolders/delta",
     .first_folder = "{u}/contacts/delta",
     .outlook = true,
     .why = "what was in a folder that is deleted as a whole"},
    {.kind = "contact",
     .pattern = "users/*/contactfolders/*/contacts",
     .how = How::Delta,
     .ask = "{p}/delta",
     .item = "Users/{oid}/Contacts/{id}",
     .type = kContact,
     .select = kOutlookSelect,
     .prefer = kPage,
     .outlook = true},
    {.kind = "todo-task",
     .pattern = "users/*/todo/lists/*/tasks",
     .how = How::Delta,
     .ask = "{p}/delta",
     .item = "Users/{oid}/todo/lists/{2}/tasks/{id}",
     .type = "#Microsoft.Graph.todoTask"},

    // --- files
    {.kind = "drive",
     .pattern = "drives/*/root",
     .how = How::Delta,
     .ask = "{p}/delta",
     .item = "drives/{1}/items/{id}",
     .type = kDriveItem,
     .select = kDriveSelect,
     .options = "$top=200",
     .baseline = "token=latest",
     .exact = true,
     .silence = 12h},
    {.kind = "drive",
     .pattern = "users/*/drive/root",
     .how = How::Delta,
     .ask = "{p}/delta",
     .item = "drives/{drive}/items/{id}",
     .type = kDriveItem,
     .select = kDriveSelect,
     .options = "$top=200",
     .baseline = "token=latest",
     .exact = true,
     .silence = 12h},
    {.kind = "drive",
     .pattern = "drives/*/root/**",
     .how = How::Delta,
     .ask = "drives/{1}/items/{item}/delta",
     .item = "drives/{1}/items/{id}",
     .type = kDriveItem,
     .select = kDriveSelect,
     .options = "$top=200",
     .baseline = "token=latest",
     .exact = true,
     .silence = 12h},
    {.kind = "drive",
     .pattern = "drives/*/root:/**",
     .how = How::Delta,
     .ask = "drives/{1}/items/{item}/delta",
     .item = "drives/{1}/items/{id}",
     .type = kDriveItem,
     .select = kDriveSelect,
     .options = "$top=200",
     .baseline = "token=latest",
     .exact = true,
     .silence = 12h},
    {.kind = "drive",
     .pattern = "users/*/drive/root/**",
     .how = How::Delta,
     .ask = "{u}/drive/items/{item}/delta",
     .item = "drives/{drive}/items/{id}",
     .type = kDriveItem,
     .select = kDriveSelect,
     .options = "$top=200",
     .baseline = "token=latest",
     .exact = true,
     .silence = 12h},
    {.kind = "drive",
     .pattern = "users/*/drive/root:/**",
     .how = How::Delta,
     .ask = "{u}/drive/items/{item}/delta",
     .item = "drives/{drive}/items/{id}",
     .type = kDriveItem,
     .select = kDriveSelect,
     .options = "$top=200",
     .baseline = "token=latest",
     .exact = true,
     .silence = 12h},
    {.kind = "list",
     .pattern = "sites/*/lists/*",
     .how = How::Delta,
     .ask = "{p}/items/delta",
     .item = "sites/{1}/lists/{2}/items/{id}",
     .type = "#Microsoft.Graph.ListItem",
     .select = kOutlookSelect,
     .baseline = "token=latest",
     .exact = true,
     .silence = 12h},

    // --- directory: without $select every property of a user is tracked
    {.kind = "user",
     .pattern = "users",
     .how = How::Delta,
     .ask = "users/delta",
     .item = "Users/{id}",
     .type = "#Microsoft.Graph.User",
     .prefer = "return=minimal",
     .baseline = "$deltatoken=latest",
     .created_is_updated = true},
    {.kind = "user",
     .pattern = "users/*",
     .how = How::Delta,
     .ask = "users/delta",
     .item = "Users/{id}",
     .type = "#Microsoft.Graph.User",
     .options = "$filter=id%20eq%20'{oid}'",
     .prefer = "return=minimal",
     .baseline = "$deltatoken=latest",
     .created_is_updated = true},
    {.kind = "group",
     .pattern = "groups",
     .how = How::Delta,
     .ask = "groups/delta",
     .item = "Groups/{id}",
     .type = kGroup,
     .select = kGroupSelect,
     .baseline = "$deltatoken=latest",
     .created_is_updated = true},
    {.kind = "group",
     .pattern = "groups/*",
     .how = How::Delta,
     .ask = "groups/delta",
     .item = "Groups/{id}",
     .type = kGroup,
     .select = kGroupSelect,
     .options = "$filter=id%20eq%20'{1}'",
     .baseline = "$deltatoken=latest",
     .created_is_updated = true},
    {.kind = "group",
     .pattern = "groups/*/members",
     .how = How::Delta,
     .ask = "groups/delta",
     .item = "Groups/{id}",
     .type = kGroup,
     .select = "id,members",
     .options = "$filter=id%20eq%20'{1}'",
     .baseline = "$deltatoken=latest",
     .created_is_updated = true},
    {.kind = "group",
     .pattern = "groups/*/owners",
     .how = How::Delta,
     .ask = "groups/delta",
     .item = "Groups/{id}",
     .type = kGroup,
     .select = "id,owners",
     .options = "$filter=id%20eq%20'{1}'",
     .baseline = "$deltatoken=latest",
     .created_is_updated = true},
    compare(
        "conversation", "groups/*/conversations", "groups('{1}')/conversations('{id}')",
        "#Microsoft.Graph.Conversation", "lastDeliveredDateTime"
    ),

    // --- security: what has no notifications any more is polled
    {.kind = "alert",
     .pattern = "security/alerts",
     .how = How::Since,
     .resync = Resync::NoDeletes,
     .ask = "{p}",
     .item = "security/alerts/{id}",
     .type = "#Microsoft.Graph.alert",
     .time = "lastModifiedDateTime",
     .why = "alerts are never deleted"},
    one("alert", "security/alerts/*", "security/alerts/{id}", "#Microsoft.Graph.alert"),
    {.kind = "alert",
     .pattern = "security/alerts_v2",
     .how = How::Since,
     .resync = Resync::NoDeletes,
     .ask = "{p}",
     .item = "security/alerts_v2/{id}",
     .type = "#microsoft.graph.security.alert",
     .options = "$top=100",
     .time = "lastUpdateDateTime",
     .modified = "lastUpdateDateTime",
     .overlap = 5min,
     .why = "alerts are never deleted"},
    one("alert", "security/alerts_v2/*", "security/alerts_v2/{id}",
        "#microsoft.graph.security.alert"),
    {.kind = "incident",
     .pattern = "security/incidents",
     .how = How::Since,
     .resync = Resync::NoDeletes,
     .ask = "{p}",
     .item = "security/incidents/{id}",
     .type = "#microsoft.graph.security.incident",
     .time = "lastUpdateDateTime",
     .modified = "lastUpdateDateTime",
     .overlap = 5min,
     .why = "incidents are never deleted"},

    // --- Teams
    {.kind = "chat-message",
     .pattern = "teams/*/channels/*/messages",
     .how = How::Delta,
     .ask = "{p}/delta",
     .item = "teams('{1}')/channels('{2}')/messages('{id}')",
     .type = kChatMessage,
     .options = "$top=50",
     .gone = "deletedDateTime",
     .silence = 6h,
     .why = "replies, and messages older than what Graph's delta query reaches"},
    {.kind = "chat-message",
     .pattern = "users/*/chats/getallmessages",
     .how = How::Since,
     .ask = "{p}",
     .item = "chats('{chat}')/messages('{id}')",
     .type = kChatMessage,
     .options = "$top=50",
     .time = "lastModifiedDateTime",
     .gone = "deletedDateTime",
     .silence = 6h},
    {.kind = "chat-message",
     .pattern = "chats/*/messages",
     .how = How::Since,
     .ask = "{p}",
     .item = "chats('{1}')/messages('{id}')",
     .type = kChatMessage,
     .options = "$top=50",
     .time = "lastModifiedDateTime",
     .order = "lastModifiedDateTime desc",
     .gone = "deletedDateTime",
     .silence = 6h},
    none("chat-message", "teams/getallmessages", kPerTeam),
    none("chat-message", "chats/getallmessages", kPerTeam),
    none("chat-message", "appcatalogs/teamsapps/*/installedtochats/getallmessages", kPerTeam),
    compare(
        "chat", "users/*/chats", "chats('{id}')", "#Microsoft.Graph.chat", "lastUpdatedDateTime"
    ),
    {.kind = "chat",
     .pattern = "chats",
     .how = How::Compare,
     .ask = "{p}",
     .item = "chats('{id}')",
     .type = "#Microsoft.Graph.chat",
     .modified = "lastUpdatedDateTime",
     .delegated_only = true,
     .why = "the whole list is read and compared; at most 20,000 objects"},
    one("chat", "chats/*", "chats('{id}')", "#Microsoft.Graph.chat"),
    none("chat", "appcatalogs/teamsapps/*/installedtochats", kPerTeam),
    compare(
        "channel", "teams/*/channels", "teams('{1}')/channels('{id}')", "#Microsoft.Graph.channel"
    ),
    none("channel", "teams/getallchannels", kPerTeam),
    compare("team", "teams", "teams('{id}')", "#Microsoft.Graph.team"),
    one("team", "teams/*", "teams('{id}')", "#Microsoft.Graph.team"),
    compare(
        "conversation-member", "teams/*/members", "teams('{1}')/members('{id}')",
        "#Microsoft.Graph.aadUserConversationMember"
    ),
    compare(
        "conversation-member", "chats/*/members", "chats('{1}')/members('{id}')",
        "#Microsoft.Graph.aadUserConversationMember"
    ),
    none("conversation-member", "teams/*/channels/getallmembers", kPerTeam),
    none("conversation-member", "chats/getallmembers", kPerTeam),
    none("conversation-member", "teams/getallmembers", kPerTeam),
    none("conversation-member", "teams/getallchannels/getallmembers", kPerTeam),
    none("conversation-member", "appcatalogs/teamsapps/*/installedtochats/getallmembers", kPerTeam),
    none("app-installation", "appcatalogs/teamsapps/*/installations", kPerTeam),
    none(
        "presence", "communications/presences",
        "it is rich only and changes all day: the next notification replaces a lost one"
    ),
    none(
        "presence", "communications/presences/*",
        "it is rich only and changes all day: the next notification replaces a lost one"
    ),
    compare(
        "shift", "teams/*/schedule/shifts", "teams('{1}')/schedule/shifts('{id}')",
        "#Microsoft.Graph.shift"
    ),
    compare(
        "open-shift-change-request", "teams/*/schedule/openshiftchangerequests",
        "teams('{1}')/schedule/openShiftChangeRequests('{id}')",
        "#Microsoft.Graph.openShiftChangeRequest"
    ),
    compare(
        "offer-shift-request", "teams/*/schedule/offershiftrequests",
        "teams('{1}')/schedule/offerShiftRequests('{id}')", "#Microsoft.Graph.offerShiftRequest"
    ),
    compare(
        "swap-shifts-change-request", "teams/*/schedule/swapshiftschangerequests",
        "teams('{1}')/schedule/swapShiftsChangeRequests('{id}')",
        "#Microsoft.Graph.swapShiftsChangeRequest"
    ),
    compare(
        "time-off-request", "teams/*/schedule/timeoffrequests",
        "teams('{1}')/schedule/timeOffRequests('{id}')", "#Microsoft.Graph.timeOffRequest"
    ),

    // --- calls and meetings
    {.kind = "call-record",
     .pattern = "communications/callrecords",
     .how = How::Since,
     .resync = Resync::NoDeletes,
     .ask = "{p}",
     .item = "communications/callRecords/{id}",
     .type = "#microsoft.graph.callrecord",
     .time = "startDateTime",
     // A record appears when the call is over, and is asked for by when it began.
     .created = "endDateTime",
     .overlap = 26h,
     .why = "calls that lasted longer than a day; records older than 30 days"},
    none("call-recording", "communications/onlinemeetings/getallrecordings", kNoList),
    none("call-recording", "communications/onlinemeetings/*/recordings", kNoList),
    none("call-recording", "users/*/onlinemeetings/getallrecordings", kNoList),
    none(
        "call-recording", "appcatalogs/teamsapps/*/installedtoonlinemeetings/getallrecordings",
        kNoList
    ),
    none("call-transcript", "communications/onlinemeetings/getalltranscripts", kNoList),
    none("call-transcript", "communications/onlinemeetings/*/transcripts", kNoList),
    none("call-transcript", "users/*/onlinemeetings/getalltranscripts", kNoList),
    none(
        "call-transcript", "appcatalogs/teamsapps/*/installedtoonlinemeetings/getalltranscripts",
        kNoList
    ),
    none(
        "online-meeting", "communications/onlinemeetings/*/meetingcallevents",
        "these are moments, not objects: nothing is left to be read"
    ),
    none("virtual-event", "solutions/virtualevents/events", kNoList),
    none("virtual-event", "solutions/virtualevents/events/geteventsfromorganizers/*", kNoList),
    one("virtual-event-webinar", "solutions/virtualevents/webinars/*",
        "solutions/virtualEvents/webinars/{id}", "#microsoft.graph.virtualEvent"),
    one("virtual-event-webinar", "solutions/virtualevents/townhalls/*",
        "solutions/virtualEvents/townhalls/{id}", "#microsoft.graph.virtualEvent"),
    compare(
        "virtual-event-session", "solutions/virtualevents/webinars/*/sessions",
        "solutions/virtualEvents/webinars/{1}/sessions/{id}", "#microsoft.graph.virtualEventSession"
    ),
    compare(
        "virtual-event-session", "solutions/virtualevents/townhalls/*/sessions",
        "solutions/virtualEvents/townhalls/{1}/sessions/{id}",
        "#microsoft.graph.virtualEventSession"
    ),
    compare(
        "virtual-event-registration", "solutions/virtualevents/webinars/*/registrations",
        "solutions/virtualEvents/webinars/{1}/registrations/{id}",
        "#microsoft.graph.virtualEventRegistration"
    ),
    compare(
        "virtual-event-registration", "solutions/virtualevents/townhalls/*/registrations",
        "solutions/virtualEvents/townhalls/{1}/registrations/{id}",
        "#microsoft.graph.virtualEventRegistration"
    ),

    // --- the rest
    {.kind = "approval",
     .pattern = "solutions/approval/approvalitems",
     .how = How::Compare,
     .ask = "{p}",
     .item = "solutions/approval/approvalItems/{id}",
     .type = "#microsoft.graph.approvalItem",
     .delegated_only = true,
     .why = "the whole list is read and compared; at most 20,000 objects"},
    none(
        "ai-interaction", "copilot/users/*/interactionhistory/getallenterpriseinteractions",
        "Graph's pages do not say how they are asked for by time of change"
    ),
    none("ai-interaction", "copilot/interactionhistory/getallenterpriseinteractions", kNoList),
    none("ai-insight", "copilot/users/*/onlinemeetings/getallaiinsights", kNoList),
    none("ai-insight", "copilot/users/*/onlinemeetings/*/aiinsights", kNoList),
    compare(
        "printer", "print/printers/*/jobs", "print/printers/{1}/jobs/{id}",
        "#microsoft.graph.printJob"
    ),
    compare(
        "print-task", "print/taskdefinitions/*/tasks", "print/taskDefinitions/{1}/tasks/{id}",
        "#microsoft.graph.printTask"
    ),
    none(
        "print-task", "print/printtaskdefinition/*/tasks",
        "write print/taskDefinitions/{id}/tasks, which can be listed"
    ),
    compare(
        "health-alert", "reports/healthmonitoring/alerts", "reports/healthmonitoring/alerts/{id}",
        "#microsoft.graph.healthMonitoring.alert"
    ),
    none("base-task", "users/*/tasks/lists/*/tasks", "Graph retires these tasks: use todo"),
    none("base-task", "users/*/tasks/alltasks", "Graph retires these tasks: use todo"),
});

}  // namespace

std::span<const Row> way_rows() noexcept {
    return kRows;
}

}  // namespace graphhook::subscriptions
