#include "subscriptions/credentials/token_source.hpp"

#include "subscriptions/credentials/token_request.hpp"
#include "subscriptions/graph/graph_client.hpp"
#include "tests/subscriptions/credentials_fixture.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <latch>

namespace graphhook::subscriptions {
namespace {

using namespace std::chrono_literals;
using test::Imposter;
using test::kStart;
using test::text_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class TokenSourceTest : public test::CredentialsTest {};

TEST_F(TokenSourceTest, SendsTheSecretFormEncodedAndToTheTenant) {
    say_token("tok1");
    EXPECT_EQ(text_of(make()->get({})), "tok1");
    const auto requests = login_.requests();
    ASSERT_EQ(requests.size(), 1u);
    EXPECT_EQ(requests[0].target, "/84bd8158-6d4d-4958-8b9f-9d6445542f95/oauth2/v2.0/token");
    EXPECT_EQ(requests[0].headers.at("content-type"), "application/x-www-form-urlencoded");
    EXPECT_EQ(
        requests[0].body,
        "client_id=11111111-2222-3333-4444-555555555555&scope=https%3A%2F%2Fgraph.example%2F."
        "default&client_secret=q~8%20Q%26%3D%C3%BC&grant_type=client_credentials"
    );
}

TEST_F(TokenSourceTest, EveryCloudHasItsOwnScope) {
    for (const char* graph :
         {"https://graph.microsoft.com", "https://graph.microsoft.us",
          "https://dod-graph.microsoft.us", "https://microsoftgraph.chinacloudapi.cn"}) {
        tenant_.cloud.graph = graph;
        say_token("tok");
        ASSERT_TRUE(make()->get({}));
        EXPECT_EQ(form()["scope"], std::string(graph) + "/.default");
    }
    EXPECT_EQ(asked(), 4u) << "a token of one cloud is never used in another";
}

TEST_F(TokenSourceTest, RefreshesAtFourFifthsOfTheLifeAndServesTheOldOneInTrouble) {
    say_token("tok1");
    const auto tokens = make();
    ASSERT_TRUE(tokens->get({}));
    clock_.advance(47min);
    ASSERT_TRUE(tokens->get({}));
    EXPECT_EQ(asked(), 1u);
    clock_.advance(2min);
    say(503, "sorry");
    EXPECT_EQ(text_of(tokens->get({})), "tok1");
    EXPECT_EQ(asked(), 2u);
    ASSERT_TRUE(tokens->get({}));
    EXPECT_EQ(asked(), 2u) << "trouble is not asked again at every call";
    clock_.advance(2min);
    say(200, R"({"expires_in":"3600","access_token":"tok2"})");
    EXPECT_EQ(text_of(tokens->get({})), "tok2");
}

TEST_F(TokenSourceTest, AShortLivedTokenIsRefreshedFiveMinutesBeforeItsEnd) {
    say_token("tok1", 900);
    const auto tokens = make();
    ASSERT_TRUE(tokens->get({}));
    clock_.advance(9min);
    ASSERT_TRUE(tokens->get({}));
    EXPECT_EQ(asked(), 1u);
    clock_.advance(61s);
    ASSERT_TRUE(tokens->get({}));
    EXPECT_EQ(asked(), 2u);
}

TEST_F(TokenSourceTest, AnEndedTokenIsNeverServed) {
    say_token("tok1");
    const auto tokens = make();
    ASSERT_TRUE(tokens->get({}));
    clock_.advance(61min);
    say(503, "sorry");
    const auto none = tokens->get({});
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().next, Next::RetryLater);
}

TEST_F(TokenSourceTest, OneAsksWhileTheOthersWait) {
    say_token("tok1");
    const auto tokens = make();
    std::vector<std::future<bool>> all;
    for (int i = 0; i < 8; ++i)
        all.push_back(std::async(std::launch::async, [&] { return tokens->get({}).has_value(); }));
    for (auto& one : all) EXPECT_TRUE(one.get());
    EXPECT_EQ(asked(), 1u);
}

TEST_F(TokenSourceTest, TheOldOneIsServedWhileAnotherCallerAsks) {
    std::promise<void> asked_again;
    std::latch go(1);
    std::atomic<int> count{0};
    Imposter slow([&](const Imposter::Request&) {
        if (++count == 2) {
            asked_again.set_value();
            go.wait();
        }
        const auto name = "tok" + std::to_string(count.load());
        return Imposter::Reply{.body = R"({"expires_in":3600,"access_token":")" + name + "\"}"};
    });
    tenant_.cloud.login = slow.url();
    const auto tokens = make();
    ASSERT_EQ(text_of(tokens->get({})), "tok1");
    clock_.advance(50min);
    auto refreshing = std::async(std::launch::async, [&] { return text_of(tokens->get({})); });
    asked_again.get_future().wait();
    EXPECT_EQ(text_of(tokens->get({})), "tok1") << "nobody waits for a refresh";
    go.count_down();
    EXPECT_EQ(refreshing.get(), "tok2");
}

TEST_F(TokenSourceTest, TenantsWithTheSameAppAndProofShareAToken) {
    say_token("tok1");
    const auto first = make();
    tenant_.name = "contoso-again";
    const auto second = make();
    tenant_.credential = ClientSecret{Secret("another")};
    const auto third = make();
    EXPECT_EQ(text_of(first->get({})), "tok1");
    EXPECT_EQ(text_of(second->get({})), "tok1");
    EXPECT_EQ(asked(), 1u);
    say_token("tok2");
    EXPECT_EQ(text_of(third->get({})), "tok2") << "a wrong secret is not hidden by a right one";
}

TEST_F(TokenSourceTest, ADroppedTokenIsAskedForAnewOnce) {
    say_token("tok1");
    const auto tokens = make();
    const auto first = tokens->get({});
    ASSERT_TRUE(first);
    say_token("tok2");
    tokens->drop(*first, "");
    ASSERT_EQ(text_of(tokens->get({})), "tok2");
    tokens->drop(*first, "");  // somebody else saw the same refusal a little later
    ASSERT_EQ(text_of(tokens->get({})), "tok2");
    EXPECT_EQ(asked(), 2u);
}

TEST_F(TokenSourceTest, AServiceThatRefusesEveryTokenDoesNotCostOneEachTime) {
    say_token("tok");
    const auto tokens = make();
    for (int call = 0; call < 100; ++call) {
        const auto token = tokens->get({});
        ASSERT_TRUE(token);
        tokens->drop(*token, "");
        clock_.advance(100ms);
    }
    EXPECT_LE(asked(), 2u);
    clock_.advance(10s);
    tokens->drop(Secret("tok"), "");
    ASSERT_TRUE(tokens->get({}));
    EXPECT_EQ(asked(), 3u);
}

TEST_F(TokenSourceTest, ClaimsGoIntoTheNextRequestAndNotIntoThatAfterIt) {
    say_token("tok1");
    const auto tokens = make();
    const auto first = tokens->get({});
    say_token("tok2");
    tokens->drop(*first, R"({"access_token":{"nbf":{"essential":true}}})");
    const auto second = tokens->get({});
    EXPECT_EQ(form()["claims"], R"({"access_token":{"nbf":{"essential":true}}})");
    clock_.advance(11s);
    tokens->drop(*second, "");
    ASSERT_TRUE(tokens->get({}));
    EXPECT_FALSE(form().contains("claims"));
}

TEST_F(TokenSourceTest, ClaimsSurviveAPlatformInTrouble) {
    say_token("tok1");
    const auto tokens = make();
    const auto first = tokens->get({});
    tokens->drop(*first, R"({"a":1})");
    say(503, "");
    ASSERT_FALSE(tokens->get({}));
    clock_.advance(1min);
    say_token("tok2");
    ASSERT_TRUE(tokens->get({}));
    EXPECT_EQ(form()["claims"], R"({"a":1})");
}

TEST_F(TokenSourceTest, AClaimsChallengeOfGraphIsMetEndToEnd) {
    Imposter graph([](const Imposter::Request& request) {
        if (request.headers.at("authorization") == "Bearer tok2")
            return Imposter::Reply{.body = R"({"id":"x"})"};
        return Imposter::Reply{
            .status = 401,
            .body = "{}",
            .headers =
                {{"WWW-Authenticate", R"(Bearer error="insufficient_claims", claims="eyJhIjoxfQ==")"
                }}
        };
    });
    tenant_.cloud.graph = graph.url();
    say_token("tok1");
    const auto tokens = make();
    ASSERT_TRUE(tokens->get({}));
    say_token("tok2");
    GraphClient client(
        graph.url(), {.http = *http_,
                      .tokens = *tokens,
                      .clock = clock_,
                      .metrics = metrics_,
                      .random = random_hex}
    );
    const auto got = client.object({.target = "users/x"}, {});
    ASSERT_TRUE(got) << to_string(got.error());
    EXPECT_EQ(form()["claims"], R"({"a":1})");
    ASSERT_TRUE(client.object({.target = "users/x"}, {}));
    EXPECT_EQ(asked(), 2u) << "the token that met it serves on";
}

TEST_F(TokenSourceTest, SaysWhatToDoAboutARefusal) {
    say(401, R"({"error":"invalid_client","error_description":"AADSTS7000222: The provided client )"
             R"(secret keys are expired. Trace ID: 1","error_codes":[7000222],"trace_id":"t-1"})");
    const auto token = make()->get({});
    ASSERT_FALSE(token);
    EXPECT_EQ(token.error().next, Next::Credentials);
    const std::string text = to_string(token.error());
    EXPECT_THAT(text, HasSubstr("AADSTS7000222"));
    EXPECT_THAT(text, HasSubstr("make a new one in the app registration"));
    EXPECT_THAT(text, HasSubstr("contoso"));
    EXPECT_THAT(text, HasSubstr("t-1"));
    EXPECT_THAT(text, Not(HasSubstr("q~8")));
    EXPECT_THAT(metrics_text(), HasSubstr("token_requests_total{outcome=\"refused\"} 1"));
}

TEST_F(TokenSourceTest, BadCredentialsAreRetriedSlowly) {
    say(401, R"({"error":"invalid_client","error_description":"AADSTS7000215: x"})");
    const auto tokens = make();
    std::vector<std::chrono::minutes> asked_at;
    for (int minute = 0; minute < 180; ++minute) {
        const auto before = asked();
        for (int call = 0; call < 3; ++call) EXPECT_FALSE(tokens->get({}));
        if (asked() > before) asked_at.emplace_back(minute);
        clock_.advance(1min);
    }
    EXPECT_THAT(asked_at, ElementsAre(0min, 1min, 3min, 7min, 15min, 31min, 63min, 123min));
    EXPECT_EQ(asked(), 8u);
    say_token("tok1");
    clock_.advance(1h);
    EXPECT_EQ(text_of(tokens->get({})), "tok1");
}

TEST_F(TokenSourceTest, RetryAfterIsObeyedAsSecondsAndAsADate) {
    for (const char* after : {"90", "Sat, 21 Nov 2026 08:01:30 GMT"}) {
        cache_ = std::make_shared<TokenCache>();
        Imposter::Reply base;
        base.headers = {{"Retry-After", after}};
        say(429, "", base);
        const auto tokens = make();
        const auto before = asked();
        const auto token = tokens->get({});
        ASSERT_FALSE(token);
        EXPECT_EQ(token.error().next, Next::Throttled);
        EXPECT_EQ(token.error().retry_at, kStart + 90s);
        ASSERT_FALSE(tokens->get({}));
        EXPECT_EQ(asked(), before + 1) << "nobody asks before";
    }
    clock_.advance(91s);
    say_token("tok1");
    EXPECT_EQ(text_of(make()->get({})), "tok1");
}

TEST_F(TokenSourceTest, NoAnswerIsTriedAgainSoon) {
    say(0, "", {.hang_up = true});
    const auto tokens = make();
    const auto none = tokens->get({});
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().next, Next::RetryLater);
    EXPECT_THAT(metrics_text(), HasSubstr("outcome=\"unreachable\"} 1"));
    clock_.advance(2s);
    say_token("tok1");
    EXPECT_EQ(text_of(tokens->get({})), "tok1");
}

struct TokenAnswer {
    int status;
    const char* body;
    Next next;
};
class TokenAnswerTest : public TokenSourceTest,
                        public ::testing::WithParamInterface<TokenAnswer> {};

TEST_P(TokenAnswerTest, IsSortedByWhatToDoNext) {
    say(GetParam().status, GetParam().body);
    const auto token = make()->get({});
    ASSERT_FALSE(token);
    EXPECT_EQ(token.error().next, GetParam().next) << to_string(token.error());
}

INSTANTIATE_TEST_SUITE_P(
    Answers, TokenAnswerTest,
    ::testing::Values(
        TokenAnswer{
            400, R"({"error":"unauthorized_client","error_description":"AADSTS700016: x"})",
            Next::Credentials
        },
        TokenAnswer{
            400, R"({"error":"invalid_grant","error_description":"AADSTS65001: x"})",
            Next::Credentials
        },
        TokenAnswer{400, R"({"error":"invalid_scope"})", Next::Credentials},
        TokenAnswer{400, R"({"error":"temporarily_unavailable"})", Next::RetryLater},
        TokenAnswer{500, R"({"error":"server_error"})", Next::RetryLater},
        TokenAnswer{429, "{}", Next::Throttled}, TokenAnswer{500, "<html>", Next::RetryLater},
        TokenAnswer{302, "", Next::Garbled}, TokenAnswer{200, "<html>", Next::Garbled},
        TokenAnswer{200, "{}", Next::Garbled}, TokenAnswer{200, "", Next::Garbled},
        TokenAnswer{200, R"({"access_token":"a"})", Next::Garbled},
        TokenAnswer{200, R"({"access_token":"a","expires_in":3600)", Next::Garbled},
        TokenAnswer{200, R"({"access_token":"a","expires_in":-1})", Next::Garbled},
        TokenAnswer{200, R"({"access_token":"a","expires_on":"1795247000"})", Next::Garbled},
        TokenAnswer{200, "{\"access_token\":\"a\\r\\nX: y\",\"expires_in\":3600}", Next::Garbled},
        TokenAnswer{200, R"({"access_token":7,"expires_in":3600})", Next::Garbled},
        TokenAnswer{403, "no", Next::Garbled}
    )
);

class AdviceTest : public TokenSourceTest, public ::testing::WithParamInterface<const char*> {};

TEST_P(AdviceTest, NamesWhatIsWrongAndWhatToDo) {
    const std::string code = GetParam();
    const auto advice = advice_about(code);
    ASSERT_FALSE(advice.empty());
    EXPECT_THAT(std::string(advice), HasSubstr(": ")) << "reason: what to do";
    say(400, R"({"error":"invalid_grant","error_description":")" + code + R"(: words"})");
    const auto token = make()->get({});
    ASSERT_FALSE(token);
    EXPECT_EQ(token.error().code, code);
    EXPECT_THAT(token.error().message, HasSubstr(std::string(advice)));
}

INSTANTIATE_TEST_SUITE_P(
    Codes, AdviceTest,
    ::testing::Values(
        "AADSTS7000215", "AADSTS7000222", "AADSTS700027", "AADSTS700016", "AADSTS65001",
        "AADSTS50173", "AADSTS700082", "AADSTS70011", "AADSTS90002", "AADSTS7000112", "AADSTS53003",
        "AADSTS700024", "AADSTS700211", "AADSTS700212", "AADSTS700213"
    )
);

TEST_F(TokenSourceTest, AnUnknownRefusalIsQuoted) {
    say(400,
        R"({"error":"invalid_request","error_description":"AADSTS99: A new thing.\r\nTrace"})");
    const auto token = make()->get({});
    ASSERT_FALSE(token);
    EXPECT_THAT(token.error().message, HasSubstr("AADSTS99: A new thing."));
    EXPECT_THAT(token.error().message, Not(HasSubstr("Trace")));
}

}  // namespace
}  // namespace graphhook::subscriptions
