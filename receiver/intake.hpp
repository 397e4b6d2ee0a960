#pragma once

#include "receiver/exchange.hpp"
#include "receiver/health.hpp"
#include "receiver/journal.hpp"
#include "receiver/metrics.hpp"
#include "receiver/net_thread.hpp"
#include "receiver/unsid_endpoint.hpp"

#include <boost/asio/thread_pool.hpp>

#include <memory>
#include <string>

namespace graphhook::receiver {

/// Told when an item says that its subscription ends before what Graph's API had replied: a reason
/// to look sooner, never one to renew later.
class ExpiryHints {
  public:
    virtual ~ExpiryHints() = default;
    /// Called on network threads; must return at once.
    virtual void ends_earlier(const store::KnownPtr& subscription) = 0;
};

/// What the public endpoints need; all of it outlives them.
struct IntakeContext {
    Journal& journal;
    Clock& clock;
    Metrics& metrics;
    const Health& health;
    ExpiryHints* hints;              ///< nullptr: nobody wants to know.
    boost::asio::thread_pool& pool;  ///< For large bodies.
    std::string base_path;           ///< "/graph": no slash at its end.
    UnsidContext* unsids;            ///< nullptr: there is no such endpoint.
};

/// The public endpoints on one network thread: handshake, deliveries, health, and those of UNSIDs
/// (unsid_endpoint.hpp).
///
/// What the sessions of one turn of the event loop bring is appended with one call: one hand-over
/// to the store and one back, however many requests. A delivery that finds the store unable gets
/// 503.
[[nodiscard]] std::unique_ptr<RequestHandler> make_intake(
    const IntakeContext& context, NetThread& thread
);

/// What /livez, /readyz and /healthz say, on either listener; nullopt for other paths.
[[nodiscard]] std::optional<Verdict> health_verdict(
    std::string_view path, Method method, const Health& health
);

}  // namespace graphhook::receiver
