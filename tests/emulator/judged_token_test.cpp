// What the emulator issues and publishes, as the product judges it.
#include "authenticity/user_token.hpp"
#include "tests/emulator/identity_fixture.hpp"

namespace graphhook::emulator {
namespace {

using authenticity::Expected;
using authenticity::judge_user_token;
using authenticity::KeySets;
using authenticity::Reason;
using authenticity::Version;
using test::kTenant;

const std::string kApi = "8e460676-ae3f-4b1e-8790-ee0fb5d6148f";
const std::string kClient = "77777777-2222-4333-8444-555555555555";
const std::string kLogin = "https://localhost:1";

class JudgedTokenTest : public test::IdentityFixture {
  protected:
    void SetUp() override { start(); }

    boost::json::object get(const std::string& path) {
        return json(identity_->handle(request("GET", path)).value());
    }
    /// As fetched now from the discovery endpoints of both versions.
    KeySets fetched() {
        KeySets sets;
        for (const auto version : {Version::V1, Version::V2}) {
            const std::string v2 = version == Version::V2 ? "/v2.0" : "";
            const auto metadata = get("/common" + v2 + "/.well-known/openid-configuration");
            const auto keys = identity_->handle(request("GET", "/common/discovery" + v2 + "/keys"));
            auto set = authenticity::parse_key_set(
                keys->body, kLogin, version, std::string(metadata.at("issuer").as_string()),
                clock_.system_now()
            );
            EXPECT_TRUE(set);
            if (set) sets.sets.push_back(std::move(*set));
        }
        return sets;
    }
    std::string made(TokenVersion version, std::string_view forgery = {}) {
        Identity::UserTokenWanted wanted;
        wanted.user = "ann@contoso.com";
        wanted.tenant = std::string(kTenant);
        wanted.client = kClient;
        wanted.audience = version == TokenVersion::V1 ? "api://" + kApi : kApi;
        wanted.scopes = {"Notifications.Register"};
        wanted.version = version;
        if (!forgery.empty()) wanted.forgery = find_api_forgery(forgery);
        return identity_->user_token(wanted).value().text;
    }
    authenticity::UserTokenVerdict judged(const std::string& token, const KeySets& sets) {
        const std::vector<Expected> ours = {
            {.tenant_id = std::string(kTenant), .client_id = kApi, .login = kLogin}
        };
        return judge_user_token(token, sets, ours, clock_.system_now());
    }
};

TEST_F(JudgedTokenTest, AGenuineTokenOfEitherVersionIsBelieved) {
    for (const auto version : {TokenVersion::V1, TokenVersion::V2}) {
        const auto verdict = judged(made(version), fetched());
        EXPECT_EQ(to_string(verdict.reason), "none");
        EXPECT_EQ(verdict.tenant_id, kTenant);
        EXPECT_EQ(verdict.user_id, identity_->directory().find_user("ann@contoso.com")->id);
        EXPECT_EQ(verdict.client_id, kClient);
        EXPECT_EQ(verdict.scopes, std::vector<std::string>{"Notifications.Register"});
        EXPECT_EQ(verdict.login, kLogin);
    }
}

TEST_F(JudgedTokenTest, AForgedOneIsRefusedForWhatItIs) {
    const std::pair<std::string_view, Reason> expected[] = {
        {"expired", Reason::TokenExpired},
        {"audience", Reason::TokenAudience},
        {"signature", Reason::TokenSignature},
        {"alg-none", Reason::TokenAlgorithm},
        {"issuer", Reason::TokenIssuer},
        {"key-unknown", Reason::TokenKeyUnknown},
        {"app-only", Reason::None},
        {"id-token", Reason::None},
    };
    const auto sets = fetched();
    for (const auto version : {TokenVersion::V1, TokenVersion::V2}) {
        for (const auto& [name, reason] : expected) {
            const auto verdict = judged(made(version, name), sets);
            EXPECT_EQ(to_string(verdict.reason), to_string(reason)) << name;
            if (reason == Reason::None) {
                EXPECT_TRUE(verdict.scopes.empty()) << name;
            }
        }
    }
    EXPECT_EQ(std::size(expected), api_forgery_names().size());
}

TEST_F(JudgedTokenTest, ANewKeyIsUnknownUntilTheKeySetsAreFetchedAgain) {
    const auto before = fetched();
    ASSERT_TRUE(identity_->keys().act("rotate"));
    clock_.advance(std::chrono::minutes(6));
    const auto token = made(TokenVersion::V2);
    EXPECT_EQ(to_string(judged(token, before).reason), "key_unknown");
    EXPECT_EQ(to_string(judged(token, fetched()).reason), "none");
    ASSERT_TRUE(identity_->keys().act("hide"));
    EXPECT_EQ(to_string(judged(made(TokenVersion::V2), fetched()).reason), "token_key_unknown");
}

TEST_F(JudgedTokenTest, ATokenOfGraphOpensNothing) {
    const auto graph = token(with_secret(kClient));
    EXPECT_NE(judged(text(graph, "access_token"), fetched()).reason, Reason::None);
}

}  // namespace
}  // namespace graphhook::emulator
