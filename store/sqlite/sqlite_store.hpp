#pragma once

#include "store/sqlite/file_lock.hpp"
#include "store/sqlite/reader.hpp"
#include "store/sqlite/repairs.hpp"
#include "store/sqlite/writer.hpp"
#include "store/store.hpp"

#include <memory>
#include <string>

namespace graphhook::store {

/// The store of one serving process over one SQLite file.
class SqliteStore final : public Store {
  public:
    SqliteStore(
        FileLock lock, std::unique_ptr<Reader> reader, std::unique_ptr<Writer> writer, Clock& clock
    );
    ~SqliteStore() override;

    void append(std::vector<Item> items, SystemTime received_at, Completion<Appended> done)
        override;
    [[nodiscard]] std::shared_ptr<const KnownSubscriptions> known() const override;
    void ask(std::vector<Query> queries, Completion<std::vector<KnownPtr>> done) override;
    void keep_refused(RefusedBody body) override;
    void refused(Completion<std::vector<RefusedBody>> done) override;

    void attach(Attachment attachment, Completion<std::monostate> done) override;
    void detach(std::string handler, Completion<std::monostate> done) override;
    void lease(LeaseRequest request, Completion<std::vector<Delivery>> done) override;
    void settle(
        std::string handler, std::vector<Settlement> settlements, Completion<std::size_t> done
    ) override;
    void extend(
        std::string handler, std::vector<NotificationId> ids, std::chrono::milliseconds hold
    ) override;

    void stats(Completion<StoreStats> done) override;
    void list(DeliveryQuery query, Completion<std::vector<DeliveryRow>> done) override;
    void show(NotificationId id, Completion<StoredNotification> done) override;
    void replay(Selection selection, Completion<std::uint64_t> done) override;
    void replay_dead(Selection selection, Completion<std::uint64_t> done) override;
    void drop_dead(Selection selection, Completion<std::uint64_t> done) override;
    void retry_quarantined(Selection selection, Completion<std::uint64_t> done) override;
    void drop_quarantined(Selection selection, Completion<std::uint64_t> done) override;
    void put_verdict(std::int64_t proof, std::string verdict, Completion<std::monostate> done)
        override;
    void pause(std::string handler, bool paused, Completion<std::monostate> done) override;

    void subscriptions(Completion<std::vector<SubscriptionRecord>> done) override;
    void put_subscription(SubscriptionRecord record, Completion<std::int64_t> done) override;
    void erase_subscription(std::int64_t record, Completion<std::monostate> done) override;

    void sync_states(Completion<std::vector<SyncState>> done) override;
    void watermarks(SyncKey key, Completion<std::vector<Watermark>> done) override;
    void change_sync(SyncChange change, Completion<std::monostate> done) override;
    void put_unsid(Unsid unsid, Completion<UnsidPut> done) override;
    void unsids(UnsidQuery query, Completion<std::vector<Unsid>> done) override;
    void drop_unsids(UnsidQuery selection, Completion<std::uint64_t> done) override;
    void put_note(std::string name, std::string text, Completion<std::monostate> done) override;
    void note(std::string name, Completion<std::string> done) override;

  private:
    /// Runs `work(tables)`, a Result<T>, in the next round and answers when it is durable.
    template <class T, class Work>
    void write(Completion<T> done, Work work);
    template <class T, class Step>
    void read_with_leases(Completion<T> done, Step make);
    void repair(Repair repair, Completion<std::uint64_t> done);

    FileLock lock_;
    std::unique_ptr<Reader> reader_;
    std::unique_ptr<Writer> writer_;  // uses reader_
    Clock& clock_;
};

}  // namespace graphhook::store
