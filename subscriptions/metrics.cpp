#include "subscriptions/metrics.hpp"

#include <algorithm>
#include <array>

namespace graphhook::subscriptions {
namespace {

auto& counters(prometheus::Registry& registry, const char* name, const char* help) {
    return prometheus::BuildCounter().Name(name).Help(help).Register(registry);
}
auto& gauges(prometheus::Registry& registry, const char* name, const char* help) {
    return prometheus::BuildGauge().Name(name).Help(help).Register(registry);
}

}  // namespace

Metrics::Metrics(prometheus::Registry& registry)
    : requests_(counters(
          registry, "graphhook_graph_requests_total",
          "Requests to Graph's subscriptions API, by operation and HTTP status."
      )),
      throttled_(counters(
                     registry, "graphhook_graph_throttled_total",
                     "Answers of Graph that told a tenant to wait."
      )
                     .Add({})),
      tokens_(counters(
          registry, "graphhook_token_requests_total", "Requests for an access token, by outcome."
      )),
      renewals_(counters(
          registry, "graphhook_renewals_total",
          "Subscriptions kept alive (renewed, reauthorized, recreated) or not (failed)."
      )),
      lifecycle_(counters(
          registry, "graphhook_lifecycle_notifications_total",
          "Lifecycle notifications acted on, by event."
      )),
      subscriptions_(gauges(
          registry, "graphhook_subscriptions",
          "Subscriptions known to the store, by tenant and state."
      )),
      orphans_(gauges(
          registry, "graphhook_subscription_orphans",
          "Subscriptions at Graph with our URL that the store does not know."
      )),
      held_back_(gauges(
          registry, "graphhook_subscription_removals_held_back",
          "Removals that wait for an operator's word, being too many for one hour."
      )),
      failing_(gauges(
          registry, "graphhook_subscriptions_failing",
          "Wanted subscriptions whose last request failed."
      )),
      expiry_(gauges(
          registry, "graphhook_subscription_expiry_timestamp_seconds",
          "When the subscription ends unless renewed, as Graph replied; the earliest of that name."
      )),
      silence_(gauges(
          registry, "graphhook_subscription_silence_seconds",
          "Time since a notification of this subscription arrived, or since the start."
      )) {
    // Shown from the start, so that a rate is there when the first one comes.
    for (const char* outcome : {"renewed", "reauthorized", "recreated", "failed"})
        renewals_.Add({{"outcome", outcome}});
    for (const char* outcome : {"ok", "refused", "unreachable", "garbled"})
        tokens_.Add({{"outcome", outcome}});
    for (const char* event :
         {"reauthorizationRequired", "subscriptionRemoved", "missed", "unknown"})
        lifecycle_.Add({{"event", event}});
}

void Metrics::graph_request(std::string_view operation, int status) {
    requests_
        .Add(
            {{"operation", std::string(operation)},
             {"code", status == 0 ? "none" : std::to_string(status)}}
        )
        .Increment();
}

void Metrics::graph_throttled() {
    throttled_.Increment();
}

void Metrics::token_request(std::string_view outcome) {
    tokens_.Add({{"outcome", std::string(outcome)}}).Increment();
}

void Metrics::renewal(std::string_view outcome) {
    renewals_.Add({{"outcome", std::string(outcome)}}).Increment();
}

void Metrics::lifecycle(std::string_view event) {
    constexpr std::array<std::string_view, 3> kKnown{
        "reauthorizationRequired", "subscriptionRemoved", "missed"
    };
    const bool known = std::ranges::find(kKnown, event) != kKnown.end();
    lifecycle_.Add({{"event", known ? std::string(event) : "unknown"}}).Increment();
}

void Metrics::set_count(const std::string& tenant, std::string_view state, std::size_t count) {
    subscriptions_.Add({{"tenant", tenant}, {"state", std::string(state)}}
    ).Set(static_cast<double>(count));
}

void Metrics::set_orphans(const std::string& tenant, std::size_t count) {
    orphans_.Add({{"tenant", tenant}}).Set(static_cast<double>(count));
}

void Metrics::set_held_back(const std::string& tenant, std::size_t count) {
    held_back_.Add({{"tenant", tenant}}).Set(static_cast<double>(count));
}

void Metrics::set_failing(const std::string& tenant, std::size_t count) {
    failing_.Add({{"tenant", tenant}}).Set(static_cast<double>(count));
}

void Metrics::set_expiry(const std::string& subscription, SystemTime at) {
    using Seconds = std::chrono::duration<double>;
    expiry_.Add({{"subscription", subscription}}).Set(Seconds(at.time_since_epoch()).count());
}

void Metrics::set_silence(const std::string& subscription, double seconds) {
    silence_.Add({{"subscription", subscription}}).Set(seconds);
}

void Metrics::forget(const std::string& subscription) {
    const prometheus::Labels labels{{"subscription", subscription}};
    if (expiry_.Has(labels)) expiry_.Remove(&expiry_.Add(labels));
    if (silence_.Has(labels)) silence_.Remove(&silence_.Add(labels));
}

}  // namespace graphhook::subscriptions
