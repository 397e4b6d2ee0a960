#pragma once

#include "core/clock.hpp"
#include "emulator/data/shelf.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace graphhook::emulator {

/// What an object may be besides its type. Bits of Object::flags.
namespace trait {
constexpr std::uint32_t kDisabled = 1;      ///< accountEnabled is false
constexpr std::uint32_t kGuest = 2;         ///< userType is Guest
constexpr std::uint32_t kDevice = 4;        ///< among members: no user
constexpr std::uint32_t kNoMailbox = 8;     ///< subscriptions to the mailbox are refused
constexpr std::uint32_t kNoLicence = 16;    ///< and these
constexpr std::uint32_t kMailboxFull = 32;  ///< the mailbox has as many subscriptions as it may
constexpr std::uint32_t kFolder = 64;
constexpr std::uint32_t kRoot = 128;
constexpr std::uint32_t kSoft = 256;  ///< removed, and could be restored
constexpr std::uint32_t kPersonal = 512;
}  // namespace trait

/// One object, in as little memory as there may be many; what it looks like is made of its number.
struct Object {
    std::uint64_t number = 0;
    /// The change that made it what it is; numbers of changes rise over the whole emulator.
    std::uint64_t version = 0;
    /// The change that made it.
    std::uint64_t born = 0;
    SystemTime created;
    SystemTime modified;
    /// Events: the start, microseconds since 1970. Items of drives, folders: the parent's number.
    std::int64_t aux = 0;
    std::uint32_t flags = 0;
    bool removed = false;
};

/// Objects under one path, and the log of their changes. A removed object stays known, since a
/// delta has to tell of it. One thread. Pointers to objects hold until the next `put`.
class Collection {
  public:
    struct Entry {
        std::uint64_t version;
        std::uint64_t number;
    };
    Collection(std::string key, Shelf shelf) : key_(std::move(key)), shelf_(shelf) {}

    [[nodiscard]] const std::string& key() const noexcept { return key_; }
    [[nodiscard]] const Shelf& shelf() const noexcept { return shelf_; }
    /// Not removed.
    [[nodiscard]] std::size_t size() const noexcept { return alive_; }
    /// In order of their numbers, the removed ones too.
    [[nodiscard]] std::span<const Object> objects() const noexcept { return objects_; }

    /// Removed ones, too; null if there never was one.
    [[nodiscard]] const Object* find(std::uint64_t number) const;
    [[nodiscard]] const Object* find_alive(std::uint64_t number) const;
    /// By its id, in any case.
    [[nodiscard]] const Object* find(std::string_view id) const;
    [[nodiscard]] std::string id_of(std::uint64_t number) const;
    /// The number for an id: one of ours, or a name given before.
    [[nodiscard]] std::optional<std::uint64_t> number_of(std::string_view id) const;
    /// Another id for this number than the one made of it. `alias` finds it, too.
    void name(std::uint64_t number, std::string id, std::string_view alias = {});

    /// Adds the object, or changes it; a removed one is back again. `version` must be the newest.
    const Object& put(
        std::uint64_t number, std::uint64_t version, SystemTime at, std::uint32_t flags,
        std::int64_t aux
    );
    /// A change that leaves flags and aux as they are. False if there is no such object.
    bool touch(std::uint64_t number, std::uint64_t version, SystemTime at);
    /// Leaves a removed one behind even where there was none. True if there was one.
    bool remove(std::uint64_t number, std::uint64_t version, SystemTime at, bool soft);

    /// Changes after `version`, oldest first. One whose object has changed again since may be among
    /// them: `current` tells.
    [[nodiscard]] std::span<const Entry> after(std::uint64_t version) const;
    /// The object as of this entry; null if it has changed again since.
    [[nodiscard]] const Object* current(const Entry& entry) const;
    /// Before or at the last change that happened by this time.
    [[nodiscard]] std::uint64_t version_at(SystemTime time) const;

  private:
    Object* find_mutable(std::uint64_t number);
    Object& insert(std::uint64_t number);
    void record(const Object& object);

    const std::string key_;
    const Shelf shelf_;
    std::vector<Object> objects_;
    std::vector<Entry> log_;
    std::size_t alive_ = 0;
    std::unordered_map<std::string, std::uint64_t> numbers_;
    std::unordered_map<std::uint64_t, std::string> names_;
};

}  // namespace graphhook::emulator
