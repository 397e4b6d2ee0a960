#include "emulator/rich/forgery.hpp"

#include <algorithm>
#include <array>

namespace graphhook::emulator {
namespace {

constexpr auto kToken = ForgeryScope::Token;
constexpr auto kPost = ForgeryScope::Post;
constexpr auto kItem = ForgeryScope::Item;
constexpr auto kRefuse = Verdict::Refuse;
constexpr auto kWait = Verdict::Wait;
constexpr auto kDeliver = Verdict::Deliver;

constexpr auto kKinds = std::to_array<ForgeryKind>({
    {Forged::AlgNone, "alg-none", kToken, kRefuse, "alg \"none\", and no signature"},
    {Forged::AlgNoneMixedCase, "alg-none-mixed-case", kToken, kRefuse, "the same, spelled \"nOnE\""
    },
    {Forged::Hs256PublicKey, "hs256-public-key", kToken, kRefuse,
     "HS256 with the public key (PEM) as secret"},
    {Forged::Rs384, "rs384", kToken, kRefuse, "RS384 with the right key"},
    {Forged::Rs512, "rs512", kToken, kRefuse, "RS512 with the right key"},
    {Forged::Ps256, "ps256", kToken, kRefuse, "PS256 with the right key"},
    {Forged::Es256, "es256", kToken, kRefuse, "ES256 with an EC key, the kid of the right key"},
    {Forged::NoKid, "no-kid", kToken, kRefuse, "no kid and no x5t in the header"},
    {Forged::UnknownKid, "unknown-kid", kToken, kWait,
     "signed with the right key, and a kid that is in no key set"},
    {Forged::ForeignKey, "foreign-key", kToken, kWait,
     "signed with a key that is not ours, its own kid"},
    {Forged::ForeignKeyOurKid, "foreign-key-our-kid", kToken, kRefuse,
     "signed with a key that is not ours, the kid of the right one"},
    {Forged::ConsumerKey, "consumer-key", kToken, kRefuse,
     "signed with a key that the key sets hold for the tenant of personal accounts only"},
    {Forged::EmbeddedJwk, "embedded-jwk", kToken, kRefuse,
     "signed with a key that is not ours, which stands in the header as jwk"},
    {Forged::Jku, "jku", kToken, kRefuse, "the same, and jku leads to where the key is"},
    {Forged::X5c, "x5c", kToken, kRefuse, "the same, its certificate in the header as x5c and x5t"},
    {Forged::WrongAudience, "wrong-audience", kToken, kRefuse, "aud is no app of anybody"},
    {Forged::WrongIssuer, "wrong-issuer", kToken, kRefuse, "iss of another tenant than tid"},
    {Forged::IssuerHost, "issuer-host", kToken, kRefuse, "iss on another host"},
    {Forged::WrongTenantId, "wrong-tenant-id", kToken, kRefuse, "tid of another tenant than iss"},
    {Forged::WrongPublisher, "wrong-publisher", kToken, kRefuse,
     "azp (appid) is not Graph's change tracking"},
    {Forged::NoPublisher, "no-publisher", kToken, kRefuse, "neither azp nor appid"},
    {Forged::WrongVersion, "wrong-version", kToken, kRefuse, "ver \"3.0\""},
    {Forged::V1AzpOnly, "v1-azp-only", kToken, kRefuse, "ver \"1.0\" with azp, without appid"},
    {Forged::V2AppidOnly, "v2-appid-only", kToken, kRefuse, "ver \"2.0\" with appid, without azp"},
    {Forged::Expired, "expired", kToken, kRefuse, "exp an hour ago"},
    {Forged::NotYetValid, "not-yet-valid", kToken, kRefuse, "nbf in an hour"},
    {Forged::NoExpiry, "no-expiry", kToken, kRefuse, "no exp"},
    {Forged::ExpiryText, "expiry-text", kToken, kRefuse, "exp is text"},
    {Forged::BadSignature, "bad-signature", kToken, kRefuse, "one bit of the signature is changed"},
    {Forged::NoSignature, "no-signature", kToken, kRefuse, "RS256, and nothing after the last dot"},
    {Forged::TamperedClaims, "tampered-claims", kToken, kRefuse,
     "claims of another token of ours, changed to fit after it was signed"},
    {Forged::OtherTenant, "other-tenant", kToken, kRefuse, "a good token, for another tenant"},
    {Forged::OtherApp, "other-app", kToken, kRefuse, "a good token, for another app"},
    {Forged::DuplicateClaims, "duplicate-claims", kToken, kRefuse,
     "aud twice, another app's and the right one, signed so"},
    {Forged::Oversized, "oversized", kToken, kRefuse, "17 KiB long, otherwise good"},
    {Forged::Garbage, "garbage", kToken, kRefuse, "three parts that are no JSON"},
    {Forged::TokensMissing, "tokens-missing", kPost, kRefuse, "no validationTokens"},
    {Forged::TokensNull, "tokens-null", kPost, kRefuse, "validationTokens is null"},
    {Forged::TokensNullElement, "tokens-null-element", kPost, kRefuse, "[null]"},
    {Forged::TokensEmpty, "tokens-empty", kPost, kRefuse, "[]"},
    {Forged::TokensText, "tokens-text", kPost, kRefuse, "the good token as text, not in an array"},
    {Forged::ThousandBadTokens, "thousand-bad-tokens", kPost, kRefuse, "1,000 different bad ones"},
    {Forged::ThousandTokens, "thousand-tokens", kPost, kDeliver,
     "999 different bad ones, and last the good one"},
    {Forged::ForeignDataKey, "foreign-data-key", kItem, kRefuse, "dataKey is for another RSA key"},
    {Forged::ShortDataKey, "short-data-key", kItem, kRefuse, "the key in dataKey has 31 bytes"},
    {Forged::OaepSha256, "oaep-sha256", kItem, kRefuse, "dataKey with OAEP and SHA-256"},
    {Forged::SignatureOverText, "signature-over-text", kItem, kRefuse,
     "dataSignature over the base64 text of data"},
    {Forged::WrongDataSignature, "wrong-data-signature", kItem, kRefuse,
     "one bit of dataSignature is changed"},
    {Forged::WrongPadding, "wrong-padding", kItem, kRefuse,
     "the last block of data ends in no padding; dataSignature fits"},
    {Forged::SwappedData, "swapped-data", kItem, kRefuse,
     "data of the next item with this forgery in the POST, which gets ours; alone: of one never "
     "sent"},
    {Forged::NotJson, "not-json", kItem, kRefuse, "the plaintext is no JSON; all else is right"},
    {Forged::TruncatedData, "truncated-data", kItem, kRefuse,
     "data ends in the middle of a block; dataSignature is as it was"},
    {Forged::NoData, "no-data", kItem, kRefuse, "encryptedContent without data"},
    {Forged::NoDataKey, "no-data-key", kItem, kRefuse, "without dataKey"},
    {Forged::NoDataSignature, "no-data-signature", kItem, kRefuse, "without dataSignature"},
    {Forged::NotBase64, "not-base64", kItem, kRefuse, "data holds what is no base64"},
    {Forged::ContentText, "content-text", kItem, kRefuse, "encryptedContent is text"},
    {Forged::ContentEmpty, "content-empty", kItem, kRefuse, "encryptedContent is {}"},
    {Forged::NoThumbprint, "no-thumbprint", kItem, kDeliver,
     "without encryptionCertificateThumbprint; the id says which key"},
    {Forged::UnknownCertificateId, "unknown-certificate-id", kItem, kDeliver,
     "an id that nobody gave, and the right thumbprint"},
    {Forged::UnknownCertificate, "unknown-certificate", kItem, kWait,
     "id and thumbprint that nobody knows"},
});

}  // namespace

std::string_view to_string(ForgeryScope scope) noexcept {
    switch (scope) {
        case ForgeryScope::Token:
            return "token";
        case ForgeryScope::Post:
            return "post";
        case ForgeryScope::Item:
            return "item";
    }
    return "";
}

std::string_view to_string(Verdict verdict) noexcept {
    switch (verdict) {
        case Verdict::Refuse:
            return "refuse";
        case Verdict::Wait:
            return "wait";
        case Verdict::Deliver:
            return "deliver";
    }
    return "";
}

std::span<const ForgeryKind> forgery_kinds() noexcept {
    return kKinds;
}

const ForgeryKind* find_forgery(std::string_view name) noexcept {
    const auto it = std::find_if(kKinds.begin(), kKinds.end(), [&](const auto& one) {
        return one.name == name;
    });
    return it == kKinds.end() ? nullptr : &*it;
}

}  // namespace graphhook::emulator
