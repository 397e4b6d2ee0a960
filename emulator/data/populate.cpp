#include "emulator/data/populate.hpp"

#include <boost/json/array.hpp>
#include <fmt/format.h>

#include <algorithm>

namespace graphhook::emulator {
namespace {

namespace json = boost::json;

constexpr std::uint64_t kMost = 10'000'000;
constexpr std::size_t kShownIds = 100;
/// In a drive every so manyth item is a folder, with the next ones in it.
constexpr std::uint64_t kItemsInFolder = 50;
/// Folders are in one another up to this depth.
constexpr std::uint64_t kFolderDepth = 4;

/// Reads the members of a request, and remembers the first that is wrong.
class Reader {
  public:
    explicit Reader(const json::object& body) : body_(body) {}

    std::uint64_t number(std::string_view name) {
        const auto* value = body_.if_contains(name);
        if (value == nullptr || value->is_null()) return 0;
        boost::system::error_code error;
        const auto result = value->to_number<std::uint64_t>(error);
        if (!error && result <= kMost) return result;
        complain(fmt::format("{} must be a whole number up to {}", name, kMost));
        return 0;
    }
    std::string text(std::string_view name) {
        const auto* value = body_.if_contains(name);
        if (value == nullptr || value->is_null()) return {};
        if (value->is_string()) return std::string(value->as_string());
        complain(fmt::format("{} must be text", name));
        return {};
    }
    bool flag(std::string_view name) {
        const auto* value = body_.if_contains(name);
        if (value == nullptr || value->is_null()) return false;
        if (value->is_bool()) return value->as_bool();
        complain(fmt::format("{} must be true or false", name));
        return false;
    }
    [[nodiscard]] bool says(std::string_view name, std::string_view text) const {
        const auto* value = body_.if_contains(name);
        return value != nullptr && value->is_string() && value->as_string() == text;
    }
    void complain(std::string why) {
        if (trouble_.empty()) trouble_ = std::move(why);
    }
    [[nodiscard]] const std::string& trouble() const { return trouble_; }

  private:
    const json::object& body_;
    std::string trouble_;
};

/// What is asked for.
struct Wanted {
    std::string tenant;
    std::uint64_t users = 0;
    std::uint64_t guests = 0;
    std::uint64_t disabled = 0;
    std::uint64_t devices = 0;
    std::uint64_t groups = 0;
    std::uint64_t group_members = 0;
    bool all_members = false;
    bool nested = false;
    std::string drive;
    std::uint64_t drive_items = 0;
    bool personal = false;
    std::string user;
    std::uint64_t mail_folders = 0;
    std::uint64_t messages = 0;
    std::string resource;
    std::uint64_t objects = 0;
};

Result<Wanted> read(const json::object& body) {
    Reader reader(body);
    Wanted wanted;
    wanted.tenant = reader.text("tenant");
    wanted.users = reader.number("users");
    wanted.guests = reader.number("guests");
    wanted.disabled = reader.number("disabled");
    wanted.devices = reader.number("devices");
    wanted.groups = reader.number("groups");
    wanted.all_members = reader.says("groupMembers", "all");
    if (!wanted.all_members) wanted.group_members = reader.number("groupMembers");
    wanted.nested = reader.flag("nestedGroups");
    wanted.drive = reader.text("drive");
    wanted.drive_items = reader.number("driveItems");
    wanted.personal = reader.flag("personal");
    wanted.user = reader.text("user");
    wanted.mail_folders = reader.number("mailFolders");
    wanted.messages = reader.number("messagesPerFolder");
    wanted.resource = reader.text("resource");
    wanted.objects = reader.number("objects");
    if (wanted.tenant.empty()) reader.complain("which tenant?");
    if (wanted.drive_items > 0 && wanted.drive.empty()) reader.complain("driveItems needs a drive");
    if ((wanted.mail_folders > 0 || wanted.messages > 0) && wanted.user.empty())
        reader.complain("mailFolders and messagesPerFolder need a user");
    if (wanted.objects > 0 && wanted.resource.empty()) reader.complain("objects needs a resource");
    if (wanted.guests + wanted.disabled > wanted.users)
        reader.complain("guests and disabled are among the users");
    if (!reader.trouble().empty()) return fail(Errc::BadInput, reader.trouble());
    return wanted;
}

/// Puts so many new objects into a collection; the number of the first.
template <class Look>
std::uint64_t put(World& world, Collection& collection, std::uint64_t count, Look look) {
    const auto first = world.next_objects(count);
    const auto at = world.next_time();
    for (std::uint64_t i = 0; i < count; ++i) {
        const auto [flags, aux] = look(i, first);
        collection.put(first + i, world.next_version(), at, flags, aux);
    }
    return first;
}

using LookOf = std::pair<std::uint32_t, std::int64_t>;

json::array first_ids(const Collection& collection, std::uint64_t first, std::uint64_t count) {
    json::array ids;
    for (std::uint64_t i = 0; i < std::min<std::uint64_t>(count, kShownIds); ++i)
        ids.push_back(json::value(collection.id_of(first + i)));
    return ids;
}

void add_people(World& world, const Wanted& wanted, json::object& answer) {
    Collection& users = world.open(wanted.tenant, "users");
    Collection& groups = world.open(wanted.tenant, "groups");
    std::uint64_t first_user = 0;
    if (wanted.users > 0) {
        first_user = put(world, users, wanted.users, [&](std::uint64_t i, std::uint64_t) {
            std::uint32_t flags = 0;
            if (i < wanted.disabled) flags |= trait::kDisabled;
            if (i >= wanted.users - wanted.guests) flags |= trait::kGuest;
            return LookOf{flags, 0};
        });
        answer["users"] = first_ids(users, first_user, wanted.users);
    }
    const auto first_device = wanted.devices == 0 ? 0 : world.next_objects(wanted.devices);
    if (wanted.groups == 0) return;
    const auto first_group =
        put(world, groups, wanted.groups, [](std::uint64_t, std::uint64_t) { return LookOf{}; });
    answer["groups"] = first_ids(groups, first_group, wanted.groups);
    const auto at = world.next_time();
    for (std::uint64_t g = 0; g < wanted.groups; ++g) {
        Collection& members =
            world.open(wanted.tenant, "groups/" + groups.id_of(first_group + g) + "/members");
        std::uint64_t left = wanted.all_members ? kMost : wanted.group_members;
        // Later groups have other users, until all have been in one.
        const auto count = users.objects().size();
        const auto from = wanted.all_members || count == 0 ? 0 : g * wanted.group_members % count;
        for (std::uint64_t i = 0; i < count && left > 0; ++i) {
            const Object& user = users.objects()[static_cast<std::size_t>((from + i) % count)];
            if (user.removed) continue;
            members.put(user.number, world.next_version(), at, 0, 0);
            --left;
        }
        for (std::uint64_t i = 0; i < wanted.devices; ++i)
            members.put(first_device + i, world.next_version(), at, trait::kDevice, 0);
        if (wanted.nested && g + 1 < wanted.groups)
            members.put(first_group + g + 1, world.next_version(), at, 0, 0);
    }
}

void add_drive_items(World& world, const Wanted& wanted, json::object& answer) {
    const auto place = place_of("drives/" + wanted.drive + "/root");
    if (!place) return;
    Collection& items = world.open(wanted.tenant, place->key, place->shelf);
    world.ensure_parents(wanted.tenant, items);
    if (wanted.personal) {
        const Object* const root = items.find("root");
        const auto flags = root->flags | trait::kPersonal;
        items.put(root->number, world.next_version(), world.next_time(), flags, 0);
    }
    put(world, items, wanted.drive_items, [](std::uint64_t i, std::uint64_t first) {
        const auto folder = i / kItemsInFolder;
        const bool is_folder = i % kItemsInFolder == 0;
        if (!is_folder)
            return LookOf{0, static_cast<std::int64_t>(first + folder * kItemsInFolder)};
        const auto parent = folder % kFolderDepth == 0 ? 0 : first + (folder - 1) * kItemsInFolder;
        return LookOf{trait::kFolder, static_cast<std::int64_t>(parent)};
    });
    answer["driveItems"] = items.size();
}

void add_mail(World& world, const Wanted& wanted, json::object& answer) {
    const auto user = canonical_user(wanted.user);
    Collection& folders = world.open(wanted.tenant, "users/" + user + "/mailfolders");
    put(world, folders, wanted.mail_folders,
        [](std::uint64_t, std::uint64_t) { return LookOf{trait::kFolder, 0}; });
    answer["mailFolders"] = folders.size();
    if (wanted.messages == 0) return;
    std::uint64_t messages = 0;
    for (const Object& folder : folders.objects()) {
        if (folder.removed) continue;
        Collection& inside = world.open(
            wanted.tenant,
            folders.key() + "/" + canonical_folder(folders.id_of(folder.number)) + "/messages"
        );
        put(world, inside, wanted.messages, [](std::uint64_t, std::uint64_t) { return LookOf{}; });
        messages += inside.size();
    }
    answer["messages"] = messages;
}

Result<void> add_objects(World& world, const Wanted& wanted, json::object& answer) {
    const auto place = place_of(wanted.resource);
    if (!place ||
        (place->what != Place::What::Collection && place->what != Place::What::MailboxMessages))
        return fail(Errc::BadInput, "the resource is no collection of objects");
    const auto key =
        place->what == Place::What::MailboxMessages ? place->key + "/inbox/messages" : place->key;
    Collection& collection = world.open(wanted.tenant, key);
    world.ensure_parents(wanted.tenant, collection);
    const auto in_an_hour = (world.next_time() + std::chrono::hours(1)).time_since_epoch().count();
    const bool events = collection.shelf().type == Type::Event;
    const auto first = put(world, collection, wanted.objects, [&](std::uint64_t, std::uint64_t) {
        return LookOf{0, events ? in_an_hour : 0};
    });
    answer["objects"] = first_ids(collection, first, wanted.objects);
    return {};
}

}  // namespace

Result<json::object> populate(World& world, const json::object& body) {
    const auto wanted = read(body);
    if (!wanted) return wanted.error();
    json::object answer{{"tenant", wanted->tenant}};
    if (wanted->users + wanted->devices + wanted->groups > 0) add_people(world, *wanted, answer);
    if (!wanted->drive.empty()) add_drive_items(world, *wanted, answer);
    if (!wanted->user.empty()) add_mail(world, *wanted, answer);
    if (wanted->objects > 0) {
        if (auto added = add_objects(world, *wanted, answer); !added) return added.error();
    }
    return answer;
}

Result<void> mark_user(
    World& world, std::string_view tenant, std::string_view user, std::string_view refuse
) {
    constexpr std::uint32_t kAll = trait::kNoMailbox | trait::kNoLicence | trait::kMailboxFull;
    std::uint32_t mark = 0;
    if (refuse == "no-mailbox") {
        mark = trait::kNoMailbox;
    } else if (refuse == "no-licence") {
        mark = trait::kNoLicence;
    } else if (refuse == "mailbox-quota") {
        mark = trait::kMailboxFull;
    } else if (refuse != "nothing") {
        return fail(
            Errc::BadInput, "refuse must be no-mailbox, no-licence, mailbox-quota or nothing"
        );
    }
    Collection& users = world.open(tenant, "users");
    const Object* const found = users.find(canonical_user(user));
    if (found == nullptr || found->removed) return fail(Errc::NotFound, "there is no such user");
    users.put(
        found->number, world.next_version(), world.next_time(), (found->flags & ~kAll) | mark,
        found->aux
    );
    return {};
}

}  // namespace graphhook::emulator
