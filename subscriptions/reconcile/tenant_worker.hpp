#pragma once

#include "core/clock.hpp"
#include "core/error.hpp"
#include "subscriptions/graph/graph.hpp"
#include "subscriptions/graph/graph_client.hpp"
#include "subscriptions/plan/lifecycle.hpp"
#include "subscriptions/metrics.hpp"
#include "subscriptions/options.hpp"
#include "subscriptions/plan/plan.hpp"
#include "subscriptions/status.hpp"
#include "subscriptions/reconcile/subscription_table.hpp"

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <variant>
#include <vector>

namespace graphhook::subscriptions {

/// Makes one tenant's subscriptions what they are wanted to be: plans, performs, plans again. All
/// that must survive is in the records; what it remembers beside them is asked for anew after a
/// restart.
///
/// Threads: `step` from one thread at a time, which it blocks while Graph and the store answer;
/// everything else from any, at once. Only this object writes the tenant's records.
class TenantWorker {
  public:
    struct Parts {
        Graph& graph;
        SubscriptionTable& table;
        Clock& clock;
        Metrics& metrics;
        RandomHex random;
    };
    /// What is in `parts` must outlive it. Of `options` only what concerns this tenant is used.
    TenantWorker(std::string tenant, const SubscriptionsOptions& options, Parts parts);

    /// Reads the records, if that was not done yet; part of `step`, and alone for looking. False:
    /// the store will not.
    bool load(SystemTime now);
    /// Does everything that is due now. Says when there will be something to do again unless
    /// somebody asks for it earlier.
    SystemTime step(const std::stop_token& stop);

    /// What is wanted from now on. True: it is not what it was.
    bool set_options(const SubscriptionsOptions& options);
    /// A lifecycle notification. True: something is to be done.
    bool take(const LifecycleEvent& event);
    /// An item told an expiry. True: it is earlier than Graph's API said, so a check is due. Never
    /// waits: a hint at a bad moment is let go.
    bool expiry_seen(std::string_view graph_id, SystemTime expires_at);
    /// The next removals beyond the hour's quota, and a fresh list first.
    void allow_delete(std::size_t count);
    /// Renews now, or when the 10 minutes since the last touch are over. Errc::NotFound.
    [[nodiscard]] Result<std::monostate> renew(const std::string& name);
    /// Deletes what is no longer wanted (by configured name, or an orphan by Graph's id) now,
    /// without grace or brake. Errc::Conflict: it is still wanted. Errc::NotFound.
    [[nodiscard]] Result<std::monostate> remove(const std::string& name_or_id);

    [[nodiscard]] TenantStatus status() const;
    /// What the next step would do, if it began now.
    [[nodiscard]] Plan preview(std::size_t allow_delete) const;

  private:
    using Record = store::SubscriptionRecord;

    bool flush();
    void commands(const std::stop_token& stop);
    Plan plan_now();
    void perform(const Step& step, const std::stop_token& stop);
    void publish(const Plan& plan);

    void list(const std::stop_token& stop);
    void create(const WantedSubscription& wanted, bool again, const std::stop_token& stop);
    void attempt(
        Record record, const WantedSubscription& wanted, bool again, const std::stop_token& stop
    );
    void create_failed(
        Record record, const WantedSubscription& wanted, const GraphError& error,
        const std::stop_token& stop
    );
    void adopt(Record record, const std::string& graph_id, const std::stop_token& stop);
    void renew(Record record, const std::stop_token& stop);
    void reauthorize(Record record, const std::stop_token& stop);
    void check(Record record, const std::stop_token& stop);
    void remove(Record record, const std::stop_token& stop);
    void delete_leftover(const Step& step, const std::stop_token& stop);
    void retire(Record record);
    void forget(const Record& record);

    /// Keeps `record` here and in the store; where the store will not, it is tried again.
    bool save(const Record& record);
    /// A failed request about `record`: when to try again, and what it means for the tenant.
    void failed(Record record, const GraphError& error, bool counts_as_renewal);
    void note_error(const GraphError& error);
    void note_success();
    void gone(const Record& record, const GraphError& error);
    void unlist(const std::string& graph_id);

    [[nodiscard]] std::optional<Record> find(std::int64_t number) const;
    [[nodiscard]] std::optional<WantedSubscription> wanted(const std::string& name) const;
    [[nodiscard]] Api api_of(const Record& record) const;
    [[nodiscard]] std::chrono::minutes life_for(const Record& record) const;
    /// Remembers the limit that Graph named. True: it is news, so the request may be tried again.
    bool learn_limit(const Record& record, const GraphError& error);
    template <class Change>
    void remember(std::int64_t record, Change&& change) {
        const std::lock_guard lock(mutex_);
        change(state_.memory[record]);
    }
    double dice();

    const std::string tenant_;
    Parts parts_;

    // Of the stepping thread alone.
    bool loaded_ = false;
    std::set<std::int64_t> dirty_;  ///< Records that the store has yet to take.
    std::set<std::string> shown_;   ///< Names with gauges.
    std::uint32_t tenant_failures_ = 0;
    std::uint32_t credential_failures_ = 0;
    std::uint32_t list_failures_ = 0;

    mutable std::mutex mutex_;
    // Guarded by mutex_. Records and listing are written by the stepping thread alone.
    SubscriptionsOptions options_;
    Situation state_;
    std::map<std::string, std::chrono::minutes> limits_;  ///< By kind, as Graph named them.
    std::vector<std::string> to_delete_;                  ///< Graph's ids, by an operator's word.
    bool list_wanted_ = false;
    SystemTime blocked_until_;
    std::string tenant_error_;
};

}  // namespace graphhook::subscriptions
