#pragma once

#include "core/clock.hpp"
#include "core/http_client.hpp"
#include "core/secret.hpp"
#include "subscriptions/graph/graph.hpp"
#include "subscriptions/metrics.hpp"
#include "subscriptions/options.hpp"

#include <condition_variable>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>

namespace graphhook::subscriptions {

/// Where the bearer tokens of one tenant come from. Threads: any.
class TokenSource {
  public:
    virtual ~TokenSource() = default;
    /// One that is good for a while; asks the identity platform only where none is at hand.
    [[nodiscard]] virtual GraphResult<Secret> get(std::stop_token stop) = 0;
    /// Graph refused `token`: the next `get` asks for another.
    virtual void drop(const Secret& token) = 0;
};

/// Client credentials with a secret. A token is replaced when 80 % of its life is over or five
/// minutes are left; one caller at a time asks, and meanwhile (and while the identity platform is
/// in trouble) the old one is served as long as it lives. Tokens are never decoded, never logged.
/// `http`, `clock` and `metrics` must outlive it.
class ClientSecretTokens final : public TokenSource {
  public:
    ClientSecretTokens(const Tenant& tenant, HttpClient& http, Clock& clock, Metrics& metrics);
    [[nodiscard]] GraphResult<Secret> get(std::stop_token stop) override;
    void drop(const Secret& token) override;

  private:
    struct Token {
        Secret value;
        SystemTime refresh_at;
        SystemTime expires_at;
    };
    GraphResult<Token> fetch(std::stop_token stop);

    const std::string tenant_;  ///< Configured name, for messages.
    const std::string url_;
    const Secret form_;  ///< The request's body.
    HttpClient& http_;
    Clock& clock_;
    Metrics& metrics_;

    std::mutex mutex_;
    std::condition_variable_any fetched_;
    bool fetching_ = false;       // guarded by mutex_
    std::optional<Token> token_;  // guarded by mutex_
};

/// What the identity platform's refusal means, with what to do. Pure. `tenant` is the configured
/// name.
[[nodiscard]] GraphError read_token_error(
    const HttpResponse& response, const std::string& tenant, SystemTime now
);

}  // namespace graphhook::subscriptions
