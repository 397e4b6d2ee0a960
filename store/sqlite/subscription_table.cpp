#include "store/sqlite/subscription_table.hpp"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

namespace graphhook::store {
namespace {

SystemTime time_of(std::int64_t micros) {
    return SystemTime(std::chrono::microseconds(micros));
}

std::int64_t micros(SystemTime time) {
    return time.time_since_epoch().count();
}

Sync sync_of(std::int64_t stored) {
    return stored == static_cast<std::int64_t>(Sync::Versions) ? Sync::Versions
           : stored == static_cast<std::int64_t>(Sync::Signal) ? Sync::Signal
                                                               : Sync::None;
}

void copy_hash(std::string_view from, Sha256& to) {
    if (from.size() == to.size()) std::memcpy(to.data(), from.data(), from.size());
}

}  // namespace

SubscriptionRecord read_record(const Query& query) {
    SubscriptionRecord record;
    record.record = query.integer(0);
    record.state = static_cast<SubscriptionState>(query.integer(1));
    record.name = query.text(2);
    record.tenant = query.text(3);
    record.kind = query.text(4);
    record.resource = query.text(5);
    record.changes = query.text(6);
    record.notification_url = query.text(7);
    record.lifecycle_url = query.text(8);
    record.graph_id = query.text(9);
    copy_hash(query.blob(10), record.state_hash);
    record.client_state = Secret(std::string(query.text(11)));
    record.created_at = time_of(query.integer(12));
    record.expires_at = time_of(query.integer(13));
    record.touched_at = time_of(query.integer(14));
    record.attempt_at = time_of(query.integer(15));
    record.failures = static_cast<std::uint32_t>(query.integer(16));
    record.last_error = query.text(17);
    record.forget_at = time_of(query.integer(18));
    record.element = query.text(19);
    record.sync = sync_of(query.integer(20));
    record.certificate_id = query.text(21);
    return record;
}

SubscriptionTable::SubscriptionTable(Connection& connection, Writes& writes, Clock& clock)
    : writes_(writes),
      clock_(clock),
      put_(
          connection,
          "INSERT OR REPLACE INTO subscription(" + std::string(kRecordColumns) +
              ") VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
      ),
      erase_(connection, "DELETE FROM subscription WHERE record = ?"),
      next_(connection.query("SELECT seq FROM sqlite_sequence WHERE name = 'subscription'") + 1) {
    // Only what intake needs: there may be a hundred thousand of them, and Graph waits for us.
    Statement all(
        connection,
        "SELECT record, state, name, tenant, kind, sync, graph_id, state_hash, expires_at, "
        "forget_at FROM subscription"
    );
    const SystemTime now = clock.system_now();
    const auto count =
        static_cast<std::size_t>(connection.query("SELECT count(*) FROM subscription"));
    std::vector<KnownSubscriptions::Change> present;
    present.reserve(count);
    held_.reserve(count);
    for (Query query(all); query.step();) {
        const std::int64_t record = query.integer(0);
        const auto state = static_cast<SubscriptionState>(query.integer(1));
        const SystemTime forget_at = time_of(query.integer(9));
        if (state == SubscriptionState::Retired) retired_.emplace(record, forget_at);
        KnownPtr& held = held_[record];
        if (!published(state, forget_at, now)) continue;
        auto known = std::make_shared<Known>();
        known->record = record;
        known->state = state;
        known->family =
            families_.of(query.text(3), query.text(2), query.text(4), sync_of(query.integer(5)));
        known->graph_id = query.text(6);
        copy_hash(query.blob(7), known->state_hash);
        known->expires_at = time_of(query.integer(8));
        held = std::move(known);
        present.push_back({nullptr, held});
    }
    known_ = KnownSubscriptions({}).with(present);
}

std::shared_ptr<const KnownSubscriptions> SubscriptionTable::known() const {
    const std::lock_guard lock(mutex_);
    return known_;
}

void SubscriptionTable::change(std::int64_t record, KnownPtr after) {
    const auto held = held_.find(record);
    KnownPtr before = held != held_.end() ? held->second : nullptr;
    changed_.try_emplace(record, KnownSubscriptions::Change{std::move(before), nullptr})
        .first->second.after = std::move(after);
}

Result<std::int64_t> SubscriptionTable::put(SubscriptionRecord record) {
    if (record.record == 0) {
        record.record = next_++;
    } else if (!held_.contains(record.record)) {
        return fail(
            Errc::NotFound, "there is no subscription record " + std::to_string(record.record)
        );
    }
    std::string hash(record.state_hash.size(), '\0');
    std::memcpy(hash.data(), record.state_hash.data(), hash.size());
    writes_.add(
        put_, {record.record,
               static_cast<std::int64_t>(record.state),
               record.name,
               record.tenant,
               record.kind,
               record.resource,
               record.changes,
               record.notification_url,
               record.lifecycle_url,
               record.graph_id,
               Blob{std::move(hash)},
               std::string(record.client_state.reveal()),
               micros(record.created_at),
               micros(record.expires_at),
               micros(record.touched_at),
               micros(record.attempt_at),
               std::int64_t{record.failures},
               record.last_error,
               micros(record.forget_at),
               record.element,
               static_cast<std::int64_t>(record.sync),
               record.certificate_id}
    );
    KnownPtr known = published(record.state, record.forget_at, clock_.system_now())
                         ? make_known(record, families_)
                         : nullptr;
    change(record.record, known);
    held_.insert_or_assign(record.record, std::move(known));
    retired_.erase(record.record);
    if (record.state == SubscriptionState::Retired)
        retired_.emplace(record.record, record.forget_at);
    return record.record;
}

Result<std::monostate> SubscriptionTable::erase(std::int64_t record) {
    if (held_.contains(record)) {
        writes_.add(erase_, {record});
        change(record, nullptr);
        held_.erase(record);
        retired_.erase(record);
    }
    return std::monostate{};
}

void SubscriptionTable::forget() {
    const SystemTime now = clock_.system_now();
    std::vector<std::int64_t> over;
    for (const auto& [record, forget_at] : retired_) {
        if (forget_at <= now) over.push_back(record);
    }
    for (const std::int64_t record : over) static_cast<void>(erase(record));
}

void SubscriptionTable::publish() {
    if (changed_.empty()) return;
    std::vector<KnownSubscriptions::Change> changes;
    changes.reserve(changed_.size());
    for (auto& [record, change] : changed_) {
        if (change.before != nullptr || change.after != nullptr)
            changes.push_back(std::move(change));
    }
    changed_.clear();
    auto next = known_->with(changes);
    const std::lock_guard lock(mutex_);
    known_ = std::move(next);
}

}  // namespace graphhook::store
