#pragma once

#include "core/clock.hpp"
#include "emulator/api_error.hpp"
#include "emulator/data/collection.hpp"
#include "emulator/data/shelf.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace graphhook::emulator {

/// What is there in one tenant: collections by their key, made when they are first named.
class Tenant {
  public:
    explicit Tenant(std::string name) : name_(std::move(name)) {}
    [[nodiscard]] const std::string& name() const noexcept { return name_; }
    [[nodiscard]] const Collection* find(std::string_view key) const;

  private:
    friend class World;
    const std::string name_;
    std::unordered_map<std::string, std::unique_ptr<Collection>> collections_;
    /// Of groups: who leaves the tenant leaves them.
    std::vector<Collection*> memberships_;
};

/// How one change came out, and what its notification says.
struct Happening {
    std::uint64_t version = 0;
    SystemTime at;
    std::uint64_t object = 0;
    /// The object's id where it is not made of its number.
    std::string name;
    /// Who joined or left the group that `object` is; 0 if this was no such change.
    std::uint64_t member = 0;
};

/// What a change sets besides the object's being changed.
struct Detail {
    /// Of an event; nothing: as it was, or in an hour.
    std::optional<SystemTime> start;
    /// A deleted user or group could be restored: notified as updated, and so in deltas.
    bool soft = false;
};

/// All data behind the notifications (protocol 8). One thread; `clock` must outlive it.
class World {
  public:
    explicit World(Clock& clock) : clock_(clock) {}

    /// Of changes, over all tenants.
    std::uint64_t next_version() { return ++version_; }
    [[nodiscard]] std::uint64_t version() const noexcept { return version_; }
    /// The first of so many numbers for new objects.
    std::uint64_t next_objects(std::uint64_t count = 1);
    /// Now, but later than ever before.
    SystemTime next_time();
    /// Another one after each `clear`: links made before lead nowhere.
    [[nodiscard]] std::uint64_t generation() const noexcept { return generation_; }
    void clear();

    Tenant& tenant(std::string_view name);
    [[nodiscard]] std::vector<std::string> tenants() const;
    /// Made, with what is in it from the start (the folders of a mailbox, the root of a drive).
    Collection& open(std::string_view tenant, std::string_view key, const Shelf& shelf);
    /// By its path: "users/7/events".
    Collection& open(std::string_view tenant, std::string_view path);
    /// The number of an object that is there, or is made now without a word.
    std::uint64_t ensure(Collection& collection, std::string_view id);
    /// Makes folders, lists and the like, so that what is in them can be found.
    void ensure_parents(std::string_view tenant, const Collection& collection);

    /// Creates, updates or removes object `number`; one that was not there is there then, and one
    /// that is removed leaves a trace in any case.
    Happening change(
        std::string_view tenant, const Landing& landing, ChangeType type, std::uint64_t number,
        const Detail& detail = {}
    );
    /// Takes an object out of one collection (made there if it was not) and puts it into another:
    /// two happenings.
    std::pair<Happening, Happening> move(
        std::string_view tenant, const Landing& from, const Landing& to, std::uint64_t number
    );
    /// The number of the object with this id where a change lands; made without a word if need be.
    /// Members are users, or groups.
    std::uint64_t number_at(std::string_view tenant, const Landing& landing, std::string_view id);

    /// Whoever this is may not be read or subscribed to: removed, no mailbox, no licence, a device.
    [[nodiscard]] std::optional<ApiError> refuses_subscription(
        std::string_view tenant, const Recognised& resource
    );
    /// 404 for what hangs on something that is not there.
    [[nodiscard]] std::optional<ApiError> refuses_reading(
        std::string_view tenant, const Place& place
    );

  private:
    void fill(std::string_view tenant, Collection& collection);
    void leave_groups(Tenant& tenant, std::uint64_t user);
    [[nodiscard]] static bool is_device(const Tenant& tenant, std::string_view id);

    Clock& clock_;
    std::uint64_t version_ = 0;
    std::uint64_t objects_ = 0;
    std::uint64_t generation_ = 1;
    SystemTime last_at_{};
    std::map<std::string, Tenant, std::less<>> tenants_;
};

}  // namespace graphhook::emulator
