#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>

namespace prometheus {
class Registry;
class Counter;
class Gauge;
class Histogram;
template <typename T>
class Family;
}  // namespace prometheus

namespace graphhook::store {

struct StoreStats;

/// What the store counts; names and labels live in metrics.cpp alone. Threads: the store's own,
/// except for construction. `registry` must outlive it.
class Metrics {
  public:
    explicit Metrics(prometheus::Registry& registry);
    Metrics(const Metrics&) = delete;
    Metrics& operator=(const Metrics&) = delete;

    /// A transaction was made durable: from its first change to the end of its fsync.
    void committed(std::chrono::nanoseconds took, std::uint64_t notifications);
    void repeated(std::uint64_t items);
    void folded(std::uint64_t items);
    void refused_appends(std::uint64_t appends);
    void interrupted_readers(std::uint64_t times);
    /// Dropped from the quarantine because of its number, their age, or the store's size.
    void quarantine_dropped(std::uint64_t items, std::uint64_t age, std::uint64_t bytes);
    void checkpointed(std::chrono::nanoseconds writer_stalled);
    /// The gauges, about once a second.
    void refresh(const StoreStats& stats, std::chrono::system_clock::time_point now);

  private:
    struct OfHandler {
        prometheus::Gauge* backlog;
        prometheus::Gauge* oldest;
        prometheus::Gauge* dead;
    };

    prometheus::Histogram& commit_duration_;
    prometheus::Histogram& commit_size_;
    prometheus::Histogram& checkpoint_stall_;
    prometheus::Counter& repeated_;
    prometheus::Counter& folded_;
    prometheus::Counter& refused_appends_;
    prometheus::Counter& interrupted_readers_;
    prometheus::Gauge& free_bytes_;
    prometheus::Gauge& database_bytes_;
    prometheus::Gauge& wal_bytes_;
    prometheus::Gauge& notifications_;
    prometheus::Gauge& repeat_keys_;
    prometheus::Family<prometheus::Gauge>& backlog_;
    prometheus::Family<prometheus::Gauge>& oldest_;
    prometheus::Family<prometheus::Gauge>& dead_;
    prometheus::Family<prometheus::Gauge>& quarantined_;
    prometheus::Family<prometheus::Gauge>& unsids_;
    prometheus::Counter& dropped_items_;
    prometheus::Counter& dropped_age_;
    prometheus::Counter& dropped_bytes_;
    std::map<std::string, OfHandler> handlers_;
    std::map<std::string, prometheus::Gauge*> quarantined_by_;  ///< By reason.
    std::map<std::string, prometheus::Gauge*> unsids_by_;       ///< By platform.
};

}  // namespace graphhook::store
