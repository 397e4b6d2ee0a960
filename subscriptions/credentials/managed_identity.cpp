#include "subscriptions/credentials/managed_identity.hpp"

#include "core/log.hpp"
#include "core/time_text.hpp"
#include "subscriptions/credentials/token_request.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <fmt/format.h>

#include <array>

namespace graphhook::subscriptions {
namespace {

using std::chrono::seconds;

constexpr std::array kPauses{seconds(2), seconds(4), seconds(8), seconds(16)};

HttpRequest request_of(const Tenant& tenant, const ManagedIdentity& identity) {
    const bool app_service = !identity.endpoint.empty();
    HttpRequest request;
    request.url = fmt::format(
        "{}?api-version={}&resource={}",
        app_service ? identity.endpoint : identity.imds + "/metadata/identity/oauth2/token",
        app_service ? "2019-08-01" : "2018-02-01", percent_encode(tenant.cloud.graph)
    );
    const auto select = [&request](std::string_view name, const std::string& value) {
        if (!value.empty()) request.url += fmt::format("&{}={}", name, percent_encode(value));
    };
    select("client_id", identity.client_id);
    select("object_id", identity.object_id);
    select(app_service ? "mi_res_id" : "msi_res_id", identity.resource_id);
    if (app_service) {
        request.headers = {{"X-IDENTITY-HEADER", std::string(identity.header.reveal())}};
    } else {
        request.headers = {{"Metadata", "true"}};
    }
    return request;
}

struct Refusal {
    std::string name;
    std::string description;
};

/// IMDS: {"error", "error_description"}; App Service: {"statusCode", "message"}.
Refusal refusal_in(std::string_view body) {
    boost::system::error_code bad;
    const boost::json::value document = boost::json::parse(body, bad);
    if (bad || !document.is_object()) return {};
    const auto text = [&document](std::string_view key) -> std::string {
        const auto* value = document.get_object().if_contains(key);
        if (value == nullptr || !value->is_string()) return {};
        return for_log(std::string_view(value->get_string()), 300);
    };
    Refusal refusal{.name = text("error"), .description = text("error_description")};
    if (refusal.description.empty()) refusal.description = text("message");
    return refusal;
}

std::string_view remedy(const Refusal& refusal) {
    const std::string low = refusal.description;
    if (low.find("Identity not found") != std::string::npos)
        return "this machine has no such managed identity: assign one, or correct client_id, "
               "object_id or resource_id";
    if (low.find("etadata header") != std::string::npos)
        return "something between us and IMDS removed the Metadata header: reach it directly";
    if (refusal.name == "invalid_resource")
        return "Graph is not known there: check cloud and its Graph address";
    if (refusal.name == "unauthorized_client")
        return "the identity may not have tokens here: check that it is assigned to this machine";
    return "check the managed identity of this machine";
}

}  // namespace

ManagedIdentityFlow::ManagedIdentityFlow(
    const Tenant& tenant, Clock& clock, Metrics& metrics, Wait wait
)
    : tenant_(tenant.name),
      request_(request_of(tenant, std::get<ManagedIdentity>(tenant.credential))),
      app_service_(!std::get<ManagedIdentity>(tenant.credential).endpoint.empty()),
      http_(make_http_client(
          {.connect_timeout = seconds(3),
           .timeout = seconds(15),
           .max_idle_connections = 1,
           .use_proxy = false}
      )),
      clock_(clock),
      metrics_(metrics),
      wait_(std::move(wait)) {
}

GraphResult<FreshToken> ManagedIdentityFlow::fetch(
    std::string_view /*claims*/, std::stop_token stop
) {
    for (std::size_t attempt = 0;; ++attempt) {
        bool passing = false;
        auto token = ask(stop, passing);
        if (token || !passing || attempt == kPauses.size()) return token;
        if (!wait_(kPauses[attempt], stop))
            return GraphError{.next = Next::Aborted, .message = "stopped"};
    }
}

GraphResult<FreshToken> ManagedIdentityFlow::ask(const std::stop_token& stop, bool& passing) {
    auto answer = http_->send(request_, stop);
    const SystemTime now = clock_.system_now();
    if (!answer) {
        return no_answer(
            tenant_,
            app_service_ ? "the identity endpoint (IDENTITY_ENDPOINT)"
                         : "IMDS (is this a machine in Azure with a managed identity?)",
            answer.error(), metrics_
        );
    }
    const int status = answer->status;
    if (status == 200) {
        auto reply = read_token(*answer, tenant_, now);
        metrics_.token_request(reply ? "ok" : "garbled");
        if (!reply) return reply.error();
        return std::move(reply->token);
    }
    const Refusal refusal = refusal_in(answer->body);
    GraphError error;
    error.status = status;
    error.code = refusal.name;
    if (const auto after = answer->header("retry-after")) {
        if (const auto pause = parse_retry_after(*after, now)) error.retry_at = now + *pause;
    }
    passing = status == 404 || status == 410 || status == 429 || status >= 500;
    std::string said =
        refusal.description.empty() ? std::string("no reason given") : refusal.description;
    if (passing) {
        error.next = status == 429 || error.retry_at ? Next::Throttled : Next::RetryLater;
        error.message = fmt::format(
            "no token for tenant {}: the managed identity's endpoint is not ready: {}", tenant_,
            said
        );
    } else if (status >= 400) {
        error.next = Next::Credentials;
        error.message =
            fmt::format("no token for tenant {}: {} (it says: {})", tenant_, remedy(refusal), said);
    } else {
        error.next = Next::Garbled;
        error.message = fmt::format(
            "no token for tenant {}: the answer is not a managed identity endpoint's", tenant_
        );
    }
    metrics_.token_request(error.next == Next::Garbled ? "garbled" : "refused");
    return error;
}

}  // namespace graphhook::subscriptions
