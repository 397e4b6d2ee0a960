#include "emulator/data/render.hpp"

#include "core/time_text.hpp"
#include "emulator/object_id.hpp"

#include <fmt/format.h>

#include <array>

namespace graphhook::emulator {
namespace {

namespace json = boost::json;

std::string seconds_text(SystemTime time) {
    return to_text(std::chrono::floor<std::chrono::seconds>(time));
}
SystemTime time_of(std::int64_t micros) {
    return SystemTime(std::chrono::microseconds(micros));
}
bool has(const Object& object, std::uint32_t flags) {
    return (object.flags & flags) != 0;
}

std::string user_principal_name(const Collection& users, const Object& user) {
    const auto id = users.id_of(user.number);
    if (id == object_id(users.shelf().ids, user.number))
        return fmt::format("user{}{}", user.number, kUserDomain);
    return id.find('@') == std::string::npos ? id + std::string(kUserDomain) : id;
}

void add_user(json::object& out, const Collection& users, const Object& user) {
    const auto upn = user_principal_name(users, user);
    out["displayName"] = fmt::format("User {}", user.number);
    out["userPrincipalName"] = upn;
    out["mail"] = upn;
    out["accountEnabled"] = !has(user, trait::kDisabled);
    out["userType"] = has(user, trait::kGuest) ? "Guest" : "Member";
    out["jobTitle"] = fmt::format("As of change {}", user.version);
    out["createdDateTime"] = seconds_text(user.created);
}

void add_group(json::object& out, const Object& group) {
    out["displayName"] = fmt::format("Group {}", group.number);
    out["description"] = fmt::format("As of change {}", group.version);
    out["mailEnabled"] = true;
    out["securityEnabled"] = false;
    out["groupTypes"] = json::array{"Unified"};
    out["createdDateTime"] = seconds_text(group.created);
}

/// A member is a reference: what it looks like is kept with the users, or the groups.
void add_member(json::object& out, const Tenant& tenant, const Object& member) {
    if (has(member, trait::kDevice)) {
        out["@odata.type"] = "#microsoft.graph.device";
        out["displayName"] = fmt::format("Device {}", member.number);
        out["deviceId"] = object_id(IdStyle::Guid, member.number);
        out["accountEnabled"] = true;
        return;
    }
    const Collection* const users = tenant.find("users");
    const Object* const user = users == nullptr ? nullptr : users->find_alive(member.number);
    const Collection* const groups = tenant.find("groups");
    const Object* const group = groups == nullptr ? nullptr : groups->find_alive(member.number);
    if (user != nullptr) {
        out["@odata.type"] = "#microsoft.graph.user";
        out["id"] = users->id_of(user->number);
        add_user(out, *users, *user);
    } else if (group != nullptr) {
        out["@odata.type"] = "#microsoft.graph.group";
        out["id"] = groups->id_of(group->number);
        add_group(out, *group);
    } else {
        out["@odata.type"] = "#microsoft.graph.user";
        out["displayName"] = fmt::format("User {}", member.number);
        out["userPrincipalName"] = fmt::format("user{}{}", member.number, kUserDomain);
        out["accountEnabled"] = true;
    }
}

void add_times(json::object& out, const Object& object) {
    out["createdDateTime"] = to_text(object.created);
    out["lastModifiedDateTime"] = to_text(object.modified);
}

/// "users/a/mailfolders/inbox/messages": the segment before the last.
std::string_view owner(std::string_view key) {
    const auto last = key.rfind('/');
    if (last == std::string_view::npos) return {};
    const auto before = key.rfind('/', last - 1);
    return key.substr(before + 1, last - before - 1);
}

void add_message(
    json::object& out, const Tenant& tenant, const Collection& messages, const Object& message
) {
    out["receivedDateTime"] = to_text(message.created);
    out["subject"] = fmt::format("Message {}", message.number);
    out["bodyPreview"] = fmt::format("As of change {}", message.version);
    out["isRead"] = message.version != message.born;
    out["importance"] = "normal";
    out["hasAttachments"] = false;
    out["from"] = {
        {"emailAddress", {{"name", "Somebody"}, {"address", fmt::format("somebody{}", kUserDomain)}}
        }
    };
    const auto& key = messages.key();
    const auto folder = owner(key);
    const auto folders_key = key.substr(0, key.size() - folder.size() - sizeof("/messages"));
    const Collection* const folders = tenant.find(folders_key);
    const auto number = folders == nullptr ? std::nullopt : folders->number_of(folder);
    out["parentFolderId"] =
        number ? folders->id_of(*number) : std::string(kFolderPrefix) + std::string(folder);
}

void add_mail_folder(
    json::object& out, const Tenant& tenant, const Collection& folders, const Object& folder
) {
    const auto id = folders.id_of(folder.number);
    const auto canonical = canonical_folder(id);
    const Collection* const messages = tenant.find(folders.key() + "/" + canonical + "/messages");
    const auto count = messages == nullptr ? 0 : messages->size();
    out["displayName"] =
        canonical == lower_case(id) ? fmt::format("Folder {}", folder.number) : canonical;
    out["parentFolderId"] = folder.aux == 0 ? std::string(kFolderPrefix) + "msgfolderroot"
                                            : folders.id_of(static_cast<std::uint64_t>(folder.aux));
    std::int64_t children = 0;
    for (const Object& other : folders.objects()) {
        if (!other.removed && other.aux == static_cast<std::int64_t>(folder.number)) ++children;
    }
    out["childFolderCount"] = children;
    out["totalItemCount"] = count;
    out["unreadItemCount"] = count;
    out["isHidden"] = false;
}

void add_drive_item(json::object& out, const Collection& items, const Object& item) {
    const auto drive = owner(items.key());
    out["eTag"] = fmt::format("\"{{{}}},{}\"", items.id_of(item.number), item.version);
    out["cTag"] = fmt::format("\"c:{{{}}},{}\"", items.id_of(item.number), item.version);
    add_times(out, item);
    if (has(item, trait::kRoot)) {
        out["name"] = "root";
        out["root"] = json::object{};
        out["parentReference"] = {{"driveId", drive}, {"driveType", "business"}};
    } else {
        const bool folder = has(item, trait::kFolder);
        out["name"] = folder ? fmt::format("Folder {}", item.number)
                             : fmt::format("Document {}.docx", item.number);
        const Object* const parent =
            item.aux == 0 ? items.find("root") : items.find(static_cast<std::uint64_t>(item.aux));
        out["parentReference"] = {
            {"driveId", drive},
            {"driveType", "business"},
            {"id", parent == nullptr ? std::string() : items.id_of(parent->number)},
        };
    }
    if (has(item, trait::kFolder)) {
        out["folder"] = {{"childCount", 0}};
    } else {
        out["file"] = {
            {"mimeType", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"}
        };
        out["size"] = 1000 + item.number % 1000;
    }
}

void add_presence(json::object& out, const Object& presence) {
    constexpr std::array<std::string_view, 4> kAvailable{"Available", "Busy", "Away", "Offline"};
    constexpr std::array<std::string_view, 4> kActivity{
        "Available", "InAMeeting", "Away", "Offline"
    };
    const auto at = static_cast<std::size_t>(presence.version % kAvailable.size());
    out["availability"] = kAvailable.at(at);
    out["activity"] = kActivity.at(at);
}

void add_alert(json::object& out, const Collection& alerts, const Object& alert) {
    out["title"] = fmt::format("Alert {}", alert.number);
    out["severity"] = "medium";
    out["createdDateTime"] = to_text(alert.created);
    if (alerts.key() == "security/alerts_v2") {
        out["lastUpdateDateTime"] = to_text(alert.modified);
        out["status"] = alert.version == alert.born ? "new" : "inProgress";
        out["serviceSource"] = "microsoftDefenderForEndpoint";
        return;
    }
    out["lastModifiedDateTime"] = to_text(alert.modified);
    out["eventDateTime"] = to_text(alert.created);
    out["status"] = alert.version == alert.born ? "newAlert" : "inProgress";
    out["vendorInformation"] = {{"provider", "IPC"}, {"vendor", "Microsoft"}};
}

json::object zoned(SystemTime time) {
    return {{"dateTime", to_text(time).substr(0, 19) + ".0000000"}, {"timeZone", "UTC"}};
}

}  // namespace

json::object render(const Tenant& tenant, const Collection& collection, const Object& object) {
    json::object out;
    const auto type = collection.shelf().type;
    const bool directory = collection.shelf().delta == DeltaStyle::Directory ||
                           type == Type::Member || type == Type::DriveItem;
    if (!directory) out["@odata.etag"] = outlook_etag(object.version);
    out["id"] = collection.id_of(object.number);
    switch (type) {
        case Type::User:
            add_user(out, collection, object);
            break;
        case Type::Group:
            add_group(out, object);
            break;
        case Type::Member:
            add_member(out, tenant, object);
            break;
        case Type::Conversation:
            out["topic"] = fmt::format("Conversation {}", object.number);
            out["hasAttachments"] = false;
            out["lastDeliveredDateTime"] = to_text(object.modified);
            out["preview"] = fmt::format("As of change {}", object.version);
            break;
        case Type::DriveItem:
            add_drive_item(out, collection, object);
            break;
        case Type::MailFolder:
            add_mail_folder(out, tenant, collection, object);
            break;
        case Type::Message:
            add_times(out, object);
            add_message(out, tenant, collection, object);
            break;
        case Type::Event: {
            add_times(out, object);
            out["subject"] = fmt::format("Event {}", object.number);
            out["bodyPreview"] = fmt::format("As of change {}", object.version);
            out["type"] = "singleInstance";
            out["start"] = zoned(time_of(object.aux));
            out["end"] = zoned(time_of(object.aux) + std::chrono::minutes(30));
            break;
        }
        case Type::Contact:
            add_times(out, object);
            out["displayName"] = fmt::format("Contact {}", object.number);
            out["jobTitle"] = fmt::format("As of change {}", object.version);
            out["parentFolderId"] = owner(collection.key());
            break;
        case Type::CallRecord:
            out["version"] = object.version - object.born + 1;
            out["type"] = "groupCall";
            out["startDateTime"] = to_text(object.created - std::chrono::hours(1));
            out["endDateTime"] = to_text(object.created);
            out["lastModifiedDateTime"] = to_text(object.modified);
            break;
        case Type::Alert:
            add_alert(out, collection, object);
            break;
        case Type::Presence:
            add_presence(out, object);
            break;
        case Type::TodoTask:
        case Type::ChatMessage:
            add_times(out, object);
            out[type == Type::TodoTask ? "title" : "summary"] =
                fmt::format("As of change {}", object.version);
            out[type == Type::TodoTask ? "status" : "messageType"] =
                type == Type::TodoTask ? "notStarted" : "message";
            break;
        default:
            add_times(out, object);
            out["displayName"] = fmt::format("{} {}", owner(collection.key()), object.number);
            out["description"] = fmt::format("As of change {}", object.version);
    }
    return out;
}

json::object render_sample(const Tenant& tenant, const Collection& collection) {
    Object sample;
    sample.number = 1;
    sample.version = 1;
    sample.born = 1;
    return render(tenant, collection, sample);
}

json::object render_removed(const Collection& collection, const Object& object) {
    const auto id = collection.id_of(object.number);
    if (collection.shelf().delta == DeltaStyle::Drive) {
        return {
            {"id", id},
            {"parentReference", {{"driveId", owner(collection.key())}}},
            {"deleted", {{"state", "deleted"}}}
        };
    }
    if (collection.shelf().delta == DeltaStyle::List)
        return {{"id", id}, {"deleted", {{"state", "deleted"}}}};
    return {
        {"id", id}, {"@removed", {{"reason", has(object, trait::kSoft) ? "changed" : "deleted"}}}
    };
}

}  // namespace graphhook::emulator
