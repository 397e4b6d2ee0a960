#include "store/metrics.hpp"

#include "store/store.hpp"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

namespace graphhook::store {
namespace {

using prometheus::BuildCounter;
using prometheus::BuildGauge;
using prometheus::BuildHistogram;
using prometheus::Registry;

prometheus::Counter& counter(Registry& registry, const char* name, const char* help) {
    return BuildCounter().Name(name).Help(help).Register(registry).Add({});
}

prometheus::Gauge& gauge(Registry& registry, const char* name, const char* help) {
    return BuildGauge().Name(name).Help(help).Register(registry).Add({});
}

prometheus::Histogram& histogram(
    Registry& registry, const char* name, const char* help,
    const prometheus::Histogram::BucketBoundaries& buckets
) {
    return BuildHistogram().Name(name).Help(help).Register(registry).Add({}, buckets);
}

prometheus::Counter& dropped(Registry& registry, const char* why) {
    return BuildCounter()
        .Name("graphhook_quarantine_dropped_total")
        .Help("Deliveries that left the quarantine to keep it within its bounds.")
        .Register(registry)
        .Add({{"why", why}});
}

/// Reasons are few; should they ever not be, the rest share a label.
constexpr std::size_t kMostReasons = 32;

double seconds(std::chrono::nanoseconds duration) {
    return std::chrono::duration<double>(duration).count();
}

}  // namespace

Metrics::Metrics(Registry& registry)
    : commit_duration_(histogram(
          registry, "graphhook_store_commit_duration_seconds",
          "Time to make one group of changes durable, the fsync included.",
          {0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 3}
      )),
      commit_size_(histogram(
          registry, "graphhook_store_commit_notifications",
          "Notifications made durable by one commit.", {1, 4, 16, 64, 256, 1024, 4096, 16384}
      )),
      checkpoint_stall_(histogram(
          registry, "graphhook_store_checkpoint_stall_seconds",
          "Time that commits stood still to finish a checkpoint.",
          {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 3}
      )),
      repeated_(counter(
          registry, "graphhook_items_repeated_total",
          "Items that were stored already and came again."
      )),
      folded_(counter(
          registry, "graphhook_items_folded_total",
          "Items without content of their own that joined an equal one still waiting."
      )),
      refused_appends_(counter(
          registry, "graphhook_store_refused_appends_total",
          "Appends answered with back-pressure (503 to Graph)."
      )),
      interrupted_readers_(counter(
          registry, "graphhook_store_interrupted_readers_total",
          "Lists that were interrupted to keep the WAL bounded, and started again."
      )),
      free_bytes_(gauge(
          registry, "graphhook_store_free_bytes",
          "Free space of the file system that holds the store."
      )),
      database_bytes_(
          gauge(registry, "graphhook_store_database_bytes", "Size of the database file.")
      ),
      wal_bytes_(gauge(registry, "graphhook_store_wal_bytes", "Size of the write-ahead log.")),
      notifications_(gauge(
          registry, "graphhook_store_notifications",
          "Notifications stored, done ones within retention included."
      )),
      repeat_keys_(gauge(
          registry, "graphhook_store_repeat_keys", "Identities remembered to recognise repeats."
      )),
      backlog_(BuildGauge()
                   .Name("graphhook_backlog")
                   .Help("Notifications accepted and not yet handled.")
                   .Register(registry)),
      oldest_(BuildGauge()
                  .Name("graphhook_backlog_oldest_age_seconds")
                  .Help("Age of the oldest notification not yet handled.")
                  .Register(registry)),
      dead_(BuildGauge()
                .Name("graphhook_dead_letters")
                .Help("Deliveries that were given up and wait for an operator.")
                .Register(registry)),
      quarantined_(BuildGauge()
                       .Name("graphhook_quarantined")
                       .Help("Deliveries that were proved false and are kept to be looked at.")
                       .Register(registry)),
      unsids_(BuildGauge()
                  .Name("graphhook_unsids")
                  .Help("UNSIDs that were handed in and have not expired.")
                  .Register(registry)),
      dropped_items_(dropped(registry, "items")),
      dropped_age_(dropped(registry, "age")),
      dropped_bytes_(dropped(registry, "bytes")) {
}

void Metrics::committed(std::chrono::nanoseconds took, std::uint64_t notifications) {
    commit_duration_.Observe(seconds(took));
    if (notifications != 0) commit_size_.Observe(static_cast<double>(notifications));
}

void Metrics::repeated(std::uint64_t items) {
    if (items != 0) repeated_.Increment(static_cast<double>(items));
}

void Metrics::folded(std::uint64_t items) {
    if (items != 0) folded_.Increment(static_cast<double>(items));
}

void Metrics::refused_appends(std::uint64_t appends) {
    if (appends != 0) refused_appends_.Increment(static_cast<double>(appends));
}

void Metrics::interrupted_readers(std::uint64_t times) {
    interrupted_readers_.Increment(static_cast<double>(times));
}

void Metrics::quarantine_dropped(std::uint64_t items, std::uint64_t age, std::uint64_t bytes) {
    if (items != 0) dropped_items_.Increment(static_cast<double>(items));
    if (age != 0) dropped_age_.Increment(static_cast<double>(age));
    if (bytes != 0) dropped_bytes_.Increment(static_cast<double>(bytes));
}

void Metrics::checkpointed(std::chrono::nanoseconds writer_stalled) {
    checkpoint_stall_.Observe(seconds(writer_stalled));
}

void Metrics::refresh(const StoreStats& stats, std::chrono::system_clock::time_point now) {
    free_bytes_.Set(static_cast<double>(stats.free_bytes));
    database_bytes_.Set(static_cast<double>(stats.database_bytes));
    wal_bytes_.Set(static_cast<double>(stats.wal_bytes));
    notifications_.Set(static_cast<double>(stats.notifications));
    repeat_keys_.Set(static_cast<double>(stats.repeat_keys));
    std::map<std::string, std::uint64_t> by_reason;
    for (const auto& [reason, gauge] : quarantined_by_) by_reason[reason] = 0;
    for (const auto& [reason, count] : stats.quarantined) {
        const bool room = by_reason.size() < kMostReasons || by_reason.contains(reason);
        by_reason[room ? reason : "other"] += count;
    }
    for (const auto& [reason, count] : by_reason) {
        auto*& gauge = quarantined_by_[reason];
        if (gauge == nullptr) gauge = &quarantined_.Add({{"reason", reason}});
        gauge->Set(static_cast<double>(count));
    }
    for (auto& [platform, gauge] : unsids_by_) {
        if (!stats.unsids.contains(platform)) gauge->Set(0);
    }
    // Platforms are a few words that the front door knows.
    for (const auto& [platform, count] : stats.unsids) {
        auto*& gauge = unsids_by_[platform];
        if (gauge == nullptr) gauge = &unsids_.Add({{"platform", platform}});
        gauge->Set(static_cast<double>(count));
    }
    for (const auto& handler : stats.handlers) {
        auto found = handlers_.find(handler.handler);
        if (found == handlers_.end()) {
            const prometheus::Labels labels{{"handler", handler.handler}};
            found =
                handlers_
                    .emplace(
                        handler.handler,
                        OfHandler{&backlog_.Add(labels), &oldest_.Add(labels), &dead_.Add(labels)}
                    )
                    .first;
        }
        const OfHandler& gauges = found->second;
        gauges.backlog->Set(static_cast<double>(handler.waiting));
        gauges.dead->Set(static_cast<double>(handler.dead));
        const double age =
            handler.oldest_waiting
                ? std::chrono::duration<double>(now - *handler.oldest_waiting).count()
                : 0.0;
        gauges.oldest->Set(age > 0 ? age : 0.0);
    }
}

}  // namespace graphhook::store
