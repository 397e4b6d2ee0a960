#pragma once

#include "core/clock.hpp"
#include "emulator/caller.hpp"
#include "emulator/http.hpp"
#include "emulator/identity/access_tokens.hpp"
#include "emulator/identity/api_tokens.hpp"
#include "emulator/identity/assertions.hpp"
#include "emulator/identity/directory.hpp"
#include "emulator/identity/key_ring.hpp"
#include "emulator/identity/options.hpp"
#include "emulator/identity/refusal.hpp"
#include "emulator/identity/scopes.hpp"
#include "emulator/identity/sign_ins.hpp"
#include "emulator/identity/signing_key.hpp"
#include "emulator/identity/token_counts.hpp"
#include "emulator/identity/token_faults.hpp"
#include "emulator/rich/tokens.hpp"
#include "emulator/stats.hpp"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace graphhook::emulator {

/// The identity platform: tokens for apps and users, device codes, managed identities, discovery
/// documents, key set (protocol 7.9, 9). One thread.
class Identity {
  public:
    Identity(IdentityOptions options, SigningKey key, Stats& stats, Clock& clock);

    /// The reply to a request for one of its paths; nothing if the path is none of them. A reply
    /// may have to wait, or to be cut off: see Response.
    [[nodiscard]] std::optional<Response> handle(const Request& request);
    /// The same for the endpoints of managed identities (protocol 9.6).
    [[nodiscard]] std::optional<Response> handle_managed(const Request& request);
    /// Who holds this token, and whether it still counts.
    [[nodiscard]] AccessTokens::Reading read_token(std::string_view token) const {
        return tokens_.read(token);
    }

    // For the control API.
    [[nodiscard]] Directory& directory() noexcept { return directory_; }
    [[nodiscard]] SignIns& sign_ins() noexcept { return sign_ins_; }
    [[nodiscard]] AccessTokens& access_tokens() noexcept { return tokens_; }
    [[nodiscard]] KeyRing& keys() noexcept { return keys_; }
    [[nodiscard]] ValidationTokens& validation_tokens() noexcept { return validation_tokens_; }
    [[nodiscard]] TokenFaults& faults() noexcept { return faults_; }
    [[nodiscard]] const TokenCounts& counts() const noexcept { return counts_; }
    /// The user with this name or id; one who is not known yet and has a principal name is added to
    /// `tenant` (of a path, "common" too). Errc::NotFound for an unknown id, Errc::Conflict for a
    /// user of another tenant.
    [[nodiscard]] Result<User> user_for(std::string_view name, std::string_view tenant);
    /// Yes (`user`) or no (without) to a user code. Errc::NotFound, Errc::Conflict.
    [[nodiscard]] Result<std::optional<User>> decide(
        std::string_view user_code, std::string_view user
    );
    struct UserTokenWanted {
        std::string user, tenant;         ///< as for user_for
        std::string client;               ///< the app that the user is signed in to
        std::string audience;             ///< client id of the API's app, or "api://{client id}"
        std::vector<std::string> scopes;  ///< empty: all that the API has
        std::optional<TokenVersion> version;  ///< nothing: what the API's app takes
        std::optional<ApiForgery> forgery;
    };
    struct UserToken {
        std::string text;
        ApiAccess access;
    };
    /// A user's access token for an app's own API without a sign-in, consent or credential: a short
    /// way for tests. Errc::BadInput, Errc::NotFound for an app that is not registered where some
    /// are, and those of user_for.
    [[nodiscard]] Result<UserToken> user_token(const UserTokenWanted& wanted);
    /// As at the start; sign-ins and what was registered stay with `keep`.
    void reset(bool keep);

  private:
    using Fields = std::map<std::string, std::string>;
    struct Asked;

    [[nodiscard]] Response endpoint(const Request& request, std::string_view tenant, bool device);
    [[nodiscard]] Granted<Response> answer(Asked& asked);
    [[nodiscard]] Granted<Response> start_device(Asked& asked);
    [[nodiscard]] Granted<Response> for_app(Asked& asked);
    [[nodiscard]] Granted<Response> for_device(Asked& asked);
    [[nodiscard]] Granted<Response> for_refresh(Asked& asked);
    /// Tokens of a user; `refresh_token` is empty where none is given out.
    [[nodiscard]] Response delegated(
        const Asked& asked, const SignIn& sign_in, const std::string& refresh_token
    );
    /// Which app's own API a resource is: its client id as registered, or as it stands there.
    /// Empty: none.
    [[nodiscard]] std::string api_id(std::string_view resource) const;
    /// Whether there is such an API in the tenant; an empty name fits all.
    [[nodiscard]] bool has_api(std::string_view resource, std::string_view tenant) const;
    /// Graph, or an API that is known; else AADSTS500011.
    [[nodiscard]] std::optional<Refusal> check_resource(
        const Asked& asked, const std::string& resource
    ) const;
    /// What `.default` stands for at an API; AADSTS70011 for a scope that it does not have.
    [[nodiscard]] std::optional<Refusal> check_api_scopes(SignIn& sign_in) const;
    [[nodiscard]] ApiAccess api_access(const SignIn& sign_in) const;
    /// The scopes that the user's app gets of those wanted, or AADSTS65001.
    [[nodiscard]] std::optional<Refusal> consent(SignIn& sign_in) const;
    [[nodiscard]] std::optional<Refusal> authenticate(const Asked& asked, bool required);
    [[nodiscard]] std::optional<Refusal> check_assertion(const Asked& asked);
    [[nodiscard]] Response refuse(const Refusal& refusal);
    [[nodiscard]] Response tokens_response(const Asked& asked, boost::json::object json);
    [[nodiscard]] Response key_set(std::string_view tenant, bool v2);
    [[nodiscard]] Response managed_token(const Request& request, bool app_service);

    const IdentityOptions options_;
    Stats& stats_;
    Clock& clock_;
    AccessTokens tokens_;
    KeyRing keys_;
    ValidationTokens validation_tokens_;
    ApiTokens api_tokens_;
    Directory directory_;
    SignIns sign_ins_;
    Replays replays_;
    TokenFaults faults_;
    TokenCounts counts_;
};

}  // namespace graphhook::emulator
