#pragma once

#include "core/clock.hpp"
#include "core/error.hpp"
#include "core/openssl.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace graphhook::authenticity {

/// Which of the identity platform's two endpoints a key set or an issuer belongs to.
enum class Version : std::uint8_t { V1 = 1, V2 = 2 };

/// A public key that signs tokens.
struct SigningKey {
    std::string kid;
    /// Template such as "https://login.microsoftonline.com/{tenantid}/v2.0"; empty: the document
    /// names none for this key.
    std::string issuer;
    std::shared_ptr<EVP_PKEY> key;  ///< RSA. Never nullptr.
    /// When it was last in the document. A key that vanished proves only what was received until a
    /// day after that.
    SystemTime last_seen;
};

/// One key set of one authority, as fetched, and the keys of earlier ones that have vanished since
/// for less than seven days.
struct KeySet {
    std::string login;  ///< Base of the authority: "https://login.microsoftonline.com".
    Version version = Version::V2;
    std::string issuer;  ///< The metadata's template; what tokens of this version have to name.
    SystemTime fetched_at;
    std::vector<SigningKey> keys;
};

/// Reads a JWKS document (RFC 7517): RSA keys for signatures; others are passed by. `now` becomes
/// fetched_at and last_seen. Errc::BadInput: it is no such document, or holds no usable key.
[[nodiscard]] Result<KeySet> parse_key_set(
    std::string_view json, std::string login, Version version, std::string issuer, SystemTime now
);
/// `fresh`, and what `before` holds beyond it for less than seven days.
[[nodiscard]] KeySet merged(KeySet fresh, const KeySet& before);

/// For keeping over a restart: all of it as JSON, and back.
[[nodiscard]] std::string to_text(const KeySet& set);
[[nodiscard]] Result<KeySet> key_set_from_text(std::string_view text);

/// All key sets at hand, immutable. Threads: any.
struct KeySets {
    std::vector<KeySet> sets;
    /// How much our clock is ahead of the identity platform's, as its last replies showed; a doubt
    /// from five minutes on.
    std::chrono::seconds clock_ahead{0};

    [[nodiscard]] bool clock_doubtful() const noexcept;
};
using KeySetsPtr = std::shared_ptr<const KeySets>;

/// A key set older than this proves nothing.
inline constexpr std::chrono::hours kKeySetLife{7 * 24};
/// The issuers that Microsoft's own clouds name, by authority; empty for any other, whose metadata
/// says it. Sources: OpenID metadata of the common endpoints; for China v1 both forms occur.
[[nodiscard]] std::vector<std::string> issuers_of(std::string_view login, Version version);

}  // namespace graphhook::authenticity
