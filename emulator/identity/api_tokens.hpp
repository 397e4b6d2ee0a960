#pragma once

#include "core/clock.hpp"
#include "emulator/identity/directory.hpp"
#include "emulator/identity/key_ring.hpp"
#include "emulator/rich/tokens.hpp"

#include <boost/json/object.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace graphhook::emulator {

/// What is wrong, on purpose, with a user's access token for an app's own API.
enum class ApiForgery {
    Expired,
    Audience,    ///< for Graph itself
    Signature,   ///< a letter of it is another one
    AlgNone,     ///< without a signature
    KeyUnknown,  ///< a `kid` that is in no key set
    Issuer,      ///< of another tenant
    AppOnly,     ///< good, but an app's own: roles, no scopes
    IdToken,     ///< good, but an ID token for the API's app
};
/// "expired", "audience", "signature", "alg-none", "key-unknown", "issuer", "app-only", "id-token"
[[nodiscard]] std::span<const std::string_view> api_forgery_names() noexcept;
/// Nothing if there is none of this name.
[[nodiscard]] std::optional<ApiForgery> find_api_forgery(std::string_view name) noexcept;

/// A user who is signed in to an app, and what that app may do with an API.
struct ApiAccess {
    User user;
    std::string client;    ///< the app that asks
    std::string api;       ///< client id of the API's app
    std::string audience;  ///< as asked for: "api://{client id}", or the client id
    std::vector<std::string> scopes;
    TokenVersion version = TokenVersion::V1;
};

/// Makes users' access tokens for an app's own API. Unlike Graph's they are for anybody to verify:
/// they are signed by the key that signs now, and are good for `life`. One thread; the key ring and
/// the clock must outlive it.
class ApiTokens {
  public:
    ApiTokens(std::chrono::seconds life, const KeyRing& keys, const Clock& clock)
        : life_(life), keys_(keys), clock_(clock) {}

    [[nodiscard]] std::string genuine(const ApiAccess& access) const;
    [[nodiscard]] std::string forged(ApiForgery what, const ApiAccess& access) const;
    [[nodiscard]] std::chrono::seconds life() const noexcept { return life_; }

  private:
    [[nodiscard]] boost::json::object claims(const ApiAccess& access) const;
    [[nodiscard]] boost::json::object forged_claims(ApiForgery what, const ApiAccess& access) const;

    const std::chrono::seconds life_;
    const KeyRing& keys_;
    const Clock& clock_;
};

}  // namespace graphhook::emulator
