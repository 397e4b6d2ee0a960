#include "authenticity/user_token.hpp"

#include "authenticity/issuers.hpp"
#include "authenticity/jws.hpp"
#include "authenticity/proof.hpp"
#include "core/text.hpp"

#include <algorithm>

namespace graphhook::authenticity {
namespace {

constexpr std::size_t kLongestClient = 128;
constexpr std::string_view kApi = "api://";
/// How fresh key sets have to be to say for sure that there is no such key. An unknown `kid` has
/// them fetched again at most once in that time, so younger ones cannot be had.
constexpr std::chrono::minutes kFresh{5};

bool surely_absent(SystemTime at, SystemTime fetched_at) {
    // One that was fetched "later" comes of a clock that was set back: no newer than others.
    return at - fetched_at < kFresh && fetched_at - at < kFresh;
}

bool names(std::string_view audience, std::string_view client_id) {
    if (client_id.empty()) return false;
    if (same_letters(audience, client_id)) return true;
    return audience.size() == kApi.size() + client_id.size() &&
           same_letters(audience.substr(0, kApi.size()), kApi) &&
           same_letters(audience.substr(kApi.size()), client_id);
}

/// The authorities of those of our applications that the token may be for.
Logins logins_for(const Claims& claims, std::span<const Expected> ours) {
    Logins logins;
    for (const Expected& one : ours) {
        if (!same_letters(one.tenant_id, claims.tenant_id)) continue;
        const bool named = std::ranges::any_of(claims.audience, [&](const std::string& audience) {
            return names(audience, one.client_id);
        });
        const bool there = std::ranges::any_of(logins, [&](std::string_view login) {
            return same_login(login, one.login);
        });
        if (named && !there) logins.emplace_back(one.login);
    }
    return logins;
}

/// What says which app asked for it; nullptr: nothing does.
const std::string* client_of(const Claims& claims) {
    const auto& client = claims.version == "1.0" ? claims.appid : claims.azp;
    return client ? &*client : nullptr;
}

/// Beyond read_jws: its version is one that we know, the user is named, and so is the app where
/// the token is for more than to say who signed in.
bool well_formed(const Jws& jws) {
    if (jws.claims.version != "1.0" && jws.claims.version != "2.0") return false;
    if (!jws.user) return false;
    const std::string* const client = client_of(jws.claims);
    if (client == nullptr) return jws.user->scopes.empty();
    return !client->empty() && client->size() <= kLongestClient;
}

Reason reason_of(
    const Jws& jws, const KeySets& sets, std::span<const Expected> ours, SystemTime now,
    std::string& login
) {
    if (jws.reason != Reason::None) return jws.reason;
    if (!well_formed(jws)) return Reason::TokenMalformed;
    const Logins logins = logins_for(jws.claims, ours);
    if (logins.empty()) return Reason::TokenAudience;
    login = logins.front();
    Proof proof = prove(jws, sets, logins, now, surely_absent);
    if (proof.reason != Reason::None) return proof.reason;
    login = std::move(proof.login);
    const Reason in_time = time_reason(jws.claims.not_before, jws.claims.expires, now);
    return in_time != Reason::None && sets.clock_doubtful() ? Reason::ClockDoubtful : in_time;
}

}  // namespace

UserTokenVerdict judge_user_token(
    std::string_view token, const KeySets& sets, std::span<const Expected> ours, SystemTime now
) {
    Jws jws = read_jws(token);
    UserTokenVerdict verdict;
    verdict.reason = reason_of(jws, sets, ours, now, verdict.login);
    verdict.tenant_id = lowered(jws.claims.tenant_id);
    if (jws.user) {
        verdict.user_id = lowered(jws.user->user_id);
        verdict.scopes = std::move(jws.user->scopes);
    }
    const std::string* const client = client_of(jws.claims);
    if (client != nullptr && client->size() <= kLongestClient) verdict.client_id = lowered(*client);
    return verdict;
}

}  // namespace graphhook::authenticity
