#include "emulator/certificates.hpp"

#include "emulator/files.hpp"

#include <boost/asio/ip/address.hpp>
#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <cstdlib>
#include <memory>

namespace graphhook::emulator {
namespace {

constexpr long kDay = 86'400;

template <auto Free>
struct Deleter {
    template <class T>
    void operator()(T* object) const {
        Free(object);
    }
};
using Key = std::unique_ptr<EVP_PKEY, Deleter<::EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Deleter<::X509_free>>;
using Bio = std::unique_ptr<BIO, Deleter<::BIO_free_all>>;
using Extension = std::unique_ptr<X509_EXTENSION, Deleter<::X509_EXTENSION_free>>;

Error openssl_error(std::string_view what) {
    return fail(Errc::Failed, fmt::format("OpenSSL cannot {}", what));
}

std::string text_of(BIO* bio) {
    char* data = nullptr;
    const long size = ::BIO_ctrl(bio, BIO_CTRL_INFO, 0, &data);
    return {data, static_cast<std::size_t>(size)};
}

Bio reader(const std::string& text) {
    return Bio(::BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

Certificate read_certificate(const std::string& pem) {
    const Bio bio = reader(pem);
    return Certificate(::PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
}

Key read_key(const std::string& pem) {
    const Bio bio = reader(pem);
    return Key(::PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr));
}

bool extend(X509* certificate, X509* issuer, int nid, const std::string& value) {
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    ::X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
    const Extension extension(::X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()));
    return extension != nullptr && ::X509_add_ext(certificate, extension.get(), -1) == 1;
}

bool random_serial(X509* certificate) {
    unsigned char bytes[16];
    if (::RAND_bytes(bytes, sizeof bytes) != 1) return false;
    bytes[0] &= 0x7f;
    const std::unique_ptr<BIGNUM, Deleter<::BN_free>> number(
        ::BN_bin2bn(bytes, sizeof bytes, nullptr)
    );
    return number &&
           ::BN_to_ASN1_INTEGER(number.get(), ::X509_get_serialNumber(certificate)) != nullptr;
}

/// An empty certificate with dates, serial number, name and key.
Certificate blank(EVP_PKEY* key, const std::string& name, long days) {
    Certificate certificate(::X509_new());
    if (!certificate || !random_serial(certificate.get())) return nullptr;
    ::X509_set_version(certificate.get(), X509_VERSION_3);
    // An hour back, for clocks that differ.
    ::X509_gmtime_adj(::X509_getm_notBefore(certificate.get()), -3600);
    ::X509_gmtime_adj(::X509_getm_notAfter(certificate.get()), days * kDay);
    ::X509_set_pubkey(certificate.get(), key);
    const auto* text = reinterpret_cast<const unsigned char*>(name.c_str());
    if (::X509_NAME_add_entry_by_txt(
            ::X509_get_subject_name(certificate.get()), "CN", MBSTRING_UTF8, text, -1, -1, 0
        ) != 1) {
        return nullptr;
    }
    return certificate;
}

Result<PemPair> as_pem(X509* certificate, EVP_PKEY* key) {
    const Bio certificate_bio(::BIO_new(::BIO_s_mem()));
    const Bio key_bio(::BIO_new(::BIO_s_mem()));
    if (::PEM_write_bio_X509(certificate_bio.get(), certificate) != 1 ||
        ::PEM_write_bio_PrivateKey(key_bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr) !=
            1) {
        return openssl_error("write a certificate");
    }
    return PemPair{text_of(certificate_bio.get()), text_of(key_bio.get())};
}

bool is_address(const std::string& host) {
    boost::system::error_code error;
    boost::asio::ip::make_address(host, error);
    return !error;
}

bool covers(X509* certificate, const std::string& host) {
    return is_address(host)
               ? ::X509_check_ip_asc(certificate, host.c_str(), 0) == 1
               : ::X509_check_host(certificate, host.c_str(), host.size(), 0, nullptr) == 1;
}

}  // namespace

Result<PemPair> make_authority() {
    const Key key(::EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"));
    if (!key) return openssl_error("make a key");
    const Certificate certificate = blank(key.get(), "graph-emulator throwaway authority", 365);
    if (!certificate) return openssl_error("make a certificate");
    X509* const c = certificate.get();
    ::X509_set_issuer_name(c, ::X509_get_subject_name(c));
    if (!extend(c, c, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") ||
        !extend(c, c, NID_key_usage, "critical,keyCertSign,cRLSign") ||
        !extend(c, c, NID_subject_key_identifier, "hash") ||
        ::X509_sign(c, key.get(), ::EVP_sha256()) == 0) {
        return openssl_error("sign a certificate");
    }
    return as_pem(c, key.get());
}

Result<PemPair> make_server_certificate(
    const PemPair& authority, const std::vector<std::string>& hosts
) {
    const Certificate issuer = read_certificate(authority.certificate);
    const Key issuer_key = read_key(authority.key);
    const Key key(::EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"));
    if (!issuer || !issuer_key || !key || hosts.empty()) return openssl_error("read the authority");
    const Certificate certificate = blank(key.get(), hosts.front().substr(0, 64), 90);
    if (!certificate) return openssl_error("make a certificate");
    X509* const c = certificate.get();
    ::X509_set_issuer_name(c, ::X509_get_subject_name(issuer.get()));
    std::string names;
    for (const auto& host : hosts) {
        // These would start another extension value.
        if (host.empty() || host.find_first_of(",:\n") != std::string::npos) {
            if (!is_address(host)) return fail(Errc::BadInput, "not a host name: " + host);
        }
        names += (names.empty() ? "" : ",") + std::string(is_address(host) ? "IP:" : "DNS:") + host;
    }
    if (!extend(c, issuer.get(), NID_basic_constraints, "critical,CA:FALSE") ||
        !extend(c, issuer.get(), NID_key_usage, "critical,digitalSignature") ||
        !extend(c, issuer.get(), NID_ext_key_usage, "serverAuth") ||
        !extend(c, issuer.get(), NID_subject_alt_name, names) ||
        !extend(c, issuer.get(), NID_authority_key_identifier, "keyid") ||
        ::X509_sign(c, issuer_key.get(), ::EVP_sha256()) == 0) {
        return openssl_error("sign a certificate");
    }
    return as_pem(c, key.get());
}

bool still_good(
    const PemPair& pair, const std::string& authority_certificate,
    const std::vector<std::string>& hosts
) {
    const Certificate certificate = read_certificate(pair.certificate);
    const Certificate issuer = read_certificate(authority_certificate);
    const Key key = read_key(pair.key);
    if (!certificate || !issuer || !key) return false;
    std::time_t next_week = std::time(nullptr) + 7 * kDay;
    if (::X509_cmp_time(::X509_get0_notAfter(certificate.get()), &next_week) <= 0) return false;
    if (::X509_check_private_key(certificate.get(), key.get()) != 1) return false;
    if (::X509_verify(certificate.get(), ::X509_get0_pubkey(issuer.get())) != 1) return false;
    for (const auto& host : hosts) {
        if (!covers(certificate.get(), host)) return false;
    }
    return true;
}

Result<PemPair> authority_in(const std::filesystem::path& directory) {
    std::error_code error;
    std::filesystem::create_directories(directory, error);
    if (error)
        return fail(
            Errc::Failed, fmt::format("cannot make {}: {}", directory.string(), error.message())
        );
    const auto certificate = read_file(directory / "ca.pem");
    const auto key = read_file(directory / "ca.key");
    if (certificate && key) {
        PemPair kept{*certificate, *key};
        if (still_good(kept, kept.certificate, {})) return kept;
    }
    auto made = make_authority();
    if (!made) return made;
    if (auto written = write_file(directory / "ca.key", made->key, FileMode::Secret); !written)
        return written.error();
    if (auto written = write_file(directory / "ca.pem", made->certificate, FileMode::Public);
        !written) {
        return written.error();
    }
    return made;
}

Result<void> receiver_certificate_in(
    const std::filesystem::path& directory, const PemPair& authority,
    const std::vector<std::string>& hosts
) {
    const auto certificate = read_file(directory / "receiver.crt");
    const auto key = read_file(directory / "receiver.key");
    if (certificate && key && still_good(PemPair{*certificate, *key}, authority.certificate, hosts))
        return {};
    const auto made = make_server_certificate(authority, hosts);
    if (!made) return made.error();
    if (auto written = write_file(directory / "receiver.key", made->key, FileMode::Secret);
        !written)
        return written;
    return write_file(directory / "receiver.crt", made->certificate, FileMode::Public);
}

std::filesystem::path default_certificates_directory() {
    // Read before any thread is started.
    if (const char* data = std::getenv("XDG_DATA_HOME"); data != nullptr && *data != '\0') {
        return std::filesystem::path(data) / "graph-emulator";
    }
    if (const char* home = std::getenv("HOME"); home != nullptr && *home != '\0') {
        return std::filesystem::path(home) / ".local" / "share" / "graph-emulator";
    }
    return {};
}

}  // namespace graphhook::emulator
