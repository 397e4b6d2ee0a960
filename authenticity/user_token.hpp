#pragma once

#include "authenticity/key_set.hpp"
#include "authenticity/reason.hpp"
#include "authenticity/token.hpp"
#include "core/clock.hpp"

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace graphhook::authenticity {

// Access tokens of users for one of our applications: what client apps prove with who their user
// is. The same strict reading, keys, issuers and times as for validation tokens (token.hpp), but
// any client of our application may have asked for it, so there is no publisher to check. All
// functions here are pure; threads: any.

/// What was found of one. Its members are as far as they could be read; to be believed only if
/// `reason` is None.
struct UserTokenVerdict {
    Reason reason = Reason::None;
    std::string tenant_id, user_id;   ///< `tid` and `oid`; lower case.
    std::string client_id;            ///< `appid` (1.0) or `azp` (2.0), lower case.
    std::vector<std::string> scopes;  ///< `scp`. Empty: it is no user's access token but an app's
                                      ///< own, or an ID token.
    std::string login;                ///< Whose key verified it, or whose keys are wanted.
};

/// Judges one token now. `ours`: an audience is a client_id of these, or "api://{client_id}", and
/// the token's tenant is that one's. Without an `oid` that is a GUID it is TokenMalformed.
///
/// KeysMissing, KeyUnknown and ClockDoubtful may be proved later: the first two once the keys of
/// `login` are fetched again, the last one, which fails for its time alone, once our clock is
/// right. A `kid` that is in no key set is KeyUnknown, but TokenKeyUnknown while both sets of its
/// authority are younger than five minutes. Whoever knows that they were not fetched for that key
/// may have them fetched once more.
[[nodiscard]] UserTokenVerdict judge_user_token(
    std::string_view token, const KeySets& sets, std::span<const Expected> ours, SystemTime now
);

}  // namespace graphhook::authenticity
