#pragma once

#include "core/clock.hpp"
#include "core/http_client.hpp"
#include "subscriptions/credentials/token_cache.hpp"
#include "subscriptions/credentials/token_source.hpp"
#include "subscriptions/metrics.hpp"
#include "subscriptions/options.hpp"

#include <memory>
#include <string>

namespace graphhook::subscriptions {

/// Tokens of the machine's own identity: IMDS (Microsoft's page "How to use managed identities for
/// Azure resources on an Azure VM to acquire an access token"), or App Service's endpoint.
///
/// IMDS answers 404, 410 (while it is replaced, for up to 70 s), 429 and 5xx in passing: asked
/// again after 2, 6, 14 and 30 s, then given up for this time. It takes no claims: a claims
/// challenge is answered with a new token as it comes. Never through a proxy, whatever the
/// environment says.
class ManagedIdentityFlow final : public TokenFlow {
  public:
    ManagedIdentityFlow(const Tenant& tenant, Clock& clock, Metrics& metrics, Wait wait);
    [[nodiscard]] GraphResult<FreshToken> fetch(std::string_view claims, std::stop_token stop)
        override;

  private:
    GraphResult<FreshToken> ask(const std::stop_token& stop, bool& passing);

    const std::string tenant_;
    HttpRequest request_;
    const bool app_service_;
    std::unique_ptr<HttpClient> http_;
    Clock& clock_;
    Metrics& metrics_;
    Wait wait_;
};

}  // namespace graphhook::subscriptions
