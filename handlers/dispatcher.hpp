#pragma once

#include "core/clock.hpp"
#include "core/error.hpp"
#include "handlers/circuit_breaker.hpp"
#include "handlers/delivery_source.hpp"
#include "handlers/handler.hpp"
#include "handlers/metrics.hpp"
#include "handlers/opener.hpp"
#include "handlers/options.hpp"

#include <chrono>
#include <functional>
#include <memory>
#include <string>

namespace graphhook::handlers {

struct DispatcherOptions {
    CircuitBreakerOptions breaker;
    /// 0 <= r < 1, from any thread; absent: the machine's.
    std::function<double()> random;
    /// What a handler gets after it was told to stop, before its work is given back.
    std::chrono::milliseconds last_words{2'000};
    /// What proves rich deliveries; must outlive the dispatcher, and its open() must return soon
    /// after it was told to stop. nullptr: there is nothing, and rich deliveries wait: unproved
    /// they are never handed over.
    Opener* opener = nullptr;
};

/// Brings deliveries from the store to the handlers and their answers back.
///
/// Each handler has threads of its own (`workers`), leases of its own and a circuit breaker of its
/// own: none waits for another. Order and exclusiveness per (handler, subscription, resource) are
/// the store's: it leases one at a time. Leases of what waits or runs here are extended; a handler
/// that is silent for its time limit counts as failed.
///
/// Threads: all functions from any thread that may block, never the store's. The source, the clock
/// and the metrics must outlive it.
class Dispatcher {
  public:
    static constexpr std::chrono::milliseconds kTimeLimit{45'000};

    Dispatcher(
        DeliverySource& source, Clock& clock, Metrics& metrics, DispatcherOptions options = {}
    );
    /// Stops with no grace.
    ~Dispatcher();

    /// Attaches the handler and starts handing over. `time_limit`: the handler counts as failed
    /// when one call takes longer; leases are held a little longer than that. Errc::Conflict: the
    /// name is taken; Errc::Aborted: stopped; else what the store's attach said.
    [[nodiscard]] Result<void> add(
        const std::string& name, std::unique_ptr<Handler> handler,
        std::function<bool(const store::Stream&)> accepts, RetryOptions retry = {},
        std::uint32_t workers = 1, std::chrono::milliseconds time_limit = kTimeLimit
    );
    /// Finishes or, after `grace`, gives back what runs, and detaches the handler; what waits for
    /// it waits on. Errc::NotFound, or what the store's detach said.
    [[nodiscard]] Result<void> remove(const std::string& name, std::chrono::milliseconds grace);

    /// No more leases. Work that runs may finish within `grace`; then handlers are told (stop
    /// token), and what still runs is given back. Returns when all outcomes are stored.
    void stop(std::chrono::milliseconds grace);
    /// Tells running handlers to stop, and makes a stop() that waits in another thread, and any
    /// later one, return as soon as it can. Does not block.
    void stop_at_once();

    /// Does what is due by the clock; normally called by its own timer. For tests that move the
    /// clock.
    void tick();

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace graphhook::handlers
