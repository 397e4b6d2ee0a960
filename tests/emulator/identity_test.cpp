// Tokens for apps with a secret, and what the token endpoint does besides (protocol 7.9, 9.1, 9.7,
// 9.8).
#include "emulator/identity/identity.hpp"

#include "tests/emulator/identity_fixture.hpp"

#include <boost/json/serialize.hpp>

namespace graphhook::emulator {
namespace {

using test::Form;
using test::kTenant;

class IdentityTest : public test::IdentityFixture {
  protected:
    void SetUp() override { start(); }
    static Form with(Form form, const std::string& name, const std::string& value) {
        form[name] = value;
        return form;
    }
    static Form without(Form form, const std::string& name) {
        form.erase(name);
        return form;
    }
    Response fault(std::string_view fault_json) {
        const auto set = identity_->faults().set(boost::json::parse(fault_json).as_object());
        EXPECT_TRUE(set) << set.error().detail;
        return token(with_secret());
    }
};

// protocol 9.1
TEST_F(IdentityTest, AnAppGetsATokenForItsSecret) {
    IdentityOptions options;
    options.client_secret = Secret("qWg~8Q+ex &=%");
    options.directory.permit("", "", std::vector<std::string>{"Mail.Read"}, {});
    start(options);
    const auto response = token(with_secret("app-1", "qWg~8Q+ex &=%"));
    EXPECT_EQ(response.status, 200);
    const auto body = json(response);
    EXPECT_EQ(body.at("token_type"), "Bearer");
    EXPECT_EQ(body.at("expires_in"), 3599);
    EXPECT_FALSE(body.contains("refresh_token"));
    const auto caller = read(response).caller;
    ASSERT_TRUE(caller);
    EXPECT_EQ(caller->tenant, kTenant);
    EXPECT_EQ(caller->app, "app-1");
    EXPECT_EQ(caller->roles, std::vector<std::string>{"Mail.Read"});
    EXPECT_FALSE(caller->delegated);
}

TEST_F(IdentityTest, ATokenEndsWithItsLife) {
    const auto response = token(with_secret());
    clock_.advance(std::chrono::seconds(3598));
    EXPECT_TRUE(read(response).caller);
    clock_.advance(std::chrono::seconds(1));
    EXPECT_FALSE(read(response).caller);
}

// protocol 9.7
TEST_F(IdentityTest, AWrongSecretIsAnInvalidClient) {
    const auto response = token(with_secret("app-1", "wrong"));
    EXPECT_EQ(response.status, 401);
    const auto body = json(response);
    EXPECT_EQ(body.at("error"), "invalid_client");
    EXPECT_TRUE(std::string(body.at("error_description").as_string())
                    .starts_with("AADSTS7000215: Invalid client secret provided."));
    EXPECT_EQ(body.at("error_codes").at(0), 7000215);
    EXPECT_EQ(body.at("timestamp"), "2026-11-21 08:00:00Z");
    for (const auto* name : {"trace_id", "correlation_id", "error_uri"})
        EXPECT_TRUE(body.contains(name)) << name;
}

TEST_F(IdentityTest, ASecretThatWasNotFormEncodedIsWrong) {
    IdentityOptions options;
    options.client_secret = Secret("a+b");
    start(options);
    const std::string rest =
        "client_id=a&scope=x/.default&grant_type=client_credentials&client_secret=";
    EXPECT_EQ(verdict(post("/t/oauth2/v2.0/token", rest + "a+b")), "401 invalid_client 7000215")
        << "a plus sign means a space";
}

TEST_F(IdentityTest, AnAppMayHaveSeveralSecretsAndAnExpiredOneIsNamed) {
    add(R"({"apps":[{"clientId":"app-1","secrets":[
        {"secret":"old","expires":"2026-11-21T07:59:59Z"},{"secret":"new"},
        {"secret":"ends","expires":"2026-11-21T09:00:00Z"}]}]})");
    EXPECT_EQ(verdict(token(with_secret("app-1", "new"))), "200");
    EXPECT_EQ(verdict(token(with_secret("app-1", "ends"))), "200");
    EXPECT_EQ(verdict(token(with_secret("app-1", "old"))), "401 invalid_client 7000222");
    EXPECT_EQ(verdict(token(with_secret("app-1", "none"))), "401 invalid_client 7000215");
    EXPECT_EQ(
        verdict(token(with_secret("app-1", "emulator-secret"))), "401 invalid_client 7000215"
    );
    clock_.advance(std::chrono::hours(1));
    EXPECT_EQ(verdict(token(with_secret("app-1", "ends"))), "401 invalid_client 7000222");
}

TEST_F(IdentityTest, OnceAppsAreRegisteredAnUnknownOneIsNotFoundInTheTenant) {
    EXPECT_EQ(verdict(token(with_secret("whoever"))), "200");
    add(R"({"apps":[{"clientId":"App-1"},{"clientId":"app-2","tenants":["other"]}]})");
    EXPECT_EQ(verdict(token(with_secret("app-1"))), "200") << "ids are compared in any case";
    EXPECT_EQ(verdict(token(with_secret("whoever"))), "400 unauthorized_client 700016");
    EXPECT_EQ(verdict(token(with_secret("app-2"))), "400 unauthorized_client 700016");
    EXPECT_EQ(verdict(token(with_secret("app-2"), "other")), "200");
}

TEST_F(IdentityTest, AScopeThatIsMissingOrWrongIsNamed) {
    const auto scoped = [this](const std::string& scope) {
        return verdict(token(with(with_secret(), "scope", scope)));
    };
    EXPECT_EQ(scoped("https://graph.microsoft.us/.default"), "200");
    EXPECT_EQ(scoped("https://localhost:1/.default"), "200") << "as we were addressed";
    EXPECT_EQ(verdict(token(without(with_secret(), "scope"))), "400 invalid_scope 70011");
    for (const auto* wrong :
         {"", "Mail.Read", "https://graph.microsoft.com/Mail.Read", "openid", "/.default",
          "https://graph.microsoft.com/.default Mail.Read",
          "https://graph.microsoft.com/.default https://graph.microsoft.us/.default"}) {
        EXPECT_EQ(scoped(wrong), "400 invalid_scope 70011") << wrong;
    }
    EXPECT_EQ(scoped("https://vault.azure.net/.default"), "400 invalid_resource 500011");
}

TEST_F(IdentityTest, AnAppWithoutAUserNeedsATenant) {
    for (const auto* tenant : {"common", "organizations", "consumers"})
        EXPECT_EQ(verdict(token(with_secret(), tenant)), "400 invalid_request 50194") << tenant;
    EXPECT_EQ(verdict(token(with_secret(), "contoso.onmicrosoft.com")), "200");
}

TEST_F(IdentityTest, RequestsThatAreNotInOrderAreNamed) {
    const auto error = [this](const std::string& body) {
        return verdict(post("/contoso/oauth2/v2.0/token", body));
    };
    EXPECT_EQ(error(""), "400 invalid_request 900144");
    EXPECT_EQ(error("grant_type=client_credentials"), "400 invalid_request 900144");
    EXPECT_EQ(error("client_id=%G1"), "400 invalid_request 900144");
    EXPECT_EQ(error("client_id=a&client_id=b"), "400 invalid_request 90014");
    EXPECT_EQ(
        verdict(token(with(with_secret(), "grant_type", "password"))),
        "400 unsupported_grant_type 70003"
    );
    EXPECT_EQ(
        verdict(token(without(with_secret(), "client_secret"))), "401 invalid_client 7000218"
    );
    EXPECT_EQ(
        verdict(token(with(with_secret(), "client_assertion", "a.b.c"))),
        "400 invalid_request 90023"
    );
    EXPECT_EQ(
        verdict(token(with(with_secret(), "claims", "nonsense"))), "400 invalid_request 50147"
    );
    auto other = request("POST", "/contoso/oauth2/v2.0/token", "{}");
    other.headers = {{"content-type", "application/json"}};
    EXPECT_EQ(identity_->handle(other)->status, 400);
}

TEST_F(IdentityTest, RolesAreSetForEachTenantAndAppAndMayBeWithdrawn) {
    using Names = std::vector<std::string>;
    const auto roles = [this](const std::string& app, std::string_view tenant) {
        return read(token(with_secret(app), tenant)).caller->roles;
    };
    EXPECT_EQ(roles("app-1", kTenant), Names{"*"});
    add(R"({"permissions":[{"roles":["Mail.Read"]},{"clientId":"app-2","roles":["User.Read.All"]},
        {"tenant":"other","clientId":"app-2","roles":[]}]})");
    const auto before = token(with_secret("app-2"));
    EXPECT_EQ(roles("app-1", kTenant), Names{"Mail.Read"});
    EXPECT_EQ(roles("app-2", kTenant), Names{"User.Read.All"});
    EXPECT_EQ(roles("APP-2", "other"), Names{});
    add(R"({"permissions":[{"clientId":"app-2","roles":[]}]})");
    EXPECT_EQ(roles("app-2", kTenant), Names{});
    EXPECT_EQ(read(before).caller->roles, Names{"User.Read.All"})
        << "a token keeps what it was issued with";
}

// protocol 9.8
TEST_F(IdentityTest, ARevokedTokenIsChallengedUntilOneIsAskedForWithTheClaims) {
    const auto before = token(with_secret());
    const auto other = token(with_secret("app-2"));
    identity_->access_tokens().revoke(kTenant, "app-1");
    const auto challenge = read(before).challenge;
    ASSERT_FALSE(challenge.empty());
    EXPECT_TRUE(read(other).challenge.empty());
    EXPECT_FALSE(read(token(with_secret())).challenge.empty()) << "asked for without claims";
    const auto claims = from_base64url(challenge).value();
    EXPECT_EQ(claims, R"({"access_token":{"nbf":{"essential":true,"value":"1795248000"}}})");
    const auto after = token(with(with_secret(), "claims", claims));
    EXPECT_TRUE(read(after).challenge.empty());
    EXPECT_TRUE(read(after).caller);
    identity_->access_tokens().revoke("", "");
    EXPECT_FALSE(read(after).challenge.empty()) << "revoked again, in the same second";
    EXPECT_FALSE(read(other).challenge.empty());
}

TEST_F(IdentityTest, TheFaultOfTheTokenEndpointIsTemporary) {
    EXPECT_EQ(verdict(fault(R"({"fault":"token-error"})")), "503 temporarily_unavailable 90033");
    EXPECT_EQ(token(with_secret()).status, 200);
}

TEST_F(IdentityTest, FaultsOfTheTokenEndpointAreThoseOfAServiceInTrouble) {
    const auto throttled = fault(R"({"fault":"token-throttle","retryAfterSeconds":7})");
    EXPECT_EQ(throttled.status, 429);
    EXPECT_EQ(throttled.headers.front(), std::pair(std::string("Retry-After"), std::string("7")));
    const auto page = fault(R"({"fault":"token-html","status":502})");
    EXPECT_EQ(page.status, 502);
    EXPECT_TRUE(page.type.starts_with("text/html"));
    const auto late = fault(R"({"fault":"token-slow","delayMilliseconds":1500})");
    EXPECT_EQ(late.status, 200);
    EXPECT_EQ(late.delay, std::chrono::milliseconds(1500));
    EXPECT_TRUE(fault(R"({"fault":"token-cut-off"})").cut_off);
    const auto endless = json(fault(R"({"fault":"token-no-expiry"})"));
    EXPECT_FALSE(endless.contains("expires_in"));
    EXPECT_TRUE(endless.contains("access_token"));
    EXPECT_EQ(identity_->faults().to_json().size(), 0U);
}

TEST_F(IdentityTest, AFaultMayBeOneTenantsAlone) {
    EXPECT_EQ(fault(R"({"fault":"token-error","tenant":"broken","count":0})").status, 200);
    for (int i = 0; i < 3; ++i) EXPECT_EQ(token(with_secret(), "Broken").status, 503);
    identity_->faults().clear();
    EXPECT_EQ(token(with_secret(), "broken").status, 200);
}

TEST_F(IdentityTest, FaultsThatMakeNoSenseAreRefused) {
    for (const auto* wrong :
         {R"({"fault":"rain"})", R"({"fault":"token-error","count":-1})",
          R"({"fault":"token-slow","delayMilliseconds":"1"})",
          R"({"fault":"managed-identity-error","status":200})"}) {
        EXPECT_FALSE(identity_->faults().set(boost::json::parse(wrong).as_object())) << wrong;
    }
}

TEST_F(IdentityTest, TokenRequestsAreCountedByTenantClientAndGrant) {
    token(with_secret());
    token(with_secret());
    token(with_secret("app-1", "wrong"));
    token(with_secret(), "other");
    const auto counts = identity_->counts().to_json();
    ASSERT_EQ(counts.size(), 2U);
    const boost::json::value expected{
        {"tenant", kTenant}, {"clientId", "app-1"}, {"grant", "client_credentials"},
        {"requests", 3},     {"issued", 2},         {"refused", 1}
    };
    EXPECT_EQ(boost::json::serialize(counts.at(0)), boost::json::serialize(expected));
}

TEST_F(IdentityTest, WhatTheDirectoryCannotReadChangesNothing) {
    for (const auto* wrong :
         {R"({"app":[]})", R"({"apps":[{}]})", R"({"apps":[{"clientId":"a b"}]})",
          R"({"apps":[{"clientId":"a","certificates":["x"]}]})",
          R"({"apps":[{"clientId":"a","secrets":[{"secret":"x","expires":"soon"}]}]})",
          R"({"apps":[{"clientId":"a","federations":[{"issuer":"i","subject":"s"}]}]})",
          R"({"apps":[{"clientId":"a"},{"clientId":7}]})", R"({"users":[{"id":"x"}]})",
          R"({"permissions":[{"clientId":"a"}]})", R"({"managedIdentities":[{}]})"}) {
        EXPECT_FALSE(identity_->directory().add(boost::json::parse(wrong).as_object())) << wrong;
    }
    EXPECT_TRUE(identity_->directory().takes_any_app());
}

TEST_F(IdentityTest, ThePrintedDirectoryHasNoSecrets) {
    add(R"({"apps":[{"clientId":"a","secrets":[{"secret":"very-secret"}]}]})");
    const auto shown = boost::json::serialize(identity_->directory().to_json());
    EXPECT_EQ(shown.find("very-secret"), std::string::npos);
    EXPECT_NE(shown.find("\"clientId\":\"a\""), std::string::npos);
}

// protocol 7.9
TEST_F(IdentityTest, DiscoveryLeadsToTheKeySet) {
    const auto get = [this](std::string target) {
        return json(identity_->handle(request("GET", std::move(target))).value());
    };
    const auto v2 = get("/common/v2.0/.well-known/openid-configuration");
    EXPECT_EQ(v2.at("issuer"), "https://login.microsoftonline.com/{tenantid}/v2.0");
    EXPECT_EQ(v2.at("jwks_uri"), "https://localhost:1/common/discovery/v2.0/keys");
    EXPECT_EQ(v2.at("id_token_signing_alg_values_supported").at(0), "RS256");
    const auto v1 = get("/common/.well-known/openid-configuration");
    EXPECT_EQ(v1.at("issuer"), "https://sts.windows.net/{tenantid}/");
    EXPECT_EQ(v1.at("jwks_uri"), "https://localhost:1/common/discovery/keys");
    EXPECT_EQ(get("/common/discovery/v2.0/keys").at("keys").as_array().size(), 1U);
}

TEST_F(IdentityTest, OtherPathsAndMethodsAreNotIts) {
    EXPECT_FALSE(identity_->handle(request("GET", "/")));
    EXPECT_FALSE(identity_->handle(request("POST", "/oauth2/v2.0/token")));
    EXPECT_FALSE(identity_->handle(request("POST", "/a/b/oauth2/v2.0/token")));
    EXPECT_EQ(identity_->handle(request("GET", "/contoso/oauth2/v2.0/token"))->status, 405);
}

}  // namespace
}  // namespace graphhook::emulator
