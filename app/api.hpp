#pragma once

#include "core/clock.hpp"
#include "store/store.hpp"
#include "subscriptions/manager.hpp"

#include <boost/json/value.hpp>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace graphhook::app {

/// A request below /api/v1, as any listener hands it over.
struct ApiRequest {
    std::string method;
    std::string target;  ///< Path and query, "/api/v1/deliveries?state=dead".
    std::string body;
    std::string who;  ///< For the log of repairs: "uid 0", "token repair", …
    bool may_repair = true;
};

struct ApiReply {
    unsigned status = 200;
    boost::json::value body;
};

/// What the command line calls: docs/admin-api.md. Threads: any that may block; everything it needs
/// must outlive it.
class Api {
  public:
    struct Parts {
        store::Store& store;
        subscriptions::SubscriptionManager& subscriptions;
        Clock& clock;
        /// "starting", "ready", "draining".
        std::function<std::string_view()> state;
        SystemTime started_at;
    };
    explicit Api(Parts parts) : parts_(std::move(parts)) {}

    [[nodiscard]] ApiReply answer(const ApiRequest& request);

    /// Whether a request of that method and path changes anything.
    [[nodiscard]] static bool is_repair(std::string_view method) { return method != "GET"; }

  private:
    using Segments = std::vector<std::string>;
    using Query = std::function<std::string(std::string_view)>;

    ApiReply get(const Segments& path, const Query& query);
    ApiReply post(const Segments& path, const boost::json::value& body);
    ApiReply status();
    ApiReply list_deliveries(const Query& query, bool only_dead);
    ApiReply show_subscription(const std::string& name);
    ApiReply move_deliveries(const std::string& what, const boost::json::value& body);
    ApiReply pause(const std::string& handler, bool paused);

    Parts parts_;
};

}  // namespace graphhook::app
