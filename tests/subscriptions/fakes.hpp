#pragma once

#include "core/clock.hpp"
#include "core/digest.hpp"
#include "subscriptions/graph/graph.hpp"
#include "subscriptions/metrics.hpp"
#include "subscriptions/options.hpp"
#include "subscriptions/plan/plan.hpp"
#include "subscriptions/reconcile/reconciler.hpp"
#include "subscriptions/reconcile/subscription_table.hpp"
#include "subscriptions/sync/sync_table.hpp"
#include "tests/support/hand_clock.hpp"

#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace graphhook::subscriptions::test {

/// 2026-11-21T08:00:00Z
inline constexpr SystemTime kNow{std::chrono::seconds(1'795'248'000)};
inline const std::string kUrl = "https://hooks.example.com/graph/notifications";
inline const std::string kLifecycleUrl = "https://hooks.example.com/graph/lifecycle";

class FakeClock final : public graphhook::test::HandClock {
  public:
    FakeClock() : HandClock(kNow) {}
};

/// Works, in memory. Outlives the workers of a test, as the file on disk would.
class FakeSubscriptionTable final : public SubscriptionTable {
  public:
    Result<std::vector<store::SubscriptionRecord>> load() override {
        const std::lock_guard lock(mutex_);
        std::vector<store::SubscriptionRecord> all;
        for (const auto& [number, record] : records_) all.push_back(record);
        return all;
    }
    Result<std::int64_t> put(const store::SubscriptionRecord& record) override {
        const std::lock_guard lock(mutex_);
        if (refusing_) return fail(Errc::Full, "no space left");
        auto copy = record;
        if (copy.record == 0) copy.record = ++last_;
        records_[copy.record] = copy;
        return copy.record;
    }
    Result<std::monostate> erase(std::int64_t record) override {
        const std::lock_guard lock(mutex_);
        if (refusing_) return fail(Errc::Full, "no space left");
        records_.erase(record);
        return std::monostate{};
    }

    [[nodiscard]] std::vector<store::SubscriptionRecord> all(std::string_view name = {}) const {
        const std::lock_guard lock(mutex_);
        std::vector<store::SubscriptionRecord> some;
        for (const auto& [number, record] : records_) {
            if (name.empty() || record.name == name) some.push_back(record);
        }
        return some;
    }
    /// The one of that state and name; fails the test's assumption loudly if there is not one.
    [[nodiscard]] store::SubscriptionRecord only(
        std::string_view name, store::SubscriptionState state
    ) const {
        std::vector<store::SubscriptionRecord> some;
        for (auto& record : all(name)) {
            if (record.state == state) some.push_back(record);
        }
        if (some.size() != 1)
            throw std::logic_error(std::to_string(some.size()) + " records, not one");
        return some.front();
    }
    void refuse(bool refusing) {
        const std::lock_guard lock(mutex_);
        refusing_ = refusing;
    }

  private:
    mutable std::mutex mutex_;
    std::map<std::int64_t, store::SubscriptionRecord> records_;
    std::int64_t last_ = 0;
    bool refusing_ = false;
};

/// The sweeps' part of the store, in memory.
class FakeSyncTable final : public SyncTable {
  public:
    Result<std::vector<store::SyncState>> states() override {
        const std::lock_guard lock(mutex_);
        std::vector<store::SyncState> all;
        for (const auto& [key, state] : states_) all.push_back(state);
        return all;
    }
    Result<std::vector<store::Watermark>> watermarks(const store::SyncKey&) override {
        return std::vector<store::Watermark>{};
    }
    Result<std::monostate> change(const store::SyncChange& change) override {
        {
            const std::lock_guard lock(mutex_);
            if (change.erase_all)
                states_.erase(change.state.key);
            else
                states_[change.state.key] = change.state;
        }
        changed_.notify_all();
        return std::monostate{};
    }
    Result<store::Appended> append(std::vector<store::Item>) override { return store::Appended{}; }
    Result<std::string> note(const std::string& name) override {
        const std::lock_guard lock(mutex_);
        return notes_[name];
    }
    Result<std::monostate> put_note(const std::string& name, const std::string& text) override {
        {
            const std::lock_guard lock(mutex_);
            notes_[name] = text;
        }
        changed_.notify_all();
        return std::monostate{};
    }
    /// Waits until one was wanted for that reason; false after ten seconds.
    bool wait_for_reason(std::string_view reason) {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, std::chrono::seconds(10), [&] {
            return std::ranges::any_of(states_, [&](const auto& entry) {
                return entry.second.reason == reason;
            });
        });
    }
    bool wait_for_note(const std::string& name) {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, std::chrono::seconds(10), [&] {
            return !notes_[name].empty();
        });
    }

  private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::map<store::SyncKey, store::SyncState> states_;
    std::map<std::string, std::string> notes_;
};

/// What lies behind the notifications: collections by the path they begin with, one page each; what
/// is not set is out of reach.
class FakeGraphData final : public GraphData {
  public:
    GraphResult<DataPage> page(const DataRequest& request, std::stop_token) override {
        {
            const std::lock_guard lock(mutex_);
            asked_.push_back(request.target);
            for (const auto& [path, ids] : collections_) {
                if (!request.target.starts_with(path)) continue;
                DataPage page;
                for (const auto& id : ids) {
                    page.value.push_back(boost::json::object{
                        {"@odata.type", "#microsoft.graph.user"},
                        {"id", id},
                        {"userPrincipalName", id + "@contoso.example"}
                    });
                }
                return page;
            }
        }
        return GraphError{.next = Next::RetryLater, .status = 503, .message = "not here"};
    }
    GraphResult<boost::json::object> object(const DataRequest&, std::stop_token) override {
        return GraphError{.next = Next::Refused, .status = 403, .message = "not here"};
    }
    void set(const std::string& path, std::vector<std::string> ids) {
        const std::lock_guard lock(mutex_);
        collections_[path] = std::move(ids);
    }

  private:
    std::mutex mutex_;
    std::map<std::string, std::vector<std::string>> collections_;
    std::vector<std::string> asked_;
};

/// Graph as one would wish it: keeps subscriptions, grants what is asked, ends them in time.
/// Faults by hooks.
class FakeGraph final : public Graph {
  public:
    explicit FakeGraph(FakeClock& clock) : clock_(clock) {}

    GraphResult<GraphSubscription> create(const CreateRequest& request, std::stop_token stop)
        override {
        if (auto error = begin("create " + request.resource)) return *error;
        if (before_create) before_create(request, stop);
        GraphSubscription made;
        std::unique_lock lock(mutex_);
        made.id = "sub-" + std::to_string(++last_);
        made.resource = request.resource;
        made.changes = request.changes;
        made.notification_url = request.notification_url;
        made.lifecycle_url = request.lifecycle_url;
        made.expires_at = std::min(request.expires_at, clock_.system_now() + longest);
        if (request.certificate != nullptr) made.certificate_id = request.certificate->id;
        made.include_resource_data = request.certificate != nullptr;
        subscriptions_[made.id] = made;
        states_[made.id] = std::string(request.client_state.reveal());
        made.client_state = request.client_state;
        if (lose_create_replies > 0) {
            --lose_create_replies;
            return GraphError{
                .next = Next::RetryLater, .message = "no answer in time", .uncertain = true
            };
        }
        return made;
    }
    GraphResult<std::vector<GraphSubscription>> list(Api api, std::stop_token stop) override {
        auto page = list_page(api, {}, std::move(stop));
        if (!page) return page.error();
        return std::move(page->subscriptions);
    }
    /// The link is the last id of the page before.
    GraphResult<ListPage> list_page(Api, const std::string& link, std::stop_token) override {
        if (auto error = begin(link.empty() ? "list" : "list " + link)) return *error;
        const std::lock_guard lock(mutex_);
        ListPage page;
        for (auto at = subscriptions_.upper_bound(link); at != subscriptions_.end(); ++at) {
            if (at->second.expires_at <= clock_.system_now()) continue;
            if (page.subscriptions.size() == page_size) {
                page.next_link = page.subscriptions.back().id;
                break;
            }
            page.subscriptions.push_back(at->second);
        }
        return page;
    }
    GraphResult<GraphSubscription> get(Api, const std::string& id, std::stop_token) override {
        if (auto error = begin("get " + id)) return *error;
        const std::lock_guard lock(mutex_);
        auto found = find(id);
        if (!found) return found;
        if (!shows_keys) found->certificate_id.clear();
        if (stale_gets > 0) {
            --stale_gets;
            found->certificate_id = "stale";
        }
        return found;
    }
    GraphResult<GraphSubscription> renew(
        Api, const std::string& id, SystemTime expires_at, std::stop_token
    ) override {
        if (auto error = begin("renew " + id)) return *error;
        const std::lock_guard lock(mutex_);
        auto found = find(id);
        if (!found) return found;
        found->expires_at = std::min(expires_at, clock_.system_now() + longest);
        subscriptions_[found->id] = *found;
        if (echo_on_renew) found->client_state = Secret(states_[found->id]);
        return found;
    }
    GraphResult<GraphSubscription> redirect(
        Api, const std::string& id, SystemTime expires_at, const std::string& notification_url,
        const CertificatePtr& certificate, std::stop_token
    ) override {
        if (auto error = begin("redirect " + id)) return *error;
        const std::lock_guard lock(mutex_);
        auto found = find(id);
        if (!found) return found;
        if (certificate != nullptr && takes_keys) found->certificate_id = certificate->id;
        found->expires_at = std::min(expires_at, clock_.system_now() + longest);
        found->notification_url = notification_url;
        subscriptions_[found->id] = *found;
        if (echo_on_renew) found->client_state = Secret(states_[found->id]);
        return found;
    }
    GraphResult<GraphSubscription> move_key(
        Api, const std::string& id, SystemTime expires_at, const CertificatePtr& certificate,
        std::stop_token
    ) override {
        if (auto error = begin("move-key " + id + " " + certificate->id)) return *error;
        const std::lock_guard lock(mutex_);
        auto found = find(id);
        if (!found) return found;
        found->expires_at = std::min(expires_at, clock_.system_now() + longest);
        if (takes_keys) found->certificate_id = certificate->id;
        subscriptions_[found->id] = *found;
        return found;
    }
    GraphResult<std::monostate> reauthorize(Api, const std::string& id, std::stop_token) override {
        if (auto error = begin("reauthorize " + id)) return *error;
        const std::lock_guard lock(mutex_);
        auto found = find(id);
        if (!found) return found.error();
        return std::monostate{};
    }
    GraphResult<std::monostate> remove(Api, const std::string& id, std::stop_token) override {
        if (auto error = begin("delete " + id)) return *error;
        const std::lock_guard lock(mutex_);
        subscriptions_.erase(id);
        return std::monostate{};
    }

    /// Somebody else's, or one whose record is lost.
    void plant(const std::string& id, GraphSubscription subscription, std::string state = "x") {
        const std::lock_guard lock(mutex_);
        subscription.id = id;
        subscriptions_[id] = std::move(subscription);
        states_[id] = std::move(state);
    }
    void lose(const std::string& id) {
        const std::lock_guard lock(mutex_);
        subscriptions_.erase(id);
    }
    [[nodiscard]] std::vector<std::string> ids() const {
        const std::lock_guard lock(mutex_);
        std::vector<std::string> all;
        for (const auto& [id, subscription] : subscriptions_) {
            if (subscription.expires_at > clock_.system_now()) all.push_back(id);
        }
        return all;
    }
    [[nodiscard]] std::vector<std::string> calls(std::string_view prefix = {}) const {
        const std::lock_guard lock(mutex_);
        std::vector<std::string> some;
        for (const auto& call : calls_) {
            if (call.starts_with(prefix)) some.push_back(call);
        }
        return some;
    }
    [[nodiscard]] std::string certificate_of(const std::string& id) const {
        const std::lock_guard lock(mutex_);
        return subscriptions_.at(id).certificate_id;
    }
    [[nodiscard]] std::string state_of(const std::string& id) const {
        const std::lock_guard lock(mutex_);
        return states_.at(id);
    }
    /// Waits until a call that begins so was made; false after ten seconds.
    bool wait_for_call(std::string_view prefix, std::size_t times = 1) {
        std::unique_lock lock(mutex_);
        return called_.wait_for(lock, std::chrono::seconds(10), [&] {
            return static_cast<std::size_t>(std::ranges::count_if(calls_, [&](const auto& call) {
                       return call.starts_with(prefix);
                   })) >= times;
        });
    }

    // Set before the calls they are about.
    std::function<std::optional<GraphError>(const std::string& call)> fault;
    std::function<void(const CreateRequest&, const std::stop_token&)> before_create;
    int lose_create_replies = 0;
    bool echo_on_renew = true;
    bool takes_keys = true;  ///< A PATCH changes the certificate.
    bool shows_keys = true;  ///< A GET tells its id.
    int stale_gets = 0;      ///< So many GETs tell another one.
    std::size_t page_size = 1'000'000;
    std::chrono::minutes longest{1'000'000};

  private:
    std::optional<GraphError> begin(const std::string& call) {
        {
            const std::lock_guard lock(mutex_);
            calls_.push_back(call);
        }
        called_.notify_all();
        return fault ? fault(call) : std::nullopt;
    }
    GraphResult<GraphSubscription> find(const std::string& id) const {
        const auto found = subscriptions_.find(id);
        if (found == subscriptions_.end() || found->second.expires_at <= clock_.system_now())
            return GraphError{.next = Next::NotFound, .status = 404, .code = "ResourceNotFound"};
        return found->second;
    }

    FakeClock& clock_;
    mutable std::mutex mutex_;
    std::condition_variable called_;
    std::map<std::string, GraphSubscription> subscriptions_;
    std::map<std::string, std::string> states_;
    std::vector<std::string> calls_;
    int last_ = 0;
};

/// Different each time, the same in each run.
inline RandomHex counting_hex() {
    return [n = 0](std::size_t bytes) mutable {
        return to_hex(sha256(std::to_string(++n))).substr(0, bytes * 2);
    };
}

/// A reconciler with what it stands on, stepped by hand. What is not given is of its own.
class Bench {
  public:
    Bench(
        Graph& graph, SubscriptionTable& table, FakeClock& clock, Metrics& metrics, Quota& quota,
        RandomHex random, const SubscriptionsOptions& options, std::size_t threads = 1,
        std::function<std::optional<EncryptionCertificate>()> certificate = {}
    )
        : clock_(clock),
          pool_(threads),
          reconciler_(
              tenant_with(options, threads), options,
              {.graph = graph,
               .table = table,
               .clock = clock,
               .metrics = metrics,
               .random = std::move(random),
               .quota = quota,
               .pool = pool_,
               .wake = [this] { woken_ = true; },
               .appeared =
                   [this](SweepTarget target) {
                       const std::lock_guard lock(mutex_);
                       swept_[target.key] = target;
                   },
               .gone =
                   [this](const TargetKey& key) {
                       const std::lock_guard lock(mutex_);
                       swept_.erase(key);
                   },
               .missed =
                   [this](const TargetKey& key, std::string_view reason) -> Result<std::monostate> {
                   const std::lock_guard lock(mutex_);
                   if (refusing_) return fail(Errc::Busy, "not now");
                   wants_.push_back(key.name + key.element + " " + std::string(reason));
                   return std::monostate{};
               },
               .certificate = std::move(certificate)}
          ) {}
    ~Bench() { pool_.stop(); }

    /// All that can be done without time going on. When there is something to do again.
    SystemTime step() {
        SystemTime next;
        do {
            woken_ = false;
            next = reconciler_.step();
            reconciler_.wait_idle();
        } while (woken_ || next <= clock_.system_now());
        return next;
    }
    /// The same for as long as it takes, at most `times` steps of time; false: never at rest.
    bool run_for(std::chrono::microseconds time, int times = 100'000) {
        const SystemTime end = clock_.system_now() + time;
        while (times-- > 0) {
            const SystemTime next = step();
            if (next >= end) break;
            clock_.set(std::max(next, clock_.system_now() + std::chrono::milliseconds(1)));
        }
        clock_.set(std::max(end, clock_.system_now()));
        return times > 0;
    }
    void stop() { pool_.stop(); }
    Reconciler& operator*() { return reconciler_; }
    Reconciler* operator->() { return &reconciler_; }
    std::vector<std::string> wants() {
        const std::lock_guard lock(mutex_);
        return wants_;
    }
    std::map<TargetKey, SweepTarget> swept() {
        const std::lock_guard lock(mutex_);
        return swept_;
    }
    void refuse_wants(bool refusing) {
        const std::lock_guard lock(mutex_);
        refusing_ = refusing;
    }

  private:
    static Tenant tenant_with(const SubscriptionsOptions& options, std::size_t requests) {
        Tenant tenant = options.tenants.front();
        tenant.requests = requests;
        return tenant;
    }
    FakeClock& clock_;
    std::mutex mutex_;
    std::map<TargetKey, SweepTarget> swept_;
    std::vector<std::string> wants_;
    bool refusing_ = false;
    std::atomic<bool> woken_{false};
    WorkPool pool_;
    Reconciler reconciler_;
};

inline WantedSubscription wanted(
    std::string name, std::string resource, std::vector<std::string> changes = {"updated"}
) {
    WantedSubscription w;
    w.name = std::move(name);
    w.tenant = "contoso";
    w.resource = std::move(resource);
    w.changes = std::move(changes);
    return w;
}

inline SubscriptionsOptions options_with(std::vector<WantedSubscription> wanted) {
    SubscriptionsOptions options;
    options.notification_url = kUrl;
    options.lifecycle_url = kLifecycleUrl;
    Tenant tenant;
    tenant.name = "contoso";
    options.tenants.push_back(tenant);
    options.wanted = std::move(wanted);
    return options;
}

inline std::string metrics_text(const prometheus::Registry& registry) {
    return prometheus::TextSerializer().Serialize(registry.Collect());
}

}  // namespace graphhook::subscriptions::test
