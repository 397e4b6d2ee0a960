#include "subscriptions/credentials/token_source.hpp"

#include "subscriptions/credentials/client_proof.hpp"
#include "subscriptions/credentials/managed_identity.hpp"
#include "subscriptions/credentials/token_cache.hpp"
#include "subscriptions/credentials/token_flows.hpp"
#include "subscriptions/credentials/token_request.hpp"

#include <fmt/format.h>

#include <initializer_list>

namespace graphhook::subscriptions {
namespace {

/// Whatever makes one token another: no part can run into the next.
std::string key_of(std::initializer_list<std::string_view> parts) {
    std::string key;
    for (const std::string_view part : parts) key += fmt::format("{}:{};", part.size(), part);
    return key;
}

}  // namespace

std::unique_ptr<TokenSource> make_token_source(const Tenant& tenant, TokenParts parts) {
    const Cloud& cloud = tenant.cloud;
    std::unique_ptr<TokenFlow> flow;
    std::string key;
    if (const auto* identity = std::get_if<ManagedIdentity>(&tenant.credential)) {
        key = key_of(
            {"managed identity", cloud.graph, identity->imds, identity->endpoint,
             identity->client_id, identity->object_id, identity->resource_id}
        );
        flow = std::make_unique<ManagedIdentityFlow>(
            tenant, parts.clock, parts.metrics, std::move(parts.wait)
        );
    } else {
        TokenEndpoint endpoint{
            .tenant = tenant.name,
            .url = platform_url(tenant, "token"),
            .http = parts.http,
            .clock = parts.clock,
            .metrics = parts.metrics
        };
        auto proof = proof_of(
            tenant, {.tenant = tenant.name,
                     .client_id = tenant.client_id,
                     .audience = endpoint.url,
                     .clock = parts.clock,
                     .random = std::move(parts.random),
                     .metrics = &parts.metrics}
        );
        const std::string proved_by = proof ? proof->key() : std::string("public");
        if (const auto* user = std::get_if<SignedInUser>(&tenant.credential)) {
            key = key_of(
                {"user", cloud.login, cloud.graph, tenant.tenant_id, tenant.client_id,
                 scope_text(cloud, user->scopes, true), user->token_file, proved_by}
            );
            flow = std::make_unique<SignedInUserFlow>(
                tenant, std::move(endpoint), std::move(proof), std::move(parts.wait)
            );
        } else {
            key = key_of(
                {"application", cloud.login, cloud.graph, tenant.tenant_id, tenant.client_id,
                 scope_text(cloud, {}, false), proved_by}
            );
            flow = std::make_unique<ApplicationFlow>(tenant, std::move(endpoint), std::move(proof));
        }
    }
    const auto cache = parts.cache ? parts.cache : std::make_shared<TokenCache>();
    return std::make_unique<CachedTokens>(
        tenant.name, std::move(flow), cache->slot(key), parts.clock
    );
}

}  // namespace graphhook::subscriptions
