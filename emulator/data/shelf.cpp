#include "emulator/data/shelf.hpp"

#include "emulator/object_id.hpp"
#include "emulator/url.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace graphhook::emulator {
namespace {

constexpr std::string_view kUsers = "User.Read.All User.ReadWrite.All Directory.Read.All User.Read";
constexpr std::string_view kGroups =
    "Group.Read.All Group.ReadWrite.All GroupMember.Read.All Directory.Read.All";
constexpr std::string_view kMail = "Mail.ReadBasic.All Mail.Read Mail.ReadWrite Mail.ReadBasic";
constexpr std::string_view kEvents = "Calendars.ReadBasic.All Calendars.Read Calendars.ReadWrite";
constexpr std::string_view kContacts = "Contacts.Read Contacts.ReadWrite";
constexpr std::string_view kTasks = "Tasks.Read.All Tasks.ReadWrite.All Tasks.Read Tasks.ReadWrite";
constexpr std::string_view kSites = "Sites.Read.All Sites.ReadWrite.All";
constexpr std::string_view kFiles =
    "Files.Read.All Files.ReadWrite.All Sites.Read.All Sites.ReadWrite.All Files.Read "
    "Files.ReadWrite";
constexpr std::string_view kChats = "Chat.ReadBasic.All Chat.Read.All Chat.ReadWrite.All";
constexpr std::string_view kChannels =
    "Channel.ReadBasic.All ChannelSettings.Read.All ChannelSettings.ReadWrite.All";
constexpr std::string_view kTeams = "Team.ReadBasic.All TeamSettings.Read.All";
constexpr std::string_view kLegacyAlerts = "SecurityEvents.Read.All SecurityEvents.ReadWrite.All";
constexpr std::string_view kAlerts = "SecurityAlert.Read.All SecurityAlert.ReadWrite.All";
constexpr std::string_view kChannelMessages = "ChannelMessage.Read.All";

constexpr auto kShelves = std::to_array<Shelf>({
    {"users", Type::User, IdStyle::Guid, kUsers, DeltaStyle::Directory},
    {"groups", Type::Group, IdStyle::Guid, kGroups, DeltaStyle::Directory},
    {"groups/{}/members", Type::Member, IdStyle::Guid, kGroups},
    {"groups/{}/owners", Type::Member, IdStyle::Guid, kGroups},
    {"groups/{}/conversations", Type::Conversation, IdStyle::Opaque,
     "Group.Read.All Group.ReadWrite.All"},
    {"sites", Type::Site, IdStyle::Guid, kSites},
    {"sites/{}/lists", Type::List, IdStyle::Guid, kSites},
    {"sites/{}/lists/{}/items", Type::ListItem, IdStyle::Number, kSites, DeltaStyle::List},
    {"drives", Type::Drive, IdStyle::Guid, kFiles},
    {"drives/{}/items", Type::DriveItem, IdStyle::DriveItem, kFiles, DeltaStyle::Drive},
    {"users/{}/mailfolders", Type::MailFolder, IdStyle::Outlook, kMail, DeltaStyle::Outlook},
    {"users/{}/mailfolders/{}/messages", Type::Message, IdStyle::Outlook, kMail, DeltaStyle::Outlook
    },
    {"users/{}/events", Type::Event, IdStyle::Outlook, kEvents, DeltaStyle::Calendar},
    {"users/{}/contactfolders", Type::ContactFolder, IdStyle::Outlook, kContacts,
     DeltaStyle::Outlook},
    {"users/{}/contactfolders/{}/contacts", Type::Contact, IdStyle::Outlook, kContacts,
     DeltaStyle::Outlook},
    {"users/{}/todo/lists", Type::TodoList, IdStyle::Opaque, kTasks, DeltaStyle::Outlook},
    {"users/{}/todo/lists/{}/tasks", Type::TodoTask, IdStyle::Opaque, kTasks, DeltaStyle::Outlook},
    {"communications/callrecords", Type::CallRecord, IdStyle::Guid, "CallRecords.Read.All"},
    {"communications/presences", Type::Presence, IdStyle::Guid,
     "Presence.Read.All Presence.ReadWrite.All"},
    {"security/alerts", Type::Alert, IdStyle::Alert, kLegacyAlerts},
    {"security/alerts_v2", Type::Alert, IdStyle::Alert, kAlerts},
    {"teams", Type::Team, IdStyle::Guid, kTeams},
    {"teams/{}/channels", Type::Channel, IdStyle::Opaque, kChannels},
    {"teams/{}/channels/{}/messages", Type::ChatMessage, IdStyle::Millis, kChannelMessages,
     DeltaStyle::Outlook},
    {"chats", Type::Chat, IdStyle::Opaque, kChats},
    {"users/{}/chats", Type::Chat, IdStyle::Opaque, kChats},
    {"chats/{}/messages", Type::ChatMessage, IdStyle::Millis, kChats},
});

/// Whether "users/{}/events" fits the segments from the first to `count`.
bool fits(std::string_view pattern, const std::vector<std::string>& segments, std::size_t count) {
    std::size_t at = 0;
    while (true) {
        const auto slash = pattern.find('/');
        const auto want = pattern.substr(0, slash);
        if (at >= count) return false;
        if (want != "{}" && want != segments[at]) return false;
        ++at;
        if (slash == std::string_view::npos) return at == count;
        pattern = pattern.substr(slash + 1);
    }
}

std::string joined(const std::vector<std::string>& segments, std::size_t count) {
    std::string out;
    for (std::size_t i = 0; i < count; ++i) {
        if (i > 0) out += '/';
        out += segments[i];
    }
    return out;
}

/// The collection that the first `count` segments name.
std::optional<Shelf> shelf_of(const std::vector<std::string>& segments, std::size_t count) {
    if (count == 0) return std::nullopt;
    for (const Shelf& shelf : kShelves) {
        if (fits(shelf.pattern, segments, count)) return shelf;
    }
    // What can be subscribed to can be listed, too.
    const auto known = recognise(joined(segments, count) + "?$filter=x");
    if (!known || known->path->object != "{id}") return std::nullopt;
    return Shelf{
        known->path->pattern,
        known->kind->name == "chatMessage" ? Type::ChatMessage : Type::Other,
        known->kind->ids,
        known->path->roles,
    };
}

/// "%40" and the like; a '+' is itself in a path.
std::string percent_decoded(std::string_view segment) {
    if (segment.find('%') == std::string_view::npos) return std::string(segment);
    std::string escaped;
    for (const char c : segment) {
        if (c == '+') {
            escaped += "%2B";
        } else {
            escaped += c;
        }
    }
    auto decoded = form_decode(escaped);
    return decoded ? std::move(*decoded) : std::string(segment);
}

std::optional<Place> found(
    Place::What what, const std::vector<std::string>& segments, std::size_t count, std::string id
) {
    const auto shelf = shelf_of(segments, count);
    if (!shelf) return std::nullopt;
    return Place{what, *shelf, joined(segments, count), std::move(id)};
}

/// Below users/{user}: the aliases of a mailbox's parts.
void spell_out_mailbox(std::vector<std::string>& segments) {
    if (segments[2] == "calendar" && segments.size() > 3) {
        segments.erase(segments.begin() + 2);
    } else if (segments[2] == "calendars" && segments.size() > 4) {
        segments.erase(segments.begin() + 2, segments.begin() + 4);
    } else if (segments[2] == "contacts") {
        segments.insert(segments.begin() + 2, {"contactfolders", "contacts"});
    } else if (segments[2] == "mailfolders" && segments.size() > 3 && segments[3] != "delta") {
        segments[3] = canonical_folder(segments[3]);
    }
}

/// users/{user}/drive and its kin become drives/{drive}; the length of the owner's path if so.
std::size_t owner_length(const std::vector<std::string>& segments) {
    if (segments.size() < 3) return 0;
    const bool owner = segments[0] == "users" || segments[0] == "groups" || segments[0] == "sites";
    return owner && (segments[2] == "drive" || segments[2] == "drives") ? 2 : 0;
}

std::optional<Place> drive_place(
    std::vector<std::string> segments, std::string id_as_written, bool delta
) {
    // drives/{d}[/root|/items/{i}][/children]
    segments[1] = lower_case(segments[1]);
    const std::vector<std::string> collection{"drives", segments[1], "items"};
    const auto make = [&](Place::What what, std::string id) {
        auto place = found(what, collection, 3, std::move(id));
        if (place) place->delta = delta;
        return place;
    };
    if (segments.size() == 2 && !delta) return found(Place::What::Object, segments, 1, segments[1]);
    if (segments.size() == 3 && segments[2] == "root")
        return make(delta ? Place::What::Collection : Place::What::Object, delta ? "" : "root");
    if (segments.size() == 4 && segments[2] == "root" && segments[3] == "children" && !delta)
        return make(Place::What::Children, "root");
    if (segments.size() == 4 && segments[2] == "items")
        return make(delta ? Place::What::Children : Place::What::Object, std::move(id_as_written));
    if (segments.size() == 5 && segments[2] == "items" && segments[4] == "children" && !delta)
        return make(Place::What::Children, segments[3]);
    return std::nullopt;
}

std::optional<Place> user_place(
    std::vector<std::string>& segments, std::string& written, bool delta
) {
    segments[1] = canonical_user(segments[1]);
    const auto size = segments.size();
    if (size == 3 && segments[2] == "messages") {
        auto place = found(
            Place::What::MailboxMessages, {"users", segments[1], "mailfolders"}, 3, std::string()
        );
        if (delta) place->what = Place::What::MailboxDelta;
        return place;
    }
    if (size == 4 && segments[2] == "messages") {
        return found(
            Place::What::MailboxMessage, {"users", segments[1], "mailfolders"}, 3,
            std::move(written)
        );
    }
    if (size >= 3) spell_out_mailbox(segments);
    if (segments.size() == 5 && segments[2] == "mailfolders" && segments[4] == "childfolders") {
        return found(Place::What::Children, segments, 3, segments[3]);
    }
    if (segments.size() == 3 && segments[2] == "calendarview") {
        auto place =
            found(Place::What::CalendarView, {"users", segments[1], "events"}, 3, std::string());
        place->delta = delta;
        return place;
    }
    return std::nullopt;
}

}  // namespace

std::vector<std::string_view> well_known_folders() {
    return {"inbox", "drafts", "sentitems", "deleteditems", "archive", "junkemail"};
}

std::string canonical_user(std::string_view segment) {
    auto user = lower_case(segment);
    if (user.starts_with("aad-upn:")) user.erase(0, 8);
    if (user.ends_with(kUserDomain)) user.resize(user.size() - kUserDomain.size());
    constexpr std::string_view kUser = "user";
    if (user.size() > kUser.size() && user.starts_with(kUser)) {
        std::uint64_t number = 0;
        const auto [end, error] =
            std::from_chars(user.data() + kUser.size(), user.data() + user.size(), number);
        if (error == std::errc{} && end == user.data() + user.size())
            return object_id(IdStyle::Guid, number);
    }
    return user;
}

std::string canonical_folder(std::string_view segment) {
    auto folder = lower_case(segment);
    const auto prefix = lower_case(kFolderPrefix);
    if (folder.starts_with(prefix)) folder.erase(0, prefix.size());
    return folder;
}

std::string drive_of(std::string_view owner) {
    auto id = "b!emulated." + lower_case(owner);
    std::replace(id.begin(), id.end(), '/', '.');
    return id;
}

std::optional<std::string> owner_of_drive(std::string_view drive) {
    constexpr std::string_view kPrefix = "b!emulated.";
    const auto id = lower_case(drive);
    if (!id.starts_with(kPrefix)) return std::nullopt;
    auto owner = id.substr(kPrefix.size());
    const auto dot = owner.find('.');
    if (dot != std::string::npos) owner[dot] = '/';
    return owner;
}

std::optional<Place> place_of(std::string_view path) {
    while (path.ends_with('/')) path.remove_suffix(1);
    if (path.starts_with('/')) path.remove_prefix(1);
    if (path.empty()) return std::nullopt;
    auto segments = path_segments(path);
    for (auto& segment : segments) segment = percent_decoded(segment);
    std::string written = segments.back();
    for (auto& segment : segments) segment = lower_case(segment);
    bool delta = false;
    for (const std::string_view name : {"delta", "delta()", "microsoft.graph.delta()"}) {
        if (segments.back() != name || segments.size() < 2) continue;
        delta = true;
        segments.pop_back();
        written = segments.back();
        break;
    }
    if (segments[0] == "users" && segments.size() > 1) segments[1] = canonical_user(segments[1]);
    if (const auto length = owner_length(segments); length > 0) {
        const bool list = segments[length] == "drives";
        auto drive = drive_of(joined(segments, length));
        if (segments.size() == length + 1 && !delta) {
            auto place = found(
                list ? Place::What::OwnDrives : Place::What::OwnDrive, {"drives"}, 1,
                std::move(drive)
            );
            return place;
        }
        if (list) return std::nullopt;
        segments.erase(segments.begin(), segments.begin() + static_cast<std::ptrdiff_t>(length));
        segments[0] = "drives";
        segments.insert(segments.begin() + 1, std::move(drive));
    }
    if (segments[0] == "drives" && segments.size() > 1)
        return drive_place(std::move(segments), std::move(written), delta);
    if (segments[0] == "users" && segments.size() > 1) {
        if (auto special = user_place(segments, written, delta)) return special;
    }
    if (segments[0] == "groups" && segments.size() == 3 && segments[2] == "transitivemembers") {
        segments[2] = "members";
        return delta ? std::nullopt
                     : found(Place::What::TransitiveMembers, segments, 3, std::string());
    }
    auto place = found(Place::What::Collection, segments, segments.size(), std::string());
    if (!place && !delta && segments.size() > 1)
        place = found(Place::What::Object, segments, segments.size() - 1, std::move(written));
    if (!place) return std::nullopt;
    if (delta && place->shelf.delta == DeltaStyle::None) return std::nullopt;
    // Events are followed through a window of time only.
    if (delta && place->shelf.delta == DeltaStyle::Calendar) return std::nullopt;
    place->delta = delta;
    return place;
}

std::string watch_key(const Recognised& resource) {
    const auto landing = landing_of(resource);
    const auto name = resource.kind->name;
    const auto& pattern = resource.path->pattern;
    if (name == "message" && resource.ids.size() == 1)
        return "users/" + canonical_user(resource.ids[0]) + "/messages";
    if (name == "contact" && resource.ids.size() == 1)
        return "users/" + canonical_user(resource.ids[0]) + "/contacts";
    if (name == "group" && pattern.ends_with("/owners"))
        return "groups/" + lower_case(resource.ids[0]) + "/owners";
    return landing.id.empty() ? landing.key : landing.key + "/" + lower_case(landing.id);
}

Landing landing_of(const Recognised& resource) {
    const auto name = resource.kind->name;
    const auto& ids = resource.ids;
    const std::string_view pattern = resource.path->pattern;
    std::vector<std::string> at;
    Landing landing;
    const auto land = [&] {
        landing.key = joined(at, at.size());
        if (const auto shelf = shelf_of(at, at.size())) {
            landing.shelf = *shelf;
        } else {
            landing.shelf = Shelf{pattern, Type::Other, resource.kind->ids, resource.path->roles};
        }
        landing.watched.insert(landing.watched.begin(), landing.key);
    };
    if (name == "message") {
        const auto user = canonical_user(ids[0]);
        at = {
            "users", user, "mailfolders", ids.size() > 1 ? canonical_folder(ids[1]) : "inbox",
            "messages"
        };
        landing.watched = {"users/" + user + "/messages"};
    } else if (name == "contact") {
        const auto user = canonical_user(ids[0]);
        at = {
            "users", user, "contactfolders", ids.size() > 1 ? lower_case(ids[1]) : "contacts",
            "contacts"
        };
        landing.watched = {"users/" + user + "/contacts"};
    } else if (name == "drive") {
        const bool own = pattern.starts_with("users/");
        at = {
            "drives", own ? drive_of("users/" + canonical_user(ids[0])) : lower_case(ids[0]),
            "items"
        };
    } else if (name == "list") {
        at = {"sites", lower_case(ids[0]), "lists", lower_case(ids[1]), "items"};
    } else if (name == "group" && pattern.find("}/") != std::string_view::npos) {
        const auto group = "groups/" + lower_case(ids[0]);
        at = {"groups", lower_case(ids[0]), pattern.ends_with("/owners") ? "owners" : "members"};
        landing.watched = {"groups", group};
    } else if (pattern.ends_with("/{}")) {
        at = path_segments(resource.text);
        for (auto& segment : at) segment = lower_case(segment);
        at.pop_back();
        landing.id = ids.back();
        landing.watched_by_object = true;
        if (name == "user") landing.id = canonical_user(ids.back());
    } else {
        at = path_segments(resource.text);
        for (auto& segment : at) segment = lower_case(segment);
        if (at[0] == "users" && at.size() > 1) at[1] = canonical_user(at[1]);
        landing.watched_by_object = true;
    }
    land();
    return landing;
}

}  // namespace graphhook::emulator
