#include "subscriptions/manager.hpp"

#include "core/log.hpp"
#include "subscriptions/reconcile/tenant_worker.hpp"
#include "subscriptions/credentials/token_source.hpp"

#include <algorithm>
#include <condition_variable>
#include <set>
#include <thread>

namespace graphhook::subscriptions {
namespace {

/// One tenant's way to Graph, and what it is made of.
struct HttpGraph {
    HttpGraph(
        const Tenant& tenant, std::chrono::milliseconds timeout, Clock& clock, Metrics& metrics,
        RandomHex random
    )
        : http(make_http_client(
              {.timeout = timeout,
               .ca_file = tenant.cloud.ca_file,
               .user_agent = std::string("graphhook/") + GRAPHHOOK_VERSION}
          )),
          tokens(tenant, *http, clock, metrics),
          client(tenant.cloud.graph, {*http, tokens, clock, metrics, std::move(random)}) {}

    std::unique_ptr<HttpClient> http;
    ClientSecretTokens tokens;
    GraphClient client;
};

bool same(const Tenant& a, const Tenant& b) {
    return a.tenant_id == b.tenant_id && a.client_id == b.client_id &&
           a.cloud.graph == b.cloud.graph && a.cloud.login == b.cloud.login &&
           a.cloud.ca_file == b.cloud.ca_file && a.client_secret.equals(b.client_secret.reveal());
}

}  // namespace

struct SubscriptionManager::Slot {
    Tenant tenant;
    std::shared_ptr<Graph> graph;
    std::unique_ptr<TenantWorker> worker;

    std::mutex mutex;
    std::condition_variable_any wake;
    bool nudged = false;  // guarded by mutex
    std::jthread thread;

    void nudge() {
        {
            const std::lock_guard lock(mutex);
            nudged = true;
        }
        wake.notify_all();
    }
};

SubscriptionManager::SubscriptionManager(SubscriptionsOptions options, Parts parts)
    : parts_(std::move(parts)), options_(std::move(options)) {
    for (const Tenant& tenant : options_.tenants) slots_.push_back(make_slot(tenant));
    watch(options_);
}

SubscriptionManager::~SubscriptionManager() {
    stop();
}

std::unique_ptr<SubscriptionManager::Slot> SubscriptionManager::make_slot(const Tenant& tenant
) const {
    auto slot = std::make_unique<Slot>();
    slot->tenant = tenant;
    if (parts_.make_graph) {
        slot->graph = parts_.make_graph(tenant);
    } else {
        auto stack = std::make_shared<HttpGraph>(
            tenant, options_.request_timeout, parts_.clock, parts_.metrics, parts_.random
        );
        slot->graph = std::shared_ptr<Graph>(stack, &stack->client);
    }
    slot->worker = std::make_unique<TenantWorker>(
        tenant.name, options_,
        TenantWorker::Parts{*slot->graph, parts_.table, parts_.clock, parts_.metrics, parts_.random}
    );
    return slot;
}

Result<std::monostate> SubscriptionManager::load() {
    const std::lock_guard lock(mutex_);
    for (const auto& slot : slots_) {
        if (!slot->worker->load(parts_.clock.system_now()))
            return fail(Errc::Failed, slot->worker->status().last_error);
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
    // Without the lock: others may still ask. Only this caller's thread changes slots_.
    for (const auto& slot : slots_) slot->thread.request_stop();
    for (const auto& slot : slots_) {
        if (slot->thread.joinable()) slot->thread.join();
    }
}

void SubscriptionManager::run(Slot& slot, const std::stop_token& stop) {
    while (!stop.stop_requested()) {
        SystemTime next;
        try {
            next = slot.worker->step(stop);
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

void SubscriptionManager::nudge() {
    const std::lock_guard lock(mutex_);
    for (const auto& slot : slots_) slot->nudge();
}

void SubscriptionManager::reload(SubscriptionsOptions options) {
    const auto now_of = [&options](const std::string& name) -> const Tenant* {
        const auto found = std::ranges::find(options.tenants, name, &Tenant::name);
        return found == options.tenants.end() ? nullptr : &*found;
    };
    // Two must never write the same records: what ends, ends first (and without the lock, as
    // above).
    for (const auto& slot : slots_) {
        const Tenant* now = now_of(slot->tenant.name);
        if (now == nullptr || !same(slot->tenant, *now)) slot->thread = {};
    }
    const std::lock_guard lock(mutex_);
    options_ = std::move(options);
    watch(options_);
    std::vector<std::unique_ptr<Slot>> kept;
    for (const Tenant& tenant : options_.tenants) {
        const auto found = std::ranges::find_if(slots_, [&](const auto& slot) {
            return slot != nullptr && slot->tenant.name == tenant.name;
        });
        if (found != slots_.end() && same((*found)->tenant, tenant)) {
            if ((*found)->worker->set_options(options_)) (*found)->nudge();
            kept.push_back(std::move(*found));
            continue;
        }
        kept.push_back(make_slot(tenant));
        if (started_) start(*kept.back());
    }
    slots_ = std::move(kept);
}

void SubscriptionManager::take(const LifecycleEvent& event) {
    const std::lock_guard lock(mutex_);
    for (const auto& wanted : options_.wanted) {
        if (wanted.name != event.name) continue;
        for (const auto& slot : slots_) {
            if (slot->tenant.name != wanted.tenant) continue;
            if (slot->worker->take(event)) slot->nudge();
            return;
        }
    }
    // About one that is no longer configured: there is nothing to keep alive, but it is counted.
    parts_.metrics.lifecycle(lifecycle_name(event.event));
}

void SubscriptionManager::watch(const SubscriptionsOptions& options) {
    const std::int64_t now = parts_.clock.system_now().time_since_epoch().count();
    const std::unique_lock lock(arrivals_mutex_);
    std::set<std::string> names;
    for (const auto& wanted : options.wanted) {
        names.insert(wanted.name);
        arrivals_.try_emplace(wanted.name, now);
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
    found->second.store(at.time_since_epoch().count(), std::memory_order_relaxed);
}

void SubscriptionManager::expiry_seen(std::string_view graph_id, SystemTime expires_at) {
    // A hint that comes at a bad moment is let go: the next item brings it again.
    const std::unique_lock lock(mutex_, std::try_to_lock);
    if (!lock) return;
    for (const auto& slot : slots_) {
        if (slot->worker->expiry_seen(graph_id, expires_at)) slot->nudge();
    }
}

std::vector<TenantStatus> SubscriptionManager::list() const {
    const std::lock_guard lock(mutex_);
    std::vector<TenantStatus> all;
    for (const auto& slot : slots_) all.push_back(slot->worker->status());
    return all;
}

std::vector<SubscriptionManager::TenantPlan> SubscriptionManager::plan(std::size_t allow_delete
) const {
    const std::lock_guard lock(mutex_);
    std::vector<TenantPlan> all;
    for (const auto& slot : slots_)
        all.push_back({slot->tenant.name, slot->worker->preview(allow_delete)});
    return all;
}

std::vector<SubscriptionManager::TenantPlan> SubscriptionManager::apply(std::size_t allow_delete) {
    auto before = plan(allow_delete);
    const std::lock_guard lock(mutex_);
    for (const auto& slot : slots_) {
        slot->worker->allow_delete(allow_delete);
        slot->nudge();
    }
    return before;
}

Result<std::monostate> SubscriptionManager::renew(const std::string& name) {
    const std::lock_guard lock(mutex_);
    Result<std::monostate> result = fail(Errc::NotFound, "no such subscription: " + name);
    for (const auto& slot : slots_) {
        if (auto done = slot->worker->renew(name)) {
            slot->nudge();
            return done;
        }
    }
    return result;
}

Result<std::monostate> SubscriptionManager::remove(const std::string& name_or_id) {
    const std::lock_guard lock(mutex_);
    Result<std::monostate> result = fail(Errc::NotFound, "no such subscription: " + name_or_id);
    for (const auto& slot : slots_) {
        auto done = slot->worker->remove(name_or_id);
        if (done) {
            slot->nudge();
            return done;
        }
        if (done.error().code == Errc::Conflict) result = std::move(done);
    }
    return result;
}

void SubscriptionManager::refresh_metrics() {
    const std::int64_t now = parts_.clock.system_now().time_since_epoch().count();
    const std::shared_lock lock(arrivals_mutex_);
    for (const auto& [name, at] : arrivals_) {
        const auto silent = std::max<std::int64_t>(now - at.load(std::memory_order_relaxed), 0);
        parts_.metrics.set_silence(name, static_cast<double>(silent) / 1e6);
    }
}

}  // namespace graphhook::subscriptions
