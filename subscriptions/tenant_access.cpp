#include "subscriptions/tenant_access.hpp"

#include "core/http_client.hpp"
#include "subscriptions/credentials/token_cache.hpp"
#include "subscriptions/credentials/token_source.hpp"
#include "subscriptions/graph/graph_client.hpp"

#include <string>
#include <type_traits>
#include <variant>

namespace graphhook::subscriptions {
namespace {

/// A client, and all that it stands on.
struct HttpGraph {
    HttpGraph(
        const Tenant& tenant, std::chrono::milliseconds timeout, Clock& clock, Metrics& metrics,
        RandomHex random, std::shared_ptr<TokenCache> cache
    )
        : http(make_http_client(
              {.timeout = timeout,
               .ca_file = tenant.cloud.ca_file,
               .user_agent = std::string("graphhook/") + GRAPHHOOK_VERSION}
          )),
          tokens(make_token_source(
              tenant, {.http = *http,
                       .clock = clock,
                       .metrics = metrics,
                       .random = random,
                       .cache = std::move(cache)}
          )),
          client(tenant.cloud.graph, {*http, *tokens, clock, metrics, std::move(random)}) {}

    std::unique_ptr<HttpClient> http;
    std::unique_ptr<TokenSource> tokens;
    GraphClient client;
};

bool same(const Secret& a, const Secret& b) {
    return a.equals(b.reveal());
}
bool same(const ClientSecret& a, const ClientSecret& b) {
    return same(a.secret, b.secret);
}
bool same(const ClientCertificate& a, const ClientCertificate& b) {
    return a.certificate_file == b.certificate_file && a.private_key_file == b.private_key_file &&
           a.algorithm == b.algorithm;
}
bool same(const FederatedToken& a, const FederatedToken& b) {
    return a.token_file == b.token_file;
}
bool same(const ManagedIdentity& a, const ManagedIdentity& b) {
    return a.client_id == b.client_id && a.object_id == b.object_id &&
           a.resource_id == b.resource_id && a.imds == b.imds && a.endpoint == b.endpoint &&
           same(a.header, b.header);
}
template <class T>
bool same(const std::optional<T>& a, const std::optional<T>& b) {
    return a.has_value() == b.has_value() && (!a || same(*a, *b));
}
bool same(const SignedInUser& a, const SignedInUser& b) {
    return a.token_file == b.token_file && a.scopes == b.scopes && same(a.secret, b.secret) &&
           same(a.certificate, b.certificate);
}
bool same(const Credential& a, const Credential& b) {
    return a.index() == b.index() &&
           std::visit(
               [&b](const auto& mine) {
                   return same(mine, std::get<std::decay_t<decltype(mine)>>(b));
               },
               a
           );
}

}  // namespace

SubscriptionManager::Access make_http_access(
    const Tenant& tenant, std::chrono::milliseconds timeout, Clock& clock, Metrics& metrics,
    RandomHex random, std::shared_ptr<TokenCache> tokens
) {
    auto stack = std::make_shared<HttpGraph>(
        tenant, timeout, clock, metrics, std::move(random), std::move(tokens)
    );
    return {
        std::shared_ptr<Graph>(stack, &stack->client),
        std::shared_ptr<GraphData>(stack, &stack->client),
        [stack] { return stack->tokens->state(); }
    };
}

bool same_tenant(const Tenant& a, const Tenant& b) {
    return a.tenant_id == b.tenant_id && a.client_id == b.client_id &&
           a.cloud.graph == b.cloud.graph && a.cloud.login == b.cloud.login &&
           a.cloud.ca_file == b.cloud.ca_file && a.requests == b.requests && a.sweeps == b.sweeps &&
           same(a.credential, b.credential);
}

}  // namespace graphhook::subscriptions
