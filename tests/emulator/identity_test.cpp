#include "emulator/identity/identity.hpp"

#include "emulator/url.hpp"
#include "tests/emulator/fake_clock.hpp"

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <gtest/gtest.h>

namespace graphhook::emulator {
namespace {

class IdentityTest : public testing::Test {
  protected:
    static Identity::Options options() {
        Identity::Options made;
        made.client_secret = Secret("qWg~8Q+ex &=%");
        made.roles = {"Mail.Read"};
        return made;
    }
    static Request request(std::string method, std::string target, std::string body = {}) {
        Request made;
        made.method = std::move(method);
        made.target = std::move(target);
        made.body = std::move(body);
        made.base = "https://localhost:1";
        made.headers.emplace_back(
            "content-type", "application/x-www-form-urlencoded; charset=utf-8"
        );
        return made;
    }
    Response token(const std::string& body) {
        return identity_.handle(request("POST", "/contoso/oauth2/v2.0/token", body)).value();
    }
    static boost::json::object json(const Response& response) {
        return boost::json::parse(response.body).as_object();
    }
    std::string good() const {
        return "client_id=app-1&scope=https%3A%2F%2Fgraph.microsoft.com%2F.default&client_secret=" +
               form_encode("qWg~8Q+ex &=%") + "&grant_type=client_credentials";
    }

    test::FakeClock clock_;
    Faults faults_;
    Stats stats_;
    Identity identity_{options(), SigningKey::make().value(), faults_, stats_, clock_};
};

// protocol 9.1
TEST_F(IdentityTest, AnAppGetsATokenForItsSecret) {
    const auto response = token(good());
    EXPECT_EQ(response.status, 200);
    const auto body = json(response);
    EXPECT_EQ(body.at("token_type"), "Bearer");
    EXPECT_EQ(body.at("expires_in"), 3599);
    EXPECT_FALSE(body.contains("refresh_token"));
    const auto caller = identity_.read_token(std::string_view(body.at("access_token").as_string()));
    ASSERT_TRUE(caller);
    EXPECT_EQ(caller->tenant, "contoso");
    EXPECT_EQ(caller->app, "app-1");
    EXPECT_EQ(caller->roles, std::vector<std::string>{"Mail.Read"});
}

TEST_F(IdentityTest, ATokenEndsWithItsLife) {
    const auto body = json(token(good()));
    const std::string_view text = body.at("access_token").as_string();
    clock_.advance(std::chrono::seconds(3598));
    EXPECT_TRUE(identity_.read_token(text));
    clock_.advance(std::chrono::seconds(1));
    EXPECT_FALSE(identity_.read_token(text));
}

// protocol 9.7
TEST_F(IdentityTest, AWrongSecretIsAnInvalidClient) {
    const auto response =
        token("client_id=app-1&scope=x/.default&client_secret=wrong&grant_type=client_credentials");
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
    const auto response =
        token("client_id=a&scope=x/.default&grant_type=client_credentials&client_secret=qWg~8Q+ex "
        );
    EXPECT_EQ(response.status, 401) << "a plus sign means a space";
}

TEST_F(IdentityTest, RequestsThatAreNotInOrderAreNamed) {
    const auto error = [this](const std::string& body) {
        return std::string(json(token(body)).at("error").as_string());
    };
    EXPECT_EQ(error(""), "invalid_request");
    EXPECT_EQ(error("client_id=%G1"), "invalid_request");
    EXPECT_EQ(error("client_id=a&client_id=b"), "invalid_request");
    EXPECT_EQ(
        error("client_id=a&scope=x/.default&client_secret=x&grant_type=password"),
        "unsupported_grant_type"
    );
    EXPECT_EQ(
        error("client_id=a&scope=Mail.Read&client_secret=x&grant_type=client_credentials"),
        "invalid_scope"
    );
    EXPECT_EQ(
        error("client_id=a&scope=x/.default&grant_type=client_credentials"), "invalid_client"
    );
    auto other = request("POST", "/contoso/oauth2/v2.0/token", "{}");
    other.headers = {{"content-type", "application/json"}};
    EXPECT_EQ(identity_.handle(other)->status, 400);
}

TEST_F(IdentityTest, TheFaultOfTheTokenEndpointIsTemporary) {
    faults_.set(FaultKind::TokenError, {});
    const auto response = token(good());
    EXPECT_EQ(response.status, 503);
    EXPECT_EQ(json(response).at("error"), "temporarily_unavailable");
    EXPECT_EQ(token(good()).status, 200);
}

// protocol 7.9
TEST_F(IdentityTest, DiscoveryLeadsToTheKeySet) {
    const auto v2 = json(
        identity_.handle(request("GET", "/common/v2.0/.well-known/openid-configuration")).value()
    );
    EXPECT_EQ(v2.at("issuer"), "https://login.microsoftonline.com/{tenantid}/v2.0");
    EXPECT_EQ(v2.at("jwks_uri"), "https://localhost:1/common/discovery/v2.0/keys");
    EXPECT_EQ(v2.at("id_token_signing_alg_values_supported").at(0), "RS256");
    const auto v1 =
        json(identity_.handle(request("GET", "/common/.well-known/openid-configuration")).value());
    EXPECT_EQ(v1.at("issuer"), "https://sts.windows.net/{tenantid}/");
    EXPECT_EQ(v1.at("jwks_uri"), "https://localhost:1/common/discovery/keys");
    const auto keys = json(identity_.handle(request("GET", "/common/discovery/v2.0/keys")).value());
    EXPECT_EQ(keys.at("keys").as_array().size(), 1U);
}

TEST_F(IdentityTest, OtherPathsAndMethodsAreNotIts) {
    EXPECT_FALSE(identity_.handle(request("GET", "/")));
    EXPECT_FALSE(identity_.handle(request("POST", "/oauth2/v2.0/token")));
    EXPECT_FALSE(identity_.handle(request("POST", "/a/b/oauth2/v2.0/token")));
    EXPECT_EQ(identity_.handle(request("GET", "/contoso/oauth2/v2.0/token"))->status, 405);
}

}  // namespace
}  // namespace graphhook::emulator
