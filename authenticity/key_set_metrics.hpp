#pragma once

#include "authenticity/key_set.hpp"
#include "core/clock.hpp"

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>

#include <chrono>
#include <string>
#include <string_view>

namespace graphhook::authenticity {

/// What is counted of key sets. Labels are configured hosts and closed sets. Threads: any. The
/// registry must outlive it.
class KeySetMetrics {
  public:
    explicit KeySetMetrics(prometheus::Registry& registry);

    /// `outcome`: ok, unreachable, refused, garbled.
    void fetch(std::string_view outcome);
    /// When the set at hand was fetched.
    void set_fetched(std::string_view login, Version version, SystemTime at);
    void set_clock_ahead(std::chrono::seconds ahead);
    /// No longer configured: its gauge ends.
    void forget(std::string_view login, Version version);

  private:
    prometheus::Family<prometheus::Counter>& fetches_;
    prometheus::Family<prometheus::Gauge>& fetched_at_;
    prometheus::Gauge& clock_ahead_;
};

}  // namespace graphhook::authenticity
