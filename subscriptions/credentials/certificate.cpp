#include "subscriptions/credentials/certificate.hpp"

#include "core/base64.hpp"
#include "core/openssl.hpp"

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <vector>

namespace graphhook::subscriptions {
namespace {

template <class T>
using Owned = OpensslOwned<T>;

/// There is no one to ask for a passphrase.
int no_passphrase(char*, int, int, void*) {
    return -1;
}

Result<Owned<BIO>> open(const std::string& path) {
    struct stat status{};
    if (::stat(path.c_str(), &status) != 0)
        return fail(Errc::BadInput, fmt::format("{}: {}", path, std::strerror(errno)));
    if (!S_ISREG(status.st_mode) || status.st_size > 1'000'000)
        return fail(Errc::BadInput, fmt::format("{}: not a PEM file", path));
    Owned<BIO> bio(::BIO_new_file(path.c_str(), "r"));
    if (!bio) {
        const int reason = errno;
        ::ERR_clear_error();
        return fail(Errc::BadInput, fmt::format("{}: {}", path, std::strerror(reason)));
    }
    return bio;
}

SystemTime time_of(const ASN1_TIME* time) {
    std::tm parts{};
    if (::ASN1_TIME_to_tm(time, &parts) != 1) return SystemTime{};
    return SystemTime(std::chrono::seconds(::timegm(&parts)));
}

}  // namespace

struct KeyPair::Parts {
    Owned<X509> certificate;
    Owned<EVP_PKEY> key;

    [[nodiscard]] std::vector<unsigned char> digest(const EVP_MD* how) const {
        std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
        unsigned size = 0;
        if (::X509_digest(certificate.get(), how, bytes.data(), &size) != 1) size = 0;
        return {bytes.begin(), bytes.begin() + size};
    }
};

Result<KeyPair> KeyPair::load(const ClientCertificate& files) {
    auto parts = std::make_shared<Parts>();
    {
        auto bio = open(files.certificate_file);
        if (!bio) return bio.error();
        parts->certificate.reset(::PEM_read_bio_X509(bio->get(), nullptr, no_passphrase, nullptr));
        if (!parts->certificate) {
            ::ERR_clear_error();
            return fail(
                Errc::BadInput, fmt::format("{}: no PEM certificate in it", files.certificate_file)
            );
        }
    }
    const std::string& key_file =
        files.private_key_file.empty() ? files.certificate_file : files.private_key_file;
    auto bio = open(key_file);
    if (!bio) return bio.error();
    parts->key.reset(::PEM_read_bio_PrivateKey(bio->get(), nullptr, no_passphrase, nullptr));
    if (!parts->key) {
        ::ERR_clear_error();
        return fail(
            Errc::BadInput,
            fmt::format("{}: no PEM private key in it, or one with a passphrase", key_file)
        );
    }
    if (::EVP_PKEY_get_base_id(parts->key.get()) != EVP_PKEY_RSA)
        return fail(Errc::BadInput, fmt::format("{}: not an RSA key", key_file));
    if (::X509_check_private_key(parts->certificate.get(), parts->key.get()) != 1) {
        ::ERR_clear_error();
        return fail(
            Errc::BadInput, fmt::format(
                                "{} and {}: the key does not belong to the certificate",
                                files.certificate_file, key_file
                            )
        );
    }
    return KeyPair(std::move(parts));
}

SystemTime KeyPair::not_before() const {
    return time_of(::X509_get0_notBefore(parts_->certificate.get()));
}

SystemTime KeyPair::not_after() const {
    return time_of(::X509_get0_notAfter(parts_->certificate.get()));
}

std::string KeyPair::thumbprint() const {
    std::string text;
    for (const unsigned char byte : parts_->digest(::EVP_sha1()))
        text += fmt::format("{:02X}", byte);
    return text;
}

std::string KeyPair::sign(ClientCertificate::Algorithm algorithm, const Claims& claims) const {
    const bool pss = algorithm == ClientCertificate::Algorithm::PS256;
    const boost::json::object header{
        {"alg", pss ? "PS256" : "RS256"},
        {"typ", "JWT"},
        {pss ? "x5t#S256" : "x5t", to_base64url(parts_->digest(pss ? ::EVP_sha256() : ::EVP_sha1()))
        }
    };
    const auto now = std::chrono::floor<std::chrono::seconds>(claims.now).time_since_epoch();
    const boost::json::object payload{{"aud", claims.audience},  {"iss", claims.client_id},
                                      {"sub", claims.client_id}, {"jti", claims.id},
                                      {"nbf", now.count()},      {"iat", now.count()},
                                      {"exp", now.count() + 600}};
    std::string text = to_base64url(boost::json::serialize(header)) + "." +
                       to_base64url(boost::json::serialize(payload));
    const Owned<EVP_MD_CTX> context(::EVP_MD_CTX_new());
    EVP_PKEY_CTX* key = nullptr;
    std::size_t size = 0;
    const std::vector<unsigned char> input(text.begin(), text.end());
    const bool ready =
        context != nullptr &&
        ::EVP_DigestSignInit(context.get(), &key, ::EVP_sha256(), nullptr, parts_->key.get()) ==
            1 &&
        (!pss || (::EVP_PKEY_CTX_set_rsa_padding(key, RSA_PKCS1_PSS_PADDING) == 1 &&
                  ::EVP_PKEY_CTX_set_rsa_pss_saltlen(key, RSA_PSS_SALTLEN_DIGEST) == 1)) &&
        ::EVP_DigestSign(context.get(), nullptr, &size, input.data(), input.size()) == 1;
    std::vector<unsigned char> signature(ready ? size : 0);
    if (!ready ||
        ::EVP_DigestSign(context.get(), signature.data(), &size, input.data(), input.size()) != 1) {
        ::ERR_clear_error();
        return {};
    }
    signature.resize(size);
    return text + "." + to_base64url(signature);
}

}  // namespace graphhook::subscriptions
