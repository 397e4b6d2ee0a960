#pragma once

#include "authenticity/key_set.hpp"
#include "authenticity/keyring.hpp"
#include "core/clock.hpp"
#include "core/openssl.hpp"

#include <boost/json/object.hpp>

#include <memory>
#include <string>
#include <string_view>

namespace graphhook::test {

inline constexpr std::string_view kTenantId = "84bd8158-6d4d-4958-8b9f-9d6445542f95";
inline constexpr std::string_view kClientId = "8e460676-ae3f-4b1e-8790-ee0fb5d6148f";
inline constexpr std::string_view kLogin = "https://login.microsoftonline.com";

/// Signs validation tokens as the identity platform does.
class TokenSigner {
  public:
    explicit TokenSigner(std::string kid = "signing-key-1");

    [[nodiscard]] std::string token(const boost::json::object& claims) const;
    /// Any header, signed all the same.
    [[nodiscard]] std::string token(
        const boost::json::object& header, const boost::json::object& claims
    ) const;
    /// What the identity platform's key document says of it; without an issuer if that is empty.
    [[nodiscard]] std::string jwks(
        std::string_view issuer = "https://login.microsoftonline.com/{tenantid}/v2.0"
    ) const;
    /// A v2 key set as fetched then.
    [[nodiscard]] authenticity::KeySetsPtr sets(SystemTime fetched_at) const;

  private:
    std::string kid_;
    OpensslOwned<EVP_PKEY> key_;
};

/// Claims of a genuine v2 token that was made then, good for a day.
[[nodiscard]] boost::json::object genuine_claims(
    SystemTime at, std::string_view tenant_id = kTenantId, std::string_view client_id = kClientId
);

/// `encryptedContent` for that key.
[[nodiscard]] boost::json::object encrypted_content(
    const authenticity::EncryptionKey& key, std::string_view plaintext
);

}  // namespace graphhook::test
