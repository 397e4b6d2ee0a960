#include "emulator/identity/assertions.hpp"

#include "core/time_text.hpp"
#include "emulator/identity/scopes.hpp"

#include <boost/json/array.hpp>
#include <fmt/format.h>

#include <algorithm>

namespace graphhook::emulator {
namespace {

constexpr std::int64_t kLongestLife = 600;  // seconds
constexpr std::size_t kMostSeen = 100'000;

std::int64_t unix_seconds(SystemTime time) {
    return std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
}

/// What is shown of a stranger's text.
std::string_view shown(const std::string& text) {
    return std::string_view(text).substr(0, 256);
}

Refusal not_registered(std::string_view reason, std::string_view thumbprint) {
    return bad_client(
        700027,
        fmt::format(
            "The certificate with identifier used to sign the client assertion is not registered "
            "on application. [Reason - {}, Thumbprint of key used by client: '{}']",
            reason, thumbprint
        )
    );
}

std::optional<Algorithm> algorithm_of(const Jwt& jwt) {
    const auto name = jwt.header_text("alg");
    if (name == "RS256") return Algorithm::Rs256;
    if (name == "PS256") return Algorithm::Ps256;
    return std::nullopt;
}

std::optional<Refusal> check_times(
    const Jwt& jwt, std::optional<std::int64_t> most, SystemTime at
) {
    const auto now = unix_seconds(at);
    const auto expires = jwt.claim_time("exp");
    auto begins = jwt.claim_time("nbf");
    if (!begins) begins = jwt.claim_time("iat");
    const bool good = expires && *expires > now && (!begins || *begins <= now) &&
                      (!most || (begins && *expires - now <= *most && *expires - *begins <= *most));
    if (good) return std::nullopt;
    return bad_client(
        700024, fmt::format(
                    "Client assertion is not within its valid time range. Current time: {}, "
                    "assertion valid from {}, expiry time of assertion {}.",
                    now, begins.value_or(0), expires.value_or(0)
                )
    );
}

/// `aud` as a text, or the only text of a list.
std::string audience_of(const Jwt& jwt) {
    const auto* audience = jwt.claims.if_contains("aud");
    if (audience != nullptr && audience->is_array() && audience->as_array().size() == 1)
        audience = &audience->as_array().front();
    return audience != nullptr && audience->is_string() ? std::string(audience->as_string())
                                                        : std::string{};
}

}  // namespace

std::optional<Refusal> check_secret(
    std::string_view secret, const App* app, const Secret& common_secret, SystemTime now
) {
    const auto wrong = [&] {
        return bad_client(
            7000215,
            "Invalid client secret provided. Ensure the secret being sent in the request is the "
            "client secret value, not the client secret ID, for a secret added to app."
        );
    };
    if (app == nullptr || !app->has_credential()) {
        if (common_secret.equals(secret)) return std::nullopt;
        return wrong();
    }
    bool expired = false;
    for (const ClientSecret& one : app->secrets) {
        if (!one.value.equals(secret)) continue;
        if (!one.expires || *one.expires > now) return std::nullopt;
        expired = true;
    }
    if (!expired) return wrong();
    return bad_client(
        7000222, fmt::format("The provided client secret keys for app '{}' are expired.", app->id)
    );
}

std::optional<Refusal> check_own_assertion(
    const Jwt& jwt, const App& app, const std::vector<std::string>& audiences, SystemTime now
) {
    const auto algorithm = algorithm_of(jwt);
    if (!algorithm)
        return bad_client(50027, "JWT token is invalid or malformed: alg must be PS256 or RS256.");
    const auto sha256 = jwt.header_text("x5t#S256");
    const auto sha1 = jwt.header_text("x5t");
    if (sha256.empty() && sha1.empty())
        return bad_client(50027, "JWT token is invalid or malformed: it names no certificate.");
    const auto used = std::find_if(
        app.certificates.begin(), app.certificates.end(),
        [&](const AppCertificate& one) {
            return (sha256.empty() || sha256 == one.x5t_s256) && (sha1.empty() || sha1 == one.x5t);
        }
    );
    if (used == app.certificates.end())
        return not_registered("The key was not found.", shown(sha256.empty() ? sha1 : sha256));
    if (now < used->not_before || now >= used->not_after)
        return not_registered("The key used is expired.", used->thumbprint);
    if (!used->key.verifies(jwt, *algorithm))
        return bad_client(
            700027, fmt::format(
                        "Client assertion failed signature validation. [Reason - The key was used "
                        "and the signature is wrong., Thumbprint of key used by client: '{}']",
                        used->thumbprint
                    )
        );
    if (!same_text(jwt.claim_text("iss"), app.id) || !same_text(jwt.claim_text("sub"), app.id))
        return bad_client(
            700021, "Client assertion application identifier doesn't match 'client_id' parameter."
        );
    const auto audience = audience_of(jwt);
    if (std::none_of(audiences.begin(), audiences.end(), [&](const auto& one) {
            return same_text(one, audience);
        }))
        return bad_client(700023, "Client assertion audience claim does not match Realm issuer.");
    if (jwt.claim_text("jti").empty())
        return bad_client(50027, "JWT token is invalid or malformed: it has no jti.");
    return check_times(jwt, kLongestLife, now);
}

std::optional<Refusal> check_federated_assertion(const Jwt& jwt, const App& app, SystemTime now) {
    const auto issuer = jwt.claim_text("iss");
    const auto subject = jwt.claim_text("sub");
    const auto audience = audience_of(jwt);
    const Federation* found = nullptr;
    bool issuer_known = false;
    bool subject_known = false;
    for (const Federation& one : app.federations) {
        if (one.issuer != issuer) continue;
        issuer_known = true;
        if (one.subject != subject) continue;
        subject_known = true;
        if (one.audience == audience) found = &one;
    }
    constexpr std::string_view kNone =
        "No matching federated identity record found for presented assertion";
    if (!issuer_known)
        return bad_client(700211, fmt::format("{} issuer '{}'.", kNone, shown(issuer)));
    if (!subject_known)
        return bad_client(700213, fmt::format("{} subject '{}'.", kNone, shown(subject)));
    if (found == nullptr)
        return bad_client(700212, fmt::format("{} audience '{}'.", kNone, shown(audience)));
    const auto kid = jwt.header_text("kid");
    const bool good =
        jwt.header_text("alg") == "RS256" &&
        std::any_of(found->keys.begin(), found->keys.end(), [&](const auto& one) {
            return (one.kid.empty() || one.kid == kid) && one.key.verifies(jwt, Algorithm::Rs256);
        });
    if (!good)
        return bad_client(
            700027, "Client assertion failed signature validation with the issuer's keys."
        );
    return check_times(jwt, std::nullopt, now);
}

bool Replays::first(std::string key, SystemTime until, SystemTime now) {
    if (seen_.size() >= kMostSeen)
        std::erase_if(seen_, [&](const auto& one) { return one.second <= now; });
    const auto it = seen_.find(key);
    if (it != seen_.end() && it->second > now) return false;
    seen_.insert_or_assign(std::move(key), until);
    return true;
}

}  // namespace graphhook::emulator
