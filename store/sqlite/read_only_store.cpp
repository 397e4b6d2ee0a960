#include "store/sqlite/read_only_store.hpp"

#include "store/sqlite/file_lock.hpp"
#include "store/sqlite/listing.hpp"
#include "store/sqlite/lookup.hpp"
#include "store/sqlite/sync_tables.hpp"
#include "store/sqlite/unsids.hpp"

#include <utility>

namespace graphhook::store {
namespace {

template <class T>
void refuse(Completion<T> done) {
    Handover handover;
    handover.add<T>(std::move(done), fail(Errc::Refused, "the store was opened for reading only"));
    handover.deliver();
}

}  // namespace

ReadOnlyStore::ReadOnlyStore(
    std::string path, std::unique_ptr<Reader> reader,
    std::shared_ptr<const KnownSubscriptions> known, Clock& clock
)
    : path_(std::move(path)), known_(std::move(known)), clock_(clock), reader_(std::move(reader)) {
}

void ReadOnlyStore::append(std::vector<Item>, SystemTime, Completion<Appended> done) {
    refuse(std::move(done));
}

std::shared_ptr<const KnownSubscriptions> ReadOnlyStore::known() const {
    return known_;
}

void ReadOnlyStore::ask(std::vector<Query> queries, Completion<std::vector<KnownPtr>> done) {
    read_steps<std::vector<KnownPtr>>(
        *reader_, std::move(done),
        [this, queries = std::move(queries)](Connection& connection, auto& out) -> Result<bool> {
            out = ask_table(connection, queries, clock_.system_now());
            return true;
        }
    );
}

void ReadOnlyStore::keep_refused(RefusedBody) {
}

void ReadOnlyStore::refused(Completion<std::vector<RefusedBody>> done) {
    read_steps<std::vector<RefusedBody>>(
        *reader_, std::move(done),
        [](Connection& connection, auto& out) -> Result<bool> {
            out = read_refused(connection);
            return true;
        }
    );
}

void ReadOnlyStore::attach(Attachment, Completion<std::monostate> done) {
    refuse(std::move(done));
}

void ReadOnlyStore::detach(std::string, Completion<std::monostate> done) {
    refuse(std::move(done));
}

void ReadOnlyStore::lease(LeaseRequest, Completion<std::vector<Delivery>> done) {
    refuse(std::move(done));
}

void ReadOnlyStore::settle(std::string, std::vector<Settlement>, Completion<std::size_t> done) {
    refuse(std::move(done));
}

void ReadOnlyStore::extend(std::string, std::vector<NotificationId>, std::chrono::milliseconds) {
}

void ReadOnlyStore::stats(Completion<StoreStats> done) {
    read_steps<StoreStats>(
        *reader_, std::move(done),
        [this, counting = FileStats(clock_.system_now()
               )](Connection& connection, StoreStats& stats) mutable -> Result<bool> {
            const bool over = counting.step(connection, stats);
            stats.free_bytes = free_bytes_at(path_);
            stats.database_bytes = file_bytes(path_);
            stats.wal_bytes = file_bytes(path_ + "-wal");
            return over;
        }
    );
}

void ReadOnlyStore::list(DeliveryQuery query, Completion<std::vector<DeliveryRow>> done) {
    read_steps<std::vector<DeliveryRow>>(
        *reader_, std::move(done),
        [listing = Listing(std::move(query), {})](
            Connection& connection, auto& rows
        ) mutable -> Result<bool> { return listing.step(connection, rows); }
    );
}

void ReadOnlyStore::show(NotificationId id, Completion<StoredNotification> done) {
    read_steps<StoredNotification>(
        *reader_, std::move(done),
        [id](Connection& connection, auto& out) -> Result<bool> {
            auto found = show_notification(connection, id, {});
            if (!found) return found.error();
            out = std::move(*found);
            return true;
        }
    );
}

void ReadOnlyStore::replay(Selection, Completion<std::uint64_t> done) {
    refuse(std::move(done));
}

void ReadOnlyStore::replay_dead(Selection, Completion<std::uint64_t> done) {
    refuse(std::move(done));
}

void ReadOnlyStore::drop_dead(Selection, Completion<std::uint64_t> done) {
    refuse(std::move(done));
}

void ReadOnlyStore::retry_quarantined(Selection, Completion<std::uint64_t> done) {
    refuse(std::move(done));
}

void ReadOnlyStore::drop_quarantined(Selection, Completion<std::uint64_t> done) {
    refuse(std::move(done));
}

void ReadOnlyStore::put_verdict(std::int64_t, std::string, Completion<std::monostate> done) {
    refuse(std::move(done));
}

void ReadOnlyStore::pause(std::string, bool, Completion<std::monostate> done) {
    refuse(std::move(done));
}

void ReadOnlyStore::subscriptions(Completion<std::vector<SubscriptionRecord>> done) {
    read_steps<std::vector<SubscriptionRecord>>(
        *reader_, std::move(done),
        [](Connection& connection, auto& records) -> Result<bool> {
            return read_subscriptions(connection, records);
        }
    );
}

void ReadOnlyStore::put_subscription(SubscriptionRecord, Completion<std::int64_t> done) {
    refuse(std::move(done));
}

void ReadOnlyStore::erase_subscription(std::int64_t, Completion<std::monostate> done) {
    refuse(std::move(done));
}

void ReadOnlyStore::sync_states(Completion<std::vector<SyncState>> done) {
    read_steps<std::vector<SyncState>>(
        *reader_, std::move(done),
        [last = std::int64_t{0}](Connection& connection, auto& states) mutable -> Result<bool> {
            return read_sync_states(connection, last, states);
        }
    );
}

void ReadOnlyStore::watermarks(SyncKey key, Completion<std::vector<Watermark>> done) {
    read_steps<std::vector<Watermark>>(
        *reader_, std::move(done),
        [key = std::move(key)](Connection& connection, auto& marks) -> Result<bool> {
            return read_watermarks(connection, key, marks);
        }
    );
}

void ReadOnlyStore::note(std::string name, Completion<std::string> done) {
    read_steps<std::string>(
        *reader_, std::move(done),
        [name = std::move(name)](Connection& connection, auto& text) -> Result<bool> {
            text = read_note(connection, name);
            return true;
        }
    );
}

void ReadOnlyStore::change_sync(SyncChange, Completion<std::monostate> done) {
    refuse(std::move(done));
}

void ReadOnlyStore::put_unsid(Unsid, Completion<UnsidPut> done) {
    refuse(std::move(done));
}

void ReadOnlyStore::unsids(UnsidQuery query, Completion<std::vector<Unsid>> done) {
    read_steps<std::vector<Unsid>>(
        *reader_, std::move(done),
        [listing = UnsidListing(std::move(query))](
            Connection& connection, auto& found
        ) mutable -> Result<bool> { return listing.step(connection, found); }
    );
}

void ReadOnlyStore::drop_unsids(UnsidQuery, Completion<std::uint64_t> done) {
    refuse(std::move(done));
}

void ReadOnlyStore::put_note(std::string, std::string, Completion<std::monostate> done) {
    refuse(std::move(done));
}

}  // namespace graphhook::store
