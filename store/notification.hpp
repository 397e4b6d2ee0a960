#pragma once

#include "core/clock.hpp"
#include "core/digest.hpp"

#include <compare>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace graphhook::store {

/// What the subscriptions themselves act on travels beside the changes, never behind a backlog of
/// them: lifecycle notifications, and signals (see Sync::Signal in store/subscription.hpp).
enum class Lane : std::uint8_t { Change = 0, Lifecycle = 1 };

/// How we learned of it.
enum class Source : std::uint8_t {
    Notification,  ///< Graph told us.
    Sweep,         ///< Graph was asked again, and had not told us.
    Poll,          ///< Graph is asked regularly, as it tells nobody.
};
/// "notification", "sweep", "poll"
[[nodiscard]] constexpr std::string_view to_string(Source source) noexcept {
    return source == Source::Sweep ? "sweep" : source == Source::Poll ? "poll" : "notification";
}

/// A notification's number: ascending in order of acceptance, never reused. Shown to users as a
/// plain decimal.
struct NotificationId {
    std::int64_t value = 0;
    auto operator<=>(const NotificationId&) const = default;
};

/// What routes decide on; everything that many notifications have in common. Held by pointer
/// because so few exist.
struct Stream {
    Lane lane = Lane::Change;
    std::string tenant;        ///< Configured name.
    std::string subscription;  ///< Configured name of the wanted subscription, stable when Graph's
                               ///< is replaced.
    std::string kind;          ///< "message", "event", …, "unknown".
    std::string change;  ///< "created", "updated", "deleted", or what Graph said in lower case; of
                         ///< a lifecycle item its event.
    Source source = Source::Notification;
    bool operator==(const Stream&) const = default;
};
/// A change on the lane of lifecycle notifications, which is for the subscriptions alone (see
/// Sync::Signal in store/subscription.hpp).
[[nodiscard]] inline bool is_signal(const Stream& stream) noexcept {
    return stream.lane == Lane::Lifecycle &&
           (stream.change == "created" || stream.change == "updated" || stream.change == "deleted");
}
using StreamPtr = std::shared_ptr<const Stream>;

/// A POST's `validationTokens` as JSON, member value as received; empty: the member is absent. The
/// items of a POST share it.
using TokensPtr = std::shared_ptr<const std::string>;

/// Tokens as they are stored, once however often they come, with what was found of them.
struct Proof {
    std::int64_t number = 0;
    std::string tokens;
    std::string verdict;  ///< As it was put; empty: not judged yet.
};
using ProofPtr = std::shared_ptr<const Proof>;

/// An item of a POST, known and stripped, as intake hands it over.
struct Item {
    StreamPtr stream;
    std::string subscription_id;  ///< Graph's id, as received.
    std::string resource;         ///< As received; may be empty on the lifecycle lane.
    std::string body;             ///< The item as JSON, its clientState removed.
    /// Hash of (wanted subscription, normalised resource): what must stay in order has the same
    /// key.
    std::uint64_t order_key = 0;
    /// What makes it the same notification when Graph sends it again; absent where nothing
    /// identifies it. Of one that is made of content (rather than of Graph's own id) the first half
    /// is the order key: it counts only until anything else of that order key is stored, so that
    /// "created, deleted, created" is no repeat.
    std::optional<Key128> identity;
    /// Which state of which object it tells of (see `version_key` in store/identity.hpp), of
    /// subscriptions that are swept. What comes from a sweep or a poll is dropped if the last that
    /// was stored of that object within `StoreOptions::version_window` is this same state; what
    /// Graph tells is never dropped for it.
    std::optional<Key128> version;
    /// Set where the item says nothing of its own and may fold into an equal one that still waits.
    std::optional<Key128> fold;
    /// Of a rich item (one with `encryptedContent`), what is to prove it; nullptr: a basic item,
    /// which its client state has proved.
    TokensPtr tokens;
};

/// What became of an append's items; the three add up to what was given.
struct Appended {
    std::uint32_t stored = 0;
    std::uint32_t repeated = 0;
    std::uint32_t folded = 0;
};

/// A notification on its way to one handler.
struct Delivery {
    NotificationId id;
    StreamPtr stream;
    std::string subscription_id;
    std::string resource;
    std::string body;
    SystemTime received_at;
    std::uint64_t order_key = 0;
    std::uint32_t attempt =
        1;                   ///< This one, counted from 1; completions of an older one are refused.
    std::uint32_t used = 0;  ///< Attempts that ended with an answer about the item itself.
    bool replayed = false;
    ProofPtr proof;  ///< Of a rich item; nullptr: a basic one.
};

enum class SettleAs : std::uint8_t {
    Done,
    Retry,  ///< Not before `at`; later ones of the same order key wait behind it. Durable.
    Dead,   ///< Into the dead letters. Durable.
    /// Proved false: into the quarantine. Durable; its identity no longer counts as seen. `reason`
    /// is a label, or begins with one and a colon: "token_signature: …".
    Quarantine,
    Release,  ///< Given back as if never leased (not before `at`); uses up nothing, costs no write.
};

struct Settlement {
    NotificationId id;
    std::uint32_t attempt = 1;
    SettleAs as = SettleAs::Done;
    std::uint32_t used = 0;  ///< The new count of used attempts.
    SystemTime at;           ///< Retry, Release: not before.
    std::string reason;  ///< Retry, Dead: for the operator; bounded at 1,000 bytes by the store.
    /// What the target answered (JSON), kept with the delivery until its notification goes;
    /// replaces an earlier one. Empty: nothing changes. Over 2,000 bytes: not kept.
    std::string receipt = {};
};

enum class DeliveryState : std::uint8_t {
    Waiting,
    Leased,
    Retrying,
    Behind,
    Dead,
    Done,
    Quarantined
};
std::string_view to_string(DeliveryState state) noexcept;
std::optional<DeliveryState> delivery_state(std::string_view text) noexcept;

}  // namespace graphhook::store
