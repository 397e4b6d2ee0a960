#include "emulator/kinds.hpp"

#include <algorithm>
#include <array>
#include <cctype>

namespace graphhook::emulator {
namespace {

using std::chrono::minutes;

constexpr unsigned kC = bit(ChangeType::Created);
constexpr unsigned kU = bit(ChangeType::Updated);
constexpr unsigned kD = bit(ChangeType::Deleted);
constexpr unsigned kAll = kC | kU | kD;

constexpr auto kKinds = std::to_array<Kind>({
    {"message", "#Microsoft.Graph.Message", kAll, minutes(10'070), Shape::Outlook, IdStyle::Outlook,
     Lifecycle::RemovedAndMissed},
    {"event", "#Microsoft.Graph.Event", kAll, minutes(10'070), Shape::Outlook, IdStyle::Outlook,
     Lifecycle::RemovedAndMissed},
    {"contact", "#Microsoft.Graph.Contact", kAll, minutes(10'070), Shape::Outlook, IdStyle::Outlook,
     Lifecycle::RemovedAndMissed},
    {"drive", "#Microsoft.Graph.DriveItem", kU, minutes(42'300), Shape::Folder, IdStyle::DriveItem},
    {"list", "#Microsoft.Graph.ListItem", kU, minutes(42'300), Shape::TypeOnly, IdStyle::Number},
    {"user", "#Microsoft.Graph.User", kU | kD, minutes(41'760), Shape::Directory, IdStyle::Guid},
    {"group", "#Microsoft.Graph.Group", kU | kD, minutes(41'760), Shape::Directory, IdStyle::Guid},
    {"conversation", "#Microsoft.Graph.Conversation", kAll, minutes(4'230), Shape::Entity,
     IdStyle::Opaque},
    {"alert", "#IsgWebApi.SecurityGraphModel.Alert", kC | kU, minutes(43'200), Shape::Entity,
     IdStyle::Alert},
    {"chatMessage", "#Microsoft.Graph.chatMessage", kAll, minutes(4'320), Shape::Entity,
     IdStyle::Millis, Lifecycle::Removed, true},
    {"chat", "#Microsoft.Graph.chat", kAll, minutes(4'320), Shape::Entity, IdStyle::Opaque,
     Lifecycle::None, true},
    {"channel", "#Microsoft.Graph.channel", kAll, minutes(4'320), Shape::Entity, IdStyle::Opaque,
     Lifecycle::None, true},
    {"team", "#Microsoft.Graph.team", kAll, minutes(4'320), Shape::Entity, IdStyle::Guid,
     Lifecycle::None, true},
    {"conversationMember", "#Microsoft.Graph.aadUserConversationMember", kAll, minutes(4'320),
     Shape::Entity, IdStyle::Opaque, Lifecycle::None, true},
    {"teamsAppInstallation", "#Microsoft.Graph.teamsAppInstallation", kAll, minutes(4'320),
     Shape::Entity, IdStyle::Opaque, Lifecycle::None, true},
    {"presence", "#Microsoft.Graph.presence", kU, minutes(60), Shape::Entity, IdStyle::Guid,
     Lifecycle::None, true},
    {"callRecord", "#microsoft.graph.callrecord", kC | kU, minutes(4'230), Shape::Entity,
     IdStyle::Guid},
    {"callRecording", "#Microsoft.Graph.callRecording", kC, minutes(4'320), Shape::Entity,
     IdStyle::Opaque, Lifecycle::None, true},
    {"callTranscript", "#Microsoft.Graph.callTranscript", kC, minutes(4'320), Shape::Entity,
     IdStyle::Opaque, Lifecycle::None, true},
    {"onlineMeeting", "#microsoft.graph.callevent", kU, minutes(4'230), Shape::Entity,
     IdStyle::Opaque, Lifecycle::None, true},
    {"virtualEvent", "#microsoft.graph.virtualEvent", kC, minutes(1'440), Shape::Entity,
     IdStyle::Guid},
    {"virtualEventWebinar", "#microsoft.graph.virtualEvent", kU, minutes(1'440), Shape::Entity,
     IdStyle::Guid},
    {"virtualEventSession", "#microsoft.graph.virtualEventSession", kC | kU, minutes(1'440),
     Shape::Entity, IdStyle::Guid},
    {"virtualEventRegistration", "#microsoft.graph.virtualEventRegistration", kC | kU,
     minutes(1'440), Shape::Entity, IdStyle::Guid},
    {"shift", "#Microsoft.Graph.shift", kAll, minutes(360), Shape::Entity, IdStyle::Shift,
     Lifecycle::None, true},
    {"approval", "#microsoft.graph.approvalItem", kAll, minutes(43'200), Shape::Entity,
     IdStyle::Guid},
    {"aiInteraction", "#Microsoft.Graph.aiInteraction", kAll, minutes(4'320), Shape::Entity,
     IdStyle::Millis},
    {"aiInsights", "#Microsoft.Graph.callAiInsight", kC, minutes(4'320), Shape::Entity,
     IdStyle::Opaque},
    {"printer", "#microsoft.graph.printJob", kU, minutes(4'230), Shape::Entity, IdStyle::Number},
    {"printTaskDefinition", "#microsoft.graph.printTask", kC, minutes(4'230), Shape::Entity,
     IdStyle::Guid},
    {"todoTask", "#Microsoft.Graph.todoTask", kAll, minutes(4'230), Shape::Entity, IdStyle::Opaque},
    {"healthAlert", "#microsoft.graph.healthMonitoring.alert", kAll, minutes(42'300), Shape::Entity,
     IdStyle::Guid},
    {"baseTask", "#Microsoft.Graph.baseTask", kAll, minutes(4'230), Shape::Entity, IdStyle::Opaque},
});

constexpr std::string_view kObject = "{id}";

constexpr std::string_view kChats = "Chat.Read.All Chat.ReadWrite.All";
constexpr std::string_view kChatBasics = "Chat.ReadBasic.All Chat.Read.All Chat.ReadWrite.All";
constexpr std::string_view kChannels = "Channel.ReadBasic.All ChannelSettings.Read.All";
constexpr std::string_view kTeams = "Team.ReadBasic.All TeamSettings.Read.All";
constexpr std::string_view kChatMembers =
    "ChatMember.Read.All ChatMember.ReadWrite.All Chat.ReadBasic.All Chat.Read.All "
    "Chat.ReadWrite.All";
constexpr std::string_view kSchedule = "Schedule.Read.All Schedule.ReadWrite.All";
constexpr std::string_view kFiles = "Files.Read.All Files.ReadWrite.All";
constexpr std::string_view kMail = "Mail.Read Mail.ReadWrite";
constexpr std::string_view kInteractions =
    "AiEnterpriseInteraction.Read.All AiEnterpriseInteraction.Read.User";

constexpr auto kPaths = std::to_array<Path>({
    {"message", "users/{}/messages", "Users/{1}/Messages/{id}", kObject, kMail},
    {"message", "users/{}/mailfolders/{}/messages", "Users/{1}/Messages/{id}", kObject, kMail},
    {"event", "users/{}/events", "Users/{1}/Events/{id}", kObject,
     "Calendars.Read Calendars.ReadWrite"},
    {"contact", "users/{}/contacts", "Users/{1}/Contacts/{id}", kObject,
     "Contacts.Read Contacts.ReadWrite"},
    {"contact", "users/{}/contactfolders/{}/contacts", "Users/{1}/Contacts/{id}", kObject,
     "Contacts.Read Contacts.ReadWrite"},
    {"drive", "drives/{}/root", "{path}", "", kFiles},
    {"drive", "users/{}/drive/root", "{path}", "", kFiles},
    {"drive", "drives/{}/root/{*}", "{path}", "", kFiles},
    {"list", "sites/{}/lists/{}", "{path}", "", "Sites.Read.All Sites.ReadWrite.All"},
    {"user", "users", "Users/{id}", kObject, "User.Read.All User.ReadWrite.All"},
    {"user", "users/{}", "Users/{1}", "{1}", "User.Read.All User.ReadWrite.All"},
    {"group", "groups", "Groups/{id}", kObject, "Group.Read.All Group.ReadWrite.All"},
    {"group", "groups/{}", "Groups/{1}", "{1}", "Group.Read.All Group.ReadWrite.All"},
    {"group", "groups/{}/owners", "Groups/{1}", "{1}", "Group.Read.All Group.ReadWrite.All"},
    {"group", "groups/{}/members", "Groups/{1}", "{1}", "Group.Read.All Group.ReadWrite.All"},
    {"conversation", "groups/{}/conversations", "groups('{1}')/conversations('{id}')", kObject,
     "Group.Read.All Group.ReadWrite.All"},
    {.kind = "alert",
     .pattern = "security/alerts",
     .resource = "security/alerts/{id}",
     .object = kObject,
     .roles = "SecurityEvents.ReadWrite.All",
     .needs_filter = true},
    {"alert", "security/alerts/{}", "security/alerts/{1}", "{1}", "SecurityEvents.ReadWrite.All"},
    {"chatMessage", "teams/getallmessages",
     "teams('d29828b8-0000-4000-8000-07da6982f0f0')/channels('19:general@thread.tacv2')/"
     "messages('{id}')",
     kObject, "ChannelMessage.Read.All"},
    {"chatMessage", "teams/{}/channels/{}/messages",
     "teams('{1}')/channels('{2}')/messages('{id}')", kObject, "ChannelMessage.Read.All"},
    {"chatMessage", "chats/getallmessages", "chats('19:emulated@unq.gbl.spaces')/messages('{id}')",
     kObject, "Chat.Read.All"},
    {"chatMessage", "chats/{}/messages", "chats('{1}')/messages('{id}')", kObject, "Chat.Read.All"},
    {"chatMessage", "users/{}/chats/getallmessages",
     "chats('19:emulated@unq.gbl.spaces')/messages('{id}')", kObject, kChats},
    {"chatMessage", "appcatalogs/teamsapps/{}/installedtochats/getallmessages",
     "chats('19:emulated@unq.gbl.spaces')/messages('{id}')", kObject,
     "Chat.Read.WhereInstalled Chat.ReadWrite.WhereInstalled"},
    {"chat", "chats", "chats('{id}')", kObject, kChatBasics},
    {"chat", "chats/{}", "chats('{1}')", "{1}", kChatBasics},
    {"chat", "users/{}/chats", "chats('{id}')", kObject, kChatBasics},
    {"chat", "appcatalogs/teamsapps/{}/installedtochats", "chats('{id}')", kObject, kChatBasics},
    {"channel", "teams/getallchannels",
     "teams('d29828b8-0000-4000-8000-07da6982f0f0')/channels('{id}')", kObject, kChannels},
    {"channel", "teams/{}/channels", "teams('{1}')/channels('{id}')", kObject, kChannels},
    {"team", "teams", "teams('{id}')", kObject, kTeams},
    {"team", "teams/{}", "teams('{1}')", "{1}", kTeams},
    {"conversationMember", "teams/{}/members", "teams('{1}')/members('{id}')", kObject,
     "TeamMember.Read.All"},
    {"conversationMember", "teams/getallmembers",
     "teams('d29828b8-0000-4000-8000-07da6982f0f0')/members('{id}')", kObject,
     "TeamMember.Read.All"},
    {"conversationMember", "teams/{}/channels/getallmembers",
     "teams('{1}')/channels('19:general@thread.tacv2')/members('{id}')", kObject,
     "ChannelMember.Read.All"},
    {"conversationMember", "teams/getallchannels/getallmembers",
     "teams('d29828b8-0000-4000-8000-07da6982f0f0')/channels('19:general@thread.tacv2')/"
     "members('{id}')",
     kObject, "ChannelMember.Read.All"},
    {"conversationMember", "chats/{}/members", "chats('{1}')/members('{id}')", kObject, kChatMembers
    },
    {"conversationMember", "chats/getallmembers",
     "chats('19:emulated@unq.gbl.spaces')/members('{id}')", kObject, kChatMembers},
    {"conversationMember", "appcatalogs/teamsapps/{}/installedtochats/getallmembers",
     "chats('19:emulated@unq.gbl.spaces')/members('{id}')", kObject, kChatMembers},
    {"teamsAppInstallation", "appcatalogs/teamsapps/{}/installations",
     "appCatalogs/teamsApps('{1}')/installations('{id}')", kObject, ""},
    {.kind = "presence",
     .pattern = "communications/presences",
     .resource = "communications/presences/{id}",
     .object = kObject,
     .roles = "",
     .needs_filter = true},
    {"presence", "communications/presences/{}", "communications/presences/{1}", "{1}", ""},
    {"callRecord", "communications/callrecords", "communications/callRecords/{id}", kObject,
     "CallRecords.Read.All"},
    {"callRecording", "communications/onlinemeetings/getallrecordings",
     "communications/onlineMeetings('MSo1N2Y5emulated')/recordings('{id}')", kObject,
     "OnlineMeetingRecording.Read.All"},
    {"callRecording", "communications/onlinemeetings/{}/recordings",
     "communications/onlineMeetings('{1}')/recordings('{id}')", kObject,
     "OnlineMeetingRecording.Read.All"},
    {"callRecording", "users/{}/onlinemeetings/getallrecordings",
     "users('{1}')/onlineMeetings('MSo1N2Y5emulated')/recordings('{id}')", kObject,
     "OnlineMeetingRecording.Read.All"},
    {.kind = "callRecording",
     .pattern = "appcatalogs/teamsapps/{}/installedtoonlinemeetings/getallrecordings",
     .resource = "communications/onlineMeetings('MSo1N2Y5emulated')/recordings('{id}')",
     .object = kObject,
     .roles = "OnlineMeetingRecording.Read.All",
     .beta_only = true},
    {"callTranscript", "communications/onlinemeetings/getalltranscripts",
     "communications/onlineMeetings('MSo1N2Y5emulated')/transcripts('{id}')", kObject,
     "OnlineMeetingTranscript.Read.All"},
    {"callTranscript", "communications/onlinemeetings/{}/transcripts",
     "communications/onlineMeetings('{1}')/transcripts('{id}')", kObject,
     "OnlineMeetingTranscript.Read.All"},
    {"callTranscript", "users/{}/onlinemeetings/getalltranscripts",
     "users('{1}')/onlineMeetings('MSo1N2Y5emulated')/transcripts('{id}')", kObject,
     "OnlineMeetingTranscript.Read.All"},
    {.kind = "callTranscript",
     .pattern = "appcatalogs/teamsapps/{}/installedtoonlinemeetings/getalltranscripts",
     .resource = "communications/onlineMeetings('MSo1N2Y5emulated')/transcripts('{id}')",
     .object = kObject,
     .roles = "OnlineMeetingTranscript.Read.All",
     .beta_only = true},
    {.kind = "onlineMeeting",
     .pattern = "communications/onlinemeetings(*/meetingcallevents",
     .resource = "{path}",
     .object = "{path}",
     .roles = "OnlineMeetings.Read.All OnlineMeetings.ReadWrite.All",
     .beta_only = true},
    {"virtualEvent", "solutions/virtualevents/events", "solutions/virtualEvents/events/{id}",
     "solutions/virtualEvents/events/{id}", "VirtualEvent.Read.All"},
    {"virtualEvent", "solutions/virtualevents/events/geteventsfromorganizers(*",
     "solutions/virtualEvents/events/{id}", "solutions/virtualEvents/events/{id}",
     "VirtualEvent.Read.All"},
    {"virtualEventWebinar", "solutions/virtualevents/webinars/{}",
     "solutions/virtualEvents/webinars/{1}", "solutions/virtualEvents/webinars/{1}",
     "VirtualEvent.Read.All"},
    {"virtualEventWebinar", "solutions/virtualevents/townhalls/{}",
     "solutions/virtualEvents/townhalls/{1}", "solutions/virtualEvents/townhalls/{1}",
     "VirtualEvent.Read.All"},
    {"virtualEventSession", "solutions/virtualevents/webinars/{}/sessions",
     "solutions/virtualEvents/webinars/{1}/sessions/{id}",
     "solutions/virtualEvents/webinars/{1}/sessions/{id}", "VirtualEvent.Read.All"},
    {"virtualEventSession", "solutions/virtualevents/townhalls/{}/sessions",
     "solutions/virtualEvents/townhalls/{1}/sessions/{id}",
     "solutions/virtualEvents/townhalls/{1}/sessions/{id}", "VirtualEvent.Read.All"},
    {"virtualEventRegistration", "solutions/virtualevents/webinars/{}/registrations",
     "solutions/virtualEvents/webinars/{1}/registrations/{id}",
     "solutions/virtualEvents/webinars/{1}/registrations/{id}", "VirtualEvent.Read.All"},
    {"shift", "teams/{}/schedule/shifts", "teams('{1}')/schedule/shifts('{id}')", kObject, kSchedule
    },
    {"shift", "teams/{}/schedule/openshiftchangerequests",
     "teams('{1}')/schedule/openShiftChangeRequests('{id}')", kObject, kSchedule},
    {"shift", "teams/{}/schedule/offershiftrequests",
     "teams('{1}')/schedule/offerShiftRequests('{id}')", kObject, kSchedule},
    {"shift", "teams/{}/schedule/swapshiftschangerequests",
     "teams('{1}')/schedule/swapShiftsChangeRequests('{id}')", kObject, kSchedule},
    {"shift", "teams/{}/schedule/timeoffrequests", "teams('{1}')/schedule/timeOffRequests('{id}')",
     kObject, kSchedule},
    {"approval", "solutions/approval/approvalitems", "solutions/approval/approvalItems/{id}",
     kObject, ""},
    {"aiInteraction", "copilot/users/{}/interactionhistory/getallenterpriseinteractions",
     "copilot/users('{1}')/interactionHistory/interactions('{id}')", kObject, kInteractions},
    {"aiInteraction", "copilot/interactionhistory/getallenterpriseinteractions",
     "copilot/interactionHistory/interactions('{id}')", kObject,
     "AiEnterpriseInteraction.Read.All"},
    {"aiInsights", "copilot/users/{}/onlinemeetings/getallaiinsights",
     "copilot/users('{1}')/onlineMeetings('MSo1N2Y5emulated')/aiInsights('{id}')", kObject, ""},
    {"aiInsights", "copilot/users/{}/onlinemeetings/{}/aiinsights",
     "copilot/users('{1}')/onlineMeetings('{2}')/aiInsights('{id}')", kObject, ""},
    {.kind = "printer",
     .pattern = "print/printers/{}/jobs",
     .resource = "print/printers/{1}/jobs/{id}",
     .object = kObject,
     .roles = "Printer.Read.All Printer.ReadWrite.All",
     .needs_query_options = true},
    {"printTaskDefinition", "print/taskdefinitions/{}/tasks",
     "print/taskDefinitions/{1}/tasks/{id}", kObject, "PrintTaskDefinition.ReadWrite.All"},
    {"printTaskDefinition", "print/printtaskdefinition/{}/tasks",
     "print/taskDefinitions/{1}/tasks/{id}", kObject, "PrintTaskDefinition.ReadWrite.All"},
    {"todoTask", "users/{}/todo/lists/{}/tasks",
     "todob2/graph/v1/users('{1}')/todoApp/lists('{2}')/tasks", kObject, "Tasks.ReadWrite.All"},
    {"healthAlert", "reports/healthmonitoring/alerts", "reports/healthmonitoring/alerts/{id}",
     kObject, ""},
    {.kind = "baseTask",
     .pattern = "users/{}/tasks/lists/{}/tasks",
     .resource = "users('{1}')/tasks/lists('{2}')/tasks('{id}')",
     .object = kObject,
     .roles = "Tasks.ReadWrite.All",
     .beta_only = true},
    {.kind = "baseTask",
     .pattern = "users/{}/tasks/alltasks",
     .resource = "users('{1}')/tasks/alltasks('{id}')",
     .object = kObject,
     .roles = "Tasks.ReadWrite.All",
     .beta_only = true},
});

bool matches(
    std::string_view pattern, const std::vector<std::string>& segments,
    std::vector<std::string>& ids
) {
    ids.clear();
    std::size_t at = 0;
    while (!pattern.empty()) {
        const auto slash = pattern.find('/');
        const auto want = pattern.substr(0, slash);
        pattern = slash == std::string_view::npos ? std::string_view{} : pattern.substr(slash + 1);
        if (at >= segments.size()) return false;
        const std::string& have = segments[at++];
        if (want == "{*}") {
            std::string rest = have;
            for (; at < segments.size(); ++at) rest += "/" + segments[at];
            if (rest.empty()) return false;
            ids.push_back(std::move(rest));
            return true;
        }
        if (want == "{}") {
            if (have.empty() || have.find('(') != std::string::npos) return false;
            ids.push_back(have);
        } else if (want.ends_with("(*")) {
            if (!lower_case(have).starts_with(want.substr(0, want.size() - 1)) ||
                !have.ends_with(')'))
                return false;
        } else if (lower_case(have) != want) {
            return false;
        }
    }
    return at == segments.size();
}

}  // namespace

std::string lower_case(std::string_view text) {
    std::string out(text);
    std::transform(out.begin(), out.end(), out.begin(), [](unsigned char c) {
        return static_cast<char>(std::tolower(c));
    });
    return out;
}

std::vector<std::string> path_segments(std::string_view path) {
    std::vector<std::string> segments;
    std::string current;
    const auto end_segment = [&] {
        const auto open = current.find("('");
        if (open != std::string::npos && open > 0 && current.ends_with("')") &&
            current.size() > open + 4) {
            segments.push_back(current.substr(0, open));
            segments.push_back(current.substr(open + 2, current.size() - open - 4));
        } else {
            segments.push_back(current);
        }
        current.clear();
    };
    int depth = 0;
    bool quoted = false;
    for (const char c : path) {
        if (c == '\'') quoted = !quoted;
        if (!quoted && c == '(') ++depth;
        if (!quoted && c == ')') --depth;
        if (c == '/' && !quoted && depth <= 0) {
            end_segment();
        } else {
            current += c;
        }
    }
    end_segment();
    return segments;
}

std::string_view to_string(ChangeType type) noexcept {
    switch (type) {
        case ChangeType::Created:
            return "created";
        case ChangeType::Updated:
            return "updated";
        case ChangeType::Deleted:
            return "deleted";
    }
    return "";
}

std::optional<ChangeType> parse_change_type(std::string_view text) noexcept {
    for (const auto type : {ChangeType::Created, ChangeType::Updated, ChangeType::Deleted}) {
        const auto name = to_string(type);
        if (std::equal(text.begin(), text.end(), name.begin(), name.end(), [](char a, char b) {
                return std::tolower(static_cast<unsigned char>(a)) == b;
            })) {
            return type;
        }
    }
    return std::nullopt;
}

std::optional<unsigned> parse_change_types(std::string_view text) {
    unsigned mask = 0;
    while (true) {
        const auto comma = text.find(',');
        auto word = text.substr(0, comma);
        while (word.starts_with(' ')) word.remove_prefix(1);
        while (word.ends_with(' ')) word.remove_suffix(1);
        const auto type = parse_change_type(word);
        if (!type) return std::nullopt;
        mask |= bit(*type);
        if (comma == std::string_view::npos) return mask;
        text.remove_prefix(comma + 1);
    }
}

std::span<const Kind> kinds() noexcept {
    return kKinds;
}
std::span<const Path> paths() noexcept {
    return kPaths;
}

const Kind* find_kind(std::string_view name) noexcept {
    const auto wanted = lower_case(name);
    const auto it = std::find_if(kKinds.begin(), kKinds.end(), [&](const Kind& kind) {
        return lower_case(kind.name) == wanted;
    });
    return it == kKinds.end() ? nullptr : &*it;
}

minutes rich_life(const Kind& kind) noexcept {
    if (kind.shape == Shape::Outlook) return minutes(1'440);
    constexpr auto kRich = std::to_array<std::string_view>(
        {"chatMessage", "chat", "channel", "team", "conversationMember", "onlineMeeting",
         "callRecording", "callTranscript", "aiInteraction"}
    );
    if (kind.name == "presence") return minutes(60);
    const bool rich = std::find(kRich.begin(), kRich.end(), kind.name) != kRich.end();
    return rich ? minutes(4'320) : minutes(0);
}

Result<Recognised> recognise(std::string_view resource) {
    if (resource.starts_with('/')) resource.remove_prefix(1);
    const auto question = resource.find('?');
    const auto query = question == std::string_view::npos
                           ? std::string{}
                           : lower_case(resource.substr(question + 1));
    const auto text = resource.substr(0, question);
    const auto segments = path_segments(text);
    if (lower_case(segments.front()) == "me") {
        return fail(
            Errc::BadInput, "/me request is only valid with delegated authentication flow."
        );
    }
    // "chats/getAllMembers" fits "chats/{}", too: the form that takes the fewest names for ids is
    // meant.
    Recognised found;
    std::vector<std::string> ids;
    for (const Path& path : kPaths) {
        if (!matches(path.pattern, segments, ids)) continue;
        if (found.path != nullptr && found.ids.size() <= ids.size()) continue;
        found.path = &path;
        found.ids = ids;
    }
    if (found.path == nullptr) return fail(Errc::NotFound, "no kind has such a path");
    if (found.path->needs_filter && query.find("$filter=") == std::string::npos &&
        query.find("%24filter=") == std::string::npos) {
        return fail(Errc::BadInput, "A $filter is required to subscribe to this collection.");
    }
    found.kind = find_kind(found.path->kind);
    found.text = std::string(text);
    if (found.kind->shape == Shape::Outlook) {
        found.key = "users/" + lower_case(found.ids.front());
    } else {
        for (const auto& segment : segments)
            found.key += (found.key.empty() ? "" : "/") + lower_case(segment);
    }
    return found;
}

unsigned allowed_changes(const Recognised& recognised) noexcept {
    return recognised.path->changes != 0 ? recognised.path->changes : recognised.kind->changes;
}

}  // namespace graphhook::emulator
