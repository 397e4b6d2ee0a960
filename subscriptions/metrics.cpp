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

double seconds_of(SystemTime at) {
    return std::chrono::duration<double>(at.time_since_epoch()).count();
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
      )),
      sweeps_(counters(
          registry, "graphhook_sweeps_total",
          "Rounds of asking Graph again (sweeps and polls), by outcome."
      )),
      found_(counters(
          registry, "graphhook_sweep_found_total",
          "Changes that were found by asking again and had never been notified."
      )),
      expansions_(counters(
          registry, "graphhook_expansions_total", "Readings of a template's collection, by outcome."
      )),
      swept_(gauges(
          registry, "graphhook_subscription_swept_timestamp_seconds",
          "When the last complete sweep began; the longest ago of that name."
      )),
      sweeps_failing_(gauges(
          registry, "graphhook_sweeps_failing", "Sweeps and polls whose last request failed."
      )),
      elements_(gauges(
          registry, "graphhook_template_elements",
          "Elements that a template stood for when it was last read."
      )),
      parked_(gauges(
          registry, "graphhook_template_elements_parked",
          "Elements of a template that Graph refuses for themselves; tried again daily."
      )),
      credential_expiry_(gauges(
          registry, "graphhook_credential_expiry_timestamp_seconds",
          "When a tenant's credential ends, where it is known."
      )) {
    // Shown from the start, so that a rate is there when the first one comes.
    for (const char* outcome : {"renewed", "reauthorized", "recreated", "failed"})
        renewals_.Add({{"outcome", outcome}});
    for (const char* outcome : {"ok", "refused", "unreachable", "garbled"})
        tokens_.Add({{"outcome", outcome}});
    for (const char* event :
         {"reauthorizationRequired", "subscriptionRemoved", "missed", "unknown"})
        lifecycle_.Add({{"event", event}});
    for (const char* outcome : {"done", "failed", "restarted"}) sweeps_.Add({{"outcome", outcome}});
    for (const char* outcome : {"done", "failed"}) expansions_.Add({{"outcome", outcome}});
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

void Metrics::sweep(std::string_view outcome) {
    sweeps_.Add({{"outcome", std::string(outcome)}}).Increment();
}

void Metrics::sweep_found(const std::string& kind, std::size_t count) {
    found_.Add({{"kind", kind}}).Increment(static_cast<double>(count));
}

void Metrics::expansion(std::string_view outcome) {
    expansions_.Add({{"outcome", std::string(outcome)}}).Increment();
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
    expiry_.Add({{"subscription", subscription}}).Set(seconds_of(at));
}

void Metrics::set_silence(const std::string& subscription, double seconds) {
    silence_.Add({{"subscription", subscription}}).Set(seconds);
}

void Metrics::set_swept(const std::string& subscription, SystemTime at) {
    swept_.Add({{"subscription", subscription}}).Set(seconds_of(at));
}

void Metrics::set_sweeps_failing(const std::string& tenant, std::size_t count) {
    sweeps_failing_.Add({{"tenant", tenant}}).Set(static_cast<double>(count));
}

void Metrics::set_elements(const std::string& subscription, std::size_t count, std::size_t parked) {
    elements_.Add({{"subscription", subscription}}).Set(static_cast<double>(count));
    parked_.Add({{"subscription", subscription}}).Set(static_cast<double>(parked));
}

void Metrics::set_credential_expiry(
    const std::string& tenant, std::string_view which, SystemTime at
) {
    credential_expiry_.Add({{"tenant", tenant}, {"which", std::string(which)}}).Set(seconds_of(at));
}

void Metrics::forget(const std::string& subscription) {
    const prometheus::Labels labels{{"subscription", subscription}};
    for (auto* family : {&expiry_, &silence_, &swept_, &elements_, &parked_}) {
        if (family->Has(labels)) family->Remove(&family->Add(labels));
    }
}

}  // namespace graphhook::subscriptions
