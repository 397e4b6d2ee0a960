#include "emulator/identity/signing_key.hpp"

#include "emulator/identity/jwt.hpp"

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <stdexcept>
#include <vector>

namespace graphhook::emulator {
namespace {

struct KeyDeleter {
    void operator()(EVP_PKEY* key) const { ::EVP_PKEY_free(key); }
};
struct ContextDeleter {
    void operator()(EVP_MD_CTX* context) const { ::EVP_MD_CTX_free(context); }
};
struct CertificateDeleter {
    void operator()(X509* certificate) const { ::X509_free(certificate); }
};
struct BioDeleter {
    void operator()(BIO* bio) const { ::BIO_free_all(bio); }
};
struct NumberDeleter {
    void operator()(BIGNUM* number) const { ::BN_free(number); }
};

const unsigned char* bytes_of(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
}

std::string number_of(EVP_PKEY* key, const char* name) {
    BIGNUM* raw = nullptr;
    if (::EVP_PKEY_get_bn_param(key, name, &raw) != 1) return {};
    const std::unique_ptr<BIGNUM, NumberDeleter> number(raw);
    std::string bytes(static_cast<std::size_t>(BN_num_bytes(number.get())), '\0');
    ::BN_bn2bin(number.get(), reinterpret_cast<unsigned char*>(bytes.data()));
    return base64url(bytes);
}

/// A self-signed certificate around the key, as DER: key sets carry one in x5c.
std::string certificate_of(EVP_PKEY* key) {
    const std::unique_ptr<X509, CertificateDeleter> certificate(::X509_new());
    ::X509_set_version(certificate.get(), X509_VERSION_3);
    ::ASN1_INTEGER_set(::X509_get_serialNumber(certificate.get()), 1);
    ::X509_gmtime_adj(::X509_getm_notBefore(certificate.get()), -3600);
    ::X509_gmtime_adj(::X509_getm_notAfter(certificate.get()), 365L * 86'400);
    ::X509_set_pubkey(certificate.get(), key);
    X509_NAME* const name = ::X509_get_subject_name(certificate.get());
    ::X509_NAME_add_entry_by_txt(
        name, "CN", MBSTRING_ASC, bytes_of("graph-emulator signing key"), -1, -1, 0
    );
    ::X509_set_issuer_name(certificate.get(), name);
    if (::X509_sign(certificate.get(), key, ::EVP_sha256()) == 0) return {};
    unsigned char* der = nullptr;
    const int size = ::i2d_X509(certificate.get(), &der);
    if (size <= 0) return {};
    std::string bytes(reinterpret_cast<const char*>(der), static_cast<std::size_t>(size));
    OPENSSL_free(der);
    return bytes;
}

}  // namespace

struct SigningKey::Impl {
    std::unique_ptr<EVP_PKEY, KeyDeleter> key;
    std::string id;
    std::string thumbprint;
    std::string certificate;  // DER
};

SigningKey::SigningKey(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {
}
SigningKey::SigningKey(SigningKey&&) noexcept = default;
SigningKey& SigningKey::operator=(SigningKey&&) noexcept = default;
SigningKey::~SigningKey() = default;

Result<SigningKey> SigningKey::make() {
    auto impl = std::make_unique<Impl>();
    impl->key.reset(::EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", std::size_t{2048}));
    if (!impl->key) return fail(Errc::Failed, "OpenSSL cannot make an RSA key");
    return from(std::move(impl));
}

Result<SigningKey> SigningKey::read(std::string_view pem) {
    const std::unique_ptr<BIO, BioDeleter> bio(
        ::BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()))
    );
    auto impl = std::make_unique<Impl>();
    impl->key.reset(::PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr));
    if (!impl->key || ::EVP_PKEY_is_a(impl->key.get(), "RSA") != 1)
        return fail(Errc::BadInput, "there is no RSA private key in it");
    return from(std::move(impl));
}

Result<SigningKey> SigningKey::from(std::unique_ptr<Impl> impl) {
    impl->certificate = certificate_of(impl->key.get());
    if (impl->certificate.empty()) return fail(Errc::Failed, "OpenSSL cannot make a certificate");
    std::array<unsigned char, 20> sha1{};
    unsigned int size = 0;
    if (::EVP_Digest(
            impl->certificate.data(), impl->certificate.size(), sha1.data(), &size, ::EVP_sha1(),
            nullptr
        ) != 1) {
        return fail(Errc::Failed, "OpenSSL cannot hash");
    }
    impl->thumbprint =
        base64url(std::string_view(reinterpret_cast<const char*>(sha1.data()), size));
    // Of the key alone, so that it is the same whenever the key is read again.
    unsigned char* der = nullptr;
    const int der_size = ::i2d_PUBKEY(impl->key.get(), &der);
    if (der_size <= 0) return fail(Errc::Failed, "OpenSSL cannot write a public key");
    const bool hashed =
        ::EVP_Digest(
            der, static_cast<std::size_t>(der_size), sha1.data(), &size, ::EVP_sha1(), nullptr
        ) == 1;
    OPENSSL_free(der);
    if (!hashed) return fail(Errc::Failed, "OpenSSL cannot hash");
    impl->id = base64url(std::string_view(reinterpret_cast<const char*>(sha1.data()), size));
    return SigningKey(std::move(impl));
}

const std::string& SigningKey::id() const noexcept {
    return impl_->id;
}

std::string SigningKey::sign(const boost::json::object& claims) const {
    const boost::json::object header{
        {"typ", "JWT"}, {"alg", "RS256"}, {"x5t", impl_->thumbprint}, {"kid", impl_->id}
    };
    const std::string text =
        base64url(boost::json::serialize(header)) + "." + base64url(boost::json::serialize(claims));
    return text + "." + base64url(signature(text, "RS256"));
}

const std::string& SigningKey::thumbprint() const noexcept {
    return impl_->thumbprint;
}
const std::string& SigningKey::certificate() const noexcept {
    return impl_->certificate;
}

std::string SigningKey::public_pem() const {
    const std::unique_ptr<BIO, BioDeleter> bio(::BIO_new(::BIO_s_mem()));
    if (!bio || ::PEM_write_bio_PUBKEY(bio.get(), impl_->key.get()) != 1)
        throw std::runtime_error("OpenSSL cannot write a public key");
    std::string text(::BIO_ctrl_pending(bio.get()), '\0');
    const int read = ::BIO_read(bio.get(), text.data(), static_cast<int>(text.size()));
    text.resize(static_cast<std::size_t>(std::max(read, 0)));
    return text;
}

std::string SigningKey::signature(std::string_view text, std::string_view algorithm) const {
    const EVP_MD* const hash = algorithm == "RS384"   ? ::EVP_sha384()
                               : algorithm == "RS512" ? ::EVP_sha512()
                                                      : ::EVP_sha256();
    const std::unique_ptr<EVP_MD_CTX, ContextDeleter> context(::EVP_MD_CTX_new());
    EVP_PKEY_CTX* how = nullptr;
    std::size_t size = 0;
    if (::EVP_DigestSignInit(context.get(), &how, hash, nullptr, impl_->key.get()) != 1 ||
        (algorithm == "PS256" && ::EVP_PKEY_CTX_set_rsa_padding(how, RSA_PKCS1_PSS_PADDING) != 1) ||
        (algorithm == "PS256" &&
         ::EVP_PKEY_CTX_set_rsa_pss_saltlen(how, RSA_PSS_SALTLEN_DIGEST) != 1) ||
        ::EVP_DigestSign(context.get(), nullptr, &size, bytes_of(text), text.size()) != 1) {
        throw std::runtime_error("OpenSSL cannot sign");
    }
    std::string signature(size, '\0');
    if (::EVP_DigestSign(
            context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size,
            bytes_of(text), text.size()
        ) != 1) {
        throw std::runtime_error("OpenSSL cannot sign");
    }
    signature.resize(size);
    return signature;
}

std::optional<boost::json::object> SigningKey::verify(std::string_view token) const {
    auto jwt = parse_jwt(token);
    if (!jwt) return std::nullopt;
    const std::unique_ptr<EVP_MD_CTX, ContextDeleter> context(::EVP_MD_CTX_new());
    // Whatever the header names, only RS256 with our key is tried.
    if (::EVP_DigestVerifyInit(context.get(), nullptr, ::EVP_sha256(), nullptr, impl_->key.get()) !=
            1 ||
        ::EVP_DigestVerify(
            context.get(), bytes_of(jwt->signature), jwt->signature.size(),
            bytes_of(jwt->signed_text), jwt->signed_text.size()
        ) != 1) {
        return std::nullopt;
    }
    return std::move(jwt->claims);
}

boost::json::object SigningKey::to_jwk(std::string_view issuer) const {
    boost::json::object json;
    json["kty"] = "RSA";
    json["use"] = "sig";
    json["kid"] = impl_->id;
    json["x5t"] = impl_->thumbprint;
    json["n"] = number_of(impl_->key.get(), OSSL_PKEY_PARAM_RSA_N);
    json["e"] = number_of(impl_->key.get(), OSSL_PKEY_PARAM_RSA_E);
    json["x5c"] = boost::json::array{boost::json::string(base64(impl_->certificate))};
    json["issuer"] = issuer;
    return json;
}

Result<Secret> SigningKey::to_pem() const {
    const std::unique_ptr<BIO, BioDeleter> bio(::BIO_new(::BIO_s_secmem()));
    if (!bio || ::PEM_write_bio_PKCS8PrivateKey(
                    bio.get(), impl_->key.get(), nullptr, nullptr, 0, nullptr, nullptr
                ) != 1)
        return fail(Errc::Failed, "OpenSSL cannot write a private key");
    std::string text(::BIO_ctrl_pending(bio.get()), '\0');
    const int read = ::BIO_read(bio.get(), text.data(), static_cast<int>(text.size()));
    if (read <= 0) return fail(Errc::Failed, "OpenSSL cannot write a private key");
    return Secret(std::move(text));
}

}  // namespace graphhook::emulator
