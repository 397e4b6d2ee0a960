// Users' access tokens for an app's own API.
#include "emulator/identity/identity_control.hpp"
#include "emulator/identity/jwt.hpp"
#include "tests/emulator/identity_fixture.hpp"

#include <boost/json/serialize.hpp>
#include <gmock/gmock.h>

#include <optional>

namespace graphhook::emulator {
namespace {

using boost::json::object;
using test::Form;
using test::kTenant;
using testing::HasSubstr;

constexpr std::string_view kApi = "8e460676-ae3f-4b1e-8790-ee0fb5d6148f";
const std::string kAddress = "api://" + std::string(kApi);
constexpr std::string_view kDevice = "urn:ietf:params:oauth:grant-type:device_code";

class ApiTokenTest : public test::IdentityFixture {
  protected:
    void SetUp() override { start(); }

    Response ask(const std::string& scope) {
        return post(
            "/" + std::string(kTenant) + "/oauth2/v2.0/devicecode",
            text_of({{"client_id", "app-1"}, {"scope", scope}})
        );
    }
    Response signed_in(const std::string& scope) {
        const auto asked = ask(scope);
        EXPECT_EQ(asked.status, 200) << asked.body;
        EXPECT_TRUE(identity_->decide(text(asked, "user_code"), "ann@contoso.com"));
        return token(
            {{"grant_type", std::string(kDevice)},
             {"client_id", "app-1"},
             {"device_code", text(asked, "device_code")}}
        );
    }
    Response refreshed(const Response& before, const std::string& scope = {}) {
        Form form{
            {"grant_type", "refresh_token"},
            {"client_id", "app-1"},
            {"refresh_token", text(before, "refresh_token")}
        };
        if (!scope.empty()) form["scope"] = scope;
        return token(form);
    }
    Response get(const std::string& path) {
        return identity_->handle(request("GET", path)).value();
    }
    /// The claims, if a key of that `kid` in the key set of the version verifies it.
    std::optional<object> verified(std::string_view token, bool v2) {
        const auto jwt = parse_jwt(token);
        if (!jwt || jwt->header_text("alg") != "RS256") return std::nullopt;
        const auto set = json(get(v2 ? "/common/discovery/v2.0/keys" : "/common/discovery/keys"));
        for (const auto& key : read_issuer_keys(set).value()) {
            if (key.kid == jwt->header_text("kid") && key.key.verifies(*jwt, Algorithm::Rs256))
                return jwt->claims;
        }
        return std::nullopt;
    }
    object claims_of(const Response& response, bool v2 = false) {
        const auto claims = verified(text(response, "access_token"), v2);
        EXPECT_TRUE(claims) << "the key sets do not verify it";
        return claims.value_or(object());
    }
    static std::string said(const object& claims, std::string_view name) {
        return std::string(claims.at(name).as_string());
    }
    Identity::UserTokenWanted wanted() {
        Identity::UserTokenWanted made;
        made.user = "ann@contoso.com";
        made.tenant = std::string(kTenant);
        made.client = "app-1";
        made.audience = std::string(kApi);
        made.scopes = {"Tasks.Read"};
        return made;
    }
    std::string forged(std::string_view name, TokenVersion version = TokenVersion::V2) {
        auto asked = wanted();
        asked.version = version;
        asked.forgery = find_api_forgery(name);
        EXPECT_TRUE(asked.forgery) << name;
        return identity_->user_token(asked).value().text;
    }
    Response control(const object& body) {
        return identity_control(*identity_, request("POST", "/emulator/identity/user-token"), body);
    }
};

TEST_F(ApiTokenTest, ADeviceCodeGivesAUsersTokenForAnAppsOwnApi) {
    const auto response =
        signed_in("offline_access openid " + kAddress + "/Tasks.Read " + kAddress + "/Tasks.Write");
    EXPECT_EQ(text(response, "scope"), kAddress + "/Tasks.Read " + kAddress + "/Tasks.Write");
    EXPECT_TRUE(json(response).contains("id_token"));
    const auto claims = claims_of(response);
    EXPECT_EQ(said(claims, "aud"), kAddress);
    EXPECT_EQ(said(claims, "scp"), "Tasks.Read Tasks.Write");
    EXPECT_EQ(said(claims, "tid"), kTenant);
    EXPECT_EQ(
        said(claims, "oid"),
        std::string_view(identity_->directory().find_user("ann@contoso.com")->id)
    );
    EXPECT_EQ(said(claims, "ver"), "1.0");
    EXPECT_EQ(said(claims, "appid"), "app-1");
    EXPECT_FALSE(claims.contains("azp"));
    EXPECT_FALSE(claims.contains("roles"));
    EXPECT_EQ(claims.at("exp").as_int64() - claims.at("nbf").as_int64(), 3'599);
}

TEST_F(ApiTokenTest, AnApiThatTakesVersionTwoGetsItWithItsClientIdForAudience) {
    add(R"({"apps":[{"clientId":"app-1","public":true},
        {"clientId":"8e460676-ae3f-4b1e-8790-ee0fb5d6148f","accessTokenVersion":2}]})");
    const auto claims = claims_of(signed_in(kAddress + "/Tasks.Read"), true);
    EXPECT_EQ(said(claims, "aud"), kApi);
    EXPECT_EQ(said(claims, "ver"), "2.0");
    EXPECT_EQ(said(claims, "azp"), "app-1");
    EXPECT_FALSE(claims.contains("appid"));
}

TEST_F(ApiTokenTest, TheIssuerIsWhatTheMetadataOfTheVersionNames) {
    for (const bool v2 : {false, true}) {
        auto asked = wanted();
        asked.version = v2 ? TokenVersion::V2 : TokenVersion::V1;
        const auto claims = verified(identity_->user_token(asked).value().text, v2);
        ASSERT_TRUE(claims);
        const auto of_tenant = "/" + std::string(kTenant) + (v2 ? "/v2.0" : "");
        const auto metadata = json(get(of_tenant + "/.well-known/openid-configuration"));
        EXPECT_EQ(said(*claims, "iss"), said(metadata, "issuer"));
    }
}

TEST_F(ApiTokenTest, DefaultIsWhatTheApiHasAndTheAppWasGiven) {
    const auto scope = [this](const std::string& wanted) {
        return std::string(claims_of(signed_in(wanted)).at("scp").as_string());
    };
    EXPECT_EQ(scope(kAddress + "/.default"), "user_impersonation");
    EXPECT_EQ(scope(std::string(kApi) + "/.default"), "user_impersonation");
    add(R"({"apps":[{"clientId":"app-1","public":true},
        {"clientId":"8e460676-ae3f-4b1e-8790-ee0fb5d6148f","apiScopes":["Tasks.Read","Tasks.Write"]}]})"
    );
    EXPECT_EQ(scope(kAddress + "/.default"), "Tasks.Read Tasks.Write");
    add(R"({"permissions":[{"clientId":"app-1","scopes":["Tasks.Read","Mail.Read"]}]})");
    EXPECT_EQ(scope(kAddress + "/.default"), "Tasks.Read");
    EXPECT_EQ(scope("https://graph.microsoft.com/.default"), "Tasks.Read Mail.Read");
    EXPECT_EQ(verdict(signed_in(kAddress + "/Tasks.Write")), "400 invalid_grant 65001");
    EXPECT_EQ(verdict(signed_in(kAddress + "/Mail.Read")), "400 invalid_scope 70011");
    add(R"({"permissions":[{"clientId":"app-1","scopes":["Mail.Read"]}]})");
    EXPECT_EQ(verdict(signed_in(kAddress + "/.default")), "400 invalid_grant 65001");
}

TEST_F(ApiTokenTest, ARefreshTokenServesGraphAndTheApiInTurn) {
    const auto graph = signed_in("offline_access https://graph.microsoft.com/Mail.Read");
    EXPECT_TRUE(read(graph).caller);
    const auto api = refreshed(graph, kAddress + "/Tasks.Read");
    EXPECT_EQ(said(claims_of(api), "scp"), "Tasks.Read");
    EXPECT_FALSE(read(api).caller);
    EXPECT_TRUE(read(refreshed(api)).caller) << "it stays what was signed in to";
    const auto mine = signed_in("offline_access " + kAddress + "/Tasks.Read");
    EXPECT_EQ(said(claims_of(refreshed(mine)), "aud"), kAddress);
}

TEST_F(ApiTokenTest, AnApiOfNobodyIsRefused) {
    EXPECT_EQ(verdict(ask("https://vault.example/.default")), "400 invalid_resource 500011");
    EXPECT_EQ(verdict(ask("api://a b/.default")), "400 invalid_scope 70011");
    EXPECT_EQ(verdict(ask("api://a%b/.default")), "400 invalid_resource 500011");
    EXPECT_EQ(verdict(ask("some-name/Tasks.Read")), "400 invalid_resource 500011");
    add(R"({"apps":[{"clientId":"app-1","public":true},{"clientId":"some-name"},
        {"clientId":"far-away","tenants":["fabrikam"]}]})");
    EXPECT_EQ(verdict(ask(kAddress + "/Tasks.Read")), "400 invalid_resource 500011");
    EXPECT_EQ(verdict(ask("api://far-away/Tasks.Read")), "400 invalid_resource 500011");
    EXPECT_EQ(ask("some-name/Tasks.Read").status, 200);
    const auto graph = signed_in("offline_access Mail.Read");
    EXPECT_EQ(verdict(refreshed(graph, "api://far-away/.default")), "400 invalid_resource 500011");
}

TEST_F(ApiTokenTest, GraphTakesNoneOfThem) {
    EXPECT_FALSE(read(signed_in(kAddress + "/Mail.Read")).caller);
    for (const auto version : {TokenVersion::V1, TokenVersion::V2}) {
        auto asked = wanted();
        asked.version = version;
        for (const auto& audience : {std::string(kApi), kAddress, std::string("api://my-app")}) {
            asked.audience = audience;
            EXPECT_FALSE(identity_->read_token(identity_->user_token(asked).value().text).caller);
        }
        for (const auto name : api_forgery_names())
            EXPECT_FALSE(identity_->read_token(forged(name, version)).caller) << name;
    }
}

TEST_F(ApiTokenTest, TokensFollowTheKeyThatSigns) {
    const auto make = [this] {
        auto asked = wanted();
        asked.version = TokenVersion::V2;
        return identity_->user_token(asked).value().text;
    };
    const auto before = make();
    ASSERT_TRUE(identity_->keys().act("rotate"));
    const auto after = make();
    EXPECT_NE(
        parse_jwt(before).value().header_text("kid"), parse_jwt(after).value().header_text("kid")
    );
    for (const bool v2 : {false, true}) {
        EXPECT_TRUE(verified(before, v2));
        EXPECT_TRUE(verified(after, v2));
    }
    ASSERT_TRUE(identity_->keys().act("retire"));
    EXPECT_FALSE(verified(before, true));
    EXPECT_TRUE(verified(after, true));
    ASSERT_TRUE(identity_->keys().act("hide"));
    EXPECT_FALSE(verified(make(), true));
    EXPECT_TRUE(read(signed_in("Mail.Read")).caller) << "Graph's own keep their key";
}

TEST_F(ApiTokenTest, AUsersTokenIsHadWithoutASignIn) {
    const auto response = control(
        {{"user", "ann@contoso.com"},
         {"tenant", kTenant},
         {"clientId", "app-1"},
         {"audience", kAddress},
         {"scope", "Tasks.Read Tasks.Write"},
         {"version", 2}}
    );
    ASSERT_EQ(response.status, 200) << response.body;
    EXPECT_EQ(text(response, "scope"), "Tasks.Read Tasks.Write");
    EXPECT_EQ(json(response).at("version"), 2);
    const auto claims = verified(text(response, "accessToken"), true);
    ASSERT_TRUE(claims);
    EXPECT_EQ(said(*claims, "aud"), kApi);
    EXPECT_EQ(said(*claims, "azp"), "app-1");
    EXPECT_EQ(said(*claims, "oid"), said(json(response).at("user").as_object(), "id"));
    EXPECT_EQ(stats_.tokens_issued, 1U);
    const auto least =
        control({{"user", "ann@contoso.com"}, {"clientId", "app-1"}, {"audience", "my-api"}});
    EXPECT_EQ(text(least, "scope"), "user_impersonation");
    EXPECT_EQ(json(least).at("version"), 1);
}

TEST_F(ApiTokenTest, WhatIsAskedWronglyIsRefusedByName) {
    const object good{{"user", "ann@contoso.com"}, {"clientId", "app-1"}, {"audience", "my-api"}};
    const auto with = [&](std::string_view name, boost::json::value value) {
        auto body = good;
        body[name] = std::move(value);
        const auto response = control(body);
        EXPECT_EQ(response.status, 400) << name;
        return response.body;
    };
    EXPECT_THAT(with("forge", "no-such"), HasSubstr("key-unknown"));
    EXPECT_THAT(with("version", 3), HasSubstr("version"));
    EXPECT_THAT(with("version", "2"), HasSubstr("version"));
    EXPECT_THAT(with("user", 7), HasSubstr("user"));
    EXPECT_THAT(with("user", ""), HasSubstr("user"));
    EXPECT_THAT(with("client", "app-1"), HasSubstr("clientId"));
    EXPECT_THAT(with("clientId", "a b"), HasSubstr("app"));
    EXPECT_THAT(with("scope", "a/b"), HasSubstr("scope"));
    for (const auto* const audience :
         {"https://graph.microsoft.com", "00000003-0000-0000-c000-000000000000", "api://",
          "https://a.example", "a b"})
        EXPECT_THAT(with("audience", audience), HasSubstr("audience")) << audience;
    EXPECT_EQ(control(good).status, 200);
    add(R"({"apps":[{"clientId":"app-1"}]})");
    EXPECT_EQ(control(good).status, 404);
    add(R"({"users":[{"userPrincipalName":"bob@fabrikam.com","tenant":"fabrikam"}]})");
    auto foreign = good;
    foreign["audience"] = "app-1";
    EXPECT_EQ(control(foreign).status, 200);
    foreign["user"] = "bob@fabrikam.com";
    foreign["tenant"] = "contoso";
    EXPECT_EQ(control(foreign).status, 409);
}

TEST_F(ApiTokenTest, EachForgeryIsWhatItsNameSays) {
    for (const auto version : {TokenVersion::V1, TokenVersion::V2}) {
        const bool v2 = version == TokenVersion::V2;
        const auto now =
            std::chrono::duration_cast<std::chrono::seconds>(clock_.system_now().time_since_epoch())
                .count();
        EXPECT_LT(verified(forged("expired", version), v2).value().at("exp").as_int64(), now - 600);
        EXPECT_EQ(
            said(verified(forged("audience", version), v2).value(), "aud"),
            "https://graph.microsoft.com"
        );
        EXPECT_FALSE(verified(forged("signature", version), v2));
        const auto none = parse_jwt(forged("alg-none", version)).value();
        EXPECT_EQ(none.header_text("alg"), "none");
        EXPECT_TRUE(none.signature.empty());
        const auto nobody = parse_jwt(forged("key-unknown", version)).value();
        EXPECT_EQ(nobody.header_text("kid"), "no-key-has-this-kid");
        EXPECT_EQ(nobody.claim_text("tid"), kTenant);
        const auto issuer = verified(forged("issuer", version), v2).value();
        EXPECT_EQ(said(issuer, "tid"), kTenant);
        EXPECT_THAT(
            std::string(issuer.at("iss").as_string()), testing::Not(HasSubstr(std::string(kTenant)))
        );
        const auto app = verified(forged("app-only", version), v2).value();
        EXPECT_EQ(said(app, "idtyp"), "app");
        EXPECT_EQ(app.at("roles").at(0), "Tasks.Read");
        EXPECT_FALSE(app.contains("scp"));
        const auto id = verified(forged("id-token", version), v2).value();
        EXPECT_EQ(said(id, "aud"), kApi);
        EXPECT_FALSE(id.contains("scp"));
        EXPECT_FALSE(id.contains(v2 ? "azp" : "appid"));
    }
    EXPECT_FALSE(find_api_forgery("no-such"));
    EXPECT_EQ(api_forgery_names().size(), 8U);
}

TEST_F(ApiTokenTest, WhatIsWrongWithAnApiIsRefusedWhenItIsRegistered) {
    const auto refused = [this](std::string_view members) {
        const auto added = identity_->directory().add(
            boost::json::parse(R"({"apps":[{"clientId":"a",)" + std::string(members) + "}]}")
                .as_object()
        );
        return added ? std::string() : added.error().detail;
    };
    EXPECT_THAT(refused(R"("accessTokenVersion":3)"), HasSubstr("accessTokenVersion"));
    EXPECT_THAT(refused(R"("accessTokenVersion":"2")"), HasSubstr("accessTokenVersion"));
    EXPECT_THAT(refused(R"("apiScopes":["a b"])"), HasSubstr("apiScopes"));
    EXPECT_THAT(refused(R"("apiScopes":"a")"), HasSubstr("apiScopes"));
    EXPECT_EQ(refused(R"("apiScopes":["Tasks.Read"],"accessTokenVersion":2)"), "");
    const auto shown = boost::json::serialize(identity_->directory().to_json());
    EXPECT_THAT(shown, HasSubstr(R"("apiScopes":["Tasks.Read"],"accessTokenVersion":2)"));
}

}  // namespace
}  // namespace graphhook::emulator
