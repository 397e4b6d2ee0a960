#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace graphhook::emulator {

/// What is forged in one notification with resource data, on purpose.
enum class Forged {
    // The token in place of the genuine one of the item's app and tenant.
    AlgNone,
    AlgNoneMixedCase,
    Hs256PublicKey,
    Rs384,
    Rs512,
    Ps256,
    Es256,
    NoKid,
    UnknownKid,
    ForeignKey,
    ForeignKeyOurKid,
    ConsumerKey,
    EmbeddedJwk,
    Jku,
    X5c,
    WrongAudience,
    WrongIssuer,
    IssuerHost,
    WrongTenantId,
    WrongPublisher,
    NoPublisher,
    WrongVersion,
    V1AzpOnly,
    V2AppidOnly,
    Expired,
    NotYetValid,
    NoExpiry,
    ExpiryText,
    BadSignature,
    NoSignature,
    TamperedClaims,
    OtherTenant,
    OtherApp,
    DuplicateClaims,
    Oversized,
    Garbage,
    // The member validationTokens as a whole.
    TokensMissing,
    TokensNull,
    TokensNullElement,
    TokensEmpty,
    TokensText,
    ThousandBadTokens,
    ThousandTokens,
    // The item's encryptedContent.
    ForeignDataKey,
    ShortDataKey,
    OaepSha256,
    SignatureOverText,
    WrongDataSignature,
    WrongPadding,
    SwappedData,
    NotJson,
    TruncatedData,
    NoData,
    NoDataKey,
    NoDataSignature,
    NotBase64,
    ContentText,
    ContentEmpty,
    NoThumbprint,
    UnknownCertificateId,
    UnknownCertificate,
};

enum class ForgeryScope { Token, Post, Item };

/// What a receiver has to do with the item.
enum class Verdict {
    Refuse,   ///< never to a handler
    Wait,     ///< not yet provable, or not yet readable: never to a handler as things are
    Deliver,  ///< it is genuine
};
std::string_view to_string(ForgeryScope scope) noexcept;
std::string_view to_string(Verdict verdict) noexcept;

struct ForgeryKind {
    Forged what;
    std::string_view name;
    ForgeryScope scope;
    Verdict verdict;
    std::string_view sent;  ///< what is sent, in words
};

std::span<const ForgeryKind> forgery_kinds() noexcept;
/// Null if there is none of this name.
const ForgeryKind* find_forgery(std::string_view name) noexcept;

}  // namespace graphhook::emulator
