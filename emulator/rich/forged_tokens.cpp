#include "core/base64.hpp"
#include "core/openssl.hpp"
#include "emulator/rich/tokens.hpp"
#include "emulator/subscription.hpp"

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/hmac.h>

#include <array>
#include <memory>
#include <span>
#include <stdexcept>

namespace graphhook::emulator {
namespace {

using boost::json::object;

constexpr std::string_view kNobody = "deadbeef-0000-4000-8000-000000000bad";
constexpr std::int64_t kHour = 3'600;
constexpr std::size_t kOversize = 17 * 1'024;

const unsigned char* bytes_of(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
}

std::string signed_text(const object& header, std::string_view claims) {
    return to_base64url(boost::json::serialize(header)) + "." + to_base64url(claims);
}

std::string hmac_sha256(std::string_view secret, std::string_view text) {
    std::array<unsigned char, 32> mac{};
    unsigned int size = 0;
    ::HMAC(
        ::EVP_sha256(), secret.data(), static_cast<int>(secret.size()), bytes_of(text), text.size(),
        mac.data(), &size
    );
    return to_base64url(std::span<const unsigned char>(mac));
}

/// With a key that is thrown away; r and s side by side, as JWTs have it.
std::string ecdsa_sha256(std::string_view text) {
    const OpensslOwned<EVP_PKEY> key(::EVP_EC_gen("P-256"));
    const OpensslOwned<EVP_MD_CTX> context(::EVP_MD_CTX_new());
    std::array<unsigned char, 128> der{};
    std::size_t size = der.size();
    if (!key || !context ||
        ::EVP_DigestSignInit(context.get(), nullptr, ::EVP_sha256(), nullptr, key.get()) != 1 ||
        ::EVP_DigestSign(context.get(), der.data(), &size, bytes_of(text), text.size()) != 1)
        throw std::runtime_error("OpenSSL cannot sign");
    const unsigned char* at = der.data();
    struct Free {
        void operator()(ECDSA_SIG* signature) const noexcept { ::ECDSA_SIG_free(signature); }
    };
    const std::unique_ptr<ECDSA_SIG, Free> signature(
        ::d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(size))
    );
    std::array<unsigned char, 64> raw{};
    ::BN_bn2binpad(::ECDSA_SIG_get0_r(signature.get()), raw.data(), 32);
    ::BN_bn2binpad(::ECDSA_SIG_get0_s(signature.get()), raw.data() + 32, 32);
    return to_base64url(std::span<const unsigned char>(raw));
}

std::string with_key(const SigningKey& key, const object& header, std::string_view claims) {
    const auto text = signed_text(header, claims);
    const auto& alg = header.at("alg").as_string();
    return text + "." + to_base64url(key.signature(text, std::string_view(alg)));
}

/// The JSON with a member more at its start, whether there is one of that name or not.
std::string with_first(const object& claims, std::string_view member) {
    return fmt::format("{{{},{}", member, boost::json::serialize(claims).substr(1));
}

object header_for(const SigningKey& key) {
    return {{"typ", "JWT"}, {"alg", "RS256"}, {"x5t", key.thumbprint()}, {"kid", key.id()}};
}

void rename(object& json, std::string_view from, std::string_view to) {
    if (!json.contains(from)) return;
    const boost::json::value kept = json.at(from);
    json.erase(from);
    json[to] = kept;
}

}  // namespace

std::string ValidationTokens::bad(std::uint64_t index) const {
    const object header{{"typ", "JWT"}, {"alg", "RS256"}, {"kid", keys_.signing().id()}};
    return signed_text(header, fmt::format(R"({{"aud":"nobody","n":{}}})", index)) + ".AAAA";
}

/// Where one claim is wrong, and the signature is right.
object ValidationTokens::forged_claims(Forged what, const TokenOwner& owner, TokenVersion version)
    const {
    const bool v1 = version == TokenVersion::V1;
    const std::string nobody(kNobody);
    auto made = claims(owner, version);
    switch (what) {
        case Forged::WrongAudience:
            made["aud"] = nobody;
            break;
        case Forged::WrongIssuer:
            made["iss"] = claims({owner.app, nobody}, version).at("iss");
            break;
        case Forged::IssuerHost:
            made["iss"] = v1 ? fmt::format("https://sts.windows.example/{}/", owner.tenant)
                             : fmt::format("https://login.example/{}/v2.0", owner.tenant);
            break;
        case Forged::WrongTenantId:
            made["tid"] = nobody;
            break;
        case Forged::WrongPublisher:
            made[v1 ? "appid" : "azp"] = nobody;
            break;
        case Forged::NoPublisher:
            made.erase("appid");
            made.erase("azp");
            break;
        case Forged::WrongVersion:
            made["ver"] = "3.0";
            break;
        case Forged::V1AzpOnly:
            made = claims(owner, TokenVersion::V1);
            rename(made, "appid", "azp");
            break;
        case Forged::V2AppidOnly:
            made = claims(owner, TokenVersion::V2);
            rename(made, "azp", "appid");
            break;
        case Forged::Expired:
            for (const auto* name : {"iat", "nbf"}) made[name] = now() - 25 * kHour;
            made["exp"] = now() - kHour;
            break;
        case Forged::NotYetValid:
            made["nbf"] = now() + kHour;
            break;
        case Forged::NoExpiry:
            made.erase("exp");
            break;
        case Forged::ExpiryText:
            made["exp"] = fmt::format("{}", now() + kHour);
            break;
        case Forged::OtherTenant:
            made = claims({owner.app, guid_of("another tenant")}, version);
            break;
        case Forged::OtherApp:
            made = claims({guid_of("another app"), owner.tenant}, version);
            break;
        case Forged::Oversized:
            made["padding"] = std::string(kOversize, 'x');
            break;
        default:
            break;
    }
    return made;
}

/// Where header, key or algorithm is wrong, and the claims are right. Empty for all others.
std::string ValidationTokens::forged_header(Forged what, const object& claims) {
    const SigningKey& key = keys_.signing();
    auto header = header_for(key);
    const auto body = boost::json::serialize(claims);
    switch (what) {
        case Forged::AlgNone:
        case Forged::AlgNoneMixedCase:
            header["alg"] = what == Forged::AlgNone ? "none" : "nOnE";
            return signed_text(header, body) + ".";
        case Forged::Hs256PublicKey: {
            header["alg"] = "HS256";
            const auto text = signed_text(header, body);
            return text + "." + hmac_sha256(key.public_pem(), text);
        }
        case Forged::Rs384:
        case Forged::Rs512:
        case Forged::Ps256:
            header["alg"] = what == Forged::Rs384   ? "RS384"
                            : what == Forged::Rs512 ? "RS512"
                                                    : "PS256";
            return with_key(key, header, body);
        case Forged::Es256: {
            header["alg"] = "ES256";
            const auto text = signed_text(header, body);
            return text + "." + ecdsa_sha256(text);
        }
        case Forged::NoKid:
            header.erase("kid");
            header.erase("x5t");
            return with_key(key, header, body);
        case Forged::UnknownKid:
            header["kid"] = "no-key-has-this-kid";
            header.erase("x5t");
            return with_key(key, header, body);
        case Forged::ForeignKey:
            return with_key(made_once(foreign_), header_for(made_once(foreign_)), body);
        case Forged::ForeignKeyOurKid:
            return with_key(made_once(foreign_), header, body);
        case Forged::ConsumerKey:
            return with_key(made_once(consumer_), header_for(made_once(consumer_)), body);
        case Forged::EmbeddedJwk: {
            auto jwk = made_once(foreign_).to_jwk("");
            for (const auto* name : {"issuer", "x5c", "x5t"}) jwk.erase(name);
            jwk["kid"] = key.id();
            header["jwk"] = std::move(jwk);
            return with_key(made_once(foreign_), header, body);
        }
        case Forged::Jku:
            header = header_for(made_once(foreign_));
            header["kid"] = key.id();
            header["jku"] = foreign_keys_url_;
            return with_key(made_once(foreign_), header, body);
        case Forged::X5c:
            header["x5t"] = made_once(foreign_).thumbprint();
            header["x5c"] =
                boost::json::array{boost::json::string(to_base64(made_once(foreign_).certificate()))
                };
            return with_key(made_once(foreign_), header, body);
        default:
            return {};
    }
}

/// Where the text is wrong. Empty for all others.
std::string ValidationTokens::forged_text(
    Forged what, const TokenOwner& owner, TokenVersion version
) {
    const SigningKey& key = keys_.signing();
    const auto header = header_for(key);
    switch (what) {
        case Forged::BadSignature: {
            auto text = key.sign(claims(owner, version));
            char& first = text[text.rfind('.') + 1];
            first = first == 'A' ? 'B' : 'A';
            return text;
        }
        case Forged::NoSignature:
            return signed_text(header, boost::json::serialize(claims(owner, version))) + ".";
        case Forged::TamperedClaims: {
            const auto other = key.sign(claims({owner.app, guid_of("another tenant")}, version));
            return signed_text(header, boost::json::serialize(claims(owner, version))) +
                   other.substr(other.rfind('.'));
        }
        case Forged::DuplicateClaims:
            return with_key(
                key, header,
                with_first(claims(owner, version), fmt::format(R"("aud":"{}")", kNobody))
            );
        case Forged::Garbage:
            return "bm90.YQ.dG9rZW4";
        default:
            return {};
    }
}

std::string ValidationTokens::forged(Forged what, const TokenOwner& owner, TokenVersion version) {
    auto text = forged_header(what, claims(owner, version));
    if (text.empty()) text = forged_text(what, owner, version);
    if (text.empty()) text = keys_.signing().sign(forged_claims(what, owner, version));
    return text;
}

}  // namespace graphhook::emulator
