#pragma once

#include "emulator/faults.hpp"
#include "emulator/http.hpp"
#include "emulator/identity/identity.hpp"
#include "emulator/pauses.hpp"
#include "emulator/prober.hpp"
#include "emulator/registry.hpp"

#include <boost/asio/awaitable.hpp>

#include <optional>
#include <string>

namespace graphhook::emulator {

/// The subscriptions API, v1.0 and beta (protocol 5). One thread; must outlive the coroutines it
/// runs.
class GraphApi {
  public:
    struct Options {
        std::chrono::milliseconds shortest_life = std::chrono::minutes(45);
        bool insecure_http = false;
        /// Handshake on an update that changes the notification URL.
        bool validate_updates = true;
        std::size_t page_size = 100;
    };
    GraphApi(
        Options options, Identity& identity, Registry& registry, Prober& prober, Faults& faults,
        Pauses& pauses, Stats& stats, Clock& clock
    )
        : options_(options),
          identity_(identity),
          registry_(registry),
          prober_(prober),
          faults_(faults),
          pauses_(pauses),
          stats_(stats),
          clock_(clock) {}

    /// Whether the path is one of its own: below /v1.0/ or /beta/.
    [[nodiscard]] static bool serves(std::string_view path);
    [[nodiscard]] boost::asio::awaitable<Response> handle(Request request);

  private:
    struct Call;
    [[nodiscard]] boost::asio::awaitable<Response> create(const Request& request, const Call& call);
    [[nodiscard]] boost::asio::awaitable<Response> update(const Request& request, const Call& call);
    [[nodiscard]] boost::asio::awaitable<std::optional<ApiError>> handshakes(
        std::string url, std::string lifecycle_url
    );
    [[nodiscard]] Response list(const Request& request, const Call& call) const;
    [[nodiscard]] std::optional<Response> fault();
    [[nodiscard]] Response reply(
        int status, const Request& request, const Call& call, const Subscription& subscription,
        ClientStateIn client_state
    ) const;
    [[nodiscard]] RulePolicy policy() const;

    const Options options_;
    Identity& identity_;
    Registry& registry_;
    Prober& prober_;
    Faults& faults_;
    Pauses& pauses_;
    Stats& stats_;
    Clock& clock_;
};

}  // namespace graphhook::emulator
