#pragma once

#include "authenticity/reason.hpp"
#include "core/clock.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace graphhook::authenticity {

/// What a token claims. Nothing of it is to be believed before its signature is right.
struct Claims {
    std::string tenant_id;  ///< `tid`; a GUID, in its own letters, since `iss` repeats them.
    std::string issuer;
    std::vector<std::string> audience;
    std::optional<std::string> version;  ///< `ver`
    std::optional<std::string> appid;    ///< Who asked for it, in version 1.0.
    std::optional<std::string> azp;      ///< The same in version 2.0.
    SystemTime not_before, expires;
};

/// What a user's access token claims beyond that.
struct UserClaims {
    std::string user_id;  ///< `oid`; a GUID.
    /// The words of `scp`. Empty where there is none, and where `idtyp` says that it is no user's.
    std::vector<std::string> scopes;
};

/// A JWS in compact form (RFC 7515 3.1), taken apart.
struct Jws {
    /// None: in form, and RS256. TokenMalformed, TokenAlgorithm: what is below is there as far as
    /// it could be read. The header comes first: a token that asks for another algorithm has that
    /// for its fault, whatever else is wrong with it.
    Reason reason = Reason::None;
    std::string kid;
    Claims claims;
    /// Nothing: `oid` is no GUID, or `scp` or `idtyp` no text. A validation token needs none of
    /// them: for `reason` they do not matter.
    std::optional<UserClaims> user;
    std::string_view signed_part;  ///< Within the text that was read.
    std::string signature;
};

/// Strict: three parts in base64url without padding, of JSON objects that have no member twice at
/// any depth (two readers would see two tokens); `exp` and `nbf` whole numbers of seconds before
/// the year 10000; `tid` a GUID; `iss`, `aud` and `kid` there. `crit` names extensions that we do
/// not have; `jwk`, `jku`, `x5c` and `x5u` bring a key: both are TokenAlgorithm. Pure.
[[nodiscard]] Jws read_jws(std::string_view token);

}  // namespace graphhook::authenticity
