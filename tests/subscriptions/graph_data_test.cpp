// GraphClient as GraphData: pages, objects and delta queries, and what becomes of bad answers.
#include "subscriptions/graph/graph_client.hpp"
#include "subscriptions/graph/graph_reply.hpp"
#include "tests/subscriptions/credentials_fixture.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <future>
#include <latch>

namespace graphhook::subscriptions {
namespace {

using namespace std::chrono_literals;
using test::Imposter;
using test::kStart;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class OneToken final : public TokenSource {
  public:
    GraphResult<Secret> get(std::stop_token) override { return Secret("tok"); }
    void drop(const Secret&, std::string_view claims) override { claims_ = claims; }
    [[nodiscard]] const std::string& claims() const { return claims_; }

  private:
    std::string claims_;
};

class GraphDataTest : public ::testing::Test {
  protected:
    void say(Imposter::Reply reply) {
        const std::lock_guard lock(mutex_);
        replies_.push_back(std::move(reply));
    }
    Imposter::Reply answer() {
        const std::lock_guard lock(mutex_);
        if (replies_.empty()) return {.status = 599, .body = "nothing left to say"};
        auto reply = std::move(replies_.front());
        replies_.pop_front();
        return reply;
    }
    GraphResult<DataPage> page(const std::string& target) {
        return client_.page({.target = target, .operation = "delta"}, {});
    }
    [[nodiscard]] std::string metrics_text() const {
        return prometheus::TextSerializer().Serialize(registry_.Collect());
    }

    std::mutex mutex_;
    std::deque<Imposter::Reply> replies_;
    Imposter graph_{[this](const Imposter::Request&) { return answer(); }};
    Imposter other_{[](const Imposter::Request&) { return Imposter::Reply{.body = "{}"}; }};
    std::unique_ptr<HttpClient> http_ = make_http_client({.timeout = 10s});
    OneToken tokens_;
    test::SteppedClock clock_;
    prometheus::Registry registry_;
    Metrics metrics_{registry_};
    GraphClient client_{
        graph_.url(),
        {.http = *http_,
         .tokens = tokens_,
         .clock = clock_,
         .metrics = metrics_,
         .random = random_hex}
    };
};

TEST_F(GraphDataTest, AsksForAPageWithItsPreferences) {
    say({.body = R"({"value":[{"id":"a"},{"id":"b"}]})"});
    const auto page = client_.page(
        {.target = "users?$select=id&$filter=displayName eq 'Zoë'",
         .prefer = {"IdType=\"ImmutableId\"", "odata.maxpagesize=200"},
         .operation = "expand"},
        {}
    );
    ASSERT_TRUE(page) << to_string(page.error());
    EXPECT_THAT(page->value, SizeIs(2));
    EXPECT_THAT(page->next_link, IsEmpty());
    EXPECT_THAT(page->delta_link, IsEmpty());
    const auto sent = graph_.requests().at(0);
    EXPECT_EQ(sent.method, "GET");
    EXPECT_EQ(sent.target, "/v1.0/users?$select=id&$filter=displayName%20eq%20'Zo%C3%AB'");
    EXPECT_EQ(sent.headers.at("prefer"), "IdType=\"ImmutableId\", odata.maxpagesize=200");
    EXPECT_EQ(sent.headers.at("authorization"), "Bearer tok");
    EXPECT_EQ(sent.headers.at("client-request-id").size(), 36u);
    EXPECT_THAT(metrics_text(), HasSubstr("operation=\"expand\""));
}

TEST_F(GraphDataTest, LinksAreFollowedVerbatimToTheEndOfTheRound) {
    const std::string next = graph_.url() + "/v1.0/users/delta?$skiptoken=a%2Fb|c~'x'(d)";
    const std::string delta = graph_.url() + "/beta/users/delta?$deltatoken=e==";
    say({.body = R"({"value":[],"@odata.nextLink":")" + next + "\"}"});
    say(
        {.body = R"({"value":[{"id":"a","@removed":{"reason":"deleted"}}],"@odata.deltaLink":")" +
                 delta + "\"}"}
    );
    const auto first = page("/users/delta");
    ASSERT_TRUE(first) << to_string(first.error());
    EXPECT_EQ(first->next_link, next) << "an empty page is legal";
    const auto second = page(first->next_link);
    ASSERT_TRUE(second) << to_string(second.error());
    EXPECT_EQ(second->delta_link, delta);
    EXPECT_EQ(graph_.requests().at(1).target, "/v1.0/users/delta?$skiptoken=a%2Fb|c~'x'(d)");
}

TEST_F(GraphDataTest, BetaIsAskedWhereItIsMeant) {
    say({.body = R"({"id":"x"})"});
    ASSERT_TRUE(client_.object({.target = "me", .api = Api::Beta, .operation = "read"}, {}));
    EXPECT_EQ(graph_.requests().at(0).target, "/beta/me");
}

TEST_F(GraphDataTest, ALinkToAnotherHostIsNamedAndNeverFollowed) {
    for (const std::string& link :
         {other_.url() + "/v1.0/users", std::string("https://evil.example/v1.0/users"),
          graph_.url() + "@evil.example/v1.0/users", graph_.url() + ".evil.example/v1.0/users",
          graph_.url() + "/admin", graph_.url() + "/v1.0/../admin", std::string("/v1.0/users"),
          graph_.url() + "/v1.0/users#x", graph_.url() + "/v1.0/a b",
          std::string("file:///v1.0/etc")}) {
        for (const char* name : {"@odata.nextLink", "@odata.deltaLink"}) {
            say({.body = R"({"value":[],")" + std::string(name) + R"(":")" + link + "\"}"});
            const auto got = page("users");
            ASSERT_FALSE(got) << link;
            EXPECT_EQ(got.error().next, Next::Garbled);
            EXPECT_THAT(got.error().message, HasSubstr("not followed"));
        }
        if (!link.starts_with("http")) continue;
        const auto followed = page(link);
        ASSERT_FALSE(followed) << link;
        EXPECT_EQ(followed.error().next, Next::Garbled) << link;
    }
    say({.body = R"({"value":[],"@odata.nextLink":"https://evil.example/v1.0/users"})"});
    EXPECT_THAT(page("users").error().message, HasSubstr("(evil.example)"));
    EXPECT_THAT(graph_.requests(), SizeIs(21));
    EXPECT_THAT(other_.requests(), IsEmpty());
}

TEST_F(GraphDataTest, APageThatNamesItselfIsNoPage) {
    const std::string self = graph_.url() + "/v1.0/users?$skiptoken=1";
    say({.body = R"({"value":[],"@odata.nextLink":")" + self + "\"}"});
    EXPECT_EQ(page(self).error().next, Next::Garbled);
}

class BadPageTest : public GraphDataTest, public ::testing::WithParamInterface<const char*> {};

TEST_P(BadPageTest, IsGarbledWithTheRequestId) {
    say({.body = GetParam(), .headers = {{"request-id", "r-5"}}});
    const auto got = page("users");
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().next, Next::Garbled);
    EXPECT_EQ(got.error().request_id, "r-5");
}

INSTANTIATE_TEST_SUITE_P(
    Answers, BadPageTest,
    ::testing::Values(
        "", "<!DOCTYPE html><html>sign in</html>", "[]", "null", "{}", R"({"value":null})",
        R"({"value":{"id":"a"}})", R"({"value":["a"]})", R"({"value":[{"id":"a"},7]})",
        R"({"value":[{"id":"a"})", R"({"value":[],"@odata.nextLink":7})",
        R"({"value":[],"@odata.deltaLink":{}})"
    )
);

TEST_F(GraphDataTest, AnAnswerThatBreaksOffIsTriedAgain) {
    say({.body = R"({"value":[{"id":"a"}]})", .cut_off = true});
    const auto got = page("users");
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().next, Next::RetryLater);
    EXPECT_EQ(got.error().status, 0);
    EXPECT_THAT(got.error().message, HasSubstr("client-request-id"));
}

TEST_F(GraphDataTest, AnAnswerThatIsTooLargeIsNotKept) {
    const auto small = make_http_client({.timeout = 10s, .max_response_bytes = 1000});
    GraphClient client(
        graph_.url(), {.http = *small,
                       .tokens = tokens_,
                       .clock = clock_,
                       .metrics = metrics_,
                       .random = random_hex}
    );
    say({.body = R"({"value":[{"id":")" + std::string(2000, 'a') + "\"}]}"});
    const auto got = client.page({.target = "users"}, {});
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().next, Next::Garbled);
    EXPECT_THAT(got.error().message, HasSubstr("too large"));
}

TEST_F(GraphDataTest, ARedirectIsNeverFollowed) {
    say({.status = 302, .headers = {{"Location", other_.url() + "/v1.0/users"}}});
    const auto got = page("users");
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().next, Next::Garbled);
    EXPECT_THAT(other_.requests(), IsEmpty());
}

TEST_F(GraphDataTest, AnObjectIsReadAsItIs) {
    say({.body = R"({"id":"x","nested":{"a":[1]}})"});
    const auto got = client_.object({.target = "users/x", .operation = "read"}, {});
    ASSERT_TRUE(got);
    EXPECT_EQ(got->at("id").as_string(), "x");
    say({.body = "[1]"});
    EXPECT_EQ(client_.object({.target = "users/x"}, {}).error().next, Next::Garbled);
    say({.status = 410, .body = "{}"});
    EXPECT_EQ(client_.object({.target = "users/x"}, {}).error().next, Next::NotFound);
}

TEST_F(GraphDataTest, A410SaysWhereToBeginAnew) {
    const std::string location = graph_.url() + "/v1.0/users/delta?$deltatoken=";
    say(
        {.status = 410,
         .body = R"({"error":{"code":"syncStateNotFound","message":"gone"}})",
         .headers = {{"Location", location}}}
    );
    const auto got = page("users/delta");
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().next, Next::Resync);
    EXPECT_EQ(got.error().location, location);
}

TEST_F(GraphDataTest, A410ThatLeadsElsewhereBeginsAnewWhereWeKnow) {
    say({.status = 410, .body = "{}", .headers = {{"Location", other_.url() + "/v1.0/x"}}});
    const auto got = page("users/delta");
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().next, Next::Resync);
    EXPECT_THAT(got.error().location, IsEmpty());
    EXPECT_THAT(got.error().message, HasSubstr("127.0.0.1"));
}

struct ResyncCase {
    int status;
    const char* code;
};
class ResyncTest : public GraphDataTest, public ::testing::WithParamInterface<ResyncCase> {};

TEST_P(ResyncTest, BeginsAnew) {
    say(
        {.status = GetParam().status,
         .body = R"({"error":{"code":"invalidRequest","innerError":{"code":")" +
                 std::string(GetParam().code) + "\"}}}"}
    );
    const auto got = page("users/delta");
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().next, Next::Resync) << to_string(got.error());
}

INSTANTIATE_TEST_SUITE_P(
    Codes, ResyncTest,
    ::testing::Values(
        ResyncCase{410, ""}, ResyncCase{400, "syncStateNotFound"},
        ResyncCase{404, "SyncStateNotFound"}, ResyncCase{410, "resyncRequired"},
        ResyncCase{410, "resyncChangesApplyDifferences"},
        ResyncCase{410, "resyncChangesUploadDifferences"},
        ResyncCase{410, "resyncApplyDifferences"}, ResyncCase{410, "resyncUploadDifferences"}
    )
);

TEST_F(GraphDataTest, ARefusedPageIsAnErrorWithItsId) {
    say(
        {.status = 403,
         .body = R"({"error":{"code":"ErrorAccessDenied","message":"no","innerError":{)"
                 R"("request-id":"r-9"}}})"}
    );
    const auto got = page("users");
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().next, Next::Refused);
    EXPECT_EQ(got.error().request_id, "r-9");
}

TEST_F(GraphDataTest, AnErrorWithoutAnIdOfGraphsNamesOurs) {
    say({.status = 502, .body = "<html>bad gateway</html>"});
    const auto got = page("users");
    ASSERT_FALSE(got);
    const auto id = graph_.requests().at(0).headers.at("client-request-id");
    EXPECT_THAT(to_string(got.error()), HasSubstr(id));
}

TEST_F(GraphDataTest, RetryAfterIsReadAsSecondsAndAsADate) {
    for (const char* after : {"37", "Sat, 21 Nov 2026 08:00:37 GMT"}) {
        say({.status = 429, .body = "{}", .headers = {{"Retry-After", after}}});
        const auto got = page("users");
        ASSERT_FALSE(got);
        EXPECT_EQ(got.error().next, Next::Throttled);
        EXPECT_EQ(got.error().retry_at, kStart + 37s);
    }
}

TEST_F(GraphDataTest, AClaimsChallengeGoesToTheTokenSource) {
    // {"access_token":{"nbf":{"essential":true}}}
    const std::string claims = "eyJhY2Nlc3NfdG9rZW4iOnsibmJmIjp7ImVzc2VudGlhbCI6dHJ1ZX19fQ==";
    for (const int status : {401, 403}) {
        say(
            {.status = status,
             .body = "{}",
             .headers =
                 {{"WWW-Authenticate",
                   R"(Bearer realm="", authorization_uri="https://login.example/authorize", )"
                   R"(error="insufficient_claims", claims=")" +
                       claims + "\""}}}
        );
        say({.body = R"({"value":[]})"});
        const auto got = page("users");
        ASSERT_TRUE(got) << to_string(got.error());
        EXPECT_EQ(tokens_.claims(), R"({"access_token":{"nbf":{"essential":true}}})");
    }
}

TEST_F(GraphDataTest, AChallengeThatIsNotMetIsAMatterOfCredentials) {
    const Imposter::Reply challenge{
        .status = 403,
        .body = R"({"error":{"code":"AccessDenied","message":"no"}})",
        .headers = {{"WWW-Authenticate", R"(Bearer error="insufficient_claims", claims="e30=")"}}
    };
    say(challenge);
    say(challenge);
    const auto got = page("users");
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().next, Next::Credentials);
    EXPECT_THAT(got.error().message, HasSubstr("asks for claims"));
    EXPECT_THAT(graph_.requests(), SizeIs(2)) << "once more, and no further";
}

TEST_F(GraphDataTest, A403WithoutAChallengeIsNotAskedTwice) {
    say({.status = 403, .body = "{}"});
    EXPECT_EQ(page("users").error().next, Next::Refused);
    EXPECT_THAT(graph_.requests(), SizeIs(1));
}

TEST(ClaimsChallengeTest, WhatIsNoneIsNoChallenge) {
    for (const char* header :
         {"", "Bearer", "Bearer claims=", "Bearer claims=\"", "Bearer claims=\"!!\"",
          "Bearer claims=\"W10=\"", "Bearer xclaims=\"e30=\"", "Bearer claims=\"bm8=\""}) {
        HttpResponse response;
        response.headers = {{"www-authenticate", header}};
        EXPECT_FALSE(claims_challenge(response)) << header;
    }
    HttpResponse response;
    response.headers = {
        {"www-authenticate", "Negotiate"}, {"www-authenticate", "Bearer claims=e30"}
    };
    EXPECT_EQ(claims_challenge(response), "{}");
}

TEST_F(GraphDataTest, SeveralThreadsShareOneClient) {
    constexpr int kThreads = 6;
    std::latch together(kThreads);
    Imposter graph([&together](const Imposter::Request& request) {
        together.arrive_and_wait();  // all are under way at once
        return Imposter::Reply{.body = R"({"id":")" + request.target.substr(6) + "\"}"};
    });
    GraphClient client(
        graph.url(), {.http = *http_,
                      .tokens = tokens_,
                      .clock = clock_,
                      .metrics = metrics_,
                      .random = random_hex}
    );
    std::vector<std::future<std::string>> all;
    for (int i = 0; i < kThreads; ++i) {
        all.push_back(std::async(std::launch::async, [&client, i] {
            const auto got = client.object({.target = "u" + std::to_string(i)}, {});
            return got ? std::string(got->at("id").as_string()) : to_string(got.error());
        }));
    }
    for (int i = 0; i < kThreads; ++i)
        EXPECT_EQ(all[static_cast<std::size_t>(i)].get(), "u" + std::to_string(i));
}

TEST(HttpOptionsTest, ThereIsRoomForAllRequestsOfATenant) {
    Tenant tenant;
    tenant.requests = 8;
    tenant.sweeps = 3;
    tenant.cloud.ca_file = "/etc/ca.pem";
    const auto options = http_options(tenant, 5s);
    EXPECT_EQ(options.max_idle_connections, 11);
    EXPECT_EQ(options.ca_file, "/etc/ca.pem");
    EXPECT_EQ(options.timeout, 5s);
    EXPECT_EQ(options.connect_timeout, 5s);
}

}  // namespace
}  // namespace graphhook::subscriptions
