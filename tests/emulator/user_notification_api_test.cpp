// The devices' own API on a clock that stands still: what an expired subscription and a user's
// limits mean there.
#include "emulator/user_notifications/endpoint_api.hpp"
#include "tests/emulator/identity_fixture.hpp"

#include <boost/json/serialize.hpp>
#include <gmock/gmock.h>

namespace graphhook::emulator {
namespace {

using boost::json::object;
using std::chrono::hours;
using std::chrono::seconds;
using testing::HasSubstr;

constexpr std::string_view kRoot = "/emulator/user-notifications/";

class EndpointApiTest : public test::IdentityFixture {
  protected:
    EndpointApiTest() {
        start({.token_life = hours(24 * 365)});
        token_ = token_for("UserActivity.ReadWrite.CreatedByApp");
    }
    std::string token_for(const std::string& scope) {
        SignIn sign_in;
        sign_in.user = identity_->user_for("ann@contoso.com", "contoso").value();
        sign_in.client = "client-1";
        sign_in.resource = "https://graph.microsoft.com";
        sign_in.scopes = {scope};
        return identity_->access_tokens().issue(sign_in, 0);
    }
    Response ask(
        const std::string& method, const std::string& path, const object& body = {},
        bool user = true
    ) {
        Request request;
        request.method = method;
        request.target = std::string(kRoot) + (user ? "me/" : "") + path;
        if (user) request.headers.emplace_back("authorization", "Bearer " + token_);
        request.headers.emplace_back("content-type", "application/json");
        if (!body.empty()) request.body = boost::json::serialize(body);
        return api().handle(request);
    }
    EndpointApi& api() {
        if (!api_) api_ = std::make_unique<EndpointApi>(service_, *identity_, clock_);
        return *api_;
    }
    std::string registered() {
        const auto made = ask("POST", "endpoints", {{"platform", "ios"}, {"lifeSeconds", 3'600}});
        EXPECT_EQ(made.status, 201) << made.body;
        return "endpoints/" + text(made, "endpointId");
    }
    UserNotifications service_{{.limits = true}, clock_};
    std::unique_ptr<EndpointApi> api_;
    std::string token_;
};

TEST_F(EndpointApiTest, AnEndpointThatIsOverReadsNothingAndIsNotRenewed) {
    const auto path = registered();
    EXPECT_EQ(ask("GET", path + "/feed").status, 200);
    clock_.advance(hours(1) - seconds(1));
    EXPECT_EQ(ask("PATCH", path, {{"lifeSeconds", 60}}).status, 200);
    clock_.advance(seconds(60));
    EXPECT_EQ(ask("GET", path + "/feed").status, 410);
    EXPECT_EQ(ask("PATCH", path, {{"lifeSeconds", 60}}).status, 410);
    EXPECT_EQ(ask("GET", path + "/feed", {}, false).status, 200) << "tests may look";
    EXPECT_THAT(ask("GET", "endpoints").body, HasSubstr(R"("live":false)"));
    EXPECT_EQ(ask("DELETE", path).status, 200);
    EXPECT_EQ(ask("GET", path + "/feed", {}, false).status, 404);
}

TEST_F(EndpointApiTest, AUsersRequestsHaveLimitsAndThoseOfTestsHaveNone) {
    const auto path = registered();
    for (int i = 0; i < 400; ++i) ASSERT_EQ(ask("GET", path + "/feed").status, 200);
    EXPECT_EQ(ask("GET", path + "/feed").status, 406);
    EXPECT_EQ(ask("GET", path + "/feed", {}, false).status, 200);
    EXPECT_EQ(ask("PATCH", path, {{"lifeSeconds", 60}}).status, 200) << "writes count apart";
    clock_.advance(seconds(10));
    EXPECT_EQ(ask("GET", path + "/feed").status, 406);
}

TEST_F(EndpointApiTest, ATokenNeedsOneOfTwoPermissions) {
    token_ = token_for("Notifications.ReadWrite.CreatedByApp");
    EXPECT_EQ(ask("GET", "endpoints").status, 200);
    token_ = token_for("Mail.Read");
    EXPECT_EQ(ask("GET", "endpoints").status, 403);
    token_ = "none";
    EXPECT_EQ(ask("GET", "endpoints").status, 401);
    token_ = token_for("*");
    identity_->access_tokens().revoke("", "");
    EXPECT_EQ(ask("GET", "endpoints").status, 401) << "it counts no more";
}

TEST_F(EndpointApiTest, WhatIsNotThereIsRefused) {
    const auto path = registered();
    for (const auto& [method, wanted] :
         {std::pair("GET", path + "/feed/x"), std::pair("POST", path), std::pair("GET", path),
          std::pair("PATCH", path + "/notifications/"), std::pair("PUT", std::string("endpoints")),
          std::pair("GET", std::string("received")), std::pair("GET", path + "/other/x")})
        EXPECT_EQ(ask(method, wanted).status, 404) << method << " " << wanted;
    EXPECT_EQ(ask("PATCH", path + "/notifications/x", {{"readState", "Read"}}).status, 404);
    EXPECT_EQ(ask("PATCH", path + "/notifications/x", {{"readState", "Seen"}}).status, 400);
    EXPECT_EQ(ask("POST", "endpoints", {{"platform", 7}}, false).status, 400);
    EXPECT_EQ(ask("POST", "blocked", {{"appId", "a"}}, false).status, 400);
}

TEST_F(EndpointApiTest, AUserOfTheDataNeedsNoSignIn) {
    const object wanted{
        {"platform", "windows"},
        {"appId", "service-1"},
        {"tenant", "contoso"},
        {"user", "0F0D2C9A-1111-4222-8333-444455556666"}
    };
    const auto made = ask("POST", "endpoints", wanted, false);
    EXPECT_EQ(made.status, 201);
    EXPECT_EQ(text(made, "userId"), "0f0d2c9a-1111-4222-8333-444455556666");
    auto without = wanted;
    without.erase("tenant");
    EXPECT_EQ(ask("POST", "endpoints", without, false).status, 404);
    without["user"] = "ann@contoso.com";
    without["tenant"] = "fabrikam";
    EXPECT_EQ(ask("POST", "endpoints", without, false).status, 409) << "she is in another tenant";
}

TEST_F(EndpointApiTest, ARegisteredAppHasItsPlatformsOnly) {
    const object app{{"appId", "service-1"}, {"platforms", {"windows", "WebPush"}}};
    EXPECT_EQ(ask("POST", "apps", app, false).status, 200);
    const auto status = [&](const char* platform) {
        return ask("POST", "endpoints", {{"platform", platform}, {"appId", "service-1"}}).status;
    };
    EXPECT_EQ(status("ios"), 400);
    EXPECT_EQ(status("windows"), 201);
}

}  // namespace
}  // namespace graphhook::emulator
