#include "tests/emulator/assertion_key.hpp"

#include "emulator/identity/base64.hpp"

#include <boost/json/serialize.hpp>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <array>
#include <chrono>
#include <stdexcept>

namespace graphhook::emulator::test {
namespace {

void must(bool good) {
    if (!good) throw std::runtime_error("OpenSSL failed");
}

std::time_t time_of(SystemTime time) {
    return std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
}

std::string hash(X509* certificate, const EVP_MD* method) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned int size = 0;
    must(::X509_digest(certificate, method, digest.data(), &size) == 1);
    return base64url({reinterpret_cast<const char*>(digest.data()), size});
}

}  // namespace

AssertionKey::AssertionKey(SystemTime not_before, SystemTime not_after)
    : key_(::EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", std::size_t{2048}), ::EVP_PKEY_free) {
    const std::unique_ptr<X509, decltype(&::X509_free)> certificate(::X509_new(), ::X509_free);
    ::X509_set_version(certificate.get(), X509_VERSION_3);
    ::ASN1_INTEGER_set(::X509_get_serialNumber(certificate.get()), 1);
    ::ASN1_TIME_set(::X509_getm_notBefore(certificate.get()), time_of(not_before));
    ::ASN1_TIME_set(::X509_getm_notAfter(certificate.get()), time_of(not_after));
    ::X509_set_pubkey(certificate.get(), key_.get());
    must(::X509_sign(certificate.get(), key_.get(), ::EVP_sha256()) != 0);
    const std::unique_ptr<BIO, decltype(&::BIO_free_all)> bio(
        ::BIO_new(::BIO_s_mem()), ::BIO_free_all
    );
    must(::PEM_write_bio_X509(bio.get(), certificate.get()) == 1);
    certificate_.resize(::BIO_ctrl_pending(bio.get()));
    must(::BIO_read(bio.get(), certificate_.data(), static_cast<int>(certificate_.size())) > 0);
    x5t_ = hash(certificate.get(), ::EVP_sha1());
    x5t_s256_ = hash(certificate.get(), ::EVP_sha256());
}

std::string AssertionKey::sign(const boost::json::object& header, const boost::json::object& claims)
    const {
    const std::string text =
        base64url(boost::json::serialize(header)) + "." + base64url(boost::json::serialize(claims));
    const std::unique_ptr<EVP_MD_CTX, decltype(&::EVP_MD_CTX_free)> context(
        ::EVP_MD_CTX_new(), ::EVP_MD_CTX_free
    );
    EVP_PKEY_CTX* settings = nullptr;
    must(::EVP_DigestSignInit(context.get(), &settings, ::EVP_sha256(), nullptr, key_.get()) == 1);
    const auto* alg = header.if_contains("alg");
    if (alg != nullptr && *alg == "PS256") {
        must(::EVP_PKEY_CTX_set_rsa_padding(settings, RSA_PKCS1_PSS_PADDING) == 1);
        must(::EVP_PKEY_CTX_set_rsa_pss_saltlen(settings, 32) == 1);
    }
    const auto* bytes = reinterpret_cast<const unsigned char*>(text.data());
    std::size_t size = 0;
    must(::EVP_DigestSign(context.get(), nullptr, &size, bytes, text.size()) == 1);
    std::string signature(size, '\0');
    must(
        ::EVP_DigestSign(
            context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size, bytes,
            text.size()
        ) == 1
    );
    signature.resize(size);
    return text + "." + base64url(signature);
}

}  // namespace graphhook::emulator::test
