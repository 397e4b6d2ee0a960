#include "authenticity/token.hpp"

#include "authenticity/issuers.hpp"
#include "authenticity/jws.hpp"
#include "authenticity/proof.hpp"
#include "core/text.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include <algorithm>
#include <unordered_map>

namespace graphhook::authenticity {
namespace {

namespace json = boost::json;

/// How much younger than an item key sets have to be to say for sure that there is no such key.
constexpr std::chrono::hours kSurelyAbsent{24};
constexpr std::size_t kLongestAudience = 128;

/// By Microsoft Graph Change Tracking: `appid` says so in version 1.0, `azp` in 2.0, and where no
/// version is named whichever is there, both if both are.
bool by_graph(const Claims& claims) {
    const auto is_publisher = [](const std::optional<std::string>& id) {
        return id && same_letters(*id, kPublisher);
    };
    if (claims.version == "1.0") return is_publisher(claims.appid);
    if (claims.version == "2.0") return is_publisher(claims.azp);
    if (claims.version) return false;
    const bool appid_fits = !claims.appid || is_publisher(claims.appid);
    const bool azp_fits = !claims.azp || is_publisher(claims.azp);
    return (claims.appid || claims.azp) && appid_fits && azp_fits;
}

class Judge {
  public:
    Judge(const KeySets& sets, std::span<const Expected> ours, SystemTime received_at)
        : sets_(sets), received_at_(received_at) {
        // Thousands of tenants share an app as a rule.
        const Expected* before = nullptr;
        for (const Expected& one : ours) {
            const bool same = before != nullptr && before->client_id == one.client_id &&
                              before->login == one.login;
            if (!same) know(one);
            before = &one;
        }
    }

    [[nodiscard]] TokenVerdict judge(std::string_view token) const {
        const Jws jws = read_jws(token);
        TokenVerdict verdict;
        verdict.kid = jws.kid;
        verdict.tenant_id = lowered(jws.claims.tenant_id);
        verdict.not_before = jws.claims.not_before;
        verdict.expires = jws.claims.expires;
        const std::string* const audience = audience_of(jws.claims);
        // A token for several of our apps counts for the first: Graph issues one for each.
        if (audience != nullptr && audience->size() <= kLongestAudience)
            verdict.client_id = lowered(*audience);
        verdict.reason = reason_of(jws, verdict);
        return verdict;
    }

  private:
    [[nodiscard]] Reason reason_of(const Jws& jws, TokenVerdict& verdict) const {
        if (jws.reason != Reason::None) return jws.reason;
        const auto app = apps_.find(verdict.client_id);
        if (app == apps_.end()) return Reason::TokenAudience;
        if (!by_graph(jws.claims)) return Reason::TokenPublisher;

        Proof proof =
            prove(jws, sets_, app->second, received_at_, [](SystemTime at, SystemTime fetched) {
                return fetched - at >= kSurelyAbsent;
            });
        verdict.login = std::move(proof.login);
        return proof.reason;
    }

    /// The first that is one of our apps, or else the first.
    [[nodiscard]] const std::string* audience_of(const Claims& claims) const {
        for (const std::string& audience : claims.audience) {
            if (apps_.contains(lowered(audience))) return &audience;
        }
        return claims.audience.empty() ? nullptr : &claims.audience.front();
    }

    void know(const Expected& one) {
        if (one.client_id.empty()) return;
        Logins& logins = apps_[one.client_id];
        const bool there = std::ranges::any_of(logins, [&](std::string_view login) {
            return same_login(login, one.login);
        });
        if (!there) logins.emplace_back(one.login);
    }

    const KeySets& sets_;
    const SystemTime received_at_;
    std::unordered_map<std::string_view, Logins> apps_;  ///< By client_id.
};

TokenVerdict only(Reason reason) {
    TokenVerdict verdict;
    verdict.reason = reason;
    return verdict;
}

}  // namespace

TokenVerdict judge_token(
    std::string_view token, const KeySets& sets, std::span<const Expected> ours,
    SystemTime received_at
) {
    return Judge(sets, ours, received_at).judge(token);
}

std::vector<TokenVerdict> judge_tokens(
    std::string_view tokens_json, const KeySets& sets, std::span<const Expected> ours,
    SystemTime received_at
) {
    if (tokens_json.empty()) return {only(Reason::TokensMissing)};
    boost::system::error_code bad;
    const json::value value = json::parse(tokens_json, bad);
    if (!bad && value.is_null()) return {only(Reason::TokensNull)};
    if (bad || !value.is_array()) return {only(Reason::TokenMalformed)};
    const json::array& tokens = value.get_array();
    if (tokens.empty()) return {only(Reason::TokensMissing)};
    if (tokens.size() > kMostTokens) return {only(Reason::TokenMalformed)};

    const Judge judge(sets, ours, received_at);
    std::vector<TokenVerdict> verdicts;
    verdicts.reserve(tokens.size());
    std::unordered_map<std::string_view, std::size_t> judged;
    for (const json::value& token : tokens) {
        if (!token.is_string()) {
            verdicts.push_back(only(token.is_null() ? Reason::TokensNull : Reason::TokenMalformed));
            continue;
        }
        const std::string_view text(token.get_string().data(), token.get_string().size());
        const auto [before, is_new] = judged.try_emplace(text, verdicts.size());
        TokenVerdict verdict = is_new ? judge.judge(text) : verdicts[before->second];
        verdicts.push_back(std::move(verdict));
    }
    return verdicts;
}

}  // namespace graphhook::authenticity
