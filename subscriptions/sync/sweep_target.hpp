#pragma once

#include "subscriptions/sync/round.hpp"
#include "subscriptions/sync/schedule.hpp"
#include "subscriptions/sync/sweeper.hpp"

#include <chrono>
#include <memory>
#include <mutex>
#include <string>

namespace graphhook::subscriptions {

/// One target as the sweeper keeps it. Threads: guarded by the sweeper's mutex, but for `writing`.
struct SweptTarget {
    SweepTarget target;
    std::shared_ptr<const WantedSubscription> entry;
    bool possible = false;   ///< There is a way to ask.
    bool delegated = false;  ///< A signed-in user asks.
    store::SyncState state;
    bool running = false;
    bool gone = false;      ///< No longer wanted; whoever still holds it leaves it be.
    SystemTime began;       ///< Running: what its round counts from, once that is known.
    SystemTime not_before;  ///< Paused until then.
    bool paused = false;    ///< Its round halted, and is no new one when it goes on.
    // Where it stands in the sweeper's order.
    SystemTime at;
    std::uint8_t urgency = 2;
    /// Held while its state is written.
    std::mutex writing;

    /// The entry, or what belongs to it, is another.
    void set_entry(std::shared_ptr<const WantedSubscription> now, bool asked_by_user);
    /// Made when it is needed: a hundred thousand targets would hold as many tables.
    [[nodiscard]] Way way() const { return way_of(*entry, target.resource, delegated); }
    /// Its own: spreads what is regular.
    [[nodiscard]] std::string seed() const { return target.key.name + "/" + target.key.element; }
    [[nodiscard]] NextRound next() const;
    [[nodiscard]] RoundJob job(const Tenant& tenant) const;
    [[nodiscard]] SweepStatus status(SystemTime now) const;
};

/// The threshold of an entry: its own, or the kind's; zero: never.
[[nodiscard]] std::chrono::milliseconds silence_of(const WantedSubscription& entry);

}  // namespace graphhook::subscriptions
