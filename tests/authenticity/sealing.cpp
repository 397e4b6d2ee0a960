#include "tests/authenticity/sealing.hpp"

#include "core/base64.hpp"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>

#include <array>
#include <memory>
#include <stdexcept>
#include <utility>

namespace graphhook::test {
namespace {

void require(bool condition) {
    if (!condition) throw std::runtime_error("OpenSSL failed");
}

template <class Write>
std::string written(Write write) {
    const OpensslOwned<BIO> bio(::BIO_new(::BIO_s_mem()));
    require(bio != nullptr && write(bio.get()) == 1);
    char* data = nullptr;
    const long size = BIO_get_mem_data(bio.get(), &data);
    return {data, static_cast<std::size_t>(size)};
}

const unsigned char* raw(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
}

unsigned char* raw(std::string& text) {
    return reinterpret_cast<unsigned char*>(text.data());
}

}  // namespace

OpensslOwned<EVP_PKEY> make_rsa(int bits) {
    const OpensslOwned<EVP_PKEY_CTX> context(::EVP_PKEY_CTX_new_id(EVP_PKEY_RSA, nullptr));
    require(context && ::EVP_PKEY_keygen_init(context.get()) == 1);
    require(::EVP_PKEY_CTX_set_rsa_keygen_bits(context.get(), bits) == 1);
    // Of four primes where that is allowed: made in a tenth of the time, and as good for a test.
    if (bits > 4096) require(::EVP_PKEY_CTX_set_rsa_keygen_primes(context.get(), 4) == 1);
    EVP_PKEY* key = nullptr;
    require(::EVP_PKEY_keygen(context.get(), &key) == 1);
    return OpensslOwned<EVP_PKEY>(key);
}

OpensslOwned<X509> make_certificate_of(
    EVP_PKEY* key, std::chrono::seconds begins_in, std::chrono::seconds ends_in
) {
    OpensslOwned<X509> made(::X509_new());
    require(made != nullptr);
    X509_NAME* const name = ::X509_get_subject_name(made.get());
    const auto* const common = reinterpret_cast<const unsigned char*>("test.example");
    require(
        ::X509_set_version(made.get(), X509_VERSION_3) == 1 &&
        ::ASN1_INTEGER_set_int64(::X509_get_serialNumber(made.get()), 7) == 1 &&
        ::X509_gmtime_adj(::X509_getm_notBefore(made.get()), begins_in.count()) != nullptr &&
        ::X509_gmtime_adj(::X509_getm_notAfter(made.get()), ends_in.count()) != nullptr &&
        ::X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, common, -1, -1, 0) == 1 &&
        ::X509_set_issuer_name(made.get(), name) == 1 && ::X509_set_pubkey(made.get(), key) == 1 &&
        ::X509_sign(made.get(), key, ::EVP_sha256()) > 0
    );
    return made;
}

Pair make_pair(int bits) {
    Pair pair{make_rsa(bits), nullptr};
    pair.certificate = make_certificate_of(pair.key.get());
    return pair;
}

std::string certificate_pem(X509* certificate) {
    return written([&](BIO* bio) { return ::PEM_write_bio_X509(bio, certificate); });
}

std::string certificate_der(X509* certificate) {
    return written([&](BIO* bio) { return ::i2d_X509_bio(bio, certificate); });
}

std::string key_pem(EVP_PKEY* key, const std::string& passphrase) {
    return written([&](BIO* bio) {
        return ::PEM_write_bio_PKCS8PrivateKey(
            bio, key, passphrase.empty() ? nullptr : ::EVP_aes_256_cbc(),
            passphrase.empty() ? nullptr : passphrase.data(), static_cast<int>(passphrase.size()),
            nullptr, nullptr
        );
    });
}

std::string key_der(EVP_PKEY* key) {
    return written([&](BIO* bio) { return ::i2d_PrivateKey_bio(bio, key); });
}

std::string pkcs12(const Pair& pair, const std::string& passphrase) {
    PKCS12* const bag = ::PKCS12_create(
        passphrase.c_str(), "test", pair.key.get(), pair.certificate.get(), nullptr, 0, 0, 0, 0, 0
    );
    require(bag != nullptr);
    std::string text = written([&](BIO* bio) { return ::i2d_PKCS12_bio(bio, bag); });
    ::PKCS12_free(bag);
    return text;
}

std::string wrap_key(EVP_PKEY* key, std::string_view data_key, const EVP_MD* hash) {
    const OpensslOwned<EVP_PKEY_CTX> context(::EVP_PKEY_CTX_new(key, nullptr));
    require(
        context && ::EVP_PKEY_encrypt_init(context.get()) == 1 &&
        ::EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_OAEP_PADDING) == 1 &&
        ::EVP_PKEY_CTX_set_rsa_oaep_md(context.get(), hash) == 1 &&
        ::EVP_PKEY_CTX_set_rsa_mgf1_md(context.get(), hash) == 1
    );
    std::string out(static_cast<std::size_t>(::EVP_PKEY_get_size(key)), '\0');
    std::size_t size = out.size();
    require(
        ::EVP_PKEY_encrypt(context.get(), raw(out), &size, raw(data_key), data_key.size()) == 1
    );
    return out;
}

std::string encipher(std::string_view data_key, std::string_view plain, Padding padding) {
    const OpensslOwned<EVP_CIPHER_CTX> context(::EVP_CIPHER_CTX_new());
    require(
        context && ::EVP_EncryptInit_ex(
                       context.get(), ::EVP_aes_256_cbc(), nullptr, raw(data_key), raw(data_key)
                   ) == 1
    );
    ::EVP_CIPHER_CTX_set_padding(context.get(), padding == Padding::Pkcs7 ? 1 : 0);
    std::string out(plain.size() + 16, '\0');
    int size = 0;
    int rest = 0;
    require(
        ::EVP_EncryptUpdate(
            context.get(), raw(out), &size, raw(plain), static_cast<int>(plain.size())
        ) == 1 &&
        ::EVP_EncryptFinal_ex(context.get(), raw(out) + size, &rest) == 1
    );
    out.resize(static_cast<std::size_t>(size) + static_cast<std::size_t>(rest));
    return out;
}

std::string sign(std::string_view data_key, std::string_view ciphertext) {
    std::string out(32, '\0');
    unsigned int size = 0;
    require(
        ::HMAC(
            ::EVP_sha256(), data_key.data(), static_cast<int>(data_key.size()), raw(ciphertext),
            ciphertext.size(), raw(out), &size
        ) != nullptr
    );
    return out;
}

authenticity::EncryptedContent content_of(
    const std::string& wrapped, const std::string& ciphertext, const std::string& signature
) {
    return {to_base64(ciphertext), to_base64(wrapped), to_base64(signature), "test", "AB12"};
}

authenticity::EncryptedContent seal(EVP_PKEY* key, std::string_view plain) {
    std::string data_key(32, '\0');
    require(::RAND_bytes(raw(data_key), static_cast<int>(data_key.size())) == 1);
    const std::string ciphertext = encipher(data_key, plain);
    return content_of(wrap_key(key, data_key), ciphertext, sign(data_key, ciphertext));
}

authenticity::EncryptionKeyPtr key_of(OpensslOwned<EVP_PKEY> key, const std::string& id) {
    auto made = std::make_shared<authenticity::EncryptionKey>();
    made->id = id;
    made->bits = ::EVP_PKEY_get_bits(key.get());
    made->key =
        std::shared_ptr<EVP_PKEY>(key.release(), [](EVP_PKEY* one) { ::EVP_PKEY_free(one); });
    return made;
}

}  // namespace graphhook::test
