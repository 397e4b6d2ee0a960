#include "subscriptions/credentials/token_source.hpp"

#include "tests/subscriptions/fakes.hpp"
#include "tests/subscriptions/imposter.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>

namespace graphhook::subscriptions {
namespace {

using namespace std::chrono_literals;
using test::Imposter;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

class TokenSourceTest : public ::testing::Test {
  protected:
    Imposter::Reply answer() {
        const std::lock_guard lock(mutex_);
        return reply_;
    }
    void reply(int status, std::string body, Imposter::Reply base = {}) {
        const std::lock_guard lock(mutex_);
        reply_ = std::move(base);
        reply_.status = status;
        reply_.body = std::move(body);
    }
    ClientSecretTokens make() {
        Tenant tenant;
        tenant.name = "contoso";
        tenant.tenant_id = "84bd8158-6d4d-4958-8b9f-9d6445542f95";
        tenant.client_id = "11111111-2222-3333-4444-555555555555";
        tenant.cloud.graph = "https://graph.example";
        tenant.cloud.login = login_.url();
        tenant.client_secret = Secret("q~8 Q&=ü");
        return ClientSecretTokens(tenant, *http_, clock_, metrics_);
    }

    std::mutex mutex_;
    Imposter::Reply reply_;
    Imposter login_{[this](const Imposter::Request&) { return answer(); }};
    std::unique_ptr<HttpClient> http_ = make_http_client({.timeout = 10s});
    test::FakeClock clock_;
    prometheus::Registry registry_;
    Metrics metrics_{registry_};
};

TEST_F(TokenSourceTest, SendsTheSecretFormEncodedAndToTheTenant) {
    reply(200, R"({"token_type":"Bearer","expires_in":3599,"access_token":"tok1"})");
    auto tokens = make();
    const auto token = tokens.get({});
    ASSERT_TRUE(token) << to_string(token.error());
    EXPECT_EQ(token->reveal(), "tok1");
    const auto requests = login_.requests();
    ASSERT_THAT(requests, SizeIs(1));
    EXPECT_EQ(requests[0].target, "/84bd8158-6d4d-4958-8b9f-9d6445542f95/oauth2/v2.0/token");
    EXPECT_EQ(requests[0].headers.at("content-type"), "application/x-www-form-urlencoded");
    EXPECT_EQ(
        requests[0].body,
        "client_id=11111111-2222-3333-4444-555555555555&scope=https%3A%2F%2Fgraph.example%2F."
        "default&client_secret=q~8%20Q%26%3D%C3%BC&grant_type=client_credentials"
    );
}

TEST_F(TokenSourceTest, RefreshesAtFourFifthsOfTheLifeAndServesTheOldOneInTrouble) {
    reply(200, R"({"expires_in":3600,"access_token":"tok1"})");
    auto tokens = make();
    ASSERT_TRUE(tokens.get({}));
    clock_.advance(47min);
    ASSERT_TRUE(tokens.get({}));
    EXPECT_THAT(login_.requests(), SizeIs(1));
    clock_.advance(2min);
    reply(503, "sorry");
    auto token = tokens.get({});
    ASSERT_TRUE(token);
    EXPECT_EQ(token->reveal(), "tok1");
    EXPECT_THAT(login_.requests(), SizeIs(2));
    ASSERT_TRUE(tokens.get({}));
    EXPECT_THAT(login_.requests(), SizeIs(2)) << "trouble is not asked again at every call";
    clock_.advance(2min);
    reply(200, R"({"expires_in":"3600","access_token":"tok2"})");
    token = tokens.get({});
    ASSERT_TRUE(token);
    EXPECT_EQ(token->reveal(), "tok2");
}

TEST_F(TokenSourceTest, OneAsksWhileTheOthersWait) {
    reply(200, R"({"expires_in":3600,"access_token":"tok1"})");
    auto tokens = make();
    std::vector<std::future<bool>> all;
    for (int i = 0; i < 8; ++i)
        all.push_back(std::async(std::launch::async, [&] { return tokens.get({}).has_value(); }));
    for (auto& one : all) EXPECT_TRUE(one.get());
    EXPECT_THAT(login_.requests(), SizeIs(1));
}

TEST_F(TokenSourceTest, ADroppedTokenIsAskedForAnewOnce) {
    reply(200, R"({"expires_in":3600,"access_token":"tok1"})");
    auto tokens = make();
    const auto first = tokens.get({});
    ASSERT_TRUE(first);
    reply(200, R"({"expires_in":3600,"access_token":"tok2"})");
    tokens.drop(*first);
    ASSERT_EQ(tokens.get({})->reveal(), "tok2");
    tokens.drop(*first);  // somebody else saw the same refusal a little later
    ASSERT_EQ(tokens.get({})->reveal(), "tok2");
    EXPECT_THAT(login_.requests(), SizeIs(2));
}

TEST_F(TokenSourceTest, SaysWhatToDoAboutARefusal) {
    reply(
        401, R"({"error":"invalid_client","error_description":"AADSTS7000222: The provided client )"
             R"(secret keys are expired. Trace ID: 1","error_codes":[7000222],"trace_id":"t-1"})"
    );
    auto tokens = make();
    const auto token = tokens.get({});
    ASSERT_FALSE(token);
    EXPECT_EQ(token.error().next, Next::Credentials);
    const std::string text = to_string(token.error());
    EXPECT_THAT(text, HasSubstr("AADSTS7000222"));
    EXPECT_THAT(text, HasSubstr("make a new one in the app registration"));
    EXPECT_THAT(text, HasSubstr("contoso"));
    EXPECT_THAT(text, Not(HasSubstr("q~8")));
    EXPECT_THAT(
        test::metrics_text(registry_), HasSubstr("token_requests_total{outcome=\"refused\"} 1")
    );
}

struct TokenReply {
    int status;
    const char* body;
    Next next;
};
class TokenReplyTest : public TokenSourceTest, public ::testing::WithParamInterface<TokenReply> {};

TEST_P(TokenReplyTest, IsSortedByWhatToDoNext) {
    reply(GetParam().status, GetParam().body);
    auto tokens = make();
    const auto token = tokens.get({});
    ASSERT_FALSE(token);
    EXPECT_EQ(token.error().next, GetParam().next) << to_string(token.error());
}

INSTANTIATE_TEST_SUITE_P(
    Replies, TokenReplyTest,
    ::testing::Values(
        TokenReply{
            400, R"({"error":"unauthorized_client","error_description":"AADSTS700016: x"})",
            Next::Credentials
        },
        TokenReply{
            400, R"({"error":"invalid_grant","error_description":"AADSTS65001: x"})",
            Next::Credentials
        },
        TokenReply{400, R"({"error":"temporarily_unavailable"})", Next::RetryLater},
        TokenReply{429, "{}", Next::Throttled}, TokenReply{500, "<html>", Next::RetryLater},
        TokenReply{302, "", Next::Garbled}, TokenReply{200, "<html>", Next::Garbled},
        TokenReply{200, "{}", Next::Garbled},
        TokenReply{200, R"({"access_token":"a"})", Next::Garbled},
        TokenReply{200, R"({"access_token":"a","expires_in":-1})", Next::Garbled},
        TokenReply{200, "{\"access_token\":\"a\\r\\nX: y\",\"expires_in\":3600}", Next::Garbled},
        TokenReply{200, R"({"access_token":7,"expires_in":3600})", Next::Garbled},
        TokenReply{403, "no", Next::Garbled}
    )
);

TEST_F(TokenSourceTest, RetryAfterIsHeeded) {
    Imposter::Reply base;
    base.headers = {{"Retry-After", "90"}};
    reply(429, "", base);
    auto tokens = make();
    const auto token = tokens.get({});
    ASSERT_FALSE(token);
    EXPECT_EQ(token.error().retry_at, test::kNow + 90s);
}

}  // namespace
}  // namespace graphhook::subscriptions
