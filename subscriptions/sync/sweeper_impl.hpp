#pragma once

#include "core/log.hpp"
#include "subscriptions/sync/round.hpp"
#include "subscriptions/sync/schedule.hpp"
#include "subscriptions/sync/sweep_target.hpp"
#include "subscriptions/sync/sweeper.hpp"

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <tuple>
#include <utility>

namespace graphhook::subscriptions {

/// How long after our own store refused.
inline constexpr std::chrono::seconds kStoreRetry{10};

/// The sweeper's inside. Locks: a target's `writing` before `mutex`; the store is asked with
/// neither `mutex` held nor waited for by anybody who holds it.
struct Sweeper::Impl {
    using TargetPtr = std::shared_ptr<SweptTarget>;
    using EntryPtr = std::shared_ptr<const WantedSubscription>;

    Impl(Tenant its_tenant, Parts its_parts)
        : tenant(std::move(its_tenant)), parts(std::move(its_parts)) {}

    const Tenant tenant;
    Parts parts;

    mutable std::mutex mutex;
    // Guarded by mutex.
    bool loaded = false;
    bool configured = false;  ///< `entries` says what is wanted.
    std::map<std::string, EntryPtr, std::less<>> entries;
    std::map<TargetKey, TargetPtr> targets;
    /// States of the store whose target was not put yet.
    std::map<TargetKey, store::SyncState> waiting_states;
    std::set<TargetKey> to_erase;
    std::map<std::string, Silence, std::less<>> silences;
    /// When something is to be done: nothing of what runs or waits for a thread.
    std::set<std::pair<SystemTime, TargetPtr>> timers;
    /// What is due: urgency, since when.
    std::set<std::tuple<std::uint8_t, SystemTime, TargetPtr>> ready;
    std::map<std::string, std::multiset<SystemTime>, std::less<>> swept;
    std::size_t failing = 0;
    SystemTime hold_until;     ///< Of the tenant.
    SystemTime refused_until;  ///< Of the tenant as well: its credential is refused.
    std::uint32_t hold_times = 0;
    std::set<TargetKey> throttled;  ///< In a row.

    std::atomic<std::size_t> urgent{0};  ///< Due, urgent, and without a thread.

    [[nodiscard]] SystemTime now() const { return parts.clock.system_now(); }

    // --- with the mutex held

    void unplace(const TargetPtr& target) {
        timers.erase({target->at, target});
        if (ready.erase({target->urgency, target->at, target}) != 0 && target->urgency == 0)
            --urgent;
    }
    void place(const TargetPtr& target) {
        unplace(target);
        if (target->running || target->gone || !target->possible) return;
        const NextRound next = target->next();
        target->urgency = next.urgency;
        target->at = std::max(next.at, target->not_before);
        timers.insert({target->at, target});
    }
    void account(const SweptTarget& target, const store::SyncState& before, bool gone = false) {
        auto& times = swept[target.target.key.name];
        if (before.swept_at != SystemTime{}) {
            if (const auto at = times.find(before.swept_at); at != times.end()) times.erase(at);
        }
        if (!gone && target.state.swept_at != SystemTime{}) times.insert(target.state.swept_at);
        if (!times.empty()) parts.metrics.set_swept(target.target.key.name, *times.begin());
        if (before.failures != 0) --failing;
        if (!gone && target.state.failures != 0) ++failing;
        parts.metrics.set_sweeps_failing(tenant.name, failing);
    }
    TargetPtr find(const TargetKey& key) const {
        const auto found = targets.find(key);
        return found == targets.end() ? nullptr : found->second;
    }

    // --- without

    store::SyncKey sync_key(const TargetKey& key) const {
        return {tenant.name, key.name, key.element};
    }
    /// One writer of a target's state at a time, so that none writes what another just changed.
    Result<std::monostate> commit(
        const TargetPtr& target, const std::function<void(store::SyncState&)>& alter,
        store::SyncChange change
    ) {
        const std::lock_guard writing(target->writing);
        {
            const std::lock_guard lock(mutex);
            if (target->gone) return fail(Errc::Aborted, "no longer wanted");
            change.state = target->state;
        }
        alter(change.state);
        change.state.key = sync_key(target->target.key);
        auto stored = parts.table.change(change);
        if (!stored) return stored;
        const std::lock_guard lock(mutex);
        const store::SyncState before = std::exchange(target->state, std::move(change.state));
        if (target->gone) return fail(Errc::Aborted, "no longer wanted");
        account(*target, before);
        place(target);
        return std::monostate{};
    }
    /// Lets the target of that key go; `step` erases what is stored of it.
    void forget(const TargetKey& key) {
        const TargetPtr target = let_go(key);
        const std::lock_guard lock(mutex);
        if (target != nullptr || waiting_states.erase(key) != 0) to_erase.insert(key);
    }
    /// With the mutex held: those of an earlier run, of entries that are swept no more.
    void forget_unwanted() {
        if (!configured) return;
        std::erase_if(waiting_states, [&](const auto& state) {
            if (entries.contains(state.first.name)) return false;
            to_erase.insert(state.first);
            return true;
        });
    }
    void erase(const TargetKey& key) const {
        store::SyncChange change;
        change.state.key = sync_key(key);
        change.erase_all = true;
        if (auto erased = parts.table.change(change); !erased) {
            log().warn(
                "what is known of a sweep cannot be erased tenant={} subscription={} error=\"{}\"",
                tenant.name, key.name, to_string(erased.error())
            );
        }
    }
    TargetPtr let_go(const TargetKey& key) {
        const std::lock_guard lock(mutex);
        const auto found = targets.find(key);
        if (found == targets.end()) return nullptr;
        TargetPtr target = found->second;
        unplace(target);
        target->gone = true;
        account(*target, target->state, true);
        targets.erase(found);
        return target;
    }

    bool put(SweepTarget target);
    Result<std::monostate> want(const TargetPtr& target, std::string_view reason);
    /// Several at once, as each is a commit of the store's; how many.
    Result<std::size_t> want_many(const std::vector<TargetPtr>& some, std::string_view reason);
    /// Those of that name, of all if it is empty, that can be asked about.
    [[nodiscard]] std::vector<TargetPtr> possible(std::string_view name) const;
    void start(const TargetPtr& target);
    void run(const TargetPtr& target, const std::stop_token& stop);
    void over(
        const TargetPtr& target, const RoundJob& job, const Round& round,
        const std::optional<Halt>& halt, std::chrono::microseconds took
    );
    void hold(const GraphError& error, const TargetPtr& target);
    void failed(const TargetPtr& target, const GraphError& error);
    void ask_silent();
};

}  // namespace graphhook::subscriptions
