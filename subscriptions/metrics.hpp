#pragma once

#include "core/clock.hpp"

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>

#include <string>
#include <string_view>

namespace graphhook::subscriptions {

/// What this room counts. Labels are configured names and closed sets, never an id. Threads: any.
/// The registry must outlive it.
class Metrics {
  public:
    explicit Metrics(prometheus::Registry& registry);

    /// `operation`: create, list, get, renew, reauthorize, delete, delta, page, poll, expand, read.
    /// `status`: HTTP's, or 0 when
    /// there was no answer.
    void graph_request(std::string_view operation, int status);
    void graph_throttled();
    /// `outcome`: ok, refused, unreachable, garbled.
    void token_request(std::string_view outcome);
    /// `outcome`: renewed, reauthorized, recreated, failed.
    void renewal(std::string_view outcome);
    /// Graph's events by name; any other is counted as "unknown".
    void lifecycle(std::string_view event);

    /// `outcome` of a round: done, failed, restarted (Graph forgot where we were).
    void sweep(std::string_view outcome);
    /// Handed over, and never notified.
    void sweep_found(const std::string& kind, std::size_t count);
    /// `outcome` of reading a collection: done, failed.
    void expansion(std::string_view outcome);

    /// `state`: creating, active, retired, parked.
    void set_count(const std::string& tenant, std::string_view state, std::size_t count);
    void set_orphans(const std::string& tenant, std::size_t count);
    void set_held_back(const std::string& tenant, std::size_t count);
    void set_failing(const std::string& tenant, std::size_t count);
    /// The earliest of that configured name.
    void set_expiry(const std::string& subscription, SystemTime at);
    void set_silence(const std::string& subscription, double seconds);
    /// When the sweep of that name that is longest ago began.
    void set_swept(const std::string& subscription, SystemTime at);
    void set_sweeps_failing(const std::string& tenant, std::size_t count);
    void set_elements(const std::string& subscription, std::size_t count, std::size_t parked);
    /// `which`: "client_secret", "certificate".
    void set_credential_expiry(const std::string& tenant, std::string_view which, SystemTime at);
    /// No longer configured: its gauges end.
    void forget(const std::string& subscription);

  private:
    prometheus::Family<prometheus::Counter>& requests_;
    prometheus::Counter& throttled_;
    prometheus::Family<prometheus::Counter>& tokens_;
    prometheus::Family<prometheus::Counter>& renewals_;
    prometheus::Family<prometheus::Counter>& lifecycle_;
    prometheus::Family<prometheus::Gauge>& subscriptions_;
    prometheus::Family<prometheus::Gauge>& orphans_;
    prometheus::Family<prometheus::Gauge>& held_back_;
    prometheus::Family<prometheus::Gauge>& failing_;
    prometheus::Family<prometheus::Gauge>& expiry_;
    prometheus::Family<prometheus::Gauge>& silence_;
    prometheus::Family<prometheus::Counter>& sweeps_;
    prometheus::Family<prometheus::Counter>& found_;
    prometheus::Family<prometheus::Counter>& expansions_;
    prometheus::Family<prometheus::Gauge>& swept_;
    prometheus::Family<prometheus::Gauge>& sweeps_failing_;
    prometheus::Family<prometheus::Gauge>& elements_;
    prometheus::Family<prometheus::Gauge>& parked_;
    prometheus::Family<prometheus::Gauge>& credential_expiry_;
};

}  // namespace graphhook::subscriptions
