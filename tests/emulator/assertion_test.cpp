// How an app proves itself with a certificate or with another issuer's token (protocol 9.2, 9.3).
#include "emulator/identity/federation.hpp"
#include "tests/emulator/assertion_key.hpp"
#include "tests/emulator/identity_fixture.hpp"

#include <boost/json/serialize.hpp>

namespace graphhook::emulator {
namespace {

using boost::json::object;
using std::chrono::hours;
using std::chrono::seconds;
using test::AssertionKey;
using test::Form;
using test::kTenant;

constexpr std::string_view kType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

class AssertionTest : public test::IdentityFixture {
  protected:
    void SetUp() override {
        start();
        give(key_);
    }
    void give(const AssertionKey& key) {
        boost::json::array certificates;
        certificates.emplace_back(key.certificate());
        boost::json::array apps;
        apps.push_back(object{{"clientId", "app-1"}, {"certificates", std::move(certificates)}});
        ASSERT_TRUE(identity_->directory().add({{"apps", std::move(apps)}}));
    }
    [[nodiscard]] std::int64_t now() const {
        return std::chrono::duration_cast<seconds>(clock_.system_now().time_since_epoch()).count();
    }
    [[nodiscard]] object header(std::string_view alg = "PS256") const {
        return {{"alg", alg}, {"typ", "JWT"}, {"x5t#S256", key_.x5t_s256()}};
    }
    [[nodiscard]] object claims() {
        object made;
        made["aud"] =
            "https://login.microsoftonline.com/" + std::string(kTenant) + "/oauth2/v2.0/token";
        made["iss"] = "app-1";
        made["sub"] = "app-1";
        made["jti"] = "jti-" + std::to_string(++jti_);
        made["nbf"] = now();
        made["iat"] = now();
        made["exp"] = now() + 600;
        return made;
    }
    object with(std::string_view name, const boost::json::value& value) {
        auto made = claims();
        made[name] = value;
        return made;
    }
    object without(std::string_view name) {
        auto made = claims();
        made.erase(name);
        return made;
    }
    static Form form(const std::string& assertion) {
        return {
            {"grant_type", "client_credentials"},
            {"client_id", "app-1"},
            {"scope", std::string(test::kGraphScope)},
            {"client_assertion_type", std::string(kType)},
            {"client_assertion", assertion}
        };
    }
    std::string presented(const std::string& assertion) { return verdict(token(form(assertion))); }
    std::string signed_with(const object& claims) { return presented(key_.sign(header(), claims)); }

    AssertionKey key_{clock_.system_now() - hours(1), clock_.system_now() + hours(24)};
    int jti_ = 0;
};

TEST_F(AssertionTest, Ps256AndRs256AreTakenWithEitherThumbprint) {
    EXPECT_EQ(presented(key_.sign(header("PS256"), claims())), "200");
    EXPECT_EQ(presented(key_.sign(header("RS256"), claims())), "200");
    const object old{{"alg", "RS256"}, {"typ", "JWT"}, {"x5t", key_.x5t()}};
    const auto response = token(form(key_.sign(old, claims())));
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(read(response).caller->app, "app-1");
}

TEST_F(AssertionTest, OtherAlgorithmsAreRefused) {
    for (const auto* alg : {"none", "HS256", "ES256", "RS512"})
        EXPECT_EQ(presented(key_.sign(header(alg), claims())), "401 invalid_client 50027") << alg;
    EXPECT_EQ(presented("a.b"), "401 invalid_client 50027");
    EXPECT_EQ(presented(""), "401 invalid_client 50027");
}

TEST_F(AssertionTest, ASignatureOfAnotherKeyOrPaddingIsRefused) {
    const AssertionKey other(clock_.system_now() - hours(1), clock_.system_now() + hours(1));
    EXPECT_EQ(presented(other.sign(header(), claims())), "401 invalid_client 700027");
    auto parts = key_.sign(header("RS256"), claims());
    const auto ps256 = base64url(boost::json::serialize(header("PS256")));
    EXPECT_EQ(presented(ps256 + parts.substr(parts.find('.'))), "401 invalid_client 700027");
}

TEST_F(AssertionTest, AnUnknownOrMissingThumbprintIsRefused) {
    const object unknown{{"alg", "PS256"}, {"x5t#S256", base64url("no such certificate")}};
    const auto response = token(form(key_.sign(unknown, claims())));
    EXPECT_EQ(verdict(response), "401 invalid_client 700027");
    EXPECT_NE(
        text(response, "error_description").find("The key was not found."), std::string::npos
    );
    EXPECT_EQ(presented(key_.sign({{"alg", "PS256"}}, claims())), "401 invalid_client 50027");
}

TEST_F(AssertionTest, AnExpiredCertificateIsRefused) {
    clock_.advance(hours(24));
    const auto response = token(form(key_.sign(header(), claims())));
    EXPECT_EQ(verdict(response), "401 invalid_client 700027");
    EXPECT_NE(text(response, "error_description").find("expired"), std::string::npos);
    const AssertionKey later(clock_.system_now() + hours(1), clock_.system_now() + hours(2));
    give(later);
    const object header{{"alg", "PS256"}, {"x5t#S256", later.x5t_s256()}};
    EXPECT_EQ(presented(later.sign(header, claims())), "401 invalid_client 700027");
}

TEST_F(AssertionTest, TheAudienceIsTheTokenEndpointOfTheTenant) {
    const std::string tenant(kTenant);
    for (const auto& good :
         {"https://localhost:1/" + tenant + "/oauth2/v2.0/token",
          "https://login.microsoftonline.us/" + tenant + "/oauth2/v2.0/token",
          "https://login.microsoftonline.com/" + tenant + "/oauth2/token"}) {
        EXPECT_EQ(signed_with(with("aud", boost::json::string(good))), "200") << good;
    }
    for (const auto& wrong :
         {std::string(), std::string("https://graph.microsoft.com"),
          std::string("https://login.microsoftonline.com/other/oauth2/v2.0/token"),
          "https://login.example.com/" + tenant + "/oauth2/v2.0/token"}) {
        EXPECT_EQ(signed_with(with("aud", boost::json::string(wrong))), "401 invalid_client 700023")
            << wrong;
    }
}

TEST_F(AssertionTest, IssuerAndSubjectAreTheApp) {
    EXPECT_EQ(signed_with(with("iss", "app-2")), "401 invalid_client 700021");
    EXPECT_EQ(signed_with(with("sub", "app-2")), "401 invalid_client 700021");
    EXPECT_EQ(signed_with(without("sub")), "401 invalid_client 700021");
}

TEST_F(AssertionTest, AJtiIsTakenOnce) {
    const auto assertion = key_.sign(header(), claims());
    EXPECT_EQ(presented(assertion), "200");
    EXPECT_EQ(presented(assertion), "401 invalid_client 50013");
    EXPECT_EQ(signed_with(without("jti")), "401 invalid_client 50027");
}

TEST_F(AssertionTest, AnAssertionHasBegunAndIsOverWithinTenMinutes) {
    EXPECT_EQ(signed_with(with("exp", now() + 601)), "401 invalid_client 700024");
    EXPECT_EQ(signed_with(with("exp", now())), "401 invalid_client 700024");
    EXPECT_EQ(signed_with(with("nbf", now() + 1)), "401 invalid_client 700024");
    EXPECT_EQ(signed_with(with("nbf", now() - 1)), "401 invalid_client 700024") << "601 seconds";
    EXPECT_EQ(signed_with(without("exp")), "401 invalid_client 700024");
    EXPECT_EQ(signed_with(without("nbf")), "200") << "then iat counts";
    const auto kept = key_.sign(header(), claims());
    clock_.advance(seconds(600));
    EXPECT_EQ(presented(kept), "401 invalid_client 700024");
}

TEST_F(AssertionTest, TheTypeOfTheAssertionIsSaid) {
    auto wrong = form(key_.sign(header(), claims()));
    wrong["client_assertion_type"] = "jwt";
    EXPECT_EQ(verdict(token(wrong)), "400 invalid_request 900144");
}

TEST_F(AssertionTest, AnAppWithACertificateAloneHasNoSecret) {
    EXPECT_EQ(verdict(token(with_secret("app-1"))), "401 invalid_client 7000215");
}

TEST_F(AssertionTest, SeveralCertificatesOverlapWhileOneIsReplaced) {
    const AssertionKey next(clock_.system_now() - hours(1), clock_.system_now() + hours(48));
    boost::json::array certificates;
    certificates.emplace_back(key_.certificate());
    certificates.emplace_back(next.certificate());
    boost::json::array apps;
    apps.push_back(object{{"clientId", "app-1"}, {"certificates", std::move(certificates)}});
    ASSERT_TRUE(identity_->directory().add({{"apps", std::move(apps)}}));
    EXPECT_EQ(signed_with(claims()), "200");
    const object header{{"alg", "PS256"}, {"x5t#S256", next.x5t_s256()}};
    EXPECT_EQ(presented(next.sign(header, claims())), "200");
}

// protocol 9.3
class FederationTest : public AssertionTest {
  protected:
    void SetUp() override {
        start();
        add_federation(issuer_, "api://AzureADTokenExchange");
    }
    void add_federation(const SigningKey& key, std::string_view audience) {
        boost::json::array keys;
        keys.push_back(key.to_jwk("https://issuer.example"));
        object federation;
        federation["issuer"] = "https://issuer.example";
        federation["subject"] = "system:serviceaccount:hooks:graphhook";
        federation["audience"] = audience;
        federation["jwks"] = object{{"keys", std::move(keys)}};
        boost::json::array federations;
        federations.push_back(std::move(federation));
        boost::json::array apps;
        apps.push_back(object{{"clientId", "app-1"}, {"federations", std::move(federations)}});
        ASSERT_TRUE(identity_->directory().add({{"apps", std::move(apps)}}));
    }
    static FederatedToken good() {
        FederatedToken made;
        made.issuer = "https://issuer.example";
        made.subject = "system:serviceaccount:hooks:graphhook";
        return made;
    }
    std::string minted(const FederatedToken& token) {
        return presented(mint(issuer_, token, clock_.system_now()));
    }
    SigningKey issuer_ = SigningKey::make().value();
};

TEST_F(FederationTest, ATokenOfARegisteredIssuerIsTakenAgainAndAgain) {
    const auto token = mint(issuer_, good(), clock_.system_now());
    EXPECT_EQ(presented(token), "200");
    EXPECT_EQ(presented(token), "200");
    clock_.advance(hours(1));
    EXPECT_EQ(presented(token), "401 invalid_client 700024");
}

TEST_F(FederationTest, WhatIsNotRegisteredIsNamed) {
    auto token = good();
    token.issuer = "https://other.example";
    EXPECT_EQ(minted(token), "401 invalid_client 700211");
    token = good();
    token.subject = "system:serviceaccount:hooks:other";
    EXPECT_EQ(minted(token), "401 invalid_client 700213");
    token = good();
    token.audience = "api://AzureADTokenExchangeUSGov";
    EXPECT_EQ(minted(token), "401 invalid_client 700212");
}

TEST_F(FederationTest, AudiencesOfOtherCloudsCanBeRegistered) {
    for (const auto* audience :
         {"api://AzureADTokenExchangeUSGov", "api://AzureADTokenExchangeChina"}) {
        add_federation(issuer_, audience);
        auto token = good();
        token.audience = audience;
        EXPECT_EQ(minted(token), "200") << audience;
        EXPECT_EQ(minted(good()), "401 invalid_client 700212");
    }
}

TEST_F(FederationTest, AnotherKeyOfTheSameIssuerIsRefused) {
    const auto other = SigningKey::make().value();
    EXPECT_EQ(presented(mint(other, good(), clock_.system_now())), "401 invalid_client 700027");
}

TEST_F(FederationTest, APemKeyServesAsWellAsAKeySet) {
    EXPECT_TRUE(read_issuer_keys(std::string_view(key_.certificate())));
    EXPECT_FALSE(read_issuer_keys(std::string_view("-----BEGIN PUBLIC KEY-----\nx\n")));
    EXPECT_FALSE(read_issuer_keys(std::string_view(R"({"keys":[]})")));
    EXPECT_FALSE(
        read_issuer_keys(std::string_view(R"({"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"}]})"))
    ) << "too small";
}

TEST_F(FederationTest, TheIssuersKeyIsKeptInADirectory) {
    const std::filesystem::path directory = testing::TempDir() + "/federation-" + random_hex(6);
    const auto first = federation_key_in(directory).value();
    const auto again = federation_key_in(directory).value();
    EXPECT_EQ(first.id(), again.id());
    const auto keys = federation_keys_in(directory).value();
    ASSERT_EQ(keys.size(), 1U);
    EXPECT_EQ(keys.front().kid, first.id());
    const auto status = std::filesystem::status(directory / "federation.key");
    EXPECT_EQ(
        status.permissions() &
            (std::filesystem::perms::group_all | std::filesystem::perms::others_all),
        std::filesystem::perms::none
    );
    std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace graphhook::emulator
