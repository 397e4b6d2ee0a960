#include "subscriptions/graph/graph_client.hpp"

#include "core/log.hpp"
#include "core/text.hpp"
#include "core/time_text.hpp"
#include "subscriptions/catalog/catalog.hpp"
#include "subscriptions/credentials/client_proof.hpp"
#include "subscriptions/graph/graph_reply.hpp"

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

namespace graphhook::subscriptions {
namespace {

namespace json = boost::json;

constexpr std::size_t kMostPages = 1'000;
constexpr std::size_t kMostListed = 200'000;

/// A path with its query as a request line takes it: what no URL holds is encoded, the rest is the
/// caller's.
std::string encode_for_line(std::string_view path) {
    constexpr std::string_view kBad = "\"<>\\^`{|}#";
    std::string text;
    for (const char c : path) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte <= 0x20 || byte >= 0x7f || kBad.find(c) != std::string_view::npos) {
            text += fmt::format("%{:02X}", byte);
        } else {
            text += c;
        }
    }
    return text;
}

/// Whole seconds, as every example of Graph's has them.
std::string expiry_text(SystemTime at) {
    return to_text(std::chrono::floor<std::chrono::seconds>(at));
}

void add_certificate(json::object& body, const CertificatePtr& certificate) {
    if (certificate == nullptr) return;
    body["encryptionCertificate"] = certificate->der_base64;
    body["encryptionCertificateId"] = certificate->id;
}

/// An answer about `id`, not about another one.
GraphResult<GraphSubscription> read_that(
    const HttpResponse& response, const std::string& id, SystemTime now
) {
    auto subscription = read_subscription(response, now);
    if (subscription && comparable(subscription->id) != comparable(id)) {
        return garbled(response, "an answer about another subscription");
    }
    return subscription;
}

}  // namespace

GraphClient::GraphClient(std::string base, Parts parts)
    : base_(std::move(base)), parts_(std::move(parts)) {
}

std::string GraphClient::url(Api api, std::string_view id) const {
    std::string text = base_;
    text += api == Api::Beta ? "/beta/subscriptions" : "/v1.0/subscriptions";
    if (!id.empty()) text += "/" + percent_encode(id);
    return text;
}

GraphResult<HttpResponse> GraphClient::send(
    std::string_view operation, HttpRequest request, const std::stop_token& stop, Asked asked
) {
    request.headers.emplace_back("Accept", "application/json");
    const std::string call_id = make_guid(parts_.random);
    request.headers.emplace_back("client-request-id", call_id);
    for (int attempt = 1;; ++attempt) {
        auto token = parts_.tokens.get(stop);
        if (!token) {
            GraphError error = token.error();
            error.no_token = true;
            // An answer of the identity platform that is none is trouble of its own.
            if (error.next == Next::Garbled) error.next = Next::RetryLater;
            return error;
        }
        request.bearer = *token;
        auto reply = parts_.http.send(request, stop);
        if (!reply) {
            const bool aborted = reply.error().code == Errc::Aborted;
            const bool unusable = reply.error().code == Errc::Full;
            if (!aborted) parts_.metrics.graph_request(operation, 0);
            return GraphError{
                .next = aborted    ? Next::Aborted
                        : unusable ? Next::Garbled
                                   : Next::RetryLater,
                .message = fmt::format(
                    "{} (client-request-id {})", for_log(reply.error().detail), call_id
                ),
                .uncertain = true
            };
        }
        parts_.metrics.graph_request(operation, reply->status);
        if (!reply->header("request-id"))
            reply->headers.emplace_back("request-id", "none; client-request-id " + call_id);
        if (reply->status >= 200 && reply->status < 300) return std::move(*reply);
        const auto claims = claims_challenge(*reply);
        if (attempt == 1 && (reply->status == 401 || (reply->status == 403 && claims))) {
            parts_.tokens.drop(*token, claims.value_or(""));
            continue;
        }
        const SystemTime now = parts_.clock.system_now();
        GraphError error =
            asked == Asked::Page ? read_data_error(*reply, base_, now) : read_error(*reply, now);
        if (claims) {
            error.next = Next::Credentials;
            error.message =
                "Graph asks for claims that the identity platform did not put into the "
                "token (conditional access): " +
                error.message;
        }
        if (error.next == Next::Throttled) parts_.metrics.graph_throttled();
        log().debug(
            "graph said no: operation={} client-request-id={} {}", operation, call_id,
            to_string(error)
        );
        return error;
    }
}

GraphResult<HttpResponse> GraphClient::send(
    const DataRequest& request, const std::string& url, const std::stop_token& stop, Asked asked
) {
    HttpRequest get;
    get.url = url;
    if (!request.prefer.empty())
        get.headers.emplace_back("Prefer", fmt::format("{}", fmt::join(request.prefer, ", ")));
    return send(request.operation, std::move(get), stop, asked);
}

GraphResult<std::string> GraphClient::url(const DataRequest& request) const {
    const std::string_view target = request.target;
    if (same_letters(target.substr(0, 8), "https://") ||
        same_letters(target.substr(0, 7), "http://")) {
        if (is_own_link(target, base_)) return request.target;
        return GraphError{
            .next = Next::Garbled,
            .message =
                fmt::format("a link that leads elsewhere ({}): not followed", host_of(target))
        };
    }
    std::string text = base_ + (request.api == Api::Beta ? "/beta/" : "/v1.0/");
    text += encode_for_line(target.starts_with('/') ? target.substr(1) : target);
    if (is_own_link(text, base_)) return text;
    return GraphError{
        .next = Next::Refused,
        .message = fmt::format("{} is no path of Graph's", for_log(target, 100))
    };
}

GraphResult<DataPage> GraphClient::page(const DataRequest& request, std::stop_token stop) {
    const auto at = url(request);
    if (!at) return at.error();
    const auto reply = send(request, *at, stop, Asked::Page);
    if (!reply) return reply.error();
    return read_data_page(*reply, base_, *at);
}

GraphResult<json::object> GraphClient::object(const DataRequest& request, std::stop_token stop) {
    const auto at = url(request);
    if (!at) return at.error();
    const auto reply = send(request, *at, stop, Asked::Object);
    if (!reply) return reply.error();
    return read_object(*reply);
}

GraphResult<GraphSubscription> GraphClient::create(
    const CreateRequest& request, std::stop_token stop
) {
    json::object body;
    body["changeType"] = request.changes;
    body["notificationUrl"] = request.notification_url;
    if (!request.lifecycle_url.empty()) body["lifecycleNotificationUrl"] = request.lifecycle_url;
    body["resource"] = request.resource;
    body["expirationDateTime"] = expiry_text(request.expires_at);
    body["clientState"] = request.client_state.reveal();
    if (!request.query_options.empty()) body["notificationQueryOptions"] = request.query_options;
    if (request.certificate != nullptr) {
        body["includeResourceData"] = true;
        add_certificate(body, request.certificate);
    }
    HttpRequest post;
    post.method = "POST";
    post.url = url(request.beta ? Api::Beta : Api::V1);
    post.headers = {{"Content-Type", "application/json"}};
    if (request.immutable_ids) post.headers.emplace_back("Prefer", "IdType=\"ImmutableId\"");
    post.body = json::serialize(body);
    const auto reply = send("create", std::move(post), stop);
    if (!reply) return reply.error();
    return read_subscription(*reply, parts_.clock.system_now());
}

GraphResult<std::vector<GraphSubscription>> GraphClient::list(Api api, std::stop_token stop) {
    std::vector<GraphSubscription> all;
    std::set<std::string> seen{url(api)};
    std::string at;
    for (std::size_t page = 0; page < kMostPages; ++page) {
        auto read = list_page(api, at, stop);
        if (!read) return read.error();
        for (auto& subscription : read->subscriptions) all.push_back(std::move(subscription));
        if (read->next_link.empty()) return all;
        at = std::move(read->next_link);
        if (!seen.insert(at).second || all.size() > kMostListed) break;
    }
    return GraphError{.next = Next::Garbled, .message = "a list without an end"};
}

GraphResult<ListPage> GraphClient::list_page(
    Api api, const std::string& link, std::stop_token stop
) {
    HttpRequest get;
    get.url = link.empty() ? url(api) : link;
    const auto reply = send("list", std::move(get), stop);
    if (!reply) return reply.error();
    auto read = read_page(*reply);
    if (!read) return read.error();
    if (!read->next_link.empty() && !is_list_link(read->next_link, base_)) {
        return garbled(
            *reply,
            fmt::format(
                "a list whose next page is elsewhere ({}): not followed", host_of(read->next_link)
            )
        );
    }
    return std::move(*read);
}

GraphResult<GraphSubscription> GraphClient::get(
    Api api, const std::string& id, std::stop_token stop
) {
    HttpRequest get;
    get.url = url(api, id);
    const auto reply = send("get", std::move(get), stop);
    if (!reply) return reply.error();
    return read_that(*reply, id, parts_.clock.system_now());
}

GraphResult<GraphSubscription> GraphClient::renew(
    Api api, const std::string& id, SystemTime expires_at, std::stop_token stop
) {
    return patch(api, id, {{"expirationDateTime", expiry_text(expires_at)}}, stop);
}

GraphResult<GraphSubscription> GraphClient::redirect(
    Api api, const std::string& id, SystemTime expires_at, const std::string& notification_url,
    const CertificatePtr& certificate, std::stop_token stop
) {
    json::object body;
    body["expirationDateTime"] = expiry_text(expires_at);
    body["notificationUrl"] = notification_url;
    add_certificate(body, certificate);
    return patch(api, id, body, stop);
}

GraphResult<GraphSubscription> GraphClient::move_key(
    Api api, const std::string& id, SystemTime expires_at, const CertificatePtr& certificate,
    std::stop_token stop
) {
    json::object body;
    body["expirationDateTime"] = expiry_text(expires_at);
    add_certificate(body, certificate);
    return patch(api, id, body, stop);
}

GraphResult<GraphSubscription> GraphClient::patch(
    Api api, const std::string& id, const json::object& body, const std::stop_token& stop
) {
    HttpRequest request;
    request.method = "PATCH";
    request.url = url(api, id);
    request.headers = {{"Content-Type", "application/json"}};
    request.body = json::serialize(body);
    const auto reply = send("renew", std::move(request), stop);
    if (!reply) return reply.error();
    return read_that(*reply, id, parts_.clock.system_now());
}

GraphResult<std::monostate> GraphClient::reauthorize(
    Api api, const std::string& id, std::stop_token stop
) {
    HttpRequest post;
    post.method = "POST";
    post.url = url(api, id) + "/reauthorize";
    const auto reply = send("reauthorize", std::move(post), stop);
    if (!reply) return reply.error();
    return std::monostate{};
}

GraphResult<std::monostate> GraphClient::remove(
    Api api, const std::string& id, std::stop_token stop
) {
    HttpRequest request;
    request.method = "DELETE";
    request.url = url(api, id);
    const auto reply = send("delete", std::move(request), stop);
    if (!reply && reply.error().next != Next::NotFound) return reply.error();
    return std::monostate{};
}

HttpClientOptions http_options(const Tenant& tenant, std::chrono::milliseconds request_timeout) {
    HttpClientOptions options;
    options.timeout = request_timeout;
    options.connect_timeout = std::min(options.connect_timeout, request_timeout);
    options.ca_file = tenant.cloud.ca_file;
    options.user_agent = std::string("graphhook/") + GRAPHHOOK_VERSION;
    options.max_idle_connections = static_cast<long>(tenant.requests + tenant.sweeps);
    return options;
}

}  // namespace graphhook::subscriptions
