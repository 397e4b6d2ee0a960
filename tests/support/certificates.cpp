#include "tests/support/certificates.hpp"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <fstream>
#include <memory>
#include <stdexcept>

namespace graphhook::test {
namespace {

template <auto Free>
struct Deleter {
    template <class T>
    void operator()(T* object) const {
        Free(object);
    }
};
template <class T, auto Free>
using Owned = std::unique_ptr<T, Deleter<Free>>;

void require(bool condition) {
    if (!condition) throw std::runtime_error("OpenSSL could not make a certificate");
}

void add_extension(X509* certificate, int nid, const char* value) {
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
    const Owned<X509_EXTENSION, X509_EXTENSION_free> extension(
        X509V3_EXT_conf_nid(nullptr, &context, nid, value)
    );
    require(extension != nullptr && X509_add_ext(certificate, extension.get(), -1) == 1);
}

template <class Write>
std::string pem(Write write) {
    const Owned<BIO, BIO_free_all> bio(BIO_new(BIO_s_mem()));
    require(bio != nullptr && write(bio.get()) == 1);
    char* data = nullptr;
    const long size = BIO_get_mem_data(bio.get(), &data);
    return {data, static_cast<std::size_t>(size)};
}

/// First beside, then in place: whoever reads sees the old file or the new one.
void replace_file(const std::filesystem::path& path, const std::string& text) {
    auto beside = path;
    beside += ".new";
    std::ofstream(beside, std::ios::binary) << text;
    std::filesystem::rename(beside, path);
}

}  // namespace

CertificateText make_certificate(const std::string& name, std::chrono::seconds valid_for) {
    const Owned<EVP_PKEY, EVP_PKEY_free> key(EVP_EC_gen("P-256"));
    const Owned<X509, X509_free> certificate(X509_new());
    require(key != nullptr && certificate != nullptr);
    std::uint64_t serial = 0;
    require(RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof serial) == 1);
    ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate.get()), serial >> 1);
    X509_set_version(certificate.get(), X509_VERSION_3);
    X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -86'400);
    X509_gmtime_adj(X509_getm_notAfter(certificate.get()), valid_for.count());
    X509_set_pubkey(certificate.get(), key.get());
    X509_NAME* const subject = X509_get_subject_name(certificate.get());
    X509_NAME_add_entry_by_txt(
        subject, "CN", MBSTRING_UTF8, reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1,
        0
    );
    X509_set_issuer_name(certificate.get(), subject);
    add_extension(certificate.get(), NID_basic_constraints, "critical,CA:TRUE");
    add_extension(
        certificate.get(), NID_subject_alt_name,
        ("DNS:" + name + ",DNS:localhost,IP:127.0.0.1,IP:::1").c_str()
    );
    require(X509_sign(certificate.get(), key.get(), EVP_sha256()) > 0);
    return {
        pem([&](BIO* bio) { return PEM_write_bio_X509(bio, certificate.get()); }),
        pem([&](BIO* bio) {
            return PEM_write_bio_PrivateKey(bio, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
        })
    };
}

CertificateFiles write_certificate(
    const std::filesystem::path& directory, const CertificateText& text, const std::string& stem
) {
    const CertificateFiles files{directory / (stem + ".crt"), directory / (stem + ".key")};
    replace_file(files.certificate, text.certificate);
    replace_file(files.private_key, text.private_key);
    return files;
}

}  // namespace graphhook::test
