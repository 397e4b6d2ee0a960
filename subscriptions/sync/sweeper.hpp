#pragma once

#include "core/clock.hpp"
#include "core/work_pool.hpp"
#include "subscriptions/graph/graph_data.hpp"
#include "subscriptions/graph/quota.hpp"
#include "subscriptions/metrics.hpp"
#include "subscriptions/options.hpp"
#include "subscriptions/sync/sync_table.hpp"
#include "subscriptions/target.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace graphhook::subscriptions {

/// What is to be swept or polled.
struct SweepTarget {
    TargetKey key;
    std::string resource;  ///< Rendered: without variables.
    std::string kind;
    std::string graph_id;  ///< Of its subscription now; empty: none (polled, or not created yet).
};

/// How one of them stands, for an operator.
struct SweepStatus {
    TargetKey key;
    std::string resource;
    /// "waiting" (nothing to do), "due", "running", "failing", "impossible" (nothing to ask again).
    std::string state;
    std::optional<SystemTime> baseline_at, swept_at, wanted_at, next_at;
    std::string reason;
    std::string last_error;
    std::uint32_t failures = 0;
    std::uint64_t found = 0;
};

/// Completeness, of one tenant: asks Graph again for what it did not tell, and regularly for what
/// it never tells.
///
/// A round is a row of pages. What a page holds is appended to the journal, marked as found; then
/// the link to the next page is stored; so a round goes on where it was cut off, by whatever. One
/// round of a target at a time; what is wanted meanwhile makes one more after it.
///
/// Threads: `step` from one thread at a time, never blocked by Graph (the work is done in the
/// pool); everything else from any.
class Sweeper {
  public:
    struct Parts {
        GraphData& data;
        SyncTable& table;
        Clock& clock;
        Metrics& metrics;
        Quota& quota;
        WorkPool& pool;
        /// Called from any thread when `step` has something to do.
        std::function<void()> wake;
    };
    /// What is in `parts` must outlive it; `pool` must be stopped before it goes.
    Sweeper(Tenant tenant, Parts parts);
    ~Sweeper();

    /// The entries of this tenant with `sync: delta` or `source: poll`, templates included.
    void set_wanted(const std::vector<WantedSubscription>& wanted);
    /// This target is there, or is another now (its resource, its subscription's id). Those of
    /// entries that are neither swept nor polled are let go.
    void put(SweepTarget target);
    /// It is no longer wanted: what was known of it is erased.
    void drop(const TargetKey& key);

    /// A round is wanted, as something may have been missed. Durable when it returns; blocks.
    /// Errc::NotFound: nothing of that key is swept. `reason`: "missed", "recreated", "gap",
    /// "silence", "outage", "signal", "operator", "daily".
    [[nodiscard]] Result<std::monostate> want(const TargetKey& key, std::string_view reason);
    /// The same for all targets of a name (empty: of the tenant). How many.
    [[nodiscard]] Result<std::size_t> want_all(const std::string& name, std::string_view reason);
    /// The credential's files are others than those that were refused: asks again at once.
    void credential_mended();
    /// Something of that name came in: it is not silent. Cheap.
    void arrived(std::string_view name, SystemTime at);

    /// Reads what is stored; part of `step`, and alone for looking.
    [[nodiscard]] Result<std::monostate> load();
    /// Begins what is due, as far as the pool is free; says when there will be something to do.
    SystemTime step();

    [[nodiscard]] std::vector<SweepStatus> status() const;

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace graphhook::subscriptions
