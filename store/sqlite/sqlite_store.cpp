#include "store/sqlite/sqlite_store.hpp"

#include "store/sqlite/lookup.hpp"
#include "store/sqlite/repairs.hpp"
#include "store/sqlite/sync_tables.hpp"
#include "store/sqlite/unsids.hpp"

#include <algorithm>
#include <memory>
#include <utility>

namespace graphhook::store {
namespace {

constexpr std::size_t kMostRefusedBytes = 16u << 10;

}  // namespace

SqliteStore::SqliteStore(
    FileLock lock, std::unique_ptr<Reader> reader, std::unique_ptr<Writer> writer, Clock& clock
)
    : lock_(std::move(lock)),
      reader_(std::move(reader)),
      writer_(std::move(writer)),
      clock_(clock) {
}

SqliteStore::~SqliteStore() {
    // Questions that go by way of the writer end with the reader.
    writer_->finish();
    reader_.reset();
}

template <class T, class Work>
void SqliteStore::write(Completion<T> done, Work work) {
    writer_->post([done = std::move(done), work = std::move(work)](
                      Tables& tables, Round& round, const Error* error
                  ) mutable {
        Result<T> result = error != nullptr ? Result<T>(*error) : Result<T>(work(tables));
        round.answer<T>(std::move(done), std::move(result));
    });
}

/// What is leased is known to the writer only; with it the reader looks the rest up.
template <class T, class Step>
void SqliteStore::read_with_leases(Completion<T> done, Step make) {
    writer_->post([this, done = std::move(done), make = std::move(make)](
                      Tables& tables, Round& round, const Error* error
                  ) mutable {
        if (error != nullptr) {
            round.answer<T>(std::move(done), *error);
            return;
        }
        LeasedNow leased;
        for (const auto& lease : tables.dispatch.leased()) {
            leased.emplace(std::pair(lease.handler, lease.id), lease.attempt);
        }
        read_steps<T>(*reader_, std::move(done), make(std::move(leased)));
    });
}

void SqliteStore::append(
    std::vector<Item> items, SystemTime received_at, Completion<Appended> done
) {
    writer_->append({std::move(items), received_at, std::move(done), {}});
}

std::shared_ptr<const KnownSubscriptions> SqliteStore::known() const {
    return writer_->known();
}

void SqliteStore::ask(std::vector<Query> queries, Completion<std::vector<KnownPtr>> done) {
    read_steps<std::vector<KnownPtr>>(
        *reader_, std::move(done),
        [this, queries = std::move(queries)](Connection& connection, auto& out) -> Result<bool> {
            out = ask_table(connection, queries, clock_.system_now());
            return true;
        }
    );
}

void SqliteStore::keep_refused(RefusedBody body) {
    body.body.resize(std::min(body.body.size(), kMostRefusedBytes));
    writer_->post([body = std::move(body)](Tables& tables, Round&, const Error* error) mutable {
        if (error != nullptr) return;
        tables.writes.add(
            tables.keep_refused, {body.at.time_since_epoch().count(), std::move(body.reason),
                                  std::move(body.subscription), std::move(body.body)}
        );
        tables.writes.add(tables.trim_refused, {});
    });
}

void SqliteStore::refused(Completion<std::vector<RefusedBody>> done) {
    // By way of the writer: what was kept before is seen.
    read_with_leases<std::vector<RefusedBody>>(std::move(done), [](const LeasedNow&) {
        return [](Connection& connection, auto& out) -> Result<bool> {
            out = read_refused(connection);
            return true;
        };
    });
}

void SqliteStore::attach(Attachment attachment, Completion<std::monostate> done) {
    write(std::move(done), [attachment = std::move(attachment)](Tables& tables) mutable {
        return tables.dispatch.attach(std::move(attachment));
    });
}

void SqliteStore::detach(std::string handler, Completion<std::monostate> done) {
    write(std::move(done), [handler = std::move(handler)](Tables& tables) {
        return tables.dispatch.detach(handler);
    });
}

void SqliteStore::lease(LeaseRequest request, Completion<std::vector<Delivery>> done) {
    write(std::move(done), [request = std::move(request)](Tables& tables) {
        return tables.dispatch.lease(request);
    });
}

void SqliteStore::settle(
    std::string handler, std::vector<Settlement> settlements, Completion<std::size_t> done
) {
    write(
        std::move(done),
        [handler = std::move(handler), settlements = std::move(settlements)](Tables& tables
        ) mutable { return tables.dispatch.settle(handler, settlements); }
    );
}

void SqliteStore::extend(
    std::string handler, std::vector<NotificationId> ids, std::chrono::milliseconds hold
) {
    writer_->post([handler = std::move(handler), ids = std::move(ids),
                   hold](Tables& tables, Round&, const Error* error) {
        if (error == nullptr) tables.dispatch.extend(handler, ids, hold);
    });
}

void SqliteStore::stats(Completion<StoreStats> done) {
    write(std::move(done), [this](Tables&) { return Result<StoreStats>(writer_->stats()); });
}

void SqliteStore::list(DeliveryQuery query, Completion<std::vector<DeliveryRow>> done) {
    read_with_leases<std::vector<DeliveryRow>>(
        std::move(done),
        [query = std::move(query)](LeasedNow leased) mutable {
            return [listing = Listing(std::move(query), std::move(leased))](
                       Connection& connection, auto& rows
                   ) mutable -> Result<bool> { return listing.step(connection, rows); };
        }
    );
}

void SqliteStore::show(NotificationId id, Completion<StoredNotification> done) {
    read_with_leases<StoredNotification>(std::move(done), [id](LeasedNow leased) {
        return [id, leased = std::move(leased)](Connection& connection, auto& out) -> Result<bool> {
            auto found = show_notification(connection, id, leased);
            if (!found) return found.error();
            out = std::move(*found);
            return true;
        };
    });
}

void SqliteStore::repair(Repair repair, Completion<std::uint64_t> done) {
    writer_->post_slices([repair = std::move(repair), done = std::move(done),
                          begun = false](Tables& tables, Round& round, const Error* error) mutable {
        if (error != nullptr) {
            round.answer<std::uint64_t>(std::move(done), *error);
            return true;
        }
        if (!std::exchange(begun, true)) {
            if (const auto sound = repair.check(tables); !sound) {
                round.answer<std::uint64_t>(std::move(done), sound.error());
                return true;
            }
        }
        if (!repair.step(tables)) return false;
        round.answer<std::uint64_t>(std::move(done), repair.count());
        return true;
    });
}

void SqliteStore::replay(Selection selection, Completion<std::uint64_t> done) {
    repair(Repair(Repair::What::Replay, std::move(selection)), std::move(done));
}

void SqliteStore::replay_dead(Selection selection, Completion<std::uint64_t> done) {
    repair(Repair(Repair::What::ReplayDead, std::move(selection)), std::move(done));
}

void SqliteStore::drop_dead(Selection selection, Completion<std::uint64_t> done) {
    repair(Repair(Repair::What::DropDead, std::move(selection)), std::move(done));
}

void SqliteStore::retry_quarantined(Selection selection, Completion<std::uint64_t> done) {
    repair(Repair(Repair::What::RetryQuarantined, std::move(selection)), std::move(done));
}

void SqliteStore::drop_quarantined(Selection selection, Completion<std::uint64_t> done) {
    repair(Repair(Repair::What::DropQuarantined, std::move(selection)), std::move(done));
}

void SqliteStore::put_verdict(
    std::int64_t proof, std::string verdict, Completion<std::monostate> done
) {
    write(std::move(done), [proof, verdict = std::move(verdict)](Tables& tables) mutable {
        tables.proofs.put_verdict(proof, std::move(verdict));
        return std::monostate{};
    });
}

void SqliteStore::pause(std::string handler, bool paused, Completion<std::monostate> done) {
    write(std::move(done), [handler = std::move(handler), paused](Tables& tables) {
        return tables.dispatch.pause(handler, paused);
    });
}

void SqliteStore::subscriptions(Completion<std::vector<SubscriptionRecord>> done) {
    read_steps<std::vector<SubscriptionRecord>>(
        *reader_, std::move(done),
        [](Connection& connection, auto& records) -> Result<bool> {
            return read_subscriptions(connection, records);
        }
    );
}

void SqliteStore::put_subscription(SubscriptionRecord record, Completion<std::int64_t> done) {
    write(std::move(done), [record = std::move(record)](Tables& tables) mutable {
        return tables.subscriptions.put(std::move(record));
    });
}

void SqliteStore::erase_subscription(std::int64_t record, Completion<std::monostate> done) {
    write(std::move(done), [record](Tables& tables) { return tables.subscriptions.erase(record); });
}

void SqliteStore::sync_states(Completion<std::vector<SyncState>> done) {
    read_steps<std::vector<SyncState>>(
        *reader_, std::move(done),
        [last = std::int64_t{0}](Connection& connection, auto& states) mutable -> Result<bool> {
            return read_sync_states(connection, last, states);
        }
    );
}

void SqliteStore::watermarks(SyncKey key, Completion<std::vector<Watermark>> done) {
    read_steps<std::vector<Watermark>>(
        *reader_, std::move(done),
        [key = std::move(key)](Connection& connection, auto& marks) -> Result<bool> {
            return read_watermarks(connection, key, marks);
        }
    );
}

void SqliteStore::note(std::string name, Completion<std::string> done) {
    read_steps<std::string>(
        *reader_, std::move(done),
        [name = std::move(name)](Connection& connection, auto& text) -> Result<bool> {
            text = read_note(connection, name);
            return true;
        }
    );
}

void SqliteStore::change_sync(SyncChange change, Completion<std::monostate> done) {
    write(std::move(done), [change = std::move(change)](Tables& tables) mutable {
        return tables.sync.change(std::move(change));
    });
}

void SqliteStore::put_unsid(Unsid unsid, Completion<UnsidPut> done) {
    write(
        std::move(done),
        [this, unsid = std::move(unsid)](Tables& tables) mutable -> Result<UnsidPut> {
            if (!writer_->refusing().empty()) return fail(Errc::Full, writer_->refusing());
            return tables.unsids.put(std::move(unsid), clock_.system_now());
        }
    );
}

void SqliteStore::unsids(UnsidQuery query, Completion<std::vector<Unsid>> done) {
    read_steps<std::vector<Unsid>>(
        *reader_, std::move(done),
        [listing = UnsidListing(std::move(query))](
            Connection& connection, auto& found
        ) mutable -> Result<bool> { return listing.step(connection, found); }
    );
}

void SqliteStore::drop_unsids(UnsidQuery selection, Completion<std::uint64_t> done) {
    auto slice = [drop = UnsidDrop{std::move(selection)}, done = std::move(done)](
                     Tables& tables, Round& round, const Error* error
                 ) mutable {
        const Result<bool> over =
            error != nullptr ? Result<bool>(*error) : tables.unsids.drop(drop);
        if (over && !*over) return false;
        round.answer<std::uint64_t>(
            std::move(done), over ? Result<std::uint64_t>(drop.count) : over.error()
        );
        return true;
    };
    // The first among the changes of its time, so that what is asked for next comes after it.
    writer_->post([this, slice = std::move(slice
                         )](Tables& tables, Round& round, const Error* error) mutable {
        if (!slice(tables, round, error)) writer_->post_slices(std::move(slice));
    });
}

void SqliteStore::put_note(std::string name, std::string text, Completion<std::monostate> done) {
    write(
        std::move(done),
        [name = std::move(name), text = std::move(text)](Tables& tables) mutable {
            return tables.sync.put_note(std::move(name), std::move(text));
        }
    );
}

}  // namespace graphhook::store
