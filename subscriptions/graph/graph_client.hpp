#pragma once

#include "core/clock.hpp"
#include "core/http_client.hpp"
#include "subscriptions/credentials/token_source.hpp"
#include "subscriptions/graph/graph.hpp"
#include "subscriptions/graph/graph_data.hpp"
#include "subscriptions/metrics.hpp"
#include "subscriptions/options.hpp"

#include <chrono>
#include <cstdint>
#include <stop_token>
#include <string>
#include <string_view>

namespace graphhook::subscriptions {

/// Graph over HTTP. What it is given must outlive it. Threads: any, several at once: each request
/// under way has a connection of its own, and those that are idle are reused.
class GraphClient final : public Graph, public GraphData {
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
        const CertificatePtr& certificate, std::stop_token stop
    ) override;
    [[nodiscard]] GraphResult<GraphSubscription> move_key(
        Api api, const std::string& id, SystemTime expires_at, const CertificatePtr& certificate,
        std::stop_token stop
    ) override;
    [[nodiscard]] GraphResult<std::monostate> reauthorize(
        Api api, const std::string& id, std::stop_token stop
    ) override;
    [[nodiscard]] GraphResult<std::monostate> remove(
        Api api, const std::string& id, std::stop_token stop
    ) override;

    [[nodiscard]] GraphResult<DataPage> page(const DataRequest& request, std::stop_token stop)
        override;
    [[nodiscard]] GraphResult<boost::json::object> object(
        const DataRequest& request, std::stop_token stop
    ) override;

  private:
    [[nodiscard]] std::string url(Api api, std::string_view id = {}) const;
    GraphResult<GraphSubscription> patch(
        Api api, const std::string& id, const boost::json::object& body, const std::stop_token& stop
    );
    enum class Asked : std::uint8_t { Subscriptions, Object, Page };
    /// A reply of 2xx, or what went wrong. One more try with a new token after a 401, or after a
    /// 403 that is a claims challenge.
    GraphResult<HttpResponse> send(
        std::string_view operation, HttpRequest request, const std::stop_token& stop,
        Asked asked = Asked::Subscriptions
    );
    GraphResult<HttpResponse> send(
        const DataRequest& request, const std::string& url, const std::stop_token& stop, Asked asked
    );
    /// Where a data request goes; Next::Garbled: a link that leads elsewhere.
    [[nodiscard]] GraphResult<std::string> url(const DataRequest& request) const;

    const std::string base_;
    Parts parts_;
};

/// How the HTTP client of one tenant is to be: room for all its requests under way at once, and the
/// authorities of its cloud. Long answers (more than 16 MiB) are refused.
[[nodiscard]] HttpClientOptions http_options(
    const Tenant& tenant, std::chrono::milliseconds request_timeout
);

}  // namespace graphhook::subscriptions
