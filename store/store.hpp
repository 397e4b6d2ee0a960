#pragma once

#include "core/clock.hpp"
#include "core/error.hpp"
#include "core/mailbox.hpp"
#include "store/notification.hpp"
#include "store/options.hpp"
#include "store/subscription.hpp"
#include "store/sync.hpp"
#include "store/unsid.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace graphhook::store {

class Metrics;

struct LeaseRequest {
    std::string handler;
    std::size_t limit = 256;
    std::size_t limit_bytes = 4u << 20;
    std::chrono::milliseconds hold{60'000
    };  ///< The lease ends after this (steady clock) unless extended.
};

/// A handler as the store sees it. Attached once at start (or on reload), before the first lease.
struct Attachment {
    std::string handler;
    /// Pure and cheap; asked once for each stream. True: notifications of this stream are for this
    /// handler.
    std::function<bool(const Stream&)> accepts;
    /// Called from the store's thread, without holding it: there may be something to lease now. Not
    /// called while paused.
    std::function<void()> on_work;
};

struct HandlerStats {
    std::string handler;
    bool attached = false;  ///< False: has something left, but is no longer configured.
    bool paused = false;
    std::uint64_t waiting = 0;  ///< Accepted, not handled: all but dead and done.
    std::uint64_t leased = 0;
    std::uint64_t retrying = 0;  ///< Waiting for another try, or behind one.
    std::uint64_t dead = 0;
    std::optional<SystemTime> oldest_waiting;  ///< Received at.
};

struct StoreStats {
    std::vector<HandlerStats> handlers;
    std::uint64_t free_bytes = 0;  ///< Of the file system.
    std::uint64_t database_bytes = 0;
    std::uint64_t wal_bytes = 0;
    std::uint64_t notifications = 0;  ///< Stored, done ones within retention included.
    std::uint64_t repeat_keys = 0;
    std::string refusing;  ///< Why appends are refused now; empty: they are not.
    std::map<std::string, std::uint64_t> quarantined;  ///< How many are there, by the label.
    std::optional<SystemTime> oldest_notification;     ///< Received at, of what is stored.
    std::map<std::string, std::uint64_t> unsids;       ///< That have not expired, by platform.
};

struct DeliveryQuery {
    std::optional<std::string> handler;
    std::optional<DeliveryState> state;
    std::optional<std::string> subscription;
    NotificationId after;  ///< Exclusive; ascending.
    std::size_t limit = 100;
};

struct DeliveryRow {
    NotificationId id;
    std::string handler;
    DeliveryState state = DeliveryState::Waiting;
    Stream stream;
    std::string resource;
    SystemTime received_at;
    std::uint32_t attempts = 0;
    std::optional<SystemTime> next_at;
    std::string reason;
    bool replayed = false;
    std::string receipt = {};  ///< As the last settlement that had one told it.
};

struct StoredNotification {
    NotificationId id;
    Stream stream;
    std::string subscription_id;
    std::string resource;
    std::string body;
    SystemTime received_at;
    std::string verdict;  ///< Of a rich one: what was found of its tokens; empty: nothing yet.
    bool rich = false;
    std::vector<DeliveryRow> deliveries;
};

/// Which deliveries a repair is about: ids, or everything that fits.
struct Selection {
    std::string handler;                     ///< Empty: any (not for `replay`).
    std::vector<NotificationId> ids;         ///< Empty: by time.
    std::optional<SystemTime> since, until;  ///< Received at: since <= t < until.
};

/// A body that Graph sent and intake had to refuse, kept as a bounded sample (the newest 20, 16 KiB
/// each, client states masked).
struct RefusedBody {
    std::int64_t number = 0;
    SystemTime at;
    std::string reason;
    std::string subscription;
    std::string body;
};

/// What survives a restart.
///
/// A notification is appended once and *waits* for each handler that accepts its stream. It is
/// *leased* to one worker, then *done*, *dead*, or *retrying* at a later time. Nothing that was
/// appended is lost; a delivery may be handed over twice after a crash. Of one (handler, order key)
/// at most one is leased at any time, in order of acceptance; what comes after one that is retried
/// waits *behind* it.
///
/// A handler attached for the first time starts at the oldest notification that any handler has not
/// finished, or at the beginning of what is stored if there never was a handler. One that is no
/// longer attached keeps what it has left.
///
/// What is proved false is *quarantined*: finished for its handler, kept for an operator to look
/// at, within bounds of number and age; it gives way to what is genuine.
///
/// Threads: any, for every function; all of them return at once, and the completion says when it is
/// durable (see core/mailbox.hpp). Failing: once a write or fsync failed, everything answers
/// Errc::Failed, and `on_failed` was called. Stopping: destroy after the callers have stopped; what
/// was asked for before is finished first.
class Store {
  public:
    virtual ~Store() = default;

    // --- taking in
    /// All of it or none, durable when completed. Repeats of what is committed, or of what this
    /// same commit holds, are counted, not stored. Errc::Full: back-pressure (reserve,
    /// max_waiting); Errc::Busy: cannot be asked now. Both mean 503.
    virtual void append(
        std::vector<Item> items, SystemTime received_at, Completion<Appended> done
    ) = 0;
    [[nodiscard]] virtual std::shared_ptr<const KnownSubscriptions> known() const = 0;
    /// Asks the stored table, not the picture: by id or by client state. One answer for each query,
    /// nullptr for unknown.
    struct Query {
        std::string graph_id;
        Sha256 state_hash{};
    };
    virtual void ask(std::vector<Query> queries, Completion<std::vector<KnownPtr>> done) = 0;
    virtual void keep_refused(RefusedBody body) = 0;
    virtual void refused(Completion<std::vector<RefusedBody>> done) = 0;

    // --- handing over
    virtual void attach(Attachment attachment, Completion<std::monostate> done) = 0;
    /// No longer leases to it; what it holds is given back. For reload.
    virtual void detach(std::string handler, Completion<std::monostate> done) = 0;
    /// Empty when there is nothing to do now; `on_work` says when to ask again (also when a retry
    /// falls due).
    virtual void lease(LeaseRequest request, Completion<std::vector<Delivery>> done) = 0;
    /// Completes with how many were refused because their lease had been lost to a newer attempt.
    virtual void settle(
        std::string handler, std::vector<Settlement> settlements, Completion<std::size_t> done
    ) = 0;
    /// Prolongs running leases to `hold` from now.
    virtual void extend(
        std::string handler, std::vector<NotificationId> ids, std::chrono::milliseconds hold
    ) = 0;

    /// What was found of a proof's tokens, durable when completed; later leases carry it. Nothing
    /// happens if that number is gone.
    virtual void put_verdict(
        std::int64_t proof, std::string verdict, Completion<std::monostate> done
    ) = 0;

    // --- seeing and repairing
    virtual void stats(Completion<StoreStats> done) = 0;
    virtual void list(DeliveryQuery query, Completion<std::vector<DeliveryRow>> done) = 0;
    virtual void show(
        NotificationId id, Completion<StoredNotification> done
    ) = 0;  ///< Errc::NotFound
    virtual void replay(
        Selection selection, Completion<std::uint64_t> done
    ) = 0;  ///< Hands over again, marked as replayed.
    virtual void replay_dead(Selection selection, Completion<std::uint64_t> done) = 0;
    virtual void drop_dead(Selection selection, Completion<std::uint64_t> done) = 0;
    /// Hands over again what is in the quarantine, to be judged anew: what was found of its tokens
    /// is forgotten.
    virtual void retry_quarantined(Selection selection, Completion<std::uint64_t> done) = 0;
    virtual void drop_quarantined(Selection selection, Completion<std::uint64_t> done) = 0;
    virtual void pause(
        std::string handler, bool paused, Completion<std::monostate> done
    ) = 0;  ///< Survives a restart.

    // --- subscriptions
    virtual void subscriptions(Completion<std::vector<SubscriptionRecord>> done) = 0;
    /// Inserts (record == 0) or replaces; durable and in `known()` when completed. Completes with
    /// the record's number.
    virtual void put_subscription(SubscriptionRecord record, Completion<std::int64_t> done) = 0;
    virtual void erase_subscription(std::int64_t record, Completion<std::monostate> done) = 0;

    // --- sweeps: how far Graph was asked again
    /// Of all tenants.
    virtual void sync_states(Completion<std::vector<SyncState>> done) = 0;
    /// Of one, in the order of their parts.
    virtual void watermarks(SyncKey key, Completion<std::vector<Watermark>> done) = 0;
    /// All of it or none, durable when completed.
    virtual void change_sync(SyncChange change, Completion<std::monostate> done) = 0;

    // --- where users' notifications are to be sent
    /// Durable when completed. Replaces the one of the same tenant, user, UNSID and platform, texts
    /// compared as they are. Where its user would have more than kMostUnsidsOfOneUser, expired ones
    /// give way first. Errc::Full: as of append(). Errc::BadInput: one of these four is empty.
    virtual void put_unsid(Unsid unsid, Completion<UnsidPut> done) = 0;
    /// The newest registered first. What has expired is there until housekeeping drops it, unless
    /// `live_at` says otherwise.
    virtual void unsids(UnsidQuery query, Completion<std::vector<Unsid>> done) = 0;
    /// How many. Errc::BadInput: tenant, user and UNSID are all empty. A large selection is dropped
    /// in slices, without what is put meanwhile.
    virtual void drop_unsids(UnsidQuery selection, Completion<std::uint64_t> done) = 0;

    // --- a few texts by name, for what has no table of its own (below 64 KiB each)
    /// Durable when completed; an empty text erases it.
    virtual void put_note(std::string name, std::string text, Completion<std::monostate> done) = 0;
    /// Empty where there is none.
    virtual void note(std::string name, Completion<std::string> done) = 0;
};

/// Opens or creates the store and takes its lock. Errc::Locked (naming the holder), NewerSchema,
/// Corrupt, Full, BadInput (URL, network file system). `clock` and `metrics` must outlive it.
[[nodiscard]] Result<std::unique_ptr<Store>> open_store(
    const StoreOptions& options, Clock& clock, Metrics& metrics
);

/// For looking while `serve` is up or down: no lock, changes nothing, every changing call answers
/// Errc::Refused.
[[nodiscard]] Result<std::unique_ptr<Store>> open_store_read_only(
    const StoreOptions& options, Clock& clock, Metrics& metrics
);

}  // namespace graphhook::store
