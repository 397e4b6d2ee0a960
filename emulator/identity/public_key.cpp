#include "emulator/identity/public_key.hpp"

#include "core/digest.hpp"
#include "emulator/identity/base64.hpp"

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <array>
#include <ctime>

namespace graphhook::emulator {
namespace {

constexpr int kSmallestKey = 2'048;
constexpr std::size_t kMostKeys = 100;

template <auto Free>
struct Freer {
    template <class T>
    void operator()(T* pointer) const {
        Free(pointer);
    }
};
template <class T, auto Free>
using Owned = std::unique_ptr<T, Freer<Free>>;

const unsigned char* bytes_of(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
}

Owned<BIO, ::BIO_free_all> reader(std::string_view text) {
    return Owned<BIO, ::BIO_free_all>(::BIO_new_mem_buf(text.data(), static_cast<int>(text.size()))
    );
}

Result<PublicKey> usable(EVP_PKEY* raw) {
    if (raw == nullptr) return fail(Errc::BadInput, "there is no public key in it");
    std::shared_ptr<EVP_PKEY> key(raw, ::EVP_PKEY_free);
    if (::EVP_PKEY_is_a(raw, "RSA") != 1 || ::EVP_PKEY_get_bits(raw) < kSmallestKey)
        return fail(Errc::BadInput, "only RSA keys of at least 2048 bits can be used");
    return PublicKey(std::move(key));
}

SystemTime time_of(const ASN1_TIME* time) {
    std::tm date{};
    if (::ASN1_TIME_to_tm(time, &date) != 1) return {};
    return SystemTime(std::chrono::seconds(::timegm(&date)));
}

Result<PublicKey> read_jwk(const boost::json::object& jwk) {
    const auto number = [&](std::string_view name) -> std::string {
        const auto* value = jwk.if_contains(name);
        if (value == nullptr || !value->is_string()) return {};
        return from_base64url(std::string_view(value->as_string())).value_or("");
    };
    const auto n = number("n");
    const auto e = number("e");
    if (n.empty() || e.empty() || n.size() > 2'048 || e.size() > 8)
        return fail(Errc::BadInput, "a key of the set lacks n or e");
    const Owned<BIGNUM, ::BN_free> modulus(
        ::BN_bin2bn(bytes_of(n), static_cast<int>(n.size()), nullptr)
    );
    const Owned<BIGNUM, ::BN_free> exponent(
        ::BN_bin2bn(bytes_of(e), static_cast<int>(e.size()), nullptr)
    );
    const Owned<OSSL_PARAM_BLD, ::OSSL_PARAM_BLD_free> builder(::OSSL_PARAM_BLD_new());
    if (::OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, modulus.get()) != 1 ||
        ::OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, exponent.get()) != 1)
        return fail(Errc::Failed, "OpenSSL cannot build a key");
    const Owned<OSSL_PARAM, ::OSSL_PARAM_free> parameters(::OSSL_PARAM_BLD_to_param(builder.get()));
    const Owned<EVP_PKEY_CTX, ::EVP_PKEY_CTX_free> context(
        ::EVP_PKEY_CTX_new_from_name(nullptr, "RSA", nullptr)
    );
    EVP_PKEY* key = nullptr;
    if (::EVP_PKEY_fromdata_init(context.get()) != 1 ||
        ::EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, parameters.get()) != 1)
        return fail(Errc::BadInput, "a key of the set is no RSA key");
    return usable(key);
}

}  // namespace

bool PublicKey::verifies(const Jwt& jwt, Algorithm algorithm) const {
    const Owned<EVP_MD_CTX, ::EVP_MD_CTX_free> context(::EVP_MD_CTX_new());
    EVP_PKEY_CTX* settings = nullptr;  // the context's
    if (::EVP_DigestVerifyInit(context.get(), &settings, ::EVP_sha256(), nullptr, key_.get()) != 1)
        return false;
    if (algorithm == Algorithm::Ps256 &&
        (::EVP_PKEY_CTX_set_rsa_padding(settings, RSA_PKCS1_PSS_PADDING) != 1 ||
         ::EVP_PKEY_CTX_set_rsa_pss_saltlen(settings, RSA_PSS_SALTLEN_DIGEST) != 1 ||
         ::EVP_PKEY_CTX_set_rsa_mgf1_md(settings, ::EVP_sha256()) != 1))
        return false;
    return ::EVP_DigestVerify(
               context.get(), bytes_of(jwt.signature), jwt.signature.size(),
               bytes_of(jwt.signed_text), jwt.signed_text.size()
           ) == 1;
}

Result<AppCertificate> read_certificate(std::string_view pem) {
    const Owned<X509, ::X509_free> certificate(
        ::PEM_read_bio_X509(reader(pem).get(), nullptr, nullptr, nullptr)
    );
    if (!certificate) return fail(Errc::BadInput, "there is no PEM certificate in it");
    auto key = usable(::X509_get_pubkey(certificate.get()));
    if (!key) return key.error();
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    const auto hash = [&](const EVP_MD* method) -> std::string {
        unsigned int size = 0;
        if (::X509_digest(certificate.get(), method, digest.data(), &size) != 1) return {};
        return {reinterpret_cast<const char*>(digest.data()), size};
    };
    const auto sha1 = hash(::EVP_sha1());
    AppCertificate read{
        std::move(*key),
        base64url(sha1),
        base64url(hash(::EVP_sha256())),
        {},
        time_of(::X509_get0_notBefore(certificate.get())),
        time_of(::X509_get0_notAfter(certificate.get()))
    };
    for (const char c : sha1)
        read.thumbprint +=
            fmt::format("{:02X}", static_cast<unsigned>(static_cast<unsigned char>(c)));
    return read;
}

Result<std::vector<IssuerKey>> read_issuer_keys(const boost::json::object& jwks) {
    const auto* list = jwks.if_contains("keys");
    if (list == nullptr || !list->is_array() || list->as_array().size() > kMostKeys)
        return fail(Errc::BadInput, "a key set is an object with \"keys\"");
    std::vector<IssuerKey> keys;
    for (const auto& value : list->as_array()) {
        const auto* jwk = value.if_object();
        if (jwk == nullptr) return fail(Errc::BadInput, "a key of the set is no object");
        const auto* type = jwk->if_contains("kty");
        if (type == nullptr || *type != "RSA") continue;
        auto key = read_jwk(*jwk);
        if (!key) return key.error();
        const auto* kid = jwk->if_contains("kid");
        keys.push_back(
            {kid != nullptr && kid->is_string() ? std::string(kid->as_string()) : std::string{},
             std::move(*key)}
        );
    }
    if (keys.empty()) return fail(Errc::BadInput, "the key set has no RSA key");
    return keys;
}

Result<std::vector<IssuerKey>> read_issuer_keys(std::string_view text) {
    boost::system::error_code error;
    const auto json = boost::json::parse(text, error);
    if (!error && json.is_object()) return read_issuer_keys(json.as_object());
    std::vector<IssuerKey> keys;
    if (text.find("BEGIN CERTIFICATE") != std::string_view::npos) {
        auto certificate = read_certificate(text);
        if (!certificate) return certificate.error();
        keys.push_back({{}, std::move(certificate->key)});
        return keys;
    }
    auto key = usable(::PEM_read_bio_PUBKEY(reader(text).get(), nullptr, nullptr, nullptr));
    if (!key) return key.error();
    keys.push_back({{}, std::move(*key)});
    return keys;
}

}  // namespace graphhook::emulator
