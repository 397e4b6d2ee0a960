#pragma once

#include "core/clock.hpp"
#include "core/http_client.hpp"
#include "subscriptions/credentials/token_source.hpp"
#include "subscriptions/graph/graph.hpp"
#include "subscriptions/metrics.hpp"

#include <boost/json/object.hpp>

#include <functional>
#include <string>
#include <string_view>

namespace graphhook::subscriptions {

/// `n` bytes from a good generator, as lower-case hex: core's `random_hex`, or a test's.
using RandomHex = std::function<std::string(std::size_t)>;

/// Graph over HTTP. What it is given must outlive it.
class GraphClient final : public Graph {
  public:
    struct Parts {
        HttpClient& http;
        TokenSource& tokens;
        Clock& clock;
        Metrics& metrics;
        RandomHex random;
    };
    /// `base`: "https://graph.microsoft.com", without a slash at its end.
    GraphClient(std::string base, Parts parts);

    [[nodiscard]] GraphResult<GraphSubscription> create(
        const CreateRequest& request, std::stop_token stop
    ) override;
    [[nodiscard]] GraphResult<std::vector<GraphSubscription>> list(Api api, std::stop_token stop)
        override;
    [[nodiscard]] GraphResult<ListPage> list_page(
        Api api, const std::string& link, std::stop_token stop
    ) override;
    [[nodiscard]] GraphResult<GraphSubscription> get(
        Api api, const std::string& id, std::stop_token stop
    ) override;
    [[nodiscard]] GraphResult<GraphSubscription> renew(
        Api api, const std::string& id, SystemTime expires_at, std::stop_token stop
    ) override;
    [[nodiscard]] GraphResult<GraphSubscription> redirect(
        Api api, const std::string& id, SystemTime expires_at, const std::string& notification_url,
        std::stop_token stop
    ) override;
    [[nodiscard]] GraphResult<std::monostate> reauthorize(
        Api api, const std::string& id, std::stop_token stop
    ) override;
    [[nodiscard]] GraphResult<std::monostate> remove(
        Api api, const std::string& id, std::stop_token stop
    ) override;

  private:
    [[nodiscard]] std::string url(Api api, std::string_view id = {}) const;
    GraphResult<GraphSubscription> patch(
        Api api, const std::string& id, const boost::json::object& body, const std::stop_token& stop
    );
    /// A reply of 2xx, or what went wrong. One more try with a new token after a 401.
    GraphResult<HttpResponse> send(
        std::string_view operation, HttpRequest request, const std::stop_token& stop
    );

    const std::string base_;
    Parts parts_;
};

}  // namespace graphhook::subscriptions
