#pragma once

#include "core/error.hpp"
#include "core/openssl.hpp"

#include <memory>
#include <string>
#include <string_view>

namespace graphhook::emulator {

/// The certificate that a subscriber wants resource data encrypted for (protocol 7.1), parsed once.
/// One thread: what encrypts is kept and used again.
class EncryptionCertificate {
  public:
    /// From the property `encryptionCertificate`: base64 of DER on one line, an RSA key of 2,048 to
    /// 4,096 bits. Errc::BadInput with Graph's words for anything else.
    [[nodiscard]] static Result<std::shared_ptr<const EncryptionCertificate>> read(
        std::string_view text
    );
    /// One that nobody has, around a new key of 2,048 bits: to encrypt for somebody else.
    [[nodiscard]] static Result<std::shared_ptr<const EncryptionCertificate>> strange();

    /// Upper-case hexadecimal SHA-1 of the DER; empty for a strange one.
    [[nodiscard]] const std::string& thumbprint() const noexcept { return thumbprint_; }
    /// As it was given.
    [[nodiscard]] const std::string& text() const noexcept { return text_; }
    /// RSA-OAEP. Throws std::runtime_error if OpenSSL fails.
    [[nodiscard]] std::string wrap(std::string_view key, bool oaep_sha256) const;

  private:
    EncryptionCertificate() = default;

    std::string text_;
    std::string thumbprint_;
    OpensslOwned<EVP_PKEY> key_;
    mutable OpensslOwned<EVP_PKEY_CTX> oaep_;  // as Graph does it: SHA-1
};
using EncryptionCertificatePtr = std::shared_ptr<const EncryptionCertificate>;

/// What may be wrong with encrypted content; nothing, as it is.
struct Recipe {
    std::size_t key_size = 32;  ///< of what is in dataKey
    bool oaep_sha256 = false;
    bool sign_text = false;    ///< the signature is over the base64 text
    bool bad_padding = false;  ///< the last block's padding is none
};

/// The three members of `encryptedContent` that are made of the plaintext (protocol 7.3), in
/// base64.
struct EncryptedContent {
    std::string data;
    std::string data_key;
    std::string data_signature;
};

/// With a fresh key: AES-256-CBC, its first 16 bytes as IV; HMAC-SHA256 over the ciphertext. Throws
/// std::runtime_error if OpenSSL fails.
[[nodiscard]] EncryptedContent encrypt(
    const EncryptionCertificate& certificate, std::string_view plaintext, const Recipe& recipe = {}
);

}  // namespace graphhook::emulator
