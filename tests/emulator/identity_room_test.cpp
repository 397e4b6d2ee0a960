// The identity platform over real sockets, and the program's commands about it.
#include "emulator/identity/base64.hpp"
#include "emulator/url.hpp"
#include "tests/emulator/assertion_key.hpp"
#include "tests/emulator/receiver.hpp"
#include "tests/emulator/running_emulator.hpp"

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace graphhook::emulator {
namespace {

using std::chrono::hours;
using std::chrono::seconds;
using test::Receiver;
using test::RunningEmulator;
using testing::HasSubstr;

using Form = std::map<std::string, std::string>;

class IdentityRoomTest : public testing::Test {
  protected:
    void start(Options options = {}) {
        emulator_ = std::make_unique<RunningEmulator>(std::move(options));
    }
    static std::string text_of(const Form& form) {
        std::string text;
        for (const auto& [name, value] : form)
            text += (text.empty() ? "" : "&") + form_encode(name) + "=" + form_encode(value);
        return text;
    }
    RunningEmulator::Answer post(const std::string& path, const Form& form) {
        HttpRequest request;
        request.method = "POST";
        request.url = "/contoso/oauth2/v2.0/" + path;
        request.headers.emplace_back("Content-Type", "application/x-www-form-urlencoded");
        request.body = text_of(form);
        return emulator_->raw(std::move(request));
    }
    static Form secret(const std::string& claims = {}) {
        Form form{
            {"grant_type", "client_credentials"},
            {"client_id", "app-1"},
            {"client_secret", "emulator-secret"},
            {"scope", "https://graph.microsoft.com/.default"}
        };
        if (!claims.empty()) form["claims"] = claims;
        return form;
    }
    static Secret token_of(const RunningEmulator::Answer& answer) {
        EXPECT_EQ(answer.status(), 200) << answer.response.body;
        return answer.status() == 200
                   ? Secret(std::string(answer.json.at("access_token").as_string()))
                   : Secret();
    }
    RunningEmulator::Answer list(const Secret& token) {
        HttpRequest request;
        request.url = "/v1.0/subscriptions";
        request.bearer = token;
        return emulator_->raw(std::move(request));
    }
    RunningEmulator::Answer control(const std::string& path, const boost::json::object& body) {
        return emulator_->call("POST", "/emulator/" + path, body);
    }
    Secret signed_in(const std::string& user, const std::string& scope) {
        const auto asked = post("devicecode", {{"client_id", "app-1"}, {"scope", scope}});
        EXPECT_EQ(asked.status(), 200);
        EXPECT_EQ(
            control(
                "identity/approve", {{"userCode", asked.json.at("user_code")}, {"user", user}}
            ).status(),
            200
        );
        return token_of(post(
            "token", {{"grant_type", "urn:ietf:params:oauth:grant-type:device_code"},
                      {"client_id", "app-1"},
                      {"device_code", std::string(asked.json.at("device_code").as_string())}}
        ));
    }
    std::unique_ptr<RunningEmulator> emulator_;
};

TEST_F(IdentityRoomTest, AnAppWithACertificateListsItsSubscriptions) {
    start();
    const auto now = real_clock().system_now();
    const test::AssertionKey key(now - hours(1), now + hours(1));
    boost::json::array certificates;
    certificates.emplace_back(key.certificate());
    boost::json::array apps;
    apps.push_back(boost::json::object{{"clientId", "app-1"}, {"certificates", certificates}});
    ASSERT_EQ(control("identity", {{"apps", apps}}).status(), 200);
    const auto at = std::chrono::duration_cast<seconds>(now.time_since_epoch()).count();
    const auto assertion = key.sign(
        {{"alg", "PS256"}, {"x5t#S256", key.x5t_s256()}},
        {{"iss", "app-1"},
         {"sub", "app-1"},
         {"aud", emulator_->base() + "/contoso/oauth2/v2.0/token"},
         {"jti", "once"},
         {"nbf", at},
         {"exp", at + 600}}
    );
    const Form form{
        {"grant_type", "client_credentials"},
        {"client_id", "app-1"},
        {"scope", emulator_->base() + "/.default"},
        {"client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
        {"client_assertion", assertion}
    };
    EXPECT_EQ(list(token_of(post("token", form))).status(), 200);
    const auto again = post("token", form);
    EXPECT_EQ(again.status(), 401);
    EXPECT_EQ(again.json.at("error"), "invalid_client");
}

// protocol 9.8
TEST_F(IdentityRoomTest, ARevokedTokenIsAnsweredWithAClaimsChallenge) {
    start();
    const auto token = token_of(post("token", secret()));
    EXPECT_EQ(list(token).status(), 200);
    ASSERT_EQ(
        control("identity/revoke", {{"tokens", "access"}, {"tenant", "contoso"}}).status(), 200
    );
    const auto refused = list(token);
    EXPECT_EQ(refused.status(), 401);
    const std::string challenge(refused.response.header("www-authenticate").value());
    EXPECT_THAT(challenge, HasSubstr(R"(error="insufficient_claims", claims=")"));
    EXPECT_EQ(list(token_of(post("token", secret()))).status(), 401) << "without the claims";
    const auto begin = challenge.find("claims=\"", challenge.find("claims\",")) + 8;
    const auto claims = from_base64url(challenge.substr(begin, challenge.find('"', begin) - begin));
    ASSERT_TRUE(claims) << challenge;
    EXPECT_EQ(list(token_of(post("token", secret(*claims)))).status(), 200);
}

TEST_F(IdentityRoomTest, AUserSubscribesToTheirOwnMailAndSeesOnlyThat) {
    Options options;
    options.identity.sign_ins.interval = seconds(0);
    start(std::move(options));
    const Receiver receiver(
        emulator_->receiver_certificate(), emulator_->receiver_key(), Receiver::good()
    );
    const auto create = [&](const Secret& token, std::string_view resource) {
        HttpRequest request;
        request.method = "POST";
        request.url = "/v1.0/subscriptions";
        request.bearer = token;
        request.headers.emplace_back("Content-Type", "application/json");
        request.body = boost::json::serialize(RunningEmulator::body(resource, receiver.url("/n")));
        return emulator_->raw(std::move(request));
    };
    const auto ann = signed_in("ann@contoso.com", "Mail.Read");
    const auto bob = signed_in("bob@contoso.com", "Mail.Read");
    EXPECT_EQ(create(ann, "me/messages").status(), 201);
    EXPECT_EQ(create(ann, "users/bob@contoso.com/messages").status(), 403);
    EXPECT_EQ(create(ann, "me/events").status(), 403) << "no Calendars.Read in the token";
    EXPECT_EQ(list(ann).json.at("value").as_array().size(), 1U);
    EXPECT_EQ(list(bob).json.at("value").as_array().size(), 0U);
    EXPECT_EQ(list(token_of(post("token", secret()))).json.at("value").as_array().size(), 1U);
    const auto conversation = create(token_of(post("token", secret())), "groups/g/conversations");
    EXPECT_EQ(conversation.status(), 403);
    EXPECT_THAT(conversation.message(), HasSubstr("Application permissions are not supported"));
}

TEST_F(IdentityRoomTest, ManagedIdentitiesHaveAPlainPortOfTheirOwn) {
    Options options;
    options.managed_identity_port = 0;
    start(std::move(options));
    const auto http = make_http_client({});
    HttpRequest request;
    request.url = "http://127.0.0.1:" + std::to_string(emulator_->managed_identity_port()) +
                  "/metadata/identity/oauth2/token?api-version=2018-02-01&resource=" +
                  "https%3A%2F%2Fgraph.microsoft.com";
    EXPECT_EQ(http->send(request, {})->status, 400) << "no Metadata: true";
    request.headers.emplace_back("Metadata", "true");
    const auto response = http->send(request, {});
    ASSERT_TRUE(response);
    ASSERT_EQ(response->status, 200);
    const auto json = boost::json::parse(response->body).as_object();
    EXPECT_EQ(json.at("expires_in"), "3599");
    EXPECT_EQ(list(Secret(std::string(json.at("access_token").as_string()))).status(), 200);
    request.url = "http://127.0.0.1:" + std::to_string(emulator_->managed_identity_port()) +
                  "/emulator/status";
    EXPECT_EQ(http->send(request, {})->status, 404) << "nothing else is there";
}

TEST_F(IdentityRoomTest, AnAnswerOfTheTokenEndpointCanBeCutOff) {
    start();
    ASSERT_EQ(control("faults", {{"fault", "token-cut-off"}}).status(), 200);
    HttpClientOptions client;
    client.ca_file = (emulator_->directory() / "ca.pem").string();
    const auto http = make_http_client(client);
    HttpRequest request;
    request.method = "POST";
    request.url = emulator_->base() + "/contoso/oauth2/v2.0/token";
    request.headers.emplace_back("Content-Type", "application/x-www-form-urlencoded");
    request.body = text_of(secret());
    EXPECT_FALSE(http->send(request, {})) << "the body ends too soon";
    EXPECT_EQ(http->send(request, {})->status, 200);
}

TEST_F(IdentityRoomTest, ConsentMayBeWithdrawnWhileItRuns) {
    start();
    boost::json::array permissions;
    permissions.push_back(
        boost::json::object{{"clientId", "app-1"}, {"roles", boost::json::array{"Calendars.Read"}}}
    );
    ASSERT_EQ(control("identity", {{"permissions", permissions}}).status(), 200);
    HttpRequest request;
    request.method = "POST";
    request.url = "/v1.0/subscriptions";
    request.bearer = token_of(post("token", secret()));
    request.headers.emplace_back("Content-Type", "application/json");
    request.body =
        boost::json::serialize(RunningEmulator::body("users/a/messages", "https://localhost:1/"));
    EXPECT_EQ(emulator_->raw(request).status(), 403);
}

TEST_F(IdentityRoomTest, TheStatusCountsTokenRequests) {
    start();
    post("token", secret());
    post("token", secret());
    const auto status = emulator_->call("GET", "/emulator/status");
    bool found = false;
    for (const auto& one : status.json.at("tokenRequests").as_array()) {
        if (one.at("tenant") != "contoso") continue;
        found = true;
        EXPECT_EQ(one.at("clientId"), "app-1");
        EXPECT_EQ(one.at("grant"), "client_credentials");
        EXPECT_EQ(one.at("requests"), 2);
    }
    EXPECT_TRUE(found);
}

}  // namespace
}  // namespace graphhook::emulator
