#include "tests/subscriptions/credentials_fixture.hpp"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <atomic>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace graphhook::subscriptions::test {
namespace {

std::string text_in(BIO* bio) {
    char* data = nullptr;
    const long size = ::BIO_get_mem_data(bio, &data);
    std::string text(data, static_cast<std::size_t>(size));
    ::BIO_free(bio);
    return text;
}

std::string key_text(EVP_PKEY* key) {
    BIO* const bio = ::BIO_new(::BIO_s_mem());
    ::PEM_write_bio_PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr);
    return text_in(bio);
}

}  // namespace

TestFolder::TestFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "credentials-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temp folder");
    path_ = pattern;
}

TestFolder::~TestFolder() {
    std::error_code ignored;
    std::filesystem::permissions(path_, std::filesystem::perms::owner_all, ignored);
    std::filesystem::remove_all(path_, ignored);
}

void write_file(const std::string& path, const std::string& text) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
    std::filesystem::permissions(
        path, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write
    );
}

void replace_file(const std::string& path, const std::string& text) {
    write_file(path + ".next", text);
    static std::atomic<int> count{0};
    const auto later = std::filesystem::last_write_time(path) + std::chrono::seconds(++count);
    std::filesystem::rename(path + ".next", path);
    std::filesystem::last_write_time(path, later);
}

std::string read_file(const std::string& path) {
    std::ostringstream text;
    text << std::ifstream(path, std::ios::binary).rdbuf();
    return text.str();
}

MadeCertificate make_certificate(SystemTime not_before, SystemTime not_after) {
    EVP_PKEY* const key = ::EVP_RSA_gen(2048);
    X509* const certificate = ::X509_new();
    ::X509_set_version(certificate, 2);
    ::ASN1_INTEGER_set(::X509_get_serialNumber(certificate), 7);
    const auto seconds = [](SystemTime at) {
        return std::chrono::duration_cast<std::chrono::seconds>(at.time_since_epoch()).count();
    };
    ::ASN1_TIME_set(::X509_getm_notBefore(certificate), seconds(not_before));
    ::ASN1_TIME_set(::X509_getm_notAfter(certificate), seconds(not_after));
    ::X509_set_pubkey(certificate, key);
    ::X509_sign(certificate, key, ::EVP_sha256());
    BIO* const bio = ::BIO_new(::BIO_s_mem());
    ::PEM_write_bio_X509(bio, certificate);
    MadeCertificate made{.certificate = text_in(bio), .key = key_text(key)};
    ::X509_free(certificate);
    ::EVP_PKEY_free(key);
    return made;
}

std::string make_elliptic_key() {
    EVP_PKEY* const key = ::EVP_EC_gen("P-256");
    std::string text = key_text(key);
    ::EVP_PKEY_free(key);
    return text;
}

std::map<std::string, std::string> read_form(const std::string& body) {
    std::map<std::string, std::string> form;
    std::istringstream all(body);
    for (std::string part; std::getline(all, part, '&');) {
        const auto equals = part.find('=');
        std::string value;
        for (std::size_t at = equals + 1; at < part.size(); ++at) {
            if (part[at] == '%') {
                value += static_cast<char>(std::stoi(part.substr(at + 1, 2), nullptr, 16));
                at += 2;
            } else {
                value += part[at];
            }
        }
        form[part.substr(0, equals)] = value;
    }
    return form;
}

CredentialsTest::CredentialsTest() {
    tenant_.name = "contoso";
    tenant_.tenant_id = "84bd8158-6d4d-4958-8b9f-9d6445542f95";
    tenant_.client_id = "11111111-2222-3333-4444-555555555555";
    tenant_.cloud.graph = "https://graph.example";
    tenant_.cloud.login = login_.url();
    tenant_.credential = ClientSecret{Secret("q~8 Q&=ü")};
}

void CredentialsTest::say(int status, std::string body, Imposter::Reply base) {
    const std::lock_guard lock(mutex_);
    reply_ = std::move(base);
    reply_.status = status;
    reply_.body = std::move(body);
}

void CredentialsTest::say_token(const std::string& value, int lives, const std::string& more) {
    say(200, R"({"token_type":"Bearer","expires_in":)" + std::to_string(lives) +
                 R"(,"access_token":")" + value + "\"" + more + "}");
}

std::unique_ptr<TokenSource> CredentialsTest::make() {
    return make_token_source(
        tenant_,
        {.http = *http_,
         .clock = clock_,
         .metrics = metrics_,
         .random = [n = 0](std::size_t bytes
                   ) mutable { return to_hex(sha256(std::to_string(++n))).substr(0, bytes * 2); },
         .cache = cache_,
         .wait =
             [this](std::chrono::milliseconds how_long, std::stop_token stop) {
                 waits_.push_back(how_long);
                 clock_.advance(how_long);
                 return !stop.stop_requested();
             }}
    );
}

std::string text_of(const GraphResult<Secret>& token) {
    return token ? std::string(token->reveal()) : to_string(token.error());
}

}  // namespace graphhook::subscriptions::test
