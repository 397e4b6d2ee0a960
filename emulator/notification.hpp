#pragma once

#include "core/clock.hpp"
#include "emulator/subscription.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace graphhook::emulator {

/// Something happened to an object of a resource.
struct Change {
    std::uint64_t number = 0;
    /// Which object; changes with the same number here are to the same object.
    std::uint64_t object = 0;
    ChangeType type = ChangeType::Updated;
    /// Different for every change: sequenceNumber is made of it.
    SystemTime at;
    /// The object's id where it is not made of its number.
    std::string name = {};
    /// Who joined or left the group that `object` is; 0: nobody.
    std::uint64_t member = 0;
    /// A user or group is deleted and could be restored.
    bool soft = false;
};

/// What a change is called in notifications: drives and lists say "updated" of everything, users
/// and groups when they come, when they go softly and when members do (protocol 3.4 to 3.9).
ChangeType shown_type(const Recognised& resource, const Change& change);

/// How an item is told apart from others of its kind; empty where the kind gives no such thing
/// (protocol 3).
struct ObjectIdentity {
    std::string notification_id;
    std::string resource;
    std::string object_id;
    std::string etag;
    std::uint64_t sequence_number = 0;
};

ObjectIdentity identity_of(const Recognised& resource, const Change& change);

/// What is put into an item on purpose to test a receiver.
enum class Forgery { None, ClientState, Subscription };

/// One element of `value`, as JSON.
std::string change_item(
    const Subscription& subscription, const Change& change, Forgery forgery = Forgery::None
);

enum class LifecycleEvent { Missed, SubscriptionRemoved, ReauthorizationRequired };
std::string_view to_string(LifecycleEvent event) noexcept;
std::optional<LifecycleEvent> parse_lifecycle_event(std::string_view text) noexcept;
std::string lifecycle_item(
    const Subscription& subscription, LifecycleEvent event, Forgery forgery = Forgery::None
);

/// "2026-11-28T09:00:00.0000000Z": seven digits, as most of Graph's services write it.
std::string graph_time(SystemTime time);
/// 100 ns since 0001-01-01.
std::uint64_t dotnet_ticks(SystemTime time) noexcept;

/// Appends `text` as a JSON string with its quotes.
void append_json_string(std::string& out, std::string_view text);

}  // namespace graphhook::emulator
