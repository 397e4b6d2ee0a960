#include "authenticity/token.hpp"

#include "authenticity/issuers.hpp"
#include "authenticity/jws.hpp"
#include "core/text.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include <algorithm>
#include <unordered_map>

namespace graphhook::authenticity {
namespace {

namespace json = boost::json;

/// How long a key that vanished still proves, and how much younger than an item key sets have to be
/// to say for sure that there is no such key.
constexpr std::chrono::hours kKeyGrace{24};
constexpr std::size_t kLongestAudience = 128;

/// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518 3.3).
bool signature_right(EVP_PKEY* key, std::string_view text, std::string_view signature) {
    const OpensslOwned<EVP_MD_CTX> context(::EVP_MD_CTX_new());
    EVP_PKEY_CTX* settings = nullptr;
    if (!context ||
        ::EVP_DigestVerifyInit(context.get(), &settings, ::EVP_sha256(), nullptr, key) != 1 ||
        ::EVP_PKEY_CTX_set_rsa_padding(settings, RSA_PKCS1_PADDING) != 1)
        return false;
    return ::EVP_DigestVerify(
               context.get(), reinterpret_cast<const unsigned char*>(signature.data()),
               signature.size(), reinterpret_cast<const unsigned char*>(text.data()), text.size()
           ) == 1;
}

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

std::vector<Version> versions_of(const Claims& claims) {
    if (claims.version == "1.0") return {Version::V1};
    if (claims.version == "2.0") return {Version::V2};
    return {Version::V1, Version::V2};
}

/// A key of the token's `kid`, and the set that it is in.
struct Candidate {
    const SigningKey* key;
    const KeySet* set;
};

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
    using Logins = std::vector<std::string_view>;

    [[nodiscard]] Reason reason_of(const Jws& jws, TokenVerdict& verdict) const {
        if (jws.reason != Reason::None) return jws.reason;
        const auto app = apps_.find(verdict.client_id);
        if (app == apps_.end()) return Reason::TokenAudience;
        const Logins& logins = app->second;
        if (!by_graph(jws.claims)) return Reason::TokenPublisher;

        Logins vouching;
        bool all_known = true;
        for (const auto login : logins) {
            for (const Version version : versions_of(jws.claims)) {
                const auto templates = issuer_templates(sets_, login, version);
                all_known = all_known && !templates.empty();
                if (fits_one(templates, jws.claims.tenant_id, jws.claims.issuer))
                    vouching.push_back(login);
            }
        }
        if (vouching.empty()) return all_known ? Reason::TokenIssuer : Reason::KeysMissing;
        return verify(jws, vouching, verdict);
    }

    [[nodiscard]] Reason verify(const Jws& jws, const Logins& vouching, TokenVerdict& verdict)
        const {
        bool any_set = false;
        std::vector<Candidate> candidates;
        for (const KeySet& set : sets_.sets) {
            const bool asked = std::ranges::any_of(vouching, [&](std::string_view login) {
                return same_login(set.login, login);
            });
            if (!asked || received_at_ - set.fetched_at > kKeySetLife) continue;
            any_set = true;
            for (const SigningKey& key : set.keys) {
                if (key.kid == jws.kid && counts(key, set)) candidates.push_back({&key, &set});
            }
        }
        if (!any_set) return Reason::KeysMissing;
        if (candidates.empty())
            return known_to_be_none(vouching) ? Reason::TokenKeyUnknown : Reason::KeyUnknown;

        bool bound = false;
        bool all_known = true;
        std::vector<EVP_PKEY*> tried;
        for (const Candidate& candidate : candidates) {
            if (!key_is_of_tenant(candidate, candidates, jws.claims.tenant_id, all_known)) continue;
            bound = true;
            EVP_PKEY* const key = candidate.key->key.get();
            const bool again = std::ranges::any_of(tried, [key](const EVP_PKEY* other) {
                return ::EVP_PKEY_eq(key, other) == 1;
            });
            if (again) continue;
            if (signature_right(key, jws.signed_part, jws.signature)) {
                verdict.login = candidate.set->login;
                return Reason::None;
            }
            if (tried.size() >= kMostTries) break;
            tried.push_back(key);
        }
        if (bound) return Reason::TokenSignature;
        return all_known ? Reason::TokenIssuer : Reason::KeysMissing;
    }

    /// One that is in the newest document, or was until less than a day before the receipt.
    [[nodiscard]] bool counts(const SigningKey& key, const KeySet& set) const {
        return key.last_seen >= set.fetched_at || received_at_ - key.last_seen <= kKeyGrace;
    }

    /// Whether both sets of each authority are so much younger than the item that a key that signed
    /// it would be there.
    [[nodiscard]] bool known_to_be_none(const Logins& vouching) const {
        const auto young = [&](std::string_view login, Version version) {
            return std::ranges::any_of(sets_.sets, [&](const KeySet& set) {
                return set.version == version && same_login(set.login, login) &&
                       set.fetched_at - received_at_ >= kKeyGrace;
            });
        };
        return std::ranges::all_of(vouching, [&](std::string_view login) {
            return young(login, Version::V1) && young(login, Version::V2);
        });
    }

    /// Whether the key's own issuer lets it sign for this tenant. An authority has two names for a
    /// tenant, one a version, and its key sets name whichever they like: keys of the v1 document
    /// are seen with the v2 form, or with none, while the tokens that they sign name
    /// sts.windows.net. So the key's issuer binds it to a *tenant* (either name of it will do), and
    /// the token's `iss` was compared with its *version's* name before. The key of personal
    /// accounts names the one tenant of these and so proves for no other. Where a set names no
    /// issuer for a key, what the authority's other set says of that `kid` counts.
    [[nodiscard]] bool key_is_of_tenant(
        const Candidate& candidate, const std::vector<Candidate>& all, std::string_view tenant_id,
        bool& all_known
    ) const {
        std::vector<std::string_view> issuers;
        if (!candidate.key->issuer.empty()) {
            issuers.push_back(candidate.key->issuer);
        } else {
            for (const Candidate& other : all) {
                if (!other.key->issuer.empty() &&
                    same_login(other.set->login, candidate.set->login))
                    issuers.push_back(other.key->issuer);
            }
        }
        if (issuers.empty()) return true;
        for (const Version version : {Version::V1, Version::V2}) {
            const auto templates = issuer_templates(sets_, candidate.set->login, version);
            all_known = all_known && !templates.empty();
            for (const auto issuer : issuers) {
                if (fits_one(templates, tenant_id, issuer_for(issuer, tenant_id))) return true;
            }
        }
        return false;
    }

    static bool fits_one(
        const std::vector<std::string>& templates, std::string_view tenant_id,
        std::string_view issuer
    ) {
        return std::ranges::any_of(templates, [&](const std::string& one) {
            return issuer_for(one, tenant_id) == issuer;
        });
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

    /// Different keys under one `kid` that are tried.
    static constexpr std::size_t kMostTries = 4;

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
