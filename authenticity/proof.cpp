#include "authenticity/proof.hpp"

#include "authenticity/issuers.hpp"
#include "authenticity/token.hpp"
#include "core/openssl.hpp"

#include <algorithm>

namespace graphhook::authenticity {
namespace {

/// How long a key that vanished still proves.
constexpr std::chrono::hours kKeyGrace{24};
/// Different keys under one `kid` that are tried.
constexpr std::size_t kMostTries = 4;

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

std::vector<Version> versions_of(const Claims& claims) {
    if (claims.version == "1.0") return {Version::V1};
    if (claims.version == "2.0") return {Version::V2};
    return {Version::V1, Version::V2};
}

bool fits_one(
    const std::vector<std::string>& templates, std::string_view tenant_id, std::string_view issuer
) {
    return std::ranges::any_of(templates, [&](const std::string& one) {
        return issuer_for(one, tenant_id) == issuer;
    });
}

/// A key of the token's `kid`, and the set that it is in.
struct Candidate {
    const SigningKey* key;
    const KeySet* set;
};

class Prover {
  public:
    Prover(const Jws& jws, const KeySets& sets, SystemTime at, SurelyAbsent surely_absent)
        : jws_(jws), sets_(sets), at_(at), surely_absent_(surely_absent) {}

    [[nodiscard]] Proof prove(const Logins& logins) const {
        Logins vouching;
        bool all_known = true;
        for (const auto login : logins) {
            for (const Version version : versions_of(jws_.claims)) {
                const auto templates = issuer_templates(sets_, login, version);
                all_known = all_known && !templates.empty();
                if (fits_one(templates, jws_.claims.tenant_id, jws_.claims.issuer))
                    vouching.push_back(login);
            }
        }
        if (vouching.empty()) return {all_known ? Reason::TokenIssuer : Reason::KeysMissing, {}};
        return verify(vouching);
    }

  private:
    [[nodiscard]] Proof verify(const Logins& vouching) const {
        bool any_set = false;
        std::vector<Candidate> candidates;
        for (const KeySet& set : sets_.sets) {
            const bool asked = std::ranges::any_of(vouching, [&](std::string_view login) {
                return same_login(set.login, login);
            });
            if (!asked || at_ - set.fetched_at > kKeySetLife) continue;
            any_set = true;
            for (const SigningKey& key : set.keys) {
                if (key.kid == jws_.kid && counts(key, set)) candidates.push_back({&key, &set});
            }
        }
        if (!any_set) return {Reason::KeysMissing, {}};
        if (candidates.empty())
            return {known_to_be_none(vouching) ? Reason::TokenKeyUnknown : Reason::KeyUnknown, {}};
        return try_all(candidates);
    }

    [[nodiscard]] Proof try_all(const std::vector<Candidate>& candidates) const {
        bool bound = false;
        bool all_known = true;
        std::vector<EVP_PKEY*> tried;
        for (const Candidate& candidate : candidates) {
            if (!key_is_of_tenant(candidate, candidates, all_known)) continue;
            bound = true;
            EVP_PKEY* const key = candidate.key->key.get();
            const bool again = std::ranges::any_of(tried, [key](const EVP_PKEY* other) {
                return ::EVP_PKEY_eq(key, other) == 1;
            });
            if (again) continue;
            if (signature_right(key, jws_.signed_part, jws_.signature))
                return {Reason::None, candidate.set->login};
            if (tried.size() >= kMostTries) break;
            tried.push_back(key);
        }
        if (bound) return {Reason::TokenSignature, {}};
        return {all_known ? Reason::TokenIssuer : Reason::KeysMissing, {}};
    }

    /// One that is in the newest document, or was until less than a day before.
    [[nodiscard]] bool counts(const SigningKey& key, const KeySet& set) const {
        return key.last_seen >= set.fetched_at || at_ - key.last_seen <= kKeyGrace;
    }

    /// Whether both sets of each authority are of such an age that a key that signed it would be
    /// there.
    [[nodiscard]] bool known_to_be_none(const Logins& vouching) const {
        const auto says_so = [&](std::string_view login, Version version) {
            return std::ranges::any_of(sets_.sets, [&](const KeySet& set) {
                return set.version == version && same_login(set.login, login) &&
                       surely_absent_(at_, set.fetched_at);
            });
        };
        return std::ranges::all_of(vouching, [&](std::string_view login) {
            return says_so(login, Version::V1) && says_so(login, Version::V2);
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
        const Candidate& candidate, const std::vector<Candidate>& all, bool& all_known
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
        const std::string& tenant_id = jws_.claims.tenant_id;
        for (const Version version : {Version::V1, Version::V2}) {
            const auto templates = issuer_templates(sets_, candidate.set->login, version);
            all_known = all_known && !templates.empty();
            for (const auto issuer : issuers) {
                if (fits_one(templates, tenant_id, issuer_for(issuer, tenant_id))) return true;
            }
        }
        return false;
    }

    const Jws& jws_;
    const KeySets& sets_;
    const SystemTime at_;
    const SurelyAbsent surely_absent_;
};

}  // namespace

Proof prove(
    const Jws& jws, const KeySets& sets, const Logins& logins, SystemTime at,
    SurelyAbsent surely_absent
) {
    return Prover(jws, sets, at, surely_absent).prove(logins);
}

Reason time_reason(SystemTime not_before, SystemTime expires, SystemTime at) noexcept {
    if (at > expires + kLeeway) return Reason::TokenExpired;
    if (at < not_before - kLeeway) return Reason::TokenNotYetValid;
    return Reason::None;
}

}  // namespace graphhook::authenticity
