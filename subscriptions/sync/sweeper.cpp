#include "subscriptions/sync/sweeper.hpp"

#include "core/log.hpp"
#include "subscriptions/catalog/catalog.hpp"
#include "subscriptions/sync/round.hpp"
#include "subscriptions/sync/schedule.hpp"
#include "subscriptions/sync/sweep_target.hpp"

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <set>
#include <utility>

namespace graphhook::subscriptions {
namespace {

using namespace std::chrono_literals;

constexpr auto kStoreRetry = 10s;
/// So long a `step` may sleep where nothing is known to come.
constexpr auto kLongest = std::chrono::hours(1);
/// So many targets told to wait in a row: it is the tenant that Graph is telling.
constexpr std::size_t kThrottledTenant = 3;

}  // namespace

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
    SystemTime hold_until;  ///< Of the tenant.
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
        if (target->running || target->gone || target->way.how == Way::How::None) return;
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

    Result<std::monostate> want(const TargetPtr& target, std::string_view reason);
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

namespace {

/// What a round sees of its target.
class TargetHost final : public RoundHost {
  public:
    using Commit = std::function<
        Result<std::monostate>(const std::function<void(store::SyncState&)>&, store::SyncChange)>;
    TargetHost(
        std::function<store::SyncState()> state, std::function<void(SystemTime)> begun,
        Commit commit, std::function<bool()> give_way
    )
        : state_(std::move(state)),
          begun_(std::move(begun)),
          commit_(std::move(commit)),
          give_way_(std::move(give_way)) {}

    [[nodiscard]] store::SyncState state() const override { return state_(); }
    void begun(SystemTime at) override { begun_(at); }
    [[nodiscard]] Result<std::monostate> commit(
        const std::function<void(store::SyncState&)>& alter, store::SyncChange change
    ) override {
        return commit_(alter, std::move(change));
    }
    [[nodiscard]] bool give_way() const override { return give_way_(); }

  private:
    std::function<store::SyncState()> state_;
    std::function<void(SystemTime)> begun_;
    Commit commit_;
    std::function<bool()> give_way_;
};

}  // namespace

Sweeper::Sweeper(Tenant tenant, Parts parts)
    : impl_(std::make_unique<Impl>(std::move(tenant), std::move(parts))) {
}

Sweeper::~Sweeper() = default;

void Sweeper::set_wanted(const std::vector<WantedSubscription>& wanted) {
    auto& self = *impl_;
    std::vector<TargetKey> gone;
    {
        const std::lock_guard lock(self.mutex);
        self.entries.clear();
        self.configured = true;
        for (const auto& entry : wanted) {
            const bool polled = entry.way == WantedSubscription::Way::Poll;
            if (entry.tenant != self.tenant.name || (!entry.sync && !polled)) continue;
            self.entries[entry.name] = std::make_shared<const WantedSubscription>(entry);
        }
        for (auto& [key, target] : self.targets) {
            const auto entry = self.entries.find(key.name);
            if (entry == self.entries.end()) {
                gone.push_back(key);
                continue;
            }
            target->set_entry(entry->second, self.tenant.delegated());
            self.place(target);
        }
    }
    for (const auto& key : gone) self.forget(key);
    {
        const std::lock_guard lock(self.mutex);
        self.forget_unwanted();
    }
    self.parts.wake();
}

void Sweeper::put(SweepTarget target) {
    auto& self = *impl_;
    bool unwanted = false;
    {
        const std::lock_guard lock(self.mutex);
        const auto entry = self.entries.find(target.key.name);
        unwanted = entry == self.entries.end();
        if (!unwanted) {
            self.to_erase.erase(target.key);
            auto& there = self.targets[target.key];
            if (there == nullptr) {
                there = std::make_shared<SweptTarget>();
                there->state.key = self.sync_key(target.key);
                if (auto state = self.waiting_states.extract(target.key)) {
                    there->state = std::move(state.mapped());
                    self.account(*there, {});
                }
            }
            if (there->target.resource == target.resource &&
                there->target.graph_id == target.graph_id && there->target.kind == target.kind)
                return;
            self.unplace(there);
            there->target = std::move(target);
            there->set_entry(entry->second, self.tenant.delegated());
            self.place(there);
        }
    }
    if (unwanted) self.forget(target.key);
    self.parts.wake();
}

void Sweeper::drop(const TargetKey& key) {
    auto& self = *impl_;
    if (const auto target = self.let_go(key)) {
        const std::lock_guard writing(target->writing);
        self.erase(key);
        return;
    }
    bool known = false;
    {
        const std::lock_guard lock(self.mutex);
        known = self.waiting_states.erase(key) != 0;
    }
    if (known) self.erase(key);
}

Result<std::monostate> Sweeper::want(const TargetKey& key, std::string_view reason) {
    auto& self = *impl_;
    Impl::TargetPtr target;
    {
        const std::lock_guard lock(self.mutex);
        target = self.find(key);
    }
    if (target == nullptr) return fail(Errc::NotFound, "not swept");
    auto wanted = self.want(target, reason);
    if (wanted) self.parts.wake();
    return wanted;
}

Result<std::monostate> Sweeper::Impl::want(const TargetPtr& target, std::string_view reason) {
    SystemTime at = now();
    {
        const std::lock_guard lock(mutex);
        if (target->way.how == Way::How::None)
            return fail(Errc::NotFound, "there is no way to ask again: " + target->way.why);
        const auto& state = target->state;
        // One more round is enough, however many ask for it.
        const bool begun = target->running && target->began != SystemTime{};
        const bool follows = !begun || state.wanted_at > target->began;
        if (state.wanted_at != SystemTime{} && follows &&
            urgency_of(state.reason) <= urgency_of(reason) && reason != "operator")
            return std::monostate{};
        if (begun) at = std::max(at, target->began + 1us);
    }
    return commit(
        target,
        [&](store::SyncState& state) {
            state.resource = state.resource.empty() ? target->target.resource : state.resource;
            if (state.wanted_at == SystemTime{} || state.wanted_at < at) state.wanted_at = at;
            state.reason = reason;
            // Somebody looks at it: not only when its back-off is over.
            if (reason == "operator") state.attempt_at = SystemTime{};
        },
        {}
    );
}

Result<std::size_t> Sweeper::want_all(const std::string& name, std::string_view reason) {
    auto& self = *impl_;
    std::vector<Impl::TargetPtr> some;
    {
        const std::lock_guard lock(self.mutex);
        for (const auto& [key, target] : self.targets) {
            if ((name.empty() || key.name == name) && target->way.how != Way::How::None)
                some.push_back(target);
        }
    }
    std::size_t count = 0;
    for (const auto& target : some) {
        auto wanted = self.want(target, reason);
        if (!wanted && wanted.error().code == Errc::Aborted) continue;  // dropped meanwhile
        if (!wanted) return wanted.error();
        ++count;
    }
    if (count != 0) self.parts.wake();
    return count;
}

void Sweeper::arrived(std::string_view name, SystemTime at) {
    auto& self = *impl_;
    const std::lock_guard lock(self.mutex);
    if (!self.entries.contains(name)) return;
    auto found = self.silences.find(name);
    if (found == self.silences.end()) found = self.silences.try_emplace(std::string(name)).first;
    found->second.arrived(at);
}

Result<std::monostate> Sweeper::load() {
    auto& self = *impl_;
    auto states = self.parts.table.states();
    if (!states) return states.error();
    const std::lock_guard lock(self.mutex);
    if (self.loaded) return std::monostate{};
    self.loaded = true;
    for (auto& state : *states) {
        if (state.key.tenant != self.tenant.name) continue;
        TargetKey key{state.key.name, state.key.element};
        if (const auto target = self.find(key)) {
            const auto before = std::exchange(target->state, std::move(state));
            self.account(*target, before);
            self.place(target);
        } else {
            self.waiting_states[std::move(key)] = std::move(state);
        }
    }
    self.forget_unwanted();
    return std::monostate{};
}

SystemTime Sweeper::step() {
    auto& self = *impl_;
    bool loaded = false;
    {
        const std::lock_guard lock(self.mutex);
        loaded = self.loaded;
    }
    if (!loaded) {
        if (auto read = load(); !read) {
            log().error(
                "how far sweeps are cannot be read tenant={} error=\"{}\"", self.tenant.name,
                to_string(read.error())
            );
            return self.now() + kStoreRetry;
        }
    }
    std::set<TargetKey> to_erase;
    {
        const std::lock_guard lock(self.mutex);
        to_erase.swap(self.to_erase);
    }
    for (const auto& key : to_erase) self.erase(key);
    self.ask_silent();

    const std::lock_guard lock(self.mutex);
    const SystemTime now = self.now();
    while (!self.timers.empty() && self.timers.begin()->first <= now) {
        const auto target = self.timers.begin()->second;
        self.timers.erase(self.timers.begin());
        self.ready.insert({target->urgency, target->at, target});
        if (target->urgency == 0) ++self.urgent;
    }
    if (self.hold_until > now) {
        // Nothing begins; what runs goes on to its own failure.
        return self.hold_until;
    }
    for (std::size_t room = self.parts.pool.free(); room > 0 && !self.ready.empty(); --room) {
        const auto target = std::get<2>(*self.ready.begin());
        self.unplace(target);
        target->running = true;
        target->began = SystemTime{};
        self.start(target);
    }
    SystemTime next = now + kLongest;
    if (!self.timers.empty()) next = std::min(next, self.timers.begin()->first);
    for (const auto& [name, silence] : self.silences) {
        const auto entry = self.entries.find(name);
        if (entry == self.entries.end()) continue;
        if (const auto due = silence.due(silence_of(*entry->second))) next = std::min(next, *due);
    }
    return next;
}

void Sweeper::Impl::ask_silent() {
    std::vector<std::string> silent;
    {
        const std::lock_guard lock(mutex);
        const SystemTime at = now();
        for (auto& [name, silence] : silences) {
            const auto entry = entries.find(name);
            if (entry == entries.end()) continue;
            const auto due = silence.due(silence_of(*entry->second));
            if (!due || *due > at) continue;
            silence.asked(at);
            silent.push_back(name);
        }
    }
    for (const auto& name : silent) {
        std::vector<TargetPtr> some;
        {
            const std::lock_guard lock(mutex);
            for (const auto& [key, target] : targets) {
                if (key.name == name && target->way.how != Way::How::None) some.push_back(target);
            }
        }
        log().info(
            "nothing came for long, so Graph is asked tenant={} subscription={} targets={}",
            tenant.name, name, some.size()
        );
        for (const auto& target : some) {
            if (auto wanted = want(target, "silence"); !wanted) break;
        }
    }
}

void Sweeper::Impl::start(const TargetPtr& target) {
    parts.pool.run([this, target](const std::stop_token& stop) { run(target, stop); });
}

void Sweeper::Impl::run(const TargetPtr& target, const std::stop_token& stop) {
    RoundJob job;
    {
        const std::lock_guard lock(mutex);
        job = target->job(tenant);
    }
    TargetHost host(
        [&] {
            const std::lock_guard lock(mutex);
            return target->state;
        },
        [&](SystemTime at) {
            const std::lock_guard lock(mutex);
            target->began = at;
        },
        [&](const std::function<void(store::SyncState&)>& alter, store::SyncChange change) {
            return commit(target, alter, std::move(change));
        },
        [&] {
            // The resource may have changed under way: begin anew with what it is now.
            const std::lock_guard lock(mutex);
            if (target->gone || target->target.resource != job.target.resource) return true;
            return urgent.load() != 0 && urgency_of(target->state.reason) != 0 &&
                   parts.pool.free() == 0;
        }
    );
    const bool told = job.to.source == store::Source::Sweep && job.reason != "signal";
    if (told) {
        log().info(
            "sweep begins tenant={} subscription={} element={} reason={}", tenant.name, job.to.name,
            for_log(job.to.element), job.reason
        );
    }
    const SystemTime before = now();
    Round round(job, {parts.data, parts.table, parts.clock, parts.quota, parts.metrics, host});
    const auto halt = round.run(stop);
    over(target, job, round, halt, now() - before);
    parts.wake();
}

void Sweeper::Impl::over(
    const TargetPtr& target, const RoundJob& job, const Round& round,
    const std::optional<Halt>& halt, std::chrono::microseconds took
) {
    if (!halt) {
        parts.metrics.sweep("done");
        const bool quiet =
            (job.to.source == store::Source::Poll || job.reason == "signal") && round.found() == 0;
        log().log(
            quiet ? spdlog::level::debug : spdlog::level::info,
            "sweep over tenant={} subscription={} element={} reason={} found={} pages={} ms={}",
            tenant.name, job.to.name, for_log(job.to.element), job.reason, round.found(),
            round.pages(), std::chrono::duration_cast<std::chrono::milliseconds>(took).count()
        );
    } else if (halt->kind == Halt::Kind::Failed) {
        parts.metrics.sweep("failed");
        log().warn(
            "sweep failed tenant={} subscription={} element={} reason={} error=\"{}\"", tenant.name,
            job.to.name, for_log(job.to.element), job.reason, to_string(halt->error)
        );
        failed(target, halt->error);
    } else if (halt->kind == Halt::Kind::NotStored) {
        log().error(
            "sweep cannot be stored tenant={} subscription={} error=\"{}\"", tenant.name,
            job.to.name, to_string(halt->stored)
        );
    }
    const std::lock_guard lock(mutex);
    target->running = false;
    target->not_before = SystemTime{};
    if (!halt) {
        throttled.clear();
        hold_times = 0;
    } else if (halt->kind == Halt::Kind::Paused) {
        target->not_before = halt->until;
    } else if (halt->kind == Halt::Kind::NotStored) {
        target->not_before = now() + kStoreRetry;
    } else if (halt->kind == Halt::Kind::Failed) {
        target->not_before = target->state.attempt_at;
        hold(halt->error, target);
    }
    if (!target->gone) place(target);
}

/// With the mutex held: what concerns more than this target.
void Sweeper::Impl::hold(const GraphError& error, const TargetPtr& target) {
    const SystemTime at = now();
    if (error.next == Next::Credentials) {
        hold_until = std::max(hold_until, at + retry_after(++hold_times, tenant.name));
    } else if (error.next == Next::RetryLater && error.status == 0) {
        const auto wait = std::min<std::chrono::seconds>(
            5s * (1 << std::min<std::uint32_t>(hold_times++, 5)), 60s
        );
        hold_until = std::max(hold_until, at + wait);
    } else if (error.next == Next::Throttled) {
        throttled.insert(target->target.key);
        if (throttled.size() < kThrottledTenant) return;
        throttled.clear();
        hold_until = std::max(hold_until, error.retry_at.value_or(at + 60s));
    }
}

void Sweeper::Impl::failed(const TargetPtr& target, const GraphError& error) {
    const SystemTime at = now();
    const auto stored = commit(
        target,
        [&](store::SyncState& state) {
            ++state.failures;
            state.last_error = to_string(error);
            SystemTime wait = at + retry_after(state.failures, target->seed);
            // Trouble of the way to Graph, or of the tenant, says nothing about the target.
            if (error.next == Next::Credentials ||
                (error.next == Next::RetryLater && error.status == 0))
                wait = at;
            if (error.next == Next::Throttled && error.retry_at) wait = *error.retry_at;
            state.attempt_at = std::max(wait, error.retry_at.value_or(wait));
        },
        {}
    );
    if (stored) return;
    const std::lock_guard lock(mutex);
    const store::SyncState before = target->state;
    ++target->state.failures;
    target->state.last_error = to_string(error);
    target->state.attempt_at = at + retry_after(target->state.failures, target->seed);
    if (!target->gone) account(*target, before);
}

std::vector<SweepStatus> Sweeper::status() const {
    const auto& self = *impl_;
    const std::lock_guard lock(self.mutex);
    const SystemTime now = self.now();
    std::vector<SweepStatus> all;
    for (const auto& [key, target] : self.targets) all.push_back(target->status(now));
    return all;
}

}  // namespace graphhook::subscriptions
