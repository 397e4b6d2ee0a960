#pragma once

#include "authenticity/keyring.hpp"
#include "authenticity/resource_data.hpp"
#include "core/openssl.hpp"

#include <chrono>
#include <string>
#include <string_view>

namespace graphhook::test {

/// An RSA key and its self-issued certificate. All of these throw if OpenSSL fails.
struct Pair {
    OpensslOwned<EVP_PKEY> key;
    OpensslOwned<X509> certificate;
};
OpensslOwned<EVP_PKEY> make_rsa(int bits);
OpensslOwned<X509> make_certificate_of(
    EVP_PKEY* key, std::chrono::seconds begins_in = std::chrono::hours(-1),
    std::chrono::seconds ends_in = std::chrono::hours(24)
);
Pair make_pair(int bits = 2048);

// What files hold.
std::string certificate_pem(X509* certificate);
std::string certificate_der(X509* certificate);
/// Encrypted if there is a passphrase.
std::string key_pem(EVP_PKEY* key, const std::string& passphrase = {});
std::string key_der(EVP_PKEY* key);
std::string pkcs12(const Pair& pair, const std::string& passphrase);

/// As Graph does it, step by step, so that each can be done wrong.
std::string wrap_key(EVP_PKEY* key, std::string_view data_key, const EVP_MD* hash = ::EVP_sha1());
enum class Padding : std::uint8_t { Pkcs7, None };
std::string encipher(
    std::string_view data_key, std::string_view plain, Padding padding = Padding::Pkcs7
);
std::string sign(std::string_view data_key, std::string_view ciphertext);
/// The whole, in base64.
authenticity::EncryptedContent content_of(
    const std::string& wrapped, const std::string& ciphertext, const std::string& signature
);
authenticity::EncryptedContent seal(EVP_PKEY* key, std::string_view plain);

/// A key as a keyring would have it, without a file.
authenticity::EncryptionKeyPtr key_of(OpensslOwned<EVP_PKEY> key, const std::string& id = "test");

}  // namespace graphhook::test
