#pragma once

#include "app/config/config.hpp"
#include "core/clock.hpp"
#include "core/error.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace graphhook::app {

/// The service: every room's part, built and stopped in order. Reading `start` and `stop` is
/// reading the architecture.
///
/// Threads: start, reload, stop and the destructor on one; stop_at_once and the rest on any.
class Application {
  public:
    struct Surroundings {
        Clock& clock;
        /// The store can take nothing more: end the process. Called once, from the store's thread.
        std::function<void(const Error&)> on_store_failed;
    };

    Application(Config config, Surroundings surroundings);
    /// Stops at once, if it runs.
    ~Application();

    /// Errc::Conflict, Errc::Failed: the surroundings do not allow it now (an address is taken).
    /// Anything else: the configuration or the store is refused.
    [[nodiscard]] Result<void> start();

    /// Takes up what may change while running. On an error, which names what is in the way, nothing
    /// has changed.
    [[nodiscard]] Result<void> reload(Config config);

    /// Readiness fails; for `receiver.drain_delay` everything is taken and answered as usual; then
    /// the listener closes, what was accepted is answered, handlers finish or give back, and the
    /// store closes. Returns when all of that is over.
    void stop();
    /// Makes a stop that goes on in another thread, or comes later, as short as it can be. What was
    /// accepted stays in the store.
    void stop_at_once();

    /// Completes when the store's own thread has answered: a sign of life.
    void ask_for_life(std::function<void()> alive);

    /// The ports that were bound.
    [[nodiscard]] std::uint16_t port() const;
    [[nodiscard]] std::uint16_t admin_port() const;
    /// What /metrics answers.
    [[nodiscard]] std::string metrics_text();

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace graphhook::app
