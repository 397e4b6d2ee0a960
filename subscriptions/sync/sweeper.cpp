#include "subscriptions/sync/sweeper.hpp"

#include "core/log.hpp"
#include "subscriptions/sync/sweeper_impl.hpp"

#include <algorithm>
#include <optional>
#include <thread>
#include <utility>

namespace graphhook::subscriptions {
namespace {

using namespace std::chrono_literals;

/// So long a `step` may sleep where nothing is known to come.
constexpr auto kLongest = std::chrono::hours(1);
/// So many write at once that they are wanted: the store commits them together.
constexpr std::size_t kMostWriters = 16;

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
    const TargetKey key = target.key;
    if (!self.put(std::move(target))) self.forget(key);
    self.parts.wake();
}

/// False: its entry is not swept.
bool Sweeper::Impl::put(SweepTarget target) {
    const std::lock_guard lock(mutex);
    const auto entry = entries.find(target.key.name);
    if (entry == entries.end()) return false;
    to_erase.erase(target.key);
    auto& there = targets[target.key];
    if (there == nullptr) {
        there = std::make_shared<SweptTarget>();
        there->target.key = target.key;
        there->state.key = sync_key(target.key);
        if (auto state = waiting_states.extract(target.key)) {
            there->state = std::move(state.mapped());
            account(*there, {});
        }
    }
    if (there->target.resource == target.resource && there->target.graph_id == target.graph_id &&
        there->target.kind == target.kind)
        return true;
    unplace(there);
    there->target = std::move(target);
    there->set_entry(entry->second, tenant.delegated());
    place(there);
    return true;
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
        if (!target->possible)
            return fail(Errc::NotFound, "there is no way to ask again: " + target->way().why);
        const auto& state = target->state;
        // One more round is enough, however many ask for it.
        const bool begun = target->running && target->began != SystemTime{};
        const bool follows = !begun || state.wanted_at > target->began;
        // A signal waits a few seconds, and what it finds is no news: what was missed is another.
        const bool stronger =
            reason == "operator" ||
            (state.reason == "signal" && reason != "signal" && urgency_of(reason) == 0);
        if (state.wanted_at != SystemTime{} && follows && !stronger &&
            urgency_of(state.reason) <= urgency_of(reason))
            return std::monostate{};
        if (begun) at = std::max(at, target->began + 1us);
    }
    if (reason == "operator") {
        const std::lock_guard lock(mutex);
        refused_until = {};
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

std::vector<Sweeper::Impl::TargetPtr> Sweeper::Impl::possible(std::string_view name) const {
    std::vector<TargetPtr> some;
    const std::lock_guard lock(mutex);
    for (const auto& [key, target] : targets) {
        if ((name.empty() || key.name == name) && target->possible) some.push_back(target);
    }
    return some;
}

Result<std::size_t> Sweeper::Impl::want_many(
    const std::vector<TargetPtr>& some, std::string_view reason
) {
    std::atomic<std::size_t> next{0}, count{0};
    std::mutex first;
    std::optional<Error> failure;  // guarded by first
    const auto work = [&] {
        for (std::size_t i = next++; i < some.size(); i = next++) {
            const auto wanted = want(some[i], reason);
            if (wanted) {
                ++count;
            } else if (wanted.error().code != Errc::Aborted) {  // else it was dropped meanwhile
                const std::lock_guard lock(first);
                if (!failure) failure = wanted.error();
                next = some.size();
            }
        }
    };
    std::vector<std::jthread> helpers;
    for (std::size_t i = 1; i < std::min(some.size() / 8, kMostWriters); ++i)
        helpers.emplace_back(work);
    work();
    helpers.clear();  // joins
    if (failure) return *failure;
    return count.load();
}

Result<std::size_t> Sweeper::want_all(const std::string& name, std::string_view reason) {
    auto wanted = impl_->want_many(impl_->possible(name), reason);
    if (wanted && *wanted != 0) impl_->parts.wake();
    return wanted;
}

void Sweeper::arrived(std::string_view name, SystemTime at) {
    auto& self = *impl_;
    bool sooner = false;
    {
        const std::lock_guard lock(self.mutex);
        const auto entry = self.entries.find(name);
        if (entry == self.entries.end()) return;
        auto found = self.silences.find(name);
        if (found == self.silences.end())
            found = self.silences.try_emplace(std::string(name)).first;
        const auto longest = silence_of(*entry->second);
        const auto before = found->second.due(longest);
        found->second.arrived(at);
        const auto after = found->second.due(longest);
        sooner = after && (!before || *after < *before);
    }
    // The first since it was silent: `step` does not know of it yet.
    if (sooner) self.parts.wake();
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

void Sweeper::credential_mended() {
    const std::lock_guard lock(impl_->mutex);
    if (impl_->refused_until == SystemTime{}) return;
    impl_->refused_until = {};
    impl_->hold_times = 0;
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
    if (const auto until = std::max(self.hold_until, self.refused_until); until > now) {
        // Nothing begins; what runs goes on to its own failure.
        return until;
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
        const auto some = possible(name);
        log().info(
            "nothing came for long, so Graph is asked tenant={} subscription={} targets={}",
            tenant.name, name, some.size()
        );
        if (const auto wanted = want_many(some, "silence"); !wanted) {
            log().error(
                "that a sweep is wanted cannot be stored tenant={} subscription={} error=\"{}\"",
                tenant.name, name, to_string(wanted.error())
            );
        }
    }
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
