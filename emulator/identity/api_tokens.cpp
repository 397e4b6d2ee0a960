#include "emulator/identity/api_tokens.hpp"

#include "emulator/identity/scopes.hpp"
#include "emulator/subscription.hpp"

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace graphhook::emulator {
namespace {

using boost::json::object;

constexpr std::string_view kGraph = "https://graph.microsoft.com";
constexpr std::string_view kNobody = "deadbeef-0000-4000-8000-000000000bad";
constexpr std::int64_t kHour = 3'600;
/// In the order of ApiForgery.
constexpr std::array<std::string_view, 8> kForgeries = {"expired",  "audience",    "signature",
                                                        "alg-none", "key-unknown", "issuer",
                                                        "app-only", "id-token"};

/// As the discovery documents of both versions name it (protocol 7.9).
std::string issuer_of(TokenVersion version, std::string_view tenant) {
    return version == TokenVersion::V1
               ? fmt::format("https://sts.windows.net/{}/", tenant)
               : fmt::format("https://login.microsoftonline.com/{}/v2.0", tenant);
}

object header_for(const SigningKey& key) {
    return {{"typ", "JWT"}, {"alg", "RS256"}, {"x5t", key.thumbprint()}, {"kid", key.id()}};
}

std::string text_of(const object& header, const object& claims) {
    return base64url(boost::json::serialize(header)) + "." +
           base64url(boost::json::serialize(claims));
}

}  // namespace

std::span<const std::string_view> api_forgery_names() noexcept {
    return kForgeries;
}

std::optional<ApiForgery> find_api_forgery(std::string_view name) noexcept {
    const auto found = std::find(kForgeries.begin(), kForgeries.end(), name);
    if (found == kForgeries.end()) return std::nullopt;
    return static_cast<ApiForgery>(found - kForgeries.begin());
}

object ApiTokens::claims(const ApiAccess& access) const {
    const auto since = clock_.system_now().time_since_epoch();
    const auto now = std::chrono::duration_cast<std::chrono::seconds>(since).count();
    const bool v1 = access.version == TokenVersion::V1;
    const User& user = access.user;
    object made;
    made["aud"] = v1 ? access.audience : access.api;
    made["iss"] = issuer_of(access.version, user.tenant);
    made["iat"] = now;
    made["nbf"] = now;
    made["exp"] = now + life_.count();
    made[v1 ? "appid" : "azp"] = access.client;
    made[v1 ? "appidacr" : "azpacr"] = "0";
    made["oid"] = user.id;
    made[v1 ? "upn" : "preferred_username"] = user.name;
    made["scp"] = joined(access.scopes);
    made["sub"] = guid_of("subject " + user.id + " of " + access.api);
    made["tid"] = user.tenant;
    made["uti"] = random_guid();
    made["ver"] = v1 ? "1.0" : "2.0";
    return made;
}

object ApiTokens::forged_claims(ApiForgery what, const ApiAccess& access) const {
    auto made = claims(access);
    switch (what) {
        case ApiForgery::Expired:
            for (const auto* name : {"iat", "nbf"})
                made[name] = made.at(name).as_int64() - life_.count() - kHour;
            made["exp"] = made.at("exp").as_int64() - life_.count() - kHour;
            break;
        case ApiForgery::Audience:
            made["aud"] = kGraph;
            break;
        case ApiForgery::Issuer:
            made["iss"] = issuer_of(access.version, kNobody);
            break;
        case ApiForgery::AppOnly: {
            const auto principal = guid_of("principal of " + access.client);
            for (const auto* name : {"scp", "upn", "preferred_username"}) made.erase(name);
            made["idtyp"] = "app";
            made["oid"] = principal;
            made["sub"] = principal;
            made["roles"] = boost::json::array(access.scopes.begin(), access.scopes.end());
            break;
        }
        case ApiForgery::IdToken:
            for (const auto* name : {"scp", "appid", "appidacr", "azp", "azpacr"}) made.erase(name);
            made["aud"] = access.api;
            made["nonce"] = random_guid();
            break;
        default:
            break;
    }
    return made;
}

std::string ApiTokens::genuine(const ApiAccess& access) const {
    return keys_.signing().sign(claims(access));
}

std::string ApiTokens::forged(ApiForgery what, const ApiAccess& access) const {
    const SigningKey& key = keys_.signing();
    const auto claims = forged_claims(what, access);
    auto header = header_for(key);
    if (what == ApiForgery::AlgNone) {
        header["alg"] = "none";
        return text_of(header, claims) + ".";
    }
    if (what == ApiForgery::KeyUnknown) {
        header["kid"] = "no-key-has-this-kid";
        header.erase("x5t");
        const auto text = text_of(header, claims);
        return text + "." + base64url(key.signature(text, "RS256"));
    }
    auto text = key.sign(claims);
    if (what == ApiForgery::Signature) {
        char& first = text[text.rfind('.') + 1];
        first = first == 'A' ? 'B' : 'A';
    }
    return text;
}

}  // namespace graphhook::emulator
