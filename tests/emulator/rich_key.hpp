#pragma once

#include "core/openssl.hpp"

#include <boost/json/object.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace graphhook::emulator::test {

/// A subscriber's key and certificate, and the way back from `encryptedContent`, written once more
/// from the protocol's steps.
class RichKey {
  public:
    explicit RichKey(std::size_t bits = 2'048);

    /// As `encryptionCertificate` wants it.
    [[nodiscard]] const std::string& certificate() const { return certificate_; }
    [[nodiscard]] const std::string& thumbprint() const { return thumbprint_; }
    /// The private key as DER in base64: what nobody may send.
    [[nodiscard]] std::string private_key() const;

    struct Opened {
        std::string plaintext;
        std::string trouble;  ///< which step failed; empty: none
    };
    [[nodiscard]] Opened open(const boost::json::object& content) const;

    /// Of dataKey; nothing if it is not for this key with this hash.
    [[nodiscard]] std::optional<std::string> unwrap(std::string_view data_key, const EVP_MD* hash)
        const;

  private:
    OpensslOwned<EVP_PKEY> key_;
    std::string certificate_;
    std::string thumbprint_;
};

std::string hmac(std::string_view key, std::string_view data);
/// Nothing if the padding is none.
std::optional<std::string> decrypt_cbc(std::string_view key, std::string_view data);

/// A token taken apart, as text.
struct Token {
    std::string signed_text;
    std::string signature;
    std::string claims_text;
    boost::json::object header;
    boost::json::object claims;
};
std::optional<Token> read_token(std::string_view text);
/// Whether the key of the key set's entry made the signature, by "RS256", "RS384", "RS512" or
/// "PS256".
bool verifies(const Token& token, const boost::json::object& jwk, std::string_view algorithm);

}  // namespace graphhook::emulator::test
