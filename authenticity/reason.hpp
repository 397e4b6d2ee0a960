#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace graphhook::authenticity {

/// Why something is not proved. The texts are values of the label `reason`, and how the reason of
/// what is in the quarantine begins.
enum class Reason : std::uint8_t {
    None,
    // Not yet provable: it waits.
    TokensNull,   ///< `validationTokens` is null, or all its elements are: the app's registration.
    KeysMissing,  ///< No key set was ever fetched, or the last one is older than seven days.
    KeyUnknown,   ///< No key of that `kid`; the key sets are not yet a day younger than the item.
    ClockDoubtful,  ///< Too early or too late by a clock that is known to be wrong.
    NoPrivateKey,   ///< No key of that certificate is in the keyring: a rotation may be under way.
    // Proved false: into the quarantine.
    TokensMissing,    ///< A rich item came without any token.
    TokenMalformed,   ///< No JWS in compact form, over 16 KiB, a member twice, a wrong type.
    TokenAlgorithm,   ///< Anything but RS256, or a header that brings its own key.
    TokenKeyUnknown,  ///< No key of that `kid`, and key sets a day younger than the item say so
                      ///< too.
    TokenSignature,
    TokenExpired,
    TokenNotYetValid,
    TokenAudience,     ///< Not for one of our applications.
    TokenPublisher,    ///< Not by Microsoft Graph Change Tracking.
    TokenIssuer,       ///< Not the issuer of that tenant, cloud and key.
    TokenCoverage,     ///< Good tokens, but none of the item's tenant and application.
    ContentMalformed,  ///< `encryptedContent` lacks a member, or is not base64.
    DataKey,           ///< Not for this key, or not 32 bytes.
    DataSignature,
    DataCiphertext,  ///< Padding or length.
    DataJson,        ///< What was decrypted is not a JSON object in UTF-8.
};

/// "key_unknown", "token_signature", …
[[nodiscard]] std::string_view to_string(Reason reason) noexcept;
/// All but None.
[[nodiscard]] std::vector<Reason> all_reasons();
/// For reading what to_string wrote.
[[nodiscard]] std::optional<Reason> reason_named(std::string_view text) noexcept;
/// Whether waiting may help; the others are proved false.
[[nodiscard]] constexpr bool may_be_proved_later(Reason reason) noexcept {
    return reason >= Reason::TokensNull && reason <= Reason::NoPrivateKey;
}

}  // namespace graphhook::authenticity
