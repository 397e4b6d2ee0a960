#pragma once

#include "authenticity/key_set.hpp"
#include "authenticity/reason.hpp"
#include "core/clock.hpp"

#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace graphhook::authenticity {

// Validation tokens: what Graph signs, so that we know that the notifications are Graph's. Facts:
// Microsoft's page "Set up change notifications that include resource data", as read on 2026-04-17.
// All functions here are pure; threads: any.

/// "Microsoft Graph Change Tracking", the only publisher.
inline constexpr std::string_view kPublisher = "0bf30f3b-4a52-48df-9a82-234910c4a086";
inline constexpr std::chrono::minutes kLeeway{5};
inline constexpr std::size_t kLongestToken = 16u << 10;

/// What notifications of one of our applications have to prove.
struct Expected {
    std::string tenant_id;  ///< Lower case.
    std::string client_id;  ///< Lower case; the audience.
    std::string login;      ///< Base of the authority of its cloud.
    bool operator==(const Expected&) const = default;
};

/// What can be said of a token at any time: all but whether it was valid when it arrived.
struct TokenVerdict {
    Reason reason = Reason::None;  ///< None: genuine, within its time.
    // As far as they could be read; to be believed only if `reason` is None.
    std::string tenant_id, client_id;  ///< `tid`, and `aud`; lower case.
    std::string login;                 ///< Whose key verified it.
    std::string kid;
    SystemTime not_before, expires;
    bool operator==(const TokenVerdict&) const = default;
};

/// Judges one token: form, algorithm, key, signature, publisher by `ver`, exact issuer, and that
/// its audience is a client_id of `ours`. `received_at` decides which keys still count.
///
/// Where several things are wrong, the reason is the first of: form, algorithm, audience,
/// publisher, issuer, key, the key's issuer, signature. What costs least comes first, and what
/// tells an operator most: the token of somebody else's app is that, whoever signed it.
[[nodiscard]] TokenVerdict judge_token(
    std::string_view token, const KeySets& sets, std::span<const Expected> ours,
    SystemTime received_at
);

/// The POST's `validationTokens` as intake kept it (JSON; empty: absent), one verdict for each
/// element; TokensMissing, TokensNull or TokenMalformed alone where there is none to judge, or more
/// than kMostTokens. Equal tokens are judged once.
inline constexpr std::size_t kMostTokens = 4'096;
[[nodiscard]] std::vector<TokenVerdict> judge_tokens(
    std::string_view tokens_json, const KeySets& sets, std::span<const Expected> ours,
    SystemTime received_at
);

/// Whether they prove an item of `expected` received at that time: one of them has to.
/// Reason::None: proved. Otherwise what stands in the way of the one that comes nearest, waiting
/// first. `clock_doubtful`: what fails for its time alone may yet be proved.
[[nodiscard]] Reason judge_item(
    std::span<const TokenVerdict> verdicts, const Expected& expected, SystemTime received_at,
    bool clock_doubtful
);

/// Whether nothing about them can change any more, so that they may be stored and trusted ever
/// after (as long as they `still_hold`). A token that is null stays null.
[[nodiscard]] bool is_final(std::span<const TokenVerdict> verdicts) noexcept;
/// False: one was refused for its audience, which is a client_id of `ours` by now. They have to be
/// judged again.
[[nodiscard]] bool still_hold(
    std::span<const TokenVerdict> verdicts, std::span<const Expected> ours
) noexcept;
/// For the store: JSON, and back; nothing for what to_text did not write.
[[nodiscard]] std::string to_text(std::span<const TokenVerdict> verdicts);
[[nodiscard]] std::optional<std::vector<TokenVerdict>> verdicts_from_text(std::string_view text);

}  // namespace graphhook::authenticity
