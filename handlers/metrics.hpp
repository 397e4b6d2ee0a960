#pragma once

#include "handlers/verdict.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace prometheus {
class Counter;
class Gauge;
class Histogram;
class Registry;
template <typename T>
class Family;
}  // namespace prometheus

namespace graphhook::handlers {

/// What this room counts, by configured handler name. Threads: any. `registry` must outlive it.
class Metrics {
  public:
    explicit Metrics(prometheus::Registry& registry);

    /// The series of one handler; valid as long as the Metrics.
    class OfHandler {
      public:
        void settled(const std::array<std::size_t, kBecameCount>& counts);
        /// Completions of an attempt that was no longer the newest.
        void refused(std::size_t count);
        void handled_in(std::chrono::nanoseconds took);
        /// From acceptance to the handler's answer, of everything that is done.
        void lags(std::span<const std::chrono::microseconds> lags);
        void circuit_open(bool open);
        /// Given back to wait, and into the quarantine. `reason` is of bounded variety.
        void unproved(const std::string& reason);
        void disproved(const std::string& reason);

      private:
        friend class Metrics;
        std::array<prometheus::Counter*, kBecameCount> became_{};
        prometheus::Counter* refused_ = nullptr;
        prometheus::Histogram* duration_ = nullptr;
        prometheus::Histogram* lag_ = nullptr;
        prometheus::Gauge* circuit_ = nullptr;
        prometheus::Family<prometheus::Counter>*unproved_ = nullptr, *disproved_ = nullptr;
    };
    [[nodiscard]] OfHandler of(const std::string& handler);
    /// Reasons that may come: their series begin at zero, so that an alert sees the first one too.
    void expect_unproved(std::string_view reason);
    void expect_disproved(std::string_view reason);

  private:
    prometheus::Family<prometheus::Counter>& deliveries_;
    prometheus::Family<prometheus::Histogram>& duration_;
    prometheus::Family<prometheus::Histogram>& lag_;
    prometheus::Family<prometheus::Gauge>& circuit_;
    prometheus::Family<prometheus::Counter>&unproved_, &disproved_;
};

}  // namespace graphhook::handlers
