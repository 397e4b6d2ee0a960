#pragma once

#include "authenticity/jws.hpp"
#include "authenticity/key_set.hpp"
#include "authenticity/reason.hpp"
#include "core/clock.hpp"

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace graphhook::authenticity {

// What every token of the identity platform has to pass, whatever it is for. All functions here are
// pure; threads: any.

/// Bases of authorities, each named once.
using Logins = std::vector<std::string_view>;

/// Whether key sets of that age say for sure that there is no key of a `kid` in them.
using SurelyAbsent = bool (*)(SystemTime at, SystemTime fetched_at);

struct Proof {
    Reason reason = Reason::None;
    std::string login;  ///< Whose key verified it.
};

/// Issuer, key, the key's issuer and signature of a token that read_jws found in form, in that
/// order: the first that is wrong is the reason. `logins`: the authorities that may vouch for it.
/// `at` decides which keys count: those of a key set for seven days after it was fetched, one that
/// vanished from it for a day after it was last seen. A `kid` that is nowhere is TokenKeyUnknown
/// if both sets of each authority that may have issued it are `surely_absent`, else KeyUnknown.
[[nodiscard]] Proof prove(
    const Jws& jws, const KeySets& sets, const Logins& logins, SystemTime at,
    SurelyAbsent surely_absent
);

/// None, TokenExpired or TokenNotYetValid, with kLeeway.
[[nodiscard]] Reason time_reason(SystemTime not_before, SystemTime expires, SystemTime at) noexcept;

}  // namespace graphhook::authenticity
