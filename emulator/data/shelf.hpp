#pragma once

#include "emulator/kinds.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace graphhook::emulator {

/// What kind of object a collection holds: decides how it is shown.
enum class Type {
    User,
    Group,
    Member,  ///< refers to a user, device or group with the same number
    Conversation,
    Site,
    List,
    ListItem,
    Drive,
    DriveItem,
    MailFolder,
    Message,
    Event,
    ContactFolder,
    Contact,
    TodoList,
    TodoTask,
    CallRecord,
    Alert,
    Team,
    Channel,
    Chat,
    ChatMessage,
    Presence,
    Other,
};

/// How a collection tells what changed (protocol 8).
enum class DeltaStyle { None, Outlook, Calendar, Drive, List, Directory };

/// One form of collection. Patterns are in lower case; "{}" takes one segment.
struct Shelf {
    std::string_view pattern;
    Type type = Type::Other;
    IdStyle ids = IdStyle::Opaque;
    /// Application roles of which one is needed to read it; empty: none is documented.
    std::string_view roles;
    DeltaStyle delta = DeltaStyle::None;
};

/// What a path is about, once its many spellings are one.
struct Place {
    enum class What {
        Collection,
        Object,
        Children,         ///< of the object `id` in a collection of folders
        MailboxMessages,  ///< of all folders; `key` is the collection of folders
        MailboxMessage,   ///< one of them by `id`
        CalendarView,
        TransitiveMembers,
        OwnDrive,     ///< the one drive that belongs to something else, by `id`
        OwnDrives,    ///< a list with it alone
        MailboxDelta  ///< what is refused: only folders have one
    };
    What what = What::Collection;
    Shelf shelf;
    std::string key;  ///< of the collection: its path in lower case with one spelling
    std::string id;   ///< of the object, as written
    bool delta = false;
};

/// Reads the path of a request below the version, percent-encoded or not. Nothing if no collection
/// is like that.
std::optional<Place> place_of(std::string_view path);

/// Where a change to a subscribed resource happens, and who sees it.
struct Landing {
    Shelf shelf;
    std::string key;
    /// The object, where the resource is one object; else empty.
    std::string id;
    /// Watch keys that see every change there, besides `key/{id}`.
    std::vector<std::string> watched;
    bool watched_by_object = false;
};
Landing landing_of(const Recognised& resource);
/// What a subscription watches: equal to one of `watched` of the landings it sees, or to
/// "users/{id}".
std::string watch_key(const Recognised& resource);

/// "user7@emulated.example" and the id of user 7 are the same; lower case.
std::string canonical_user(std::string_view segment);
/// A well-known name for the id of such a folder; else the id in lower case.
std::string canonical_folder(std::string_view segment);
/// The drive of a user, a group or a site, by the path of its owner.
std::string drive_of(std::string_view owner);
/// The owner's path in lower case; nothing for a drive with an id of its own.
std::optional<std::string> owner_of_drive(std::string_view drive);

constexpr std::string_view kUserDomain = "@emulated.example";
/// The well-known folders of every mailbox, the inbox first, and the start of their ids.
constexpr std::string_view kFolderPrefix = "AQMkADemulated-";
std::vector<std::string_view> well_known_folders();

}  // namespace graphhook::emulator
