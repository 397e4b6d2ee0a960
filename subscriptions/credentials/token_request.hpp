#pragma once

#include "core/clock.hpp"
#include "core/http_client.hpp"
#include "core/secret.hpp"
#include "subscriptions/credentials/token_cache.hpp"
#include "subscriptions/graph/graph.hpp"
#include "subscriptions/metrics.hpp"
#include "subscriptions/options.hpp"

#include <boost/json/object.hpp>

#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

namespace graphhook::subscriptions {

/// The body of a token request. Wiped when it goes.
class Form {
  public:
    Form() = default;
    Form(const Form&) = delete;
    Form& operator=(const Form&) = delete;
    Form(Form&&) = default;
    Form& operator=(Form&&) = default;
    ~Form();
    void add(std::string_view name, std::string_view value);
    [[nodiscard]] const std::string& text() const noexcept { return text_; }

  private:
    std::string text_;
};

/// What the identity platform gave.
struct TokenReply {
    FreshToken token;
    Secret refresh_token;  ///< Empty: none, or not a new one.
    std::string scope;
};

/// The platform's token endpoint, as one tenant uses it.
struct TokenEndpoint {
    std::string tenant;  ///< Configured name, for messages.
    std::string url;
    HttpClient& http;
    Clock& clock;
    Metrics& metrics;
};

/// "https://login.microsoftonline.com/{tenant}/oauth2/v2.0/{what}"
[[nodiscard]] std::string platform_url(const Tenant& tenant, std::string_view what);
/// Permissions as the platform wants them: those of Graph behind its address, OpenID's own as they
/// are. None: all that were granted ("/.default"). `offline`: asks for a refresh token too.
[[nodiscard]] std::string scope_text(
    const Cloud& cloud, const std::vector<std::string>& scopes, bool offline
);

/// Asks once. `refused_as`: is given OAuth's name of a refusal ("invalid_grant"), or emptied.
[[nodiscard]] GraphResult<TokenReply> post_form(
    const TokenEndpoint& endpoint, const Form& form, std::stop_token stop,
    std::string* refused_as = nullptr
);

/// Of whoever hands out tokens: reads a reply of 200. Pure. Numbers may be in strings; where
/// `expires_in` is absent, `expires_on` (seconds since the epoch) counts.
[[nodiscard]] GraphResult<TokenReply> read_token(
    HttpResponse& response, const std::string& tenant, SystemTime now
);
/// What the identity platform's refusal means, with what to do. Pure. `tenant` is the configured
/// name.
[[nodiscard]] GraphError read_token_error(
    const HttpResponse& response, const std::string& tenant, SystemTime now
);
/// OAuth's name of the error in a reply, such as "invalid_grant"; empty: there is none. Pure.
[[nodiscard]] std::string oauth_error(const HttpResponse& response);
/// What to do about a code such as "AADSTS7000222"; empty: not known here. Pure.
[[nodiscard]] std::string_view advice_about(std::string_view code) noexcept;

/// Overwrites what may hold a secret.
void wipe(std::string& text) noexcept;
/// No answer at all; counts it.
[[nodiscard]] GraphError no_answer(
    const std::string& tenant, std::string_view who, const Error& error, Metrics& metrics
);

}  // namespace graphhook::subscriptions
