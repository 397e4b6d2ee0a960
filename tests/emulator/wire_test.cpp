// The small pieces: URLs and forms, the handshake's verdict, errors, faults, counts, keys and
// certificates.
#include "core/digest.hpp"
#include "emulator/api_error.hpp"
#include "emulator/certificates.hpp"
#include "emulator/faults.hpp"
#include "emulator/files.hpp"
#include "emulator/identity/signing_key.hpp"
#include "emulator/prober.hpp"
#include "emulator/stats.hpp"
#include "emulator/url.hpp"
#include "tests/emulator/drafts.hpp"

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <gtest/gtest.h>

#include <filesystem>

namespace graphhook::emulator {
namespace {

// protocol 1.3
TEST(UrlTest, TheValidationTokenIsEncodedAsGraphDoes) {
    EXPECT_EQ(form_encode("Validation: Testing"), "Validation%3a+Testing");
    EXPECT_EQ(form_encode("abc+def"), "abc%2bdef");
    EXPECT_EQ(form_encode("\xe2\x82\xac"), "%e2%82%ac");
}

TEST(UrlTest, FormsAreDecodedInOnePass) {
    EXPECT_EQ(form_decode("Validation%3a+Testing").value(), "Validation: Testing");
    EXPECT_EQ(form_decode("abc%2Bdef").value(), "abc+def");
    EXPECT_EQ(form_decode("a%252Bb").value(), "a%2Bb");
    EXPECT_FALSE(form_decode("%G1"));
    EXPECT_FALSE(form_decode("abc%"));
    EXPECT_FALSE(form_decode("abc%2"));
}

TEST(UrlTest, UrlsKeepTheirPathAndQueryByteForByte) {
    const auto url = parse_url("https://Hooks.example.com:8443/Graph/%2F?acct=4%32&x").value();
    EXPECT_EQ(url.host, "hooks.example.com");
    EXPECT_EQ(url.target, "/Graph/%2F?acct=4%32&x");
    EXPECT_EQ(url.authority(), "hooks.example.com:8443");
    EXPECT_EQ(parse_url("https://x").value().target, "/");
    EXPECT_EQ(parse_url("https://x?a=b").value().target, "/?a=b");
    EXPECT_EQ(parse_url("https://[::1]:99/").value().authority(), "[::1]:99");
}

TEST(UrlTest, UrlsThatHideSomethingAreRefused) {
    for (const auto* text :
         {"", "x", "ftp://x/", "https://", "https://u:p@x/", "https://x/#f", "https://x:0/",
          "https://x/ y", "/x"}) {
        EXPECT_FALSE(parse_url(text)) << text;
    }
}

// protocol 1.2
TEST(HandshakeTest, TheTokenComesAfterTheCallersOwnParameters) {
    EXPECT_EQ(validation_target("/hooks", "a b"), "/hooks?validationToken=a+b");
    EXPECT_EQ(validation_target("/hooks?acct=42", "a:b"), "/hooks?acct=42&validationToken=a%3ab");
}

TEST(HandshakeTest, TheTokenIsTheKnownSentence) {
    const auto token = validation_token("2a1c5f2e-6f0b-4b1e-9a51-0d6f6a0f4b11");
    EXPECT_EQ(
        token,
        "Validation: Testing client application reachability for subscription Request-Id: "
        "2a1c5f2e-6f0b-4b1e-9a51-0d6f6a0f4b11"
    );
    EXPECT_EQ(token.size(), 117U);
    EXPECT_EQ(form_encode(token).size(), 121U);
}

std::string verdict(int status, std::string_view type, std::string_view body) {
    Sent sent;
    sent.end = Sent::End::Answered;
    sent.status = status;
    sent.type = type;
    sent.body = body;
    const auto refused = judge_handshake(sent, "a b");
    return refused ? std::to_string(refused->status) + " " + refused->code + " " + refused->message
                   : "passed";
}

// protocol 1.4, 1.7
TEST(HandshakeTest, OnlyAPlain200WithTheTokenPasses) {
    EXPECT_EQ(verdict(200, "text/plain", "a b"), "passed");
    EXPECT_EQ(verdict(200, "Text/Plain; charset=utf-8", "a b"), "passed");
    const std::string failed = "400 InvalidRequest Subscription validation request failed. ";
    EXPECT_EQ(verdict(202, "text/plain", "a b"), failed + "HTTP status code is 'Accepted'.");
    EXPECT_EQ(verdict(404, "text/plain", "a b"), failed + "HTTP status code is 'NotFound'.");
    EXPECT_EQ(verdict(302, "text/plain", "a b"), failed + "HTTP status code is 'Redirect'.");
    for (const auto* body : {"a+b", "\"a b\"", "a b\n", "", "a%20b"}) {
        EXPECT_EQ(
            verdict(200, "text/plain", body),
            failed + "Response must exactly match validationToken query parameter."
        );
    }
    EXPECT_NE(verdict(200, "application/json", "a b"), "passed");
    EXPECT_NE(verdict(200, "", "a b"), "passed");
}

TEST(HandshakeTest, SilenceAndNoConnectionAreToldApart) {
    Sent sent;
    sent.end = Sent::End::TimedOut;
    EXPECT_EQ(judge_handshake(sent, "x")->message, "Subscription validation request timed out.");
    sent.end = Sent::End::Unreachable;
    EXPECT_EQ(
        judge_handshake(sent, "x")->message,
        "Subscription validation request failed. Notification endpoint must respond with 200 OK to "
        "validation request."
    );
}

// protocol 5.8
TEST(ApiErrorTest, TheBodyIsThatOfGraph) {
    const auto body = boost::json::parse(error_body(
        {400, "InvalidRequest", "No \"good\"."}, {"r-1", "c-1"},
        test::some_time() + std::chrono::milliseconds(5)
    ));
    const boost::json::value expected{
        {"error",
         {{"code", "InvalidRequest"},
          {"message", "No \"good\"."},
          {"innerError",
           {{"date", "2026-11-21T08:00:00"}, {"request-id", "r-1"}, {"client-request-id", "c-1"}}}}}
    };
    EXPECT_EQ(body, expected);
}

TEST(FaultsTest, AFaultStrikesAsOftenAsItSays) {
    Faults faults;
    faults.set(FaultKind::Throttle, {.count = 2});
    EXPECT_TRUE(faults.take(FaultKind::Throttle));
    EXPECT_FALSE(faults.take(FaultKind::Slow));
    EXPECT_TRUE(faults.take(FaultKind::Throttle));
    EXPECT_FALSE(faults.take(FaultKind::Throttle));
    faults.set(FaultKind::Throttle, {.count = 0});
    for (int i = 0; i < 10; ++i) EXPECT_TRUE(faults.take(FaultKind::Throttle));
    faults.clear();
    EXPECT_FALSE(faults.any());
}

TEST(FaultsTest, WhatMakesNoSenseIsRefused) {
    const std::vector<boost::json::object> wrong{
        {},
        {{"fault", "rain"}},
        {{"fault", "slow"}, {"count", -1}},
        {{"fault", "slow"}, {"delayMilliseconds", "1"}},
        {{"fault", "server-error"}, {"status", 200}},
        {{"fault", "redirect"}, {"location", "https://x\r\nSet-Cookie: a"}}
    };
    for (const auto& json : wrong) EXPECT_EQ(read_fault(json).error().code, Errc::BadInput);
    const auto fault =
        read_fault({{"fault", "throttle"}, {"count", 3}, {"retryAfterSeconds", 7}}).value();
    EXPECT_EQ(fault.first, FaultKind::Throttle);
    EXPECT_EQ(fault.second.count, 3U);
    EXPECT_EQ(fault.second.retry_after, std::chrono::seconds(7));
}

TEST(StatsTest, QuantilesAreRightToAnEighth) {
    TimeHistogram times;
    EXPECT_EQ(times.quantile(0.5).count(), 0);
    for (int i = 1; i <= 1000; ++i) times.add(std::chrono::microseconds(i * 10));
    EXPECT_NEAR(static_cast<double>(times.quantile(0.50).count()), 5'000, 650);
    EXPECT_NEAR(static_cast<double>(times.quantile(0.99).count()), 9'900, 1'250);
    times.add(std::chrono::hours(100'000));
    EXPECT_GT(times.quantile(1.0).count(), 10'000);
}

TEST(SigningKeyTest, ATokenIsReadByItsKeyOnly) {
    const auto key = SigningKey::make();
    const auto other = SigningKey::make();
    ASSERT_TRUE(key);
    const auto token = key->sign({{"tid", "contoso"}});
    ASSERT_TRUE(key->verify(token));
    EXPECT_EQ(key->verify(token)->at("tid"), "contoso");
    EXPECT_FALSE(other->verify(token));
    auto changed = token;
    changed[token.find('.') + 2] ^= 1;
    EXPECT_FALSE(key->verify(changed));
    for (const auto* text : {"", ".", "..", "a.b.c", "a.b", "\xff.\xff.\xff"})
        EXPECT_FALSE(key->verify(text));
    EXPECT_FALSE(key->verify(std::string(1 << 20, '.')));
}

TEST(SigningKeyTest, Base64urlGoesThereAndBack) {
    for (const auto* text : {"", "f", "fo", "foo", "\xff\xfe\xfd\xfc"})
        EXPECT_EQ(from_base64url(base64url(text)), text);
    EXPECT_EQ(base64url("\xff\xff\xfe"), "___-");
    EXPECT_FALSE(from_base64url("a+b"));
}

// protocol 7.9
TEST(SigningKeyTest, TheKeySetEntryHasWhatReadersNeed) {
    const auto jwk =
        SigningKey::make()->to_jwk("https://login.microsoftonline.com/{tenantid}/v2.0");
    for (const auto* name : {"kty", "use", "kid", "x5t", "n", "e", "x5c", "issuer"})
        EXPECT_TRUE(jwk.contains(name)) << name;
    EXPECT_EQ(jwk.at("e"), "AQAB");
    EXPECT_EQ(from_base64url(std::string_view(jwk.at("n").as_string()))->size(), 256U);
}

class CertificatesTest : public testing::Test {
  protected:
    CertificatesTest() : directory_(testing::TempDir() + "/certificates-" + random_hex(6)) {}
    ~CertificatesTest() override { std::filesystem::remove_all(directory_); }
    const std::filesystem::path directory_;
};

TEST_F(CertificatesTest, TheAuthorityIsKeptAndItsKeyIsPrivate) {
    const auto made = authority_in(directory_);
    ASSERT_TRUE(made) << to_string(made.error());
    EXPECT_EQ(authority_in(directory_)->certificate, made->certificate);
    const auto mode = std::filesystem::status(directory_ / "ca.key").permissions();
    EXPECT_EQ(
        mode & std::filesystem::perms::all,
        std::filesystem::perms::owner_read | std::filesystem::perms::owner_write
    );
}

TEST_F(CertificatesTest, ADamagedAuthorityIsMadeAnew) {
    const auto made = authority_in(directory_).value();
    ASSERT_TRUE(write_file(directory_ / "ca.pem", "nonsense", FileMode::Public));
    EXPECT_NE(authority_in(directory_)->certificate, made.certificate);
}

TEST_F(CertificatesTest, AReceiversPairIsForItsHostsAndSignedByTheAuthority) {
    const auto authority = authority_in(directory_).value();
    ASSERT_TRUE(receiver_certificate_in(directory_, authority, {"localhost", "127.0.0.1"}));
    const PemPair pair{
        read_file(directory_ / "receiver.crt").value(),
        read_file(directory_ / "receiver.key").value()
    };
    EXPECT_TRUE(still_good(pair, authority.certificate, {"localhost", "127.0.0.1"}));
    EXPECT_FALSE(still_good(pair, authority.certificate, {"elsewhere"}));
    EXPECT_FALSE(still_good(pair, make_authority()->certificate, {"localhost"}));
    ASSERT_TRUE(receiver_certificate_in(directory_, authority, {"localhost"}));
    EXPECT_EQ(read_file(directory_ / "receiver.crt").value(), pair.certificate)
        << "a good one is kept";
    ASSERT_TRUE(receiver_certificate_in(directory_, authority, {"localhost", "receiver"}));
    EXPECT_NE(read_file(directory_ / "receiver.crt").value(), pair.certificate);
}

TEST_F(CertificatesTest, AHostThatWouldSmuggleInAnotherIsRefused) {
    EXPECT_FALSE(make_server_certificate(make_authority().value(), {"a,DNS:b"}));
    EXPECT_FALSE(make_server_certificate(make_authority().value(), {""}));
}

TEST_F(CertificatesTest, ADirectoryThatCannotBeMadeIsSaidSo) {
    const auto refused = authority_in("/proc/nowhere/at-all");
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().detail.find("/proc/nowhere"), std::string::npos);
}

}  // namespace
}  // namespace graphhook::emulator
