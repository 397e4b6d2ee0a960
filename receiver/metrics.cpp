#include "receiver/metrics.hpp"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <string>

namespace graphhook::receiver {
namespace {

using prometheus::Counter;
using prometheus::Family;
using prometheus::Gauge;
using prometheus::Histogram;

constexpr std::array<std::string_view, kEndpoints> kEndpointNames = {
    "other", "notifications", "lifecycle", "livez", "readyz", "healthz", "unsids"
};
constexpr std::array<std::string_view, kUnsidOutcomes> kUnsidOutcomeNames = {
    "registered",   "renewed",   "withdrawn",  "bad_request",
    "unauthorized", "forbidden", "unavailable"
};
/// Every status that we send; the last stands for others.
constexpr std::array<unsigned, 14> kStatusCodes = {200, 201, 202, 204, 400, 401, 403,
                                                   404, 405, 413, 415, 431, 503, 0};

/// Graph gives us 3 s: most buckets lie far below, so that a slow store is seen long before.
const Histogram::BucketBoundaries kReplySeconds = {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
                                                   0.1,    0.25,  0.5,    1,     2,    3,     10};
/// From seconds to the six hours that Graph allows itself for drives.
const Histogram::BucketBoundaries kLagSeconds = {1, 5, 10, 30, 60, 180, 300, 900, 3'600, 21'600};

std::size_t status_index(unsigned status) {
    for (std::size_t i = 0; i + 1 < kStatusCodes.size(); ++i) {
        if (kStatusCodes[i] == status) return i;
    }
    return kStatusCodes.size() - 1;
}

std::string_view bounded_change(std::string_view change) {
    for (const std::string_view known :
         {"created", "updated", "deleted", "missed", "subscriptionremoved",
          "reauthorizationrequired"}) {
        if (change == known) return known;
    }
    return "other";
}

template <class T>
Family<T>& family(prometheus::Registry& registry, const char* name, const char* help) {
    if constexpr (std::is_same_v<T, Counter>) {
        return prometheus::BuildCounter().Name(name).Help(help).Register(registry);
    } else if constexpr (std::is_same_v<T, Gauge>) {
        return prometheus::BuildGauge().Name(name).Help(help).Register(registry);
    } else {
        return prometheus::BuildHistogram().Name(name).Help(help).Register(registry);
    }
}

}  // namespace

struct Metrics::Families {
    explicit Families(prometheus::Registry& r)
        : received(family<Counter>(
              r, "graphhook_notifications_received_total",
              "Items that proved to be ours, before repeats and folding."
          )),
          refused(family<Counter>(
              r, "graphhook_items_refused_total", "Items that are not ours, or not readable."
          )),
          requests(family<Counter>(r, "graphhook_http_requests_total", "Replies sent.")),
          duration(family<Histogram>(
              r, "graphhook_http_request_duration_seconds",
              "From a request's first byte to its reply's last."
          )),
          bad_requests(family<Counter>(
              r, "graphhook_bad_requests_total",
              "Bytes that are no HTTP request, or one that may be read in two ways."
          )),
          connections(family<Gauge>(r, "graphhook_connections", "Open connections.")),
          dropped(family<Counter>(
              r, "graphhook_connections_dropped_total", "Connections refused or ended by us."
          )),
          lag(family<Histogram>(
              r, "graphhook_arrival_lag_seconds",
              "From the change to its arrival, where the item tells."
          )),
          slow(family<Gauge>(
              r, "graphhook_slow_reply_ratio",
              "Replies to deliveries of the last 10 minutes slower than 3 s; Graph delays above "
              "0.1."
          )),
          drop(family<Gauge>(
              r, "graphhook_drop_reply_ratio",
              "Replies to deliveries of the last 10 minutes slower than 10 s; Graph drops above "
              "0.15."
          )),
          empty(family<Counter>(
              r, "graphhook_empty_deliveries_total", "Deliveries without a body, accepted."
          )),
          handshakes(family<Counter>(r, "graphhook_handshakes_total", "Handshakes of Graph.")),
          refused_known(family<Counter>(
              r, "graphhook_known_bodies_refused_total",
              "Refused bodies whose first item is of a subscription of ours: something is lost."
          )),
          certificate(family<Gauge>(
              r, "graphhook_tls_certificate_expiry_timestamp_seconds",
              "When the certificate that is in use expires."
          )),
          reloads(family<Counter>(
              r, "graphhook_tls_reloads_total", "Certificate and key read because they changed."
          )),
          unsids(family<Counter>(
              r, "graphhook_unsid_requests_total",
              "What became of requests of client apps that hand in UNSIDs."
          )) {}

    Family<Counter>&received, &refused, &requests;
    Family<Histogram>& duration;
    Family<Counter>& bad_requests;
    Family<Gauge>& connections;
    Family<Counter>& dropped;
    Family<Histogram>& lag;
    Family<Gauge>&slow, &drop;
    Family<Counter>&empty, &handshakes, &refused_known;
    Family<Gauge>& certificate;
    Family<Counter>&reloads, &unsids;
};

Metrics::Metrics(prometheus::Registry& registry, ReplyThresholds thresholds)
    : families_(std::make_unique<Families>(registry)),
      window_(thresholds),
      duration_(&families_->duration.Add({}, kReplySeconds)),
      connections_(&families_->connections.Add({})) {
    static_assert(kStatusCodes.size() == kStatuses);
    for (std::size_t i = 0; i < kDroppedReasons; ++i)
        dropped_[i] =
            &families_->dropped.Add({{"reason", std::string(to_string(static_cast<Dropped>(i)))}});
    for (std::size_t i = 1; i < kBadRequests; ++i)
        bad_requests_[i] = &families_->bad_requests.Add(
            {{"reason", std::string(to_string(static_cast<BadRequest>(i)))}}
        );
    for (std::size_t i = 0; i < kRefusals; ++i)
        refusals_[i] =
            &families_->refused.Add({{"reason", std::string(to_string(static_cast<Refusal>(i)))}});
    families_->slow.Add({}).Set(0);
    families_->drop.Add({}).Set(0);
}

Metrics::~Metrics() = default;

void Metrics::opened() {
    connections_->Increment();
}

void Metrics::closed() {
    connections_->Decrement();
}

void Metrics::dropped(Dropped reason) {
    dropped_[static_cast<std::size_t>(reason)]->Increment();
}

void Metrics::replied(
    Endpoint endpoint, unsigned status, SteadyTime now, std::chrono::nanoseconds took
) {
    const auto row = static_cast<std::size_t>(endpoint);
    const auto column = status_index(status);
    auto& cell = requests_[row][column];
    Counter* counter = cell.load(std::memory_order_acquire);
    if (counter == nullptr) {
        const auto code = kStatusCodes[column];
        counter = &families_->requests.Add(
            {{"path", std::string(kEndpointNames[row])},
             {"code", code == 0 ? "other" : std::to_string(code)}}
        );
        cell.store(counter, std::memory_order_release);
    }
    counter->Increment();
    duration_->Observe(std::chrono::duration<double>(took).count());
    if (endpoint == Endpoint::Notifications || endpoint == Endpoint::Lifecycle)
        window_.record(now, took);
}

void Metrics::bad_request(BadRequest bad) {
    const auto at = std::max<std::size_t>(static_cast<std::size_t>(bad), 1);
    bad_requests_[at]->Increment();
}

void Metrics::item_refused(Refusal refusal) {
    refusals_[static_cast<std::size_t>(refusal)]->Increment();
}

void Metrics::empty_delivery() {
    families_->empty.Add({}).Increment();
}

void Metrics::handshake(bool answered) {
    families_->handshakes.Add({{"outcome", answered ? "answered" : "refused"}}).Increment();
}

void Metrics::refused_known(unsigned status) {
    families_->refused_known.Add({{"code", std::to_string(status)}}).Increment();
}

void Metrics::certificate(SystemTime expires_at) {
    families_->certificate.Add({}).Set(
        std::chrono::duration<double>(expires_at.time_since_epoch()).count()
    );
}

void Metrics::certificate_reload(bool taken) {
    families_->reloads.Add({{"outcome", taken ? "taken" : "refused"}}).Increment();
}

void Metrics::serves_unsids() {
    for (std::size_t i = 0; i < kUnsidOutcomes; ++i)
        unsids_[i] = &families_->unsids.Add({{"outcome", std::string(kUnsidOutcomeNames[i])}});
}

void Metrics::unsid_request(UnsidOutcome outcome) {
    unsids_[static_cast<std::size_t>(outcome)]->Increment();
}

Counter& Metrics::received(
    std::string_view tenant, std::string_view kind, std::string_view change
) {
    return families_->received.Add(
        {{"tenant", std::string(tenant)},
         {"kind", std::string(kind)},
         {"change", std::string(bounded_change(change))}}
    );
}

Histogram& Metrics::arrival_lag(std::string_view kind) {
    return families_->lag.Add({{"kind", std::string(kind)}}, kLagSeconds);
}

void Metrics::refresh(SteadyTime now) {
    const auto ratios = window_.ratios(now);
    families_->slow.Add({}).Set(ratios.slow);
    families_->drop.Add({}).Set(ratios.drop);
}

}  // namespace graphhook::receiver
