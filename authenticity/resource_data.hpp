#pragma once

#include "authenticity/keyring.hpp"
#include "authenticity/reason.hpp"
#include "core/secret.hpp"

#include <string>
#include <string_view>
#include <variant>

namespace graphhook::authenticity {

// Decryption of resource data: RSA-OAEP (SHA-1, MGF1-SHA-1) for the key, HMAC-SHA256 over the
// ciphertext, AES-256-CBC with the key's first half as IV. Facts: Microsoft's page "Set up change
// notifications that include resource data", and the official SDKs.

/// An item's `encryptedContent`, still in base64.
struct EncryptedContent {
    std::string data, data_key, data_signature;
    std::string certificate_id, thumbprint;
};
/// From an item as it is stored (JSON), in any case of letters of the member's name. Reason:
/// ContentMalformed (also where it has none).
[[nodiscard]] std::variant<EncryptedContent, Reason> read_encrypted_content(std::string_view item);

/// The plaintext, or why there is none: ContentMalformed, DataKey, DataSignature, DataCiphertext,
/// DataJson. Nothing is decrypted before its signature is right; a wrong data key takes as long as
/// a right one; keys are wiped. Threads: any, best few and long-lived ones: each keeps a copy of
/// the keys it used last (a copy of one that is gone goes with the thread's next call). Throws
/// std::runtime_error where OpenSSL itself fails, which says nothing of the item. NoPrivateKey: of
/// this key only the certificate is there.
[[nodiscard]] std::variant<Secret, Reason> decrypt(
    const EncryptedContent& content, const EncryptionKey& key
);
/// The same from the bytes that the base64 stands for.
[[nodiscard]] std::variant<Secret, Reason> decrypt_bytes(
    std::string_view data, std::string_view wrapped, std::string_view signature,
    const EncryptionKey& key
);

}  // namespace graphhook::authenticity
