#pragma once

#include "core/clock.hpp"
#include "core/error.hpp"
#include "core/secret.hpp"
#include "subscriptions/graph/graph.hpp"
#include "subscriptions/graph/graph_client.hpp"
#include "subscriptions/graph/graph_data.hpp"
#include "subscriptions/graph/quota.hpp"
#include "subscriptions/metrics.hpp"
#include "subscriptions/options.hpp"
#include "subscriptions/plan/lifecycle.hpp"
#include "subscriptions/reconcile/subscription_table.hpp"
#include "subscriptions/status.hpp"
#include "subscriptions/sync/sweeper.hpp"
#include "subscriptions/sync/sync_table.hpp"
#include "subscriptions/templates/expander.hpp"

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace graphhook::subscriptions {

class TokenCache;

/// Everything this room does, for `app`.
///
/// Operation: a thread for each tenant makes Graph's subscriptions what they are wanted to be: at
/// the start, when something is due, and when nudged. One tenant's trouble never delays another.
/// Threads: any, for every function but start, stop, reload and the destructor, which belong to
/// one. Only `stop` blocks, and `reload` where a tenant's credential changed, for about a second.
/// Order: start it after the listener answers handshakes; stop it before the store goes.
class SubscriptionManager {
  public:
    /// One tenant's way to Graph.
    struct Access {
        std::shared_ptr<Graph> graph;
        std::shared_ptr<GraphData> data;
        /// Whether its credential is refused, and mended since; may be absent.
        std::function<CredentialState()> credential = {};
    };
    /// How Graph is reached; absent: over HTTPS with the tenant's credential.
    using MakeGraph = std::function<Access(const Tenant&)>;
    struct Parts {
        SubscriptionTable& table;
        SyncTable& sync;
        Clock& clock;
        Metrics& metrics;
        RandomHex random = random_hex;
        MakeGraph make_graph;
        /// Shared with whoever else asks for tokens of these tenants; absent: one of its own.
        std::shared_ptr<TokenCache> tokens = {};
        /// The certificate for subscriptions with resource data, asked for whenever one is needed;
        /// from any thread, cheap. Absent or nothing: there is none, so nothing rich is created or
        /// moved. After it changed: nudge().
        std::function<std::optional<EncryptionCertificate>()> certificate = {};
    };
    /// What is in `parts` must outlive it.
    SubscriptionManager(SubscriptionsOptions options, Parts parts);
    ~SubscriptionManager();

    /// Reads the records, for looking without `start` (a command while `serve` is down).
    [[nodiscard]] Result<std::monostate> load();
    void start();
    /// Requests under way are abandoned within a second; what they leave open is taken up by the
    /// next start.
    void stop();

    /// Instead of `start`, where the clock is not the machine's: one round of what the tenants'
    /// threads do, on this thread. Begins what is due and says when there will be something to do
    /// unless what is under way brings it sooner.
    SystemTime step();
    /// Waits until nothing is under way (what follows from it, the next `step` begins).
    void wait_idle();

    /// Look again now: something outside has changed.
    void nudge();
    /// A checked configuration, taken up while running. A tenant that is no longer in it is left as
    /// it is, at Graph and in the store.
    void reload(SubscriptionsOptions options);

    /// A lifecycle notification that was proved and stored; acted on by the tenant's thread. That
    /// something was missed is durable when it returns; blocks on the store then. An error: tell it
    /// again.
    [[nodiscard]] Result<std::monostate> take(const LifecycleEvent& event);
    /// A signal that was proved and stored: something changed in what `graph_id` watches, so it is
    /// looked at (swept, or the template expanded). Durable when it returns; blocks on the store.
    [[nodiscard]] Result<std::monostate> take_signal(
        const std::string& name, const std::string& graph_id
    );
    /// A notification of the subscription of that configured name arrived. Cheap.
    void note_arrival(std::string_view name, SystemTime at);
    /// An item said when its subscription ends: may bring a check forward, never postpones one.
    /// Never waits, so fit for network threads.
    void expiry_seen(std::string_view graph_id, SystemTime expires_at);

    [[nodiscard]] std::vector<TenantStatus> list() const;
    /// How many subscriptions of all tenants that live have their resource data encrypted with
    /// which certificate, by its id: what Graph is known to have, or what a create is about to tell
    /// it. "?" is one that Graph does not name.
    [[nodiscard]] std::map<std::string, std::size_t> certificates() const;
    struct TenantPlan {
        std::string tenant;
        Plan plan;
    };
    struct TenantProgress {
        std::string tenant;
        std::size_t wanted = 0;    ///< Subscriptions that are wanted.
        std::size_t standing = 0;  ///< Of these, at Graph as they should be.
        std::size_t parked = 0;
        std::size_t failing = 0;           ///< Wait for another try after a failure.
        std::size_t to_do = 0;             ///< Steps that need no waiting for their time.
        std::chrono::seconds estimate{0};  ///< For those, within Graph's quotas.
        bool expanding = false;            ///< A template is being read: `wanted` may grow.
    };
    struct TenantSweeps {
        std::string tenant;
        std::vector<SweepStatus> sweeps;
    };
    struct TenantTemplates {
        std::string tenant;
        std::vector<TemplateStatus> templates;
    };
    /// What would be done now; `allow_delete` as in `apply`.
    [[nodiscard]] std::vector<TenantPlan> plan(std::size_t allow_delete = 0) const;
    /// Makes it so, beginning now: asks Graph anew for what is there, and lets the next
    /// `allow_delete` removals of each tenant pass beyond the hour's quota. What is returned is
    /// the plan as of before.
    std::vector<TenantPlan> apply(std::size_t allow_delete = 0);
    /// How far it is: what the plans of now still hold, without what waits for its time.
    [[nodiscard]] std::vector<TenantProgress> progress() const;
    /// Graph is asked again about that configured name (empty: about all that can be). How many
    /// rounds. Errc::NotFound.
    [[nodiscard]] Result<std::size_t> sweep(const std::string& name);
    [[nodiscard]] std::vector<TenantSweeps> sweeps() const;
    /// The collection of that template is read now. Errc::NotFound.
    [[nodiscard]] Result<std::monostate> expand(const std::string& name);
    [[nodiscard]] std::vector<TenantTemplates> templates() const;
    /// By configured name: all its elements. Errc::NotFound.
    [[nodiscard]] Result<std::monostate> renew(const std::string& name);
    /// By configured name or Graph's id, if it is no longer wanted. Errc::NotFound, Errc::Conflict.
    [[nodiscard]] Result<std::monostate> remove(const std::string& name_or_id);

    /// Brings the gauges that change with time up to date; before they are read.
    void refresh_metrics();

  private:
    struct Slot;
    struct Arrival;
    using SlotPtr = std::shared_ptr<Slot>;
    SlotPtr make_slot(const Tenant& tenant);
    void start(Slot& slot);
    void run(Slot& slot, const std::stop_token& stop);
    SystemTime round(Slot& slot);
    void watch(const SubscriptionsOptions& options);
    [[nodiscard]] std::vector<SlotPtr> slots() const;
    /// Of the tenant of that configured name; nullptr: no such subscription.
    [[nodiscard]] SlotPtr slot_of(std::string_view name) const;

    Parts parts_;
    std::shared_ptr<TokenCache> tokens_;

    mutable std::mutex mutex_;
    // Guarded by mutex_.
    SubscriptionsOptions options_;
    std::vector<SlotPtr> slots_;
    /// By application and cloud: they share what Graph allows.
    std::map<std::string, std::weak_ptr<Quota>> quotas_;
    bool started_ = false;

    mutable std::shared_mutex arrivals_mutex_;
    /// By configured name. The map is guarded by arrivals_mutex_.
    std::map<std::string, std::unique_ptr<Arrival>, std::less<>> arrivals_;
};

}  // namespace graphhook::subscriptions
