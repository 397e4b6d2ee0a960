#include "core/base64.hpp"
#include "subscriptions/credentials/certificate.hpp"
#include "tests/subscriptions/credentials_fixture.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

namespace graphhook::subscriptions {
namespace {

using namespace std::chrono_literals;
using test::kStart;
using test::text_of;
using ::testing::HasSubstr;
using ::testing::Not;
using Algorithm = ClientCertificate::Algorithm;

struct Assertion {
    boost::json::object header, payload;
    std::string signed_text, signature;
};

Assertion take_apart(const std::string& text) {
    const auto first = text.find('.');
    const auto second = text.find('.', first + 1);
    Assertion assertion;
    const auto part = [&text](std::size_t from, std::size_t to) {
        return from_base64(std::string_view(text).substr(from, to - from)).value();
    };
    assertion.header = boost::json::parse(part(0, first)).as_object();
    assertion.payload = boost::json::parse(part(first + 1, second)).as_object();
    assertion.signature = part(second + 1, text.size());
    assertion.signed_text = text.substr(0, second);
    return assertion;
}

X509* read_certificate(const std::string& pem) {
    BIO* const bio = ::BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
    X509* const certificate = ::PEM_read_bio_X509(bio, nullptr, nullptr, nullptr);
    ::BIO_free(bio);
    return certificate;
}

const unsigned char* bytes_of(const std::string& text) {
    const void* const raw = text.data();
    return static_cast<const unsigned char*>(raw);
}

/// As the identity platform does it, with OpenSSL and nothing of ours.
bool verifies(const Assertion& assertion, const std::string& pem, Algorithm algorithm) {
    X509* const certificate = read_certificate(pem);
    EVP_MD_CTX* const context = ::EVP_MD_CTX_new();
    EVP_PKEY_CTX* key = nullptr;
    ::EVP_DigestVerifyInit(context, &key, ::EVP_sha256(), nullptr, ::X509_get0_pubkey(certificate));
    if (algorithm == Algorithm::PS256) {
        ::EVP_PKEY_CTX_set_rsa_padding(key, RSA_PKCS1_PSS_PADDING);
        ::EVP_PKEY_CTX_set_rsa_pss_saltlen(key, 32);
    }
    const bool good = ::EVP_DigestVerify(
                          context, bytes_of(assertion.signature), assertion.signature.size(),
                          bytes_of(assertion.signed_text), assertion.signed_text.size()
                      ) == 1;
    ::EVP_MD_CTX_free(context);
    ::X509_free(certificate);
    return good;
}

std::string fingerprint(const std::string& pem, const EVP_MD* how) {
    X509* const certificate = read_certificate(pem);
    std::string bytes(EVP_MAX_MD_SIZE, '\0');
    unsigned size = 0;
    void* const raw = bytes.data();
    ::X509_digest(certificate, how, static_cast<unsigned char*>(raw), &size);
    ::X509_free(certificate);
    bytes.resize(size);
    return to_base64url(bytes);
}

class CredentialsCertificateTest : public test::CredentialsTest {
  protected:
    CredentialsCertificateTest() {
        test::write_file(folder_.file("app.crt"), made_.certificate);
        test::write_file(folder_.file("app.key"), made_.key);
        files_.certificate_file = folder_.file("app.crt");
        files_.private_key_file = folder_.file("app.key");
        tenant_.credential = files_;
    }
    Assertion assertion() { return take_apart(form()["client_assertion"]); }

    test::TestFolder folder_;
    test::MadeCertificate made_ = test::make_certificate(kStart - 24h, kStart + 240h);
    ClientCertificate files_;
};

TEST_F(CredentialsCertificateTest, SignsWithPs256AndTheSha256ThumbprintByDefault) {
    say_token("tok1");
    ASSERT_EQ(text_of(make()->get({})), "tok1");
    EXPECT_EQ(
        form()["client_assertion_type"], "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    );
    EXPECT_EQ(form()["grant_type"], "client_credentials");
    EXPECT_FALSE(form().contains("client_secret"));
    const auto got = assertion();
    EXPECT_EQ(got.header.at("alg").as_string(), "PS256");
    EXPECT_EQ(got.header.at("typ").as_string(), "JWT");
    EXPECT_EQ(
        got.header.at("x5t#S256").as_string(), fingerprint(made_.certificate, ::EVP_sha256())
    );
    EXPECT_FALSE(got.header.contains("x5t"));
    EXPECT_TRUE(verifies(got, made_.certificate, Algorithm::PS256));
    EXPECT_FALSE(verifies(got, made_.certificate, Algorithm::RS256));
    EXPECT_EQ(
        got.payload.at("aud").as_string(),
        login_.url() + "/84bd8158-6d4d-4958-8b9f-9d6445542f95/oauth2/v2.0/token"
    );
    EXPECT_EQ(got.payload.at("iss").as_string(), tenant_.client_id);
    EXPECT_EQ(got.payload.at("sub").as_string(), tenant_.client_id);
    const auto now = std::chrono::duration_cast<std::chrono::seconds>(kStart.time_since_epoch());
    EXPECT_EQ(got.payload.at("nbf").as_int64(), now.count());
    EXPECT_EQ(got.payload.at("exp").as_int64(), now.count() + 600);
    EXPECT_EQ(got.payload.at("jti").as_string().size(), 36u);
}

TEST_F(CredentialsCertificateTest, Rs256GoesWithTheOlderThumbprint) {
    files_.algorithm = Algorithm::RS256;
    tenant_.credential = files_;
    say_token("tok1");
    ASSERT_TRUE(make()->get({}));
    const auto got = assertion();
    EXPECT_EQ(got.header.at("alg").as_string(), "RS256");
    EXPECT_EQ(got.header.at("x5t").as_string(), fingerprint(made_.certificate, ::EVP_sha1()));
    EXPECT_FALSE(got.header.contains("x5t#S256"));
    EXPECT_TRUE(verifies(got, made_.certificate, Algorithm::RS256));
}

TEST_F(CredentialsCertificateTest, EveryAssertionHasAnIdOfItsOwn) {
    say_token("tok1");
    const auto tokens = make();
    const auto first = tokens->get({});
    const auto id = assertion().payload.at("jti").as_string();
    tokens->drop(*first, "");
    ASSERT_TRUE(tokens->get({}));
    EXPECT_NE(assertion().payload.at("jti").as_string(), id);
}

TEST_F(CredentialsCertificateTest, OneFileMayHoldBoth) {
    test::write_file(folder_.file("both.pem"), made_.key + made_.certificate);
    tenant_.credential = ClientCertificate{.certificate_file = folder_.file("both.pem")};
    say_token("tok1");
    EXPECT_EQ(text_of(make()->get({})), "tok1");
}

TEST_F(CredentialsCertificateTest, AReplacedPairIsTakenUpAndAHalfReplacedOneIsNot) {
    say_token("tok1");
    const auto tokens = make();
    auto token = tokens->get({});
    ASSERT_TRUE(token);
    const auto next = test::make_certificate(kStart - 1h, kStart + 4800h);
    test::replace_file(files_.certificate_file, next.certificate);
    tokens->drop(*token, "");
    token = tokens->get({});
    ASSERT_TRUE(token) << "the pair of before serves";
    EXPECT_TRUE(verifies(assertion(), made_.certificate, Algorithm::PS256));
    test::replace_file(files_.private_key_file, next.key);
    clock_.advance(11s);
    tokens->drop(*token, "");
    ASSERT_TRUE(tokens->get({}));
    EXPECT_TRUE(verifies(assertion(), next.certificate, Algorithm::PS256));
}

TEST_F(CredentialsCertificateTest, ItsEndIsKnownAndInTheMetrics) {
    const auto tokens = make();
    EXPECT_THAT(metrics_text(), HasSubstr("credential_expiry_timestamp_seconds{"));
    EXPECT_THAT(metrics_text(), HasSubstr("which=\"certificate\""));
    EXPECT_EQ(KeyPair::load(files_)->not_after(), kStart + 240h);
    EXPECT_EQ(KeyPair::load(files_)->not_before(), kStart - 24h);
}

TEST_F(CredentialsCertificateTest, SaysWhatIsWrongWithTheFilesAndAsksNobody) {
    const auto other = test::make_certificate(kStart, kStart + 1h);
    const auto message = [this] {
        cache_ = std::make_shared<TokenCache>();
        const auto token = make()->get({});
        if (token) return std::string("a token");
        EXPECT_EQ(token.error().next, Next::Credentials);
        return token.error().message;
    };
    test::write_file(files_.private_key_file, other.key);
    EXPECT_THAT(message(), HasSubstr("does not belong to the certificate"));
    test::write_file(files_.private_key_file, test::make_elliptic_key());
    EXPECT_THAT(message(), HasSubstr("not an RSA key"));
    test::write_file(files_.private_key_file, "-----BEGIN nothing");
    EXPECT_THAT(message(), HasSubstr("no PEM private key"));
    test::write_file(files_.certificate_file, made_.key);
    EXPECT_THAT(message(), HasSubstr("no PEM certificate"));
    std::filesystem::remove(files_.certificate_file);
    EXPECT_THAT(message(), HasSubstr("No such file"));
    EXPECT_THAT(message(), Not(HasSubstr("BEGIN")));
    EXPECT_EQ(asked(), 0u);
}

TEST_F(CredentialsCertificateTest, ARepairedFileIsTriedAtOnce) {
    test::write_file(files_.private_key_file, "nothing");
    const auto tokens = make();
    ASSERT_FALSE(tokens->get({}));
    ASSERT_FALSE(tokens->get({}));
    test::replace_file(files_.private_key_file, made_.key);
    say_token("tok1");
    EXPECT_EQ(text_of(tokens->get({})), "tok1");
}

TEST(Base64UrlTest, GoesThereAndBack) {
    EXPECT_EQ(to_base64url(""), "");
    EXPECT_EQ(to_base64url("f"), "Zg");
    EXPECT_EQ(to_base64url("fo"), "Zm8");
    EXPECT_EQ(to_base64url("foo"), "Zm9v");
    EXPECT_EQ(to_base64url("\xfb\xff"), "-_8");
    EXPECT_EQ(from_base64("-_8"), "\xfb\xff");
    EXPECT_EQ(from_base64("+/8="), "\xfb\xff");
    EXPECT_EQ(from_base64("Zg=="), "f");
    EXPECT_FALSE(from_base64("Z"));
    EXPECT_FALSE(from_base64("Zm 9"));
}

}  // namespace
}  // namespace graphhook::subscriptions
