#include "emulator/data/collection.hpp"

#include "emulator/object_id.hpp"

#include <algorithm>

namespace graphhook::emulator {
namespace {

bool before(const Object& object, std::uint64_t number) {
    return object.number < number;
}

}  // namespace

const Object* Collection::find(std::uint64_t number) const {
    const auto it = std::lower_bound(objects_.begin(), objects_.end(), number, before);
    return it != objects_.end() && it->number == number ? &*it : nullptr;
}

Object* Collection::find_mutable(std::uint64_t number) {
    const auto it = std::lower_bound(objects_.begin(), objects_.end(), number, before);
    return it != objects_.end() && it->number == number ? &*it : nullptr;
}

const Object* Collection::find_alive(std::uint64_t number) const {
    const Object* const found = find(number);
    return found != nullptr && !found->removed ? found : nullptr;
}

std::optional<std::uint64_t> Collection::number_of(std::string_view id) const {
    if (!numbers_.empty()) {
        const auto named = numbers_.find(lower_case(id));
        if (named != numbers_.end()) return named->second;
    }
    return object_number(shelf_.ids, id);
}

const Object* Collection::find(std::string_view id) const {
    const auto number = number_of(id);
    return number ? find(*number) : nullptr;
}

std::string Collection::id_of(std::uint64_t number) const {
    if (!names_.empty()) {
        const auto named = names_.find(number);
        if (named != names_.end()) return named->second;
    }
    return object_id(shelf_.ids, number);
}

void Collection::name(std::uint64_t number, std::string id, std::string_view alias) {
    numbers_[lower_case(id)] = number;
    if (!alias.empty()) numbers_[lower_case(alias)] = number;
    names_[number] = std::move(id);
}

Object& Collection::insert(std::uint64_t number) {
    Object object;
    object.number = number;
    if (objects_.empty() || objects_.back().number < number) return objects_.emplace_back(object);
    const auto it = std::lower_bound(objects_.begin(), objects_.end(), number, before);
    return *objects_.insert(it, object);
}

void Collection::record(const Object& object) {
    // Entries of objects that changed again say nothing any more.
    if (log_.size() > 2 * objects_.size() + 64)
        std::erase_if(log_, [this](const Entry& entry) { return current(entry) == nullptr; });
    log_.push_back({object.version, object.number});
}

const Object& Collection::put(
    std::uint64_t number, std::uint64_t version, SystemTime at, std::uint32_t flags,
    std::int64_t aux
) {
    Object* found = find_mutable(number);
    if (found == nullptr) found = &insert(number);
    if (found->born == 0 || found->removed) {
        found->created = at;
        found->born = version;
        found->removed = false;
        ++alive_;
    }
    found->version = version;
    found->modified = at;
    found->flags = flags;
    found->aux = aux;
    record(*found);
    return *found;
}

bool Collection::touch(std::uint64_t number, std::uint64_t version, SystemTime at) {
    Object* const found = find_mutable(number);
    if (found == nullptr || found->removed) return false;
    found->version = version;
    found->modified = at;
    record(*found);
    return true;
}

bool Collection::remove(std::uint64_t number, std::uint64_t version, SystemTime at, bool soft) {
    Object* found = find_mutable(number);
    const bool was_there = found != nullptr && !found->removed;
    if (found == nullptr) {
        found = &insert(number);
        found->created = at;
        found->born = version;
    }
    if (was_there) --alive_;
    found->version = version;
    found->modified = at;
    found->removed = true;
    found->flags = soft ? found->flags | trait::kSoft : found->flags & ~trait::kSoft;
    record(*found);
    return was_there;
}

std::span<const Collection::Entry> Collection::after(std::uint64_t version) const {
    const auto it = std::upper_bound(
        log_.begin(), log_.end(), version,
        [](std::uint64_t wanted, const Entry& entry) { return wanted < entry.version; }
    );
    return {it, log_.end()};
}

const Object* Collection::current(const Entry& entry) const {
    const Object* const object = find(entry.number);
    return object != nullptr && object->version == entry.version ? object : nullptr;
}

std::uint64_t Collection::version_at(SystemTime time) const {
    std::uint64_t found = 0;
    for (const Entry& entry : log_) {
        const Object* const object = current(entry);
        if (object == nullptr) continue;
        if (object->modified > time) break;
        found = entry.version;
    }
    return found;
}

}  // namespace graphhook::emulator
