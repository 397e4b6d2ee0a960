#pragma once

#include "core/clock.hpp"
#include "subscriptions/plan/decide.hpp"
#include "subscriptions/target.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <vector>

namespace graphhook::subscriptions {

/// What is done first when not everything can be done at once; one lane asks Graph for one class of
/// calls.
enum class Lane : std::uint8_t {
    Note,  ///< Only the store is written.
    Adopt,
    Renew,
    Reauthorize,
    Recreate,
    Create,
    MoveKey,  ///< What is to be created goes first: the old key does meanwhile.
    TryParked,
    Check,
    Delete,
};
inline constexpr std::size_t kLanes = 10;
[[nodiscard]] Lane lane_of(Action action) noexcept;

/// One thing that is or was watched, with its records. It is in one of four places: waiting for a
/// time, ready in a lane, under way, or at rest.
struct Target {
    TextPtr name;
    std::string element;
    EntryPtr entry;    ///< nullptr: not wanted.
    TextPtr resource;  ///< As wanted.
    std::vector<Record> records;

    enum class Place : std::uint8_t { Rest, Waiting, Ready, UnderWay };
    Place place = Place::Rest;
    Lane lane = Lane::Note;
    SystemTime at;             ///< Waiting: until then. Ready: the smaller, the more urgent.
    std::uint64_t serial = 0;  ///< In the order in which they came.
    bool approved = false;     ///< Its removal may pass the brake.
    bool ordered = false;      ///< An operator wants it deleted.
    bool dirty = false;        ///< The store has yet to take what its records say.
    bool announced = false;    ///< The sweeper knows of it.

    [[nodiscard]] bool subscribes() const noexcept { return entry != nullptr && !entry->polled; }
    [[nodiscard]] TargetKey key() const { return {*name, element}; }
    /// As decisions see it. Valid until the target changes.
    [[nodiscard]] TargetView view() const {
        return {*name, element, subscribes() ? entry.get() : nullptr, resource.get(), records};
    }
    [[nodiscard]] Record* find(std::int64_t record);
    [[nodiscard]] const Record* serving() const;  ///< The newest active one, or nullptr.
};

/// All targets of a tenant: by key, by Graph's ids, by when and how urgently something is to be
/// done. Made for a hundred thousand. Threads: one.
class TargetTable {
  public:
    TargetTable() = default;
    TargetTable(const TargetTable&) = delete;
    TargetTable& operator=(const TargetTable&) = delete;

    [[nodiscard]] Target* find(std::string_view name, std::string_view element) const;
    Target& get(const TextPtr& name, std::string_view element);
    void erase(Target& target);
    [[nodiscard]] std::size_t size() const noexcept { return targets_.size(); }
    /// In the order of names and elements. `visit` must not add or erase.
    template <class Visit>
    void each(Visit&& visit) const {
        for (const auto& target : targets_) visit(*target);
    }
    /// The same of one name.
    template <class Visit>
    void each_of(std::string_view name, Visit&& visit) const {
        for (auto at = targets_.lower_bound(Key{name, {}});
             at != targets_.end() && *(*at)->name == name; ++at)
            visit(**at);
    }

    struct Hit {
        Target* target = nullptr;
        Record* record = nullptr;
    };
    /// By Graph's id, in any case of letters; of several the one that lives.
    [[nodiscard]] Hit by_graph_id(std::string_view graph_id) const;
    /// A record of `target` has this id from now on, or no longer.
    void index(Target& target, std::string_view graph_id);
    void unindex(Target& target, std::string_view graph_id);

    void rest(Target& target);
    void wait(Target& target, SystemTime until);
    void ready(Target& target, Lane lane, SystemTime urgency);
    void under_way(Target& target);
    /// The next one whose time has come; it is at rest then.
    Target* due(SystemTime now);
    [[nodiscard]] std::optional<SystemTime> next_due() const;
    /// The most urgent of a lane.
    [[nodiscard]] Target* first(Lane lane) const;

  private:
    struct Key {
        std::string_view name, element;
    };
    struct Less {
        using is_transparent = void;
        using Ptr = std::unique_ptr<Target>;
        static Key key(const Ptr& target) { return {*target->name, target->element}; }
        static Key key(const Key& own) { return own; }
        template <class A, class B>
        bool operator()(const A& a, const B& b) const {
            const Key x = key(a);
            const Key y = key(b);
            const int names = x.name.data() == y.name.data() ? 0 : x.name.compare(y.name);
            return names != 0 ? names < 0 : x.element < y.element;
        }
    };
    using Turn = std::tuple<SystemTime, std::uint64_t, Target*>;

    std::set<std::unique_ptr<Target>, Less> targets_;
    std::unordered_multimap<std::uint64_t, Target*> by_id_;
    std::set<Turn> waiting_;
    std::array<std::set<Turn>, kLanes> ready_;
    std::uint64_t serial_ = 0;
};

}  // namespace graphhook::subscriptions
