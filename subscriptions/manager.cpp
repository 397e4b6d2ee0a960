#include "subscriptions/manager.hpp"

#include "core/log.hpp"
#include "core/time_text.hpp"
#include "core/work_pool.hpp"
#include "subscriptions/credentials/expiry.hpp"
#include "subscriptions/credentials/token_cache.hpp"
#include "subscriptions/reconcile/reconciler.hpp"
#include "subscriptions/tenant_access.hpp"

#include <algorithm>
#include <charconv>
#include <condition_variable>
#include <set>
#include <thread>

namespace graphhook::subscriptions {
namespace {

using namespace std::chrono_literals;

/// So often it is noted that we are alive; and Graph tries to deliver for so long.
constexpr auto kNoteAlive = 5min;
constexpr auto kGraphsPatience = 4h;
/// So often it is asked when the credential ends.
constexpr auto kAskExpiry = 24h;
/// So often it is seen whether a refused credential was mended.
constexpr auto kLookAtFiles = 2s;

SystemTime parse_alive(const std::string& text) {
    std::int64_t seconds = 0;
    std::from_chars(text.data(), text.data() + text.size(), seconds);
    return SystemTime(std::chrono::seconds(seconds));
}

}  // namespace

/// One tenant, with all that works for it. Declared in the order of need: pools end before what
/// their work uses.
struct SubscriptionManager::Slot {
    Slot(
        const Tenant& about, const SubscriptionsOptions& options, Access way,
        std::shared_ptr<Quota> shared, const Parts& parts
    )
        : tenant(about),
          access(std::move(way)),
          quota(std::move(shared)),
          requests(about.requests),
          sweeps(about.sweeps, [this] { nudge(); }),
          sweeper(
              about, {.data = *access.data,
                      .table = parts.sync,
                      .clock = parts.clock,
                      .metrics = parts.metrics,
                      .quota = *quota,
                      .pool = sweeps,
                      .wake = [this] { nudge(); }}
          ),
          reconciler(
              about, options,
              {.graph = *access.graph,
               .table = parts.table,
               .clock = parts.clock,
               .metrics = parts.metrics,
               .random = parts.random,
               .quota = *quota,
               .pool = requests,
               .wake = [this] { nudge(); },
               .appeared = [this](SweepTarget target) { sweeper.put(std::move(target)); },
               .gone = [this](const TargetKey& key) { sweeper.drop(key); },
               .missed = [this](
                             const TargetKey& key, std::string_view reason
                         ) { return sweeper.want(key, reason); },
               .certificate = parts.certificate}
          ),
          expander(
              about,
              {.data = *access.data,
               .clock = parts.clock,
               .metrics = parts.metrics,
               .pool = sweeps,
               .expanded = [this](const Expansion& expansion) { reconciler.take(expansion); },
               .wake = [this] { nudge(); }}
          ) {
        take(options);
    }
    ~Slot() { end(); }
    Slot(const Slot&) = delete;
    Slot& operator=(const Slot&) = delete;

    void take(const SubscriptionsOptions& options) {
        std::vector<WantedSubscription> mine;
        for (const auto& wanted : options.wanted) {
            if (wanted.tenant == tenant.name) mine.push_back(wanted);
        }
        sweeper.set_wanted(mine);
        expander.set_options(options);
        if (reconciler.set_options(options)) nudge();
    }
    void nudge() {
        {
            const std::lock_guard lock(mutex);
            nudged = true;
        }
        wake.notify_all();
    }
    void request_stop() { thread.request_stop(); }
    /// Nothing of it runs any more.
    void end() {
        thread.request_stop();
        if (thread.joinable()) thread.join();
        requests.stop();
        sweeps.stop();
    }

    const Tenant tenant;
    Access access;
    std::shared_ptr<Quota> quota;
    std::mutex mutex;
    std::condition_variable_any wake;
    bool nudged = false;  // guarded by mutex

    // Of the tenant's thread alone.
    bool begun = false;
    SystemTime alive_noted;
    SystemTime expiry_asked;

    WorkPool requests, sweeps;
    Sweeper sweeper;
    Reconciler reconciler;
    Expander expander;
    std::jthread thread;
};

struct SubscriptionManager::Arrival {
    std::atomic<std::int64_t> at{0};  ///< Microseconds since the epoch.
    std::weak_ptr<Slot> slot;         ///< Set where silence means a sweep.
};

SubscriptionManager::SubscriptionManager(SubscriptionsOptions options, Parts parts)
    : parts_(std::move(parts)),
      tokens_(parts_.tokens != nullptr ? parts_.tokens : std::make_shared<TokenCache>()),
      options_(std::move(options)) {
    for (const Tenant& tenant : options_.tenants) slots_.push_back(make_slot(tenant));
    watch(options_);
}

SubscriptionManager::~SubscriptionManager() {
    stop();
}

SubscriptionManager::SlotPtr SubscriptionManager::make_slot(const Tenant& tenant) {
    auto& shared = quotas_[tenant.client_id + '\n' + tenant.cloud.graph];
    auto quota = shared.lock();
    if (quota == nullptr) {
        quota = std::make_shared<Quota>(parts_.clock);
        shared = quota;
    }
    auto access = parts_.make_graph ? parts_.make_graph(tenant)
                                    : make_http_access(
                                          tenant, options_.request_timeout, parts_.clock,
                                          parts_.metrics, parts_.random, tokens_
                                      );
    return std::make_shared<Slot>(tenant, options_, std::move(access), std::move(quota), parts_);
}

Result<std::monostate> SubscriptionManager::load() {
    for (const auto& slot : slots()) {
        if (!slot->reconciler.load())
            return fail(Errc::Failed, slot->reconciler.status().last_error);
        if (auto loaded = slot->sweeper.load(); !loaded) return loaded;
    }
    return std::monostate{};
}

void SubscriptionManager::start() {
    const std::lock_guard lock(mutex_);
    if (started_) return;
    started_ = true;
    for (const auto& slot : slots_) start(*slot);
}

void SubscriptionManager::start(Slot& slot) {
    slot.thread = std::jthread([this, &slot](const std::stop_token& stop) { run(slot, stop); });
}

void SubscriptionManager::stop() {
    {
        const std::lock_guard lock(mutex_);
        started_ = false;
    }
    // Without the lock: others may still ask.
    const auto all = slots();
    for (const auto& slot : all) slot->request_stop();
    for (const auto& slot : all) slot->end();
}

SystemTime SubscriptionManager::round(Slot& slot) {
    const std::string note = "alive/" + slot.tenant.name;
    const SystemTime now = parts_.clock.system_now();
    const auto credential =
        slot.access.credential ? slot.access.credential() : CredentialState::Fine;
    if (credential == CredentialState::Mended) {
        slot.reconciler.credential_mended();
        slot.sweeper.credential_mended();
        slot.expander.credential_mended();
    }
    SystemTime next = slot.reconciler.step();
    if (credential != CredentialState::Fine) next = std::min(next, now + kLookAtFiles);
    if (!slot.reconciler.load()) return next;
    if (!slot.begun) {
        // Longer away than Graph tries to deliver: what it gave up on is looked for.
        if (const auto loaded = slot.sweeper.load(); !loaded) return now + 5s;
        const auto text = parts_.sync.note(note);
        if (!text) return now + 5s;
        if (!text->empty() && parse_alive(*text) + kGraphsPatience < now) {
            log().warn("away for longer than graph tries: tenant={}", slot.tenant.name);
            if (const auto all = slot.sweeper.want_all({}, "outage"); !all) return now + 5s;
        }
        slot.begun = true;
    }
    if (now >= slot.alive_noted + kNoteAlive) {
        const auto seconds =
            std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count();
        if (parts_.sync.put_note(note, std::to_string(seconds))) slot.alive_noted = now;
    }
    next = std::min(next, now + kNoteAlive);
    next = std::min(next, slot.expander.step());
    next = std::min(next, slot.sweeper.step());
    if (now >= slot.expiry_asked + kAskExpiry) {
        slot.expiry_asked = now;
        slot.sweeps.run([this, &slot](const std::stop_token& ending) {
            const auto expiry = credential_expiry(slot.tenant, *slot.access.data, ending);
            if (expiry && *expiry) {
                parts_.metrics.set_credential_expiry(
                    slot.tenant.name, (*expiry)->which, (*expiry)->at
                );
            }
        });
    }
    return next;
}

SystemTime SubscriptionManager::step() {
    SystemTime next = SystemTime::max();
    for (const auto& slot : slots()) next = std::min(next, round(*slot));
    return next;
}

void SubscriptionManager::wait_idle() {
    for (const auto& slot : slots()) {
        slot->requests.wait_idle();
        slot->sweeps.wait_idle();
    }
}

void SubscriptionManager::run(Slot& slot, const std::stop_token& stop) {
    while (!stop.stop_requested()) {
        SystemTime next;
        try {
            next = round(slot);
        } catch (const std::exception& error) {
            log().critical(
                "caring for subscriptions went wrong, once more in a minute: tenant={} {}",
                slot.tenant.name, error.what()
            );
            next = parts_.clock.system_now() + std::chrono::minutes(1);
        }
        const auto wait = std::clamp<std::chrono::microseconds>(
            next - parts_.clock.system_now(), std::chrono::milliseconds(1), std::chrono::hours(1)
        );
        std::unique_lock lock(slot.mutex);
        slot.wake.wait_for(lock, stop, wait, [&slot] { return slot.nudged; });
        slot.nudged = false;
    }
}

std::vector<SubscriptionManager::SlotPtr> SubscriptionManager::slots() const {
    const std::lock_guard lock(mutex_);
    return slots_;
}

SubscriptionManager::SlotPtr SubscriptionManager::slot_of(std::string_view name) const {
    const std::lock_guard lock(mutex_);
    const auto wanted = std::ranges::find(options_.wanted, name, &WantedSubscription::name);
    if (wanted == options_.wanted.end()) return nullptr;
    for (const auto& slot : slots_) {
        if (slot->tenant.name == wanted->tenant) return slot;
    }
    return nullptr;
}

void SubscriptionManager::nudge() {
    for (const auto& slot : slots()) slot->nudge();
}

void SubscriptionManager::reload(SubscriptionsOptions options) {
    const auto now_of = [&options](const std::string& name) -> const Tenant* {
        const auto found = std::ranges::find(options.tenants, name, &Tenant::name);
        return found == options.tenants.end() ? nullptr : &*found;
    };
    // Two must never write the same records: what ends, ends first (and without the lock, as
    // above).
    for (const auto& slot : slots()) {
        const Tenant* now = now_of(slot->tenant.name);
        if (now == nullptr || !same_tenant(slot->tenant, *now)) slot->end();
    }
    {
        const std::lock_guard lock(mutex_);
        options_ = std::move(options);
        std::vector<SlotPtr> kept;
        for (const Tenant& tenant : options_.tenants) {
            const auto found = std::ranges::find_if(slots_, [&](const auto& slot) {
                return slot->tenant.name == tenant.name && same_tenant(slot->tenant, tenant);
            });
            if (found != slots_.end()) {
                (*found)->take(options_);
                kept.push_back(*found);
                continue;
            }
            kept.push_back(make_slot(tenant));
            if (started_) start(*kept.back());
        }
        slots_ = std::move(kept);
        std::erase_if(quotas_, [](const auto& entry) { return entry.second.expired(); });
    }
    watch(options_);
}

Result<std::monostate> SubscriptionManager::take(const LifecycleEvent& event) {
    if (const auto slot = slot_of(event.name)) return slot->reconciler.take(event);
    // About one that is no longer configured: there is nothing to keep alive, but it is counted.
    parts_.metrics.lifecycle(lifecycle_name(event.event));
    return std::monostate{};
}

Result<std::monostate> SubscriptionManager::take_signal(
    const std::string& name, const std::string& graph_id
) {
    const auto slot = slot_of(name);
    if (slot == nullptr) return std::monostate{};
    const auto key = slot->reconciler.whose(graph_id);
    if (!key) return std::monostate{};  // of one that is forgotten
    if (key->element == kCollection) {
        // A restart reads the collection anyway.
        (void)slot->expander.want(key->name);
        slot->nudge();
        return std::monostate{};
    }
    auto wanted = slot->sweeper.want(*key, "signal");
    if (!wanted && wanted.error().code == Errc::NotFound) return std::monostate{};
    slot->nudge();
    return wanted;
}

void SubscriptionManager::watch(const SubscriptionsOptions& options) {
    const std::int64_t now = parts_.clock.system_now().time_since_epoch().count();
    std::map<std::string, SlotPtr, std::less<>> by_tenant;
    for (const auto& slot : slots()) by_tenant.emplace(slot->tenant.name, slot);
    const std::unique_lock lock(arrivals_mutex_);
    std::set<std::string_view> names;
    for (const auto& wanted : options.wanted) {
        names.insert(wanted.name);
        auto& arrival = arrivals_[wanted.name];
        if (arrival == nullptr) {
            arrival = std::make_unique<Arrival>();
            arrival->at = now;
        }
        const auto found = by_tenant.find(wanted.tenant);
        arrival->slot.reset();
        if (wanted.sync && found != by_tenant.end()) arrival->slot = found->second;
    }
    std::erase_if(arrivals_, [&](const auto& entry) {
        if (names.contains(entry.first)) return false;
        parts_.metrics.forget(entry.first);
        return true;
    });
}

void SubscriptionManager::note_arrival(std::string_view name, SystemTime at) {
    const std::shared_lock lock(arrivals_mutex_);
    const auto found = arrivals_.find(name);
    if (found == arrivals_.end()) return;
    found->second->at.store(at.time_since_epoch().count(), std::memory_order_relaxed);
    if (const auto slot = found->second->slot.lock()) slot->sweeper.arrived(name, at);
}

void SubscriptionManager::expiry_seen(std::string_view graph_id, SystemTime expires_at) {
    // A hint that comes at a bad moment is let go: the next item brings it again.
    const std::unique_lock lock(mutex_, std::try_to_lock);
    if (!lock) return;
    for (const auto& slot : slots_) {
        if (slot->reconciler.expiry_seen(graph_id, expires_at)) slot->nudge();
    }
}

std::vector<TenantStatus> SubscriptionManager::list() const {
    std::vector<TenantStatus> all;
    for (const auto& slot : slots()) all.push_back(slot->reconciler.status());
    return all;
}

std::map<std::string, std::size_t> SubscriptionManager::certificates() const {
    std::map<std::string, std::size_t> all;
    for (const auto& slot : slots()) slot->reconciler.count_certificates(all);
    return all;
}

std::vector<SubscriptionManager::TenantPlan> SubscriptionManager::plan(std::size_t allow_delete
) const {
    std::vector<TenantPlan> all;
    for (const auto& slot : slots())
        all.push_back({slot->tenant.name, slot->reconciler.preview(allow_delete)});
    return all;
}

std::vector<SubscriptionManager::TenantPlan> SubscriptionManager::apply(std::size_t allow_delete) {
    auto before = plan(allow_delete);
    for (const auto& slot : slots()) {
        slot->reconciler.apply(allow_delete);
        for (const auto& one : slot->expander.status()) (void)slot->expander.want(one.name, true);
        slot->nudge();
    }
    return before;
}

std::vector<SubscriptionManager::TenantProgress> SubscriptionManager::progress() const {
    std::vector<TenantProgress> all;
    for (const auto& slot : slots()) {
        const auto now = slot->reconciler.progress();
        TenantProgress progress;
        progress.tenant = slot->tenant.name;
        progress.wanted = now.wanted;
        progress.standing = now.standing;
        progress.parked = now.parked;
        progress.failing = now.failing;
        progress.to_do = now.to_do;
        progress.estimate = std::chrono::ceil<std::chrono::seconds>(now.estimate);
        for (const auto& one : slot->expander.status())
            progress.expanding = progress.expanding || one.running || !one.expanded_at;
        all.push_back(std::move(progress));
    }
    return all;
}

Result<std::size_t> SubscriptionManager::sweep(const std::string& name) {
    std::size_t rounds = 0;
    std::vector<SlotPtr> some;
    if (name.empty()) {
        some = slots();
    } else if (auto slot = slot_of(name)) {
        some.push_back(std::move(slot));
    }
    for (const auto& slot : some) {
        const auto wanted = slot->sweeper.want_all(name, "operator");
        if (!wanted && wanted.error().code != Errc::NotFound) return wanted;
        if (wanted) rounds += *wanted;
        slot->nudge();
    }
    if (rounds == 0 && !name.empty())
        return fail(Errc::NotFound, "nothing of that name is swept or polled: " + name);
    return rounds;
}

std::vector<SubscriptionManager::TenantSweeps> SubscriptionManager::sweeps() const {
    std::vector<TenantSweeps> all;
    for (const auto& slot : slots()) all.push_back({slot->tenant.name, slot->sweeper.status()});
    return all;
}

Result<std::monostate> SubscriptionManager::expand(const std::string& name) {
    const auto slot = slot_of(name);
    if (slot == nullptr || !slot->expander.want(name, true))
        return fail(Errc::NotFound, "no such template: " + name);
    slot->nudge();
    return std::monostate{};
}

std::vector<SubscriptionManager::TenantTemplates> SubscriptionManager::templates() const {
    std::vector<TenantTemplates> all;
    for (const auto& slot : slots()) all.push_back({slot->tenant.name, slot->expander.status()});
    return all;
}

Result<std::monostate> SubscriptionManager::renew(const std::string& name) {
    for (const auto& slot : slots()) {
        if (auto done = slot->reconciler.renew(name)) {
            slot->nudge();
            return done;
        }
    }
    return fail(Errc::NotFound, "no such subscription: " + name);
}

Result<std::monostate> SubscriptionManager::remove(const std::string& name_or_id) {
    Result<std::monostate> result = fail(Errc::NotFound, "no such subscription: " + name_or_id);
    for (const auto& slot : slots()) {
        auto done = slot->reconciler.remove(name_or_id);
        if (done) {
            slot->nudge();
            return done;
        }
        if (done.error().code == Errc::Conflict) result = std::move(done);
    }
    return result;
}

void SubscriptionManager::refresh_metrics() {
    for (const auto& slot : slots()) slot->reconciler.publish();
    const std::int64_t now = parts_.clock.system_now().time_since_epoch().count();
    const std::shared_lock lock(arrivals_mutex_);
    for (const auto& [name, arrival] : arrivals_) {
        const auto silent =
            std::max<std::int64_t>(now - arrival->at.load(std::memory_order_relaxed), 0);
        parts_.metrics.set_silence(name, static_cast<double>(silent) / 1e6);
    }
}

}  // namespace graphhook::subscriptions
