#include "handlers/metrics.hpp"

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <algorithm>
#include <vector>

namespace graphhook::handlers {
namespace {

using Buckets = prometheus::Histogram::BucketBoundaries;

const Buckets& duration_buckets() {
    static const Buckets buckets = {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
                                    0.25,   0.5,   1,      2.5,   5,    10,    30,   60};
    return buckets;
}

/// Wider than the durations: a target may be down for days.
const Buckets& lag_buckets() {
    static const Buckets buckets = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,  0.1,
                                    0.25,  0.5,    1,     2.5,  5,     10,    30,
                                    60,    300,    1800,  7200, 21600, 86400, 259200};
    return buckets;
}

double seconds(std::chrono::nanoseconds time) {
    return std::chrono::duration<double>(time).count();
}

}  // namespace

Metrics::Metrics(prometheus::Registry& registry)
    : deliveries_(prometheus::BuildCounter()
                      .Name("graphhook_deliveries_total")
                      .Help("Deliveries by what became of them.")
                      .Register(registry)),
      duration_(prometheus::BuildHistogram()
                    .Name("graphhook_delivery_duration_seconds")
                    .Help("Time that one call of a handler took, for a batch of one or many.")
                    .Register(registry)),
      lag_(prometheus::BuildHistogram()
               .Name("graphhook_delivery_lag_seconds")
               .Help("From acceptance to done.")
               .Register(registry)),
      circuit_(prometheus::BuildGauge()
                   .Name("graphhook_handler_circuit_open")
                   .Help("1 while a handler's target is left alone because it fails.")
                   .Register(registry)),
      unproved_(prometheus::BuildCounter()
                    .Name("graphhook_items_unproved_total")
                    .Help("Rich deliveries given back because they can not be proved yet.")
                    .Register(registry)),
      disproved_(prometheus::BuildCounter()
                     .Name("graphhook_items_disproved_total")
                     .Help("Rich deliveries proved false, into the quarantine.")
                     .Register(registry)) {
}

Metrics::OfHandler Metrics::of(const std::string& handler) {
    OfHandler series;
    for (std::size_t i = 0; i < kBecameCount; ++i) {
        series.became_[i] = &deliveries_.Add(
            {{"handler", handler}, {"outcome", std::string(to_string(static_cast<Became>(i)))}}
        );
    }
    series.refused_ = &deliveries_.Add({{"handler", handler}, {"outcome", "refused"}});
    series.duration_ = &duration_.Add({{"handler", handler}}, duration_buckets());
    series.lag_ = &lag_.Add({{"handler", handler}}, lag_buckets());
    series.circuit_ = &circuit_.Add({{"handler", handler}});
    series.unproved_ = &unproved_;
    series.disproved_ = &disproved_;
    return series;
}

void Metrics::expect_unproved(std::string_view reason) {
    unproved_.Add({{"reason", std::string(reason)}});
}

void Metrics::expect_disproved(std::string_view reason) {
    disproved_.Add({{"reason", std::string(reason)}});
}

void Metrics::OfHandler::settled(const std::array<std::size_t, kBecameCount>& counts) {
    for (std::size_t i = 0; i < kBecameCount; ++i) {
        if (counts[i] > 0) became_[i]->Increment(static_cast<double>(counts[i]));
    }
}

void Metrics::OfHandler::refused(std::size_t count) {
    refused_->Increment(static_cast<double>(count));
}

void Metrics::OfHandler::handled_in(std::chrono::nanoseconds took) {
    duration_->Observe(seconds(took));
}

void Metrics::OfHandler::lags(std::span<const std::chrono::microseconds> lags) {
    if (lags.empty()) return;
    const auto& buckets = lag_buckets();
    std::vector<double> counts(buckets.size() + 1, 0);
    double sum = 0;
    for (const auto lag : lags) {
        const double value = std::max(seconds(lag), 0.0);
        const auto bucket = std::lower_bound(buckets.begin(), buckets.end(), value);
        counts[static_cast<std::size_t>(bucket - buckets.begin())] += 1;
        sum += value;
    }
    lag_->ObserveMultiple(counts, sum);
}

void Metrics::OfHandler::unproved(const std::string& reason) {
    unproved_->Add({{"reason", reason}}).Increment();
}

void Metrics::OfHandler::disproved(const std::string& reason) {
    disproved_->Add({{"reason", reason}}).Increment();
}

void Metrics::OfHandler::circuit_open(bool open) {
    circuit_->Set(open ? 1 : 0);
}

}  // namespace graphhook::handlers
