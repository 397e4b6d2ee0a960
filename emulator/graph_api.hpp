#pragma once

#include "emulator/data/data_api.hpp"
#include "emulator/faults.hpp"
#include "emulator/http.hpp"
#include "emulator/identity/identity.hpp"
#include "emulator/pauses.hpp"
#include "emulator/prober.hpp"
#include "emulator/quotas.hpp"
#include "emulator/registry.hpp"
#include "emulator/user_notifications/service.hpp"

#include <boost/asio/awaitable.hpp>

#include <optional>
#include <string>

namespace graphhook::emulator {

/// What GraphApi works with. All must outlive it.
struct GraphParts {
    Identity& identity;
    Registry& registry;
    World& world;
    DataApi& data;
    UserNotifications& user_notifications;
    Quotas& quotas;
    Prober& prober;
    Faults& faults;
    Pauses& pauses;
    Stats& stats;
    Clock& clock;
};

/// Graph, v1.0 and beta: who asks, quotas and faults for all of it, and the subscriptions API
/// (protocol 5); DataApi answers the rest. One thread; must outlive the coroutines it runs.
class GraphApi {
  public:
    struct Options {
        std::chrono::milliseconds shortest_life = std::chrono::minutes(45);
        bool insecure_http = false;
        /// Handshake on an update that changes the notification URL.
        bool validate_updates = true;
        std::size_t page_size = 100;
    };
    GraphApi(Options options, const GraphParts& parts)
        : options_(options),
          identity_(parts.identity),
          registry_(parts.registry),
          world_(parts.world),
          data_(parts.data),
          user_notifications_(parts.user_notifications),
          quotas_(parts.quotas),
          prober_(parts.prober),
          faults_(parts.faults),
          pauses_(parts.pauses),
          stats_(parts.stats),
          clock_(parts.clock) {}

    /// Whether the path is one of its own: below /v1.0/ or /beta/.
    [[nodiscard]] static bool serves(std::string_view path);
    [[nodiscard]] boost::asio::awaitable<Response> handle(Request request);

  private:
    struct Call;
    /// A known caller's request.
    [[nodiscard]] boost::asio::awaitable<Response> answer(const Request& request, Call& call);
    /// A known caller's POST of a user notification.
    [[nodiscard]] boost::asio::awaitable<Response> notify(const Request& request, const Call& call);
    [[nodiscard]] boost::asio::awaitable<Response> subscription(
        const Request& request, const Call& call
    );
    [[nodiscard]] Response refuse_caller(
        const Request& request, const Call& call, const AccessTokens::Reading& token
    ) const;
    [[nodiscard]] Response refuse(const Call& call, const ApiError& error) const;
    [[nodiscard]] boost::asio::awaitable<Response> create(const Request& request, const Call& call);
    [[nodiscard]] boost::asio::awaitable<Response> update(const Request& request, const Call& call);
    [[nodiscard]] boost::asio::awaitable<std::optional<ApiError>> handshakes(
        std::string url, std::string lifecycle_url
    );
    /// What becomes of an update's certificate: nothing if a fault wants it so (protocol 7.6).
    [[nodiscard]] std::optional<ApiError> take_certificate(
        const Call& call, const std::optional<CertificateChange>& wanted, Subscription& subscription
    );
    [[nodiscard]] Response list(const Request& request, const Call& call) const;
    [[nodiscard]] Response reply(
        int status, const Request& request, const Call& call, const Subscription& subscription,
        ClientStateIn client_state
    ) const;
    [[nodiscard]] RulePolicy policy() const;

    const Options options_;
    Identity& identity_;
    Registry& registry_;
    World& world_;
    DataApi& data_;
    UserNotifications& user_notifications_;
    Quotas& quotas_;
    Prober& prober_;
    Faults& faults_;
    Pauses& pauses_;
    Stats& stats_;
    Clock& clock_;
};

}  // namespace graphhook::emulator
