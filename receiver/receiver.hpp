#pragma once

#include "core/clock.hpp"
#include "core/error.hpp"
#include "receiver/health.hpp"
#include "receiver/intake.hpp"
#include "receiver/journal.hpp"
#include "receiver/metrics.hpp"
#include "receiver/options.hpp"
#include "receiver/unsid_desk.hpp"

#include <chrono>
#include <cstdint>
#include <memory>

namespace graphhook::receiver {

/// The public listener: Graph's handshakes and deliveries over HTTPS, the health endpoints, and,
/// where somebody keeps UNSIDs, the endpoint for them; without a desk there is none.
///
/// Stopping: begin_drain() as the first signal says; wait_for_end(); insist() as the second says.
/// The destructor insists and waits until journal and desk have completed what was handed to
/// them. Threads:
/// construct, start and destroy on one; the rest on any. Everything given must outlive it.
class Receiver {
  public:
    Receiver(
        ReceiverOptions options, Journal& journal, Clock& clock, Metrics& metrics, Health& health,
        ExpiryHints* hints = nullptr, UnsidDesk* desk = nullptr
    );
    ~Receiver();

    /// Reads certificate and key, binds, serves. Errc::BadInput for what the options get wrong,
    /// Errc::Conflict if the address is taken.
    [[nodiscard]] Result<void> start();
    /// The bound one; 0 for a Unix socket.
    [[nodiscard]] std::uint16_t port() const noexcept;

    /// Takes up `limits` (but for json_depth and items), `trusted_proxies`, `tenant_ids` and the
    /// TLS files; what else differs is left alone. On an error nothing changes.
    [[nodiscard]] Result<void> reload(const ReceiverOptions& options);
    /// Reads certificate and key now, whether they changed or not.
    [[nodiscard]] Result<void> reload_certificate();

    /// Sets `health` to draining; for drain_delay all goes on with "Connection: close", then
    /// nothing more is accepted and connections end after their reply. A second call insists.
    void begin_drain();
    void insist();
    /// True once the last connection has gone after begin_drain() or insist().
    [[nodiscard]] bool wait_for_end(std::chrono::milliseconds most);

    [[nodiscard]] std::uint64_t connections() const noexcept;

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace graphhook::receiver
