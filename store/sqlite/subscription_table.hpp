#pragma once

#include "core/clock.hpp"
#include "core/error.hpp"
#include "store/sqlite/sql.hpp"
#include "store/sqlite/writes.hpp"
#include "store/subscription.hpp"

#include <memory>
#include <mutex>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace graphhook::store {

/// The columns that read_record() reads, in its order.
inline constexpr std::string_view kRecordColumns =
    "record, state, name, tenant, kind, resource, changes, notification_url, lifecycle_url, "
    "graph_id, state_hash, client_state, created_at, expires_at, touched_at, attempt_at, failures, "
    "last_error, forget_at, element, sync, certificate_id";
[[nodiscard]] SubscriptionRecord read_record(const Query& query);
/// Retired, and its time is over.
[[nodiscard]] constexpr bool forgotten(
    SubscriptionState state, SystemTime forget_at, SystemTime now
) noexcept {
    return state == SubscriptionState::Retired && forget_at <= now;
}
/// Intake may know of it.
[[nodiscard]] constexpr bool published(
    SubscriptionState state, SystemTime forget_at, SystemTime now
) noexcept {
    return state != SubscriptionState::Parked && !forgotten(state, forget_at, now);
}

/// The table of subscriptions and the picture of it that intake looks at. Threads: the writer's,
/// but for known().
class SubscriptionTable {
  public:
    SubscriptionTable(Connection& connection, Writes& writes, Clock& clock);

    [[nodiscard]] std::shared_ptr<const KnownSubscriptions> known() const;
    Result<std::int64_t> put(SubscriptionRecord record);
    Result<std::monostate> erase(std::int64_t record);
    /// Removes those whose time is over.
    void forget();
    /// After the commit: what changed in this round becomes visible, at once.
    void publish();

  private:
    void change(std::int64_t record, KnownPtr after);

    Writes& writes_;
    Clock& clock_;
    Statement put_, erase_;
    std::int64_t next_ = 1;
    KnownFamilies families_;
    /// All records; nullptr: intake may not know of it.
    std::unordered_map<std::int64_t, KnownPtr> held_;
    std::unordered_map<std::int64_t, SystemTime> retired_;  ///< When they are to be forgotten.
    /// As published, of those that changed in this round.
    std::unordered_map<std::int64_t, KnownSubscriptions::Change> changed_;
    mutable std::mutex mutex_;
    std::shared_ptr<const KnownSubscriptions> known_;
};

}  // namespace graphhook::store
