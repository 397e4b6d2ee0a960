#include "emulator/data/world.hpp"

#include "emulator/object_id.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace graphhook::emulator {
namespace {

ApiError gone() {
    return {404, "ResourceNotFound", "The object was not found."};
}

ApiError refused(int status, std::string_view name, std::string_view reason) {
    return {
        status, "ExtensionError",
        fmt::format("Operation: Create; Exception: [Status Code: {}; Reason: {}]", name, reason)
    };
}

/// The second segment of users/… and of groups/….
std::string_view second(std::string_view key, std::string_view first) {
    if (!key.starts_with(first)) return {};
    key.remove_prefix(first.size());
    return key.substr(0, key.find('/'));
}

bool is_mailbox(Type type) {
    return type == Type::MailFolder || type == Type::Message || type == Type::Event ||
           type == Type::ContactFolder || type == Type::Contact;
}

}  // namespace

const Collection* Tenant::find(std::string_view key) const {
    const auto found = collections_.find(std::string(key));
    return found == collections_.end() ? nullptr : found->second.get();
}

std::uint64_t World::next_objects(std::uint64_t count) {
    const auto first = objects_ + 1;
    objects_ += count;
    return first;
}

SystemTime World::next_time() {
    last_at_ = std::max(clock_.system_now(), last_at_ + std::chrono::microseconds(1));
    return last_at_;
}

void World::clear() {
    tenants_.clear();
    ++generation_;
}

Tenant& World::tenant(std::string_view name) {
    const auto found = tenants_.find(name);
    if (found != tenants_.end()) return found->second;
    return tenants_.try_emplace(std::string(name), std::string(name)).first->second;
}

std::vector<std::string> World::tenants() const {
    std::vector<std::string> names;
    for (const auto& [name, tenant] : tenants_) names.push_back(name);
    return names;
}

Collection& World::open(std::string_view tenant_name, std::string_view key, const Shelf& shelf) {
    Tenant& in = tenant(tenant_name);
    auto& collection = in.collections_[std::string(key)];
    if (!collection) {
        collection = std::make_unique<Collection>(std::string(key), shelf);
        Collection& made = *collection;
        if (shelf.type == Type::Member) in.memberships_.push_back(&made);
        fill(tenant_name, made);
        return made;
    }
    return *collection;
}

Collection& World::open(std::string_view tenant_name, std::string_view path) {
    const auto place = place_of(path);
    return place ? open(tenant_name, place->key, place->shelf)
                 : open(tenant_name, lower_case(path), Shelf{.pattern = {}, .roles = {}});
}

void World::fill(std::string_view, Collection& collection) {
    const auto at = next_time();
    const auto add = [&](std::string id, std::string_view alias, std::uint32_t flags) {
        const auto number = next_objects();
        collection.name(number, std::move(id), alias);
        collection.put(number, next_version(), at, flags, 0);
    };
    switch (collection.shelf().type) {
        case Type::MailFolder:
            for (const auto name : well_known_folders())
                add(std::string(kFolderPrefix) + std::string(name), name, trait::kFolder);
            break;
        case Type::TodoList:
            add("AQMkADemulated-tasks", "tasks", 0);
            break;
        case Type::DriveItem:
            add("01EMULATEDROOT", "root", trait::kFolder | trait::kRoot);
            break;
        default:
            break;
    }
}

std::uint64_t World::ensure(Collection& collection, std::string_view id) {
    const auto number = collection.number_of(id);
    if (number && collection.find_alive(*number) != nullptr) return *number;
    // A number of ours for an object elsewhere would clash with one that comes.
    std::uint64_t made = number.value_or(0);
    if (!number || *number > objects_) {
        made = next_objects();
        collection.name(made, std::string(id));
    }
    collection.put(made, next_version(), next_time(), 0, 0);
    return made;
}

void World::ensure_parents(std::string_view tenant_name, const Collection& collection) {
    const std::string_view key = collection.key();
    const auto last = key.rfind('/');
    if (last == std::string_view::npos) return;
    const auto id_at = key.rfind('/', last - 1);
    if (id_at == std::string_view::npos) return;
    const auto parent = key.substr(0, id_at);
    const auto id = key.substr(id_at + 1, last - id_at - 1);
    // Users and groups are there when somebody makes them; what belongs to a user is not listed.
    if (parent == "users" || parent == "groups") return;
    if (parent == "drives" && owner_of_drive(id)) return;
    if (parent.ends_with("/contactfolders") && id == "contacts") return;
    const auto place = place_of(parent);
    if (!place || place->what != Place::What::Collection || place->key != parent) return;
    Collection& above = open(tenant_name, place->key, place->shelf);
    ensure_parents(tenant_name, above);
    ensure(above, id);
}

std::uint64_t World::number_at(
    std::string_view tenant_name, const Landing& landing, std::string_view id
) {
    if (landing.shelf.type == Type::Member) {
        const Collection& groups = open(tenant_name, "groups");
        const auto group = groups.number_of(id);
        if (group && groups.find_alive(*group) != nullptr) return *group;
        return ensure(open(tenant_name, "users"), canonical_user(id));
    }
    Collection& collection = open(tenant_name, landing.key, landing.shelf);
    if (landing.shelf.type == Type::User) return ensure(collection, canonical_user(id));
    return ensure(collection, id);
}

bool World::is_device(const Tenant& in, std::string_view id) {
    return std::any_of(in.memberships_.begin(), in.memberships_.end(), [id](const auto* members) {
        const Object* const member = members->find(id);
        return member != nullptr && (member->flags & trait::kDevice) != 0;
    });
}

void World::leave_groups(Tenant& in, std::uint64_t user) {
    for (Collection* const members : in.memberships_) {
        if (members->find_alive(user) == nullptr) continue;
        const auto at = next_time();
        members->remove(user, next_version(), at, false);
        Collection& groups = open(in.name(), "groups");
        const auto group = groups.number_of(second(members->key(), "groups/"));
        if (group) groups.touch(*group, next_version(), at);
    }
}

Happening World::change(
    std::string_view tenant_name, const Landing& landing, ChangeType type, std::uint64_t number,
    const Detail& detail
) {
    Collection& collection = open(tenant_name, landing.key, landing.shelf);
    ensure_parents(tenant_name, collection);
    Happening done;
    done.at = next_time();
    done.object = number;
    const Object* const known = collection.find_alive(number);
    const std::uint32_t flags = known == nullptr ? 0 : known->flags;
    std::int64_t aux = known == nullptr ? 0 : known->aux;
    if (landing.shelf.type == Type::Event) {
        if (known == nullptr) aux = (done.at + std::chrono::hours(1)).time_since_epoch().count();
        if (detail.start) aux = detail.start->time_since_epoch().count();
    }
    const auto name_in = [](const Collection& in, std::uint64_t of) {
        auto id = in.id_of(of);
        return id == object_id(in.shelf().ids, of) ? std::string() : id;
    };
    done.version = next_version();
    if (type == ChangeType::Deleted) {
        collection.remove(number, done.version, done.at, detail.soft);
    } else {
        collection.put(number, done.version, done.at, flags, aux);
    }
    if (landing.shelf.type == Type::Member) {
        Collection& groups = open(tenant_name, "groups");
        Collection& users = open(tenant_name, "users");
        // Who joins a group is a user, if nothing else is known.
        if (type != ChangeType::Deleted && groups.find(number) == nullptr &&
            users.find(number) == nullptr && (flags & trait::kDevice) == 0)
            users.put(number, next_version(), done.at, 0, 0);
        const auto group = ensure(groups, second(landing.key, "groups/"));
        // The newest number goes to the group: it is what the notification is about.
        done.version = next_version();
        groups.touch(group, done.version, done.at);
        done.object = group;
        done.member = number;
        done.name = name_in(groups, group);
        return done;
    }
    if (landing.shelf.type == Type::User && type == ChangeType::Deleted)
        leave_groups(tenant(tenant_name), number);
    done.name = name_in(collection, number);
    return done;
}

std::pair<Happening, Happening> World::move(
    std::string_view tenant_name, const Landing& from, const Landing& to, std::uint64_t number
) {
    Collection& source = open(tenant_name, from.key, from.shelf);
    if (source.find_alive(number) == nullptr)
        change(tenant_name, from, ChangeType::Created, number);
    auto left = change(tenant_name, from, ChangeType::Deleted, number);
    auto arrived = change(tenant_name, to, ChangeType::Created, number);
    return {std::move(left), std::move(arrived)};
}

std::optional<ApiError> World::refuses_subscription(
    std::string_view tenant_name, const Recognised& resource
) {
    const auto landing = landing_of(resource);
    const auto user = second(landing.key, "users/");
    if (user.empty()) return std::nullopt;
    const Tenant& in = tenant(tenant_name);
    if (is_device(in, user)) return gone();
    const Collection* const users = in.find("users");
    const Object* const found = users == nullptr ? nullptr : users->find(user);
    if (found == nullptr) return std::nullopt;
    if (found->removed) return gone();
    if ((found->flags & trait::kNoLicence) != 0) {
        return refused(403, "Forbidden", "The user does not have a licence for this service.");
    }
    if (!is_mailbox(landing.shelf.type)) return std::nullopt;
    if ((found->flags & trait::kNoMailbox) != 0) {
        return refused(
            404, "NotFound",
            "The mailbox is either inactive, soft-deleted, or is hosted on-premise."
        );
    }
    if ((found->flags & trait::kMailboxFull) != 0) {
        return ApiError{
            403, "Forbidden", "The limit of 1000 subscriptions per mailbox is reached."
        };
    }
    return std::nullopt;
}

std::optional<ApiError> World::refuses_reading(std::string_view tenant_name, const Place& place) {
    const Tenant& in = tenant(tenant_name);
    if (const auto user = second(place.key, "users/"); !user.empty()) {
        const Collection* const users = in.find("users");
        const Object* const found = users == nullptr ? nullptr : users->find(user);
        if ((found != nullptr && found->removed) || is_device(in, user)) return gone();
        if (found != nullptr && is_mailbox(place.shelf.type) &&
            (found->flags & trait::kNoMailbox) != 0) {
            return ApiError{
                404, "MailboxNotEnabledForRESTAPI",
                "The mailbox is either inactive, soft-deleted, or is hosted on-premise."
            };
        }
    }
    if (const auto group = second(place.key, "groups/"); !group.empty()) {
        const Collection* const groups = in.find("groups");
        const Object* const found = groups == nullptr ? nullptr : groups->find(group);
        // Somebody changed what hangs on a group that nobody made: then it can be read, too.
        if (found == nullptr ? in.find(place.key) == nullptr : found->removed) return gone();
    }
    if (place.shelf.type == Type::Message) {
        const auto folders_key =
            place.key.substr(0, place.key.rfind('/', place.key.rfind('/') - 1));
        const auto folder =
            place.key.substr(folders_key.size() + 1, place.key.rfind('/') - folders_key.size() - 1);
        const Collection& folders = open(tenant_name, folders_key);
        const Object* const found = folders.find(folder);
        if (found == nullptr || found->removed) {
            return ApiError{
                404, "ErrorItemNotFound", "The specified object was not found in the store."
            };
        }
    }
    return std::nullopt;
}

}  // namespace graphhook::emulator
