#include "emulator/identity/signing_key.hpp"

#include "core/digest.hpp"

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <array>
#include <cstring>
#include <stdexcept>
#include <vector>

namespace graphhook::emulator {
namespace {

constexpr std::string_view kDigits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::size_t kLongestToken = 16'384;

struct KeyDeleter {
    void operator()(EVP_PKEY* key) const { ::EVP_PKEY_free(key); }
};
struct ContextDeleter {
    void operator()(EVP_MD_CTX* context) const { ::EVP_MD_CTX_free(context); }
};
struct CertificateDeleter {
    void operator()(X509* certificate) const { ::X509_free(certificate); }
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

std::string base64(std::string_view bytes) {
    std::string text(4 * ((bytes.size() + 2) / 3) + 1, '\0');
    const int size = ::EVP_EncodeBlock(
        reinterpret_cast<unsigned char*>(text.data()), bytes_of(bytes),
        static_cast<int>(bytes.size())
    );
    text.resize(static_cast<std::size_t>(size));
    return text;
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
    impl->id = impl->thumbprint;
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
    const std::unique_ptr<EVP_MD_CTX, ContextDeleter> context(::EVP_MD_CTX_new());
    std::size_t size = 0;
    if (::EVP_DigestSignInit(context.get(), nullptr, ::EVP_sha256(), nullptr, impl_->key.get()) !=
            1 ||
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
    return text + "." + base64url(signature);
}

std::optional<boost::json::object> SigningKey::verify(std::string_view token) const {
    if (token.size() > kLongestToken) return std::nullopt;
    const auto last = token.rfind('.');
    const auto first = token.find('.');
    if (last == std::string_view::npos || first == last) return std::nullopt;
    const auto signature = from_base64url(token.substr(last + 1));
    const auto claims = from_base64url(token.substr(first + 1, last - first - 1));
    if (!signature || !claims) return std::nullopt;
    const auto text = token.substr(0, last);
    const std::unique_ptr<EVP_MD_CTX, ContextDeleter> context(::EVP_MD_CTX_new());
    // Whatever the header names, only RS256 with our key is tried.
    if (::EVP_DigestVerifyInit(context.get(), nullptr, ::EVP_sha256(), nullptr, impl_->key.get()) !=
            1 ||
        ::EVP_DigestVerify(
            context.get(), bytes_of(*signature), signature->size(), bytes_of(text), text.size()
        ) != 1) {
        return std::nullopt;
    }
    boost::system::error_code error;
    auto json = boost::json::parse(*claims, error);
    if (error || !json.is_object()) return std::nullopt;
    return std::move(json.as_object());
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

std::string base64url(std::string_view bytes) {
    std::string text;
    text.reserve((bytes.size() * 4 + 2) / 3);
    std::uint32_t bits = 0;
    int held = 0;
    for (const char c : bytes) {
        bits = (bits << 8) | static_cast<unsigned char>(c);
        held += 8;
        while (held >= 6) {
            held -= 6;
            text += kDigits[(bits >> held) & 63];
        }
    }
    if (held > 0) text += kDigits[(bits << (6 - held)) & 63];
    return text;
}

std::optional<std::string> from_base64url(std::string_view text) {
    std::string bytes;
    std::uint32_t bits = 0;
    int held = 0;
    for (const char c : text) {
        const auto digit = kDigits.find(c);
        if (digit == std::string_view::npos) return std::nullopt;
        bits = (bits << 6) | static_cast<std::uint32_t>(digit);
        held += 6;
        if (held >= 8) {
            held -= 8;
            bytes += static_cast<char>((bits >> held) & 0xff);
        }
    }
    return bytes;
}

}  // namespace graphhook::emulator
