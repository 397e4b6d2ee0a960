#pragma once

#include "core/clock.hpp"
#include "core/error.hpp"
#include "receiver/admin_api.hpp"
#include "receiver/health.hpp"
#include "receiver/options.hpp"

#include <cstdint>
#include <functional>
#include <memory>

namespace prometheus {
class Registry;
}  // namespace prometheus

namespace graphhook::receiver {

/// The admin listener: metrics and health for whoever reaches it, /api/v1 for whom it may concern.
///
/// Over the Unix socket (0660) the file's rights decide. Over TCP a call needs a bearer token, a
/// known Host and, unless it only reads, a JSON content type and a token for repairing. Calls run
/// one after the other on a worker thread; every one that may change something is logged with who
/// made it. Threads: construct, start and destroy on one. Everything given must outlive it.
class AdminServer {
  public:
    /// `refresh` is called before each scrape, on the admin thread.
    AdminServer(
        AdminOptions options, Clock& clock, prometheus::Registry& registry, const Health& health,
        AdminApi& api, std::function<void()> refresh
    );
    ~AdminServer();

    [[nodiscard]] Result<void> start();
    /// Of the TCP listener; 0 if there is none.
    [[nodiscard]] std::uint16_t port() const noexcept;

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace graphhook::receiver
