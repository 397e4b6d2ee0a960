#include "emulator/rich/encryption.hpp"

#include "core/base64.hpp"

#include <fmt/format.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <span>
#include <stdexcept>

namespace graphhook::emulator {
namespace {

constexpr std::size_t kLongestCertificate = 16'384;
constexpr std::size_t kBlock = 16;
/// What is seen when it is no X.509 certificate (protocol 5.8).
constexpr std::string_view kNoCertificate =
    "Certificate validation error: Cannot find the requested object.";

const unsigned char* bytes_of(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* bytes_of(std::string& text) {
    return reinterpret_cast<unsigned char*>(text.data());
}
std::string_view text_of(std::span<const unsigned char> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

void must(bool done) {
    if (!done) throw std::runtime_error("OpenSSL cannot encrypt");
}

bool is_plain_base64(std::string_view text) {
    return text.size() % 4 == 0 && std::all_of(text.begin(), text.end(), [](unsigned char c) {
               return std::isalnum(c) != 0 || c == '+' || c == '/' || c == '=';
           });
}

OpensslOwned<EVP_PKEY_CTX> oaep_context(EVP_PKEY* key, const EVP_MD* hash) {
    OpensslOwned<EVP_PKEY_CTX> context(::EVP_PKEY_CTX_new(key, nullptr));
    must(
        context && ::EVP_PKEY_encrypt_init(context.get()) == 1 &&
        ::EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_OAEP_PADDING) == 1 &&
        ::EVP_PKEY_CTX_set_rsa_oaep_md(context.get(), hash) == 1 &&
        ::EVP_PKEY_CTX_set_rsa_mgf1_md(context.get(), hash) == 1
    );
    return context;
}

std::string wrap_with(EVP_PKEY_CTX* context, std::string_view key) {
    std::size_t size = 0;
    must(::EVP_PKEY_encrypt(context, nullptr, &size, bytes_of(key), key.size()) == 1);
    std::string wrapped(size, '\0');
    must(::EVP_PKEY_encrypt(context, bytes_of(wrapped), &size, bytes_of(key), key.size()) == 1);
    wrapped.resize(size);
    return wrapped;
}

std::string encrypt_cbc(std::string_view key, std::string_view plaintext, bool bad_padding) {
    std::string padded;
    if (bad_padding) {
        // A last byte of zero is no padding, whatever stands before it.
        padded = std::string(plaintext);
        padded.append(kBlock - plaintext.size() % kBlock, '\0');
        plaintext = padded;
    }
    const OpensslOwned<EVP_CIPHER_CTX> context(::EVP_CIPHER_CTX_new());
    std::string out(plaintext.size() + kBlock, '\0');
    int first = 0;
    int last = 0;
    must(
        context &&
        ::EVP_EncryptInit_ex(
            context.get(), ::EVP_aes_256_cbc(), nullptr, bytes_of(key), bytes_of(key)
        ) == 1 &&
        ::EVP_CIPHER_CTX_set_padding(context.get(), bad_padding ? 0 : 1) == 1 &&
        ::EVP_EncryptUpdate(
            context.get(), bytes_of(out), &first, bytes_of(plaintext),
            static_cast<int>(plaintext.size())
        ) == 1 &&
        ::EVP_EncryptFinal_ex(context.get(), bytes_of(out) + first, &last) == 1
    );
    out.resize(static_cast<std::size_t>(first + last));
    return out;
}

std::string thumbprint_of(std::string_view der) {
    std::array<unsigned char, 20> digest{};
    unsigned int size = 0;
    must(::EVP_Digest(der.data(), der.size(), digest.data(), &size, ::EVP_sha1(), nullptr) == 1);
    std::string text;
    for (const auto byte : digest) text += fmt::format("{:02X}", byte);
    return text;
}

}  // namespace

Result<EncryptionCertificatePtr> EncryptionCertificate::read(std::string_view text) {
    const auto refused = [](std::string_view why = kNoCertificate) {
        return fail(Errc::BadInput, std::string(why));
    };
    if (text.size() > kLongestCertificate || !is_plain_base64(text)) return refused();
    const auto der = from_base64(text);
    if (!der || der->empty()) return refused();
    const unsigned char* at = bytes_of(std::string_view(*der));
    const OpensslOwned<X509> certificate(::d2i_X509(nullptr, &at, static_cast<long>(der->size())));
    if (!certificate || at != bytes_of(std::string_view(*der)) + der->size()) return refused();
    auto made = std::shared_ptr<EncryptionCertificate>(new EncryptionCertificate);
    made->key_.reset(::X509_get_pubkey(certificate.get()));
    if (!made->key_ || ::EVP_PKEY_is_a(made->key_.get(), "RSA") != 1)
        return refused("Certificate validation error: the key must be an RSA key.");
    const int bits = ::EVP_PKEY_get_bits(made->key_.get());
    if (bits < 2'048 || bits > 4'096)
        return refused("Certificate validation error: the key must have 2048 to 4096 bits.");
    made->text_ = std::string(text);
    made->thumbprint_ = thumbprint_of(*der);
    return EncryptionCertificatePtr(std::move(made));
}

Result<EncryptionCertificatePtr> EncryptionCertificate::strange() {
    auto made = std::shared_ptr<EncryptionCertificate>(new EncryptionCertificate);
    made->key_.reset(::EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", std::size_t{2048}));
    if (!made->key_) return fail(Errc::Failed, "OpenSSL cannot make an RSA key");
    return EncryptionCertificatePtr(std::move(made));
}

std::string EncryptionCertificate::wrap(std::string_view key, bool oaep_sha256) const {
    if (oaep_sha256) return wrap_with(oaep_context(key_.get(), ::EVP_sha256()).get(), key);
    if (!oaep_) oaep_ = oaep_context(key_.get(), ::EVP_sha1());
    return wrap_with(oaep_.get(), key);
}

EncryptedContent encrypt(
    const EncryptionCertificate& certificate, std::string_view plaintext, const Recipe& recipe
) {
    std::array<unsigned char, 32> key{};
    must(::RAND_bytes(key.data(), static_cast<int>(key.size())) == 1);
    const auto ciphertext = encrypt_cbc(text_of(key), plaintext, recipe.bad_padding);
    const auto shown = text_of(key).substr(0, recipe.key_size);
    EncryptedContent content;
    content.data = to_base64(ciphertext);
    content.data_key = to_base64(certificate.wrap(shown, recipe.oaep_sha256));
    const std::string_view signed_bytes = recipe.sign_text ? content.data : ciphertext;
    std::array<unsigned char, 32> mac{};
    unsigned int size = 0;
    must(
        ::HMAC(
            ::EVP_sha256(), shown.data(), static_cast<int>(shown.size()), bytes_of(signed_bytes),
            signed_bytes.size(), mac.data(), &size
        ) != nullptr
    );
    content.data_signature = to_base64(std::span<const unsigned char>(mac));
    return content;
}

}  // namespace graphhook::emulator
