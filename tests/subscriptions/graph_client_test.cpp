#include "subscriptions/graph/graph_client.hpp"

#include "core/time_text.hpp"
#include "subscriptions/graph/graph_reply.hpp"
#include "tests/subscriptions/credentials_fixture.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>

namespace graphhook::subscriptions {
namespace {

using namespace std::chrono_literals;
using test::Imposter;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

constexpr SystemTime kNow = test::kStart;

std::string metrics_text(const prometheus::Registry& registry) {
    return prometheus::TextSerializer().Serialize(registry.Collect());
}

class FakeTokens final : public TokenSource {
  public:
    GraphResult<Secret> get(std::stop_token) override {
        if (trouble) return *trouble;
        return Secret("token-" + std::to_string(number_));
    }
    void drop(const Secret&, std::string_view) override { ++number_; }

    std::optional<GraphError> trouble;

  private:
    int number_ = 1;
};

std::string subscription_json(const std::string& id, const std::string& more = "") {
    return R"({"id":")" + id + R"(","resource":"users/x/messages","changeType":"created",)" +
           R"("notificationUrl":"https://h.example/n","lifecycleNotificationUrl":null,)" +
           R"("expirationDateTime":"2026-11-28T08:00:00.0000000Z","clientState":null)" + more + "}";
}

class GraphClientTest : public ::testing::Test {
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
    CreateRequest request() {
        CreateRequest create;
        create.resource = "users/x/messages";
        create.changes = "created";
        create.notification_url = "https://h.example/n";
        create.lifecycle_url = "https://h.example/l";
        create.expires_at = kNow + 24h + 123us;
        create.client_state = Secret("state");
        return create;
    }

    std::mutex mutex_;
    std::deque<Imposter::Reply> replies_;
    Imposter graph_{[this](const Imposter::Request&) { return answer(); }};
    std::unique_ptr<HttpClient> http_ = make_http_client({.timeout = 10s});
    FakeTokens tokens_;
    test::SteppedClock clock_;
    prometheus::Registry registry_;
    Metrics metrics_{registry_};
    GraphClient client_{graph_.url(), {*http_, tokens_, clock_, metrics_, random_hex}};
};

TEST_F(GraphClientTest, CreatesWithEverythingThatGraphNeeds) {
    say({.status = 201, .body = subscription_json("sub-1")});
    auto create = request();
    create.immutable_ids = true;
    const auto made = client_.create(create, {});
    ASSERT_TRUE(made) << to_string(made.error());
    EXPECT_EQ(made->id, "sub-1");
    EXPECT_EQ(to_text(made->expires_at), "2026-11-28T08:00:00Z");
    const auto sent = graph_.requests().at(0);
    EXPECT_EQ(sent.method, "POST");
    EXPECT_EQ(sent.target, "/v1.0/subscriptions");
    EXPECT_EQ(sent.headers.at("authorization"), "Bearer token-1");
    EXPECT_EQ(sent.headers.at("prefer"), "IdType=\"ImmutableId\"");
    EXPECT_EQ(sent.headers.at("client-request-id").size(), 36u);
    const auto body = boost::json::parse(sent.body);
    EXPECT_EQ(body.at("changeType").as_string(), "created");
    EXPECT_EQ(body.at("notificationUrl").as_string(), "https://h.example/n");
    EXPECT_EQ(body.at("lifecycleNotificationUrl").as_string(), "https://h.example/l");
    EXPECT_EQ(body.at("resource").as_string(), "users/x/messages");
    EXPECT_EQ(body.at("expirationDateTime").as_string(), to_text(kNow + 24h)) << "whole seconds";
    EXPECT_EQ(body.at("clientState").as_string(), "state");
}

TEST_F(GraphClientTest, QueryOptionsAreSentAndTheApplicationIsRead) {
    say({.status = 201, .body = subscription_json("sub-1", R"(,"applicationId":"app-1")")});
    auto create = request();
    create.query_options = "$filter=x eq 'y'";
    const auto made = client_.create(create, {});
    ASSERT_TRUE(made);
    EXPECT_EQ(made->application_id, "app-1");
    const auto body = boost::json::parse(graph_.requests().at(0).body);
    EXPECT_EQ(body.at("notificationQueryOptions").as_string(), "$filter=x eq 'y'");
}

TEST_F(GraphClientTest, AsksForImmutableIdsOnlyWhereToldTo) {
    say({.status = 201, .body = subscription_json("sub-1")});
    ASSERT_TRUE(client_.create(request(), {}));
    EXPECT_FALSE(graph_.requests().at(0).headers.contains("prefer"));
}

TEST_F(GraphClientTest, TheOtherCallsGoWhereTheyShould) {
    say({.body = subscription_json("a b")});
    say({.body = subscription_json("sub-1")});
    say({.status = 204});
    say({.status = 204});
    say({.status = 404, .body = "{}"});
    ASSERT_TRUE(client_.get(Api::Beta, "a b", {}));
    ASSERT_TRUE(client_.renew(Api::V1, "sub-1", kNow + 1h, {}));
    ASSERT_TRUE(client_.reauthorize(Api::V1, "sub-1", {}));
    ASSERT_TRUE(client_.remove(Api::V1, "sub-1", {}));
    ASSERT_TRUE(client_.remove(Api::V1, "sub-1", {})) << "gone already is a success";
    const auto sent = graph_.requests();
    EXPECT_EQ(sent[0].method + sent[0].target, "GET/beta/subscriptions/a%20b");
    EXPECT_EQ(sent[1].method + sent[1].target, "PATCH/v1.0/subscriptions/sub-1");
    EXPECT_EQ(sent[1].body, R"({"expirationDateTime":"2026-11-21T09:00:00Z"})");
    EXPECT_EQ(sent[2].method + sent[2].target, "POST/v1.0/subscriptions/sub-1/reauthorize");
    EXPECT_EQ(sent[2].headers.at("content-length"), "0");
    EXPECT_EQ(sent[3].method + sent[3].target, "DELETE/v1.0/subscriptions/sub-1");
    const auto text = metrics_text(registry_);
    EXPECT_THAT(text, HasSubstr("code=\"404\""));
    EXPECT_THAT(text, HasSubstr("operation=\"reauthorize\""));
}

TEST_F(GraphClientTest, ListsAllPages) {
    const std::string next = graph_.url() + "/v1.0/subscriptions?$skiptoken=2";
    say(
        {.body =
             R"({"value":[)" + subscription_json("a") + R"(],"@odata.nextLink":")" + next + "\"}"}
    );
    say({.body = R"({"value":[)" + subscription_json("b") + "," + subscription_json("c") + "]}"});
    const auto all = client_.list(Api::V1, {});
    ASSERT_TRUE(all) << to_string(all.error());
    EXPECT_THAT(*all, SizeIs(3));
    EXPECT_EQ(graph_.requests().at(1).target, "/v1.0/subscriptions?$skiptoken=2");
}

TEST_F(GraphClientTest, PageThreeOfNineRefusedIsNoList) {
    for (int page = 2; page <= 3; ++page) {
        const std::string next =
            graph_.url() + "/v1.0/subscriptions?$skiptoken=" + std::to_string(page);
        say(
            {.body = R"({"value":[)" + subscription_json("s" + std::to_string(page)) +
                     R"(],"@odata.nextLink":")" + next + "\"}"}
        );
    }
    say({.status = 403, .body = "{}", .headers = {{"request-id", "r-3"}}});
    const auto all = client_.list(Api::V1, {});
    ASSERT_FALSE(all) << "never a part";
    EXPECT_EQ(all.error().next, Next::Refused);
    EXPECT_EQ(all.error().request_id, "r-3");
}

TEST_F(GraphClientTest, ANextPageElsewhereIsNeverFollowed) {
    Imposter other([](const Imposter::Request&) { return Imposter::Reply{.body = "{}"}; });
    for (const std::string& link :
         {other.url() + "/v1.0/subscriptions", graph_.url() + "/v1.0/users",
          graph_.url() + "@127.0.0.1:1/v1.0/subscriptions", std::string("/v1.0/subscriptions"),
          std::string("https://127.0.0.1/v1.0/subscriptions")}) {
        say({.body = R"({"value":[],"@odata.nextLink":")" + link + "\"}"});
        const auto all = client_.list(Api::V1, {});
        ASSERT_FALSE(all) << link;
        EXPECT_EQ(all.error().next, Next::Garbled);
        EXPECT_THAT(all.error().message, HasSubstr("not followed"));
    }
    EXPECT_THAT(graph_.requests(), SizeIs(5));
    EXPECT_THAT(other.requests(), IsEmpty());
}

TEST_F(GraphClientTest, OnePageOfAListIsReadFromItsLink) {
    const std::string next = graph_.url() + "/v1.0/subscriptions?$skiptoken=2";
    say(
        {.body =
             R"({"value":[)" + subscription_json("a") + R"(],"@odata.nextLink":")" + next + "\"}"}
    );
    say({.body = R"({"value":[]})"});
    const auto first = client_.list_page(Api::V1, "", {});
    ASSERT_TRUE(first);
    EXPECT_EQ(first->next_link, next);
    ASSERT_TRUE(client_.list_page(Api::V1, first->next_link, {}));
    EXPECT_EQ(graph_.requests().at(1).target, "/v1.0/subscriptions?$skiptoken=2");
}

TEST_F(GraphClientTest, ARedirectedSubscriptionGetsItsUrlWithItsExpiry) {
    say({.body = subscription_json("sub-1")});
    ASSERT_TRUE(client_.redirect(Api::V1, "sub-1", kNow + 1h, "https://h.example/new", nullptr, {})
    );
    const auto sent = graph_.requests().at(0);
    EXPECT_EQ(sent.method, "PATCH");
    const auto body = boost::json::parse(sent.body);
    EXPECT_EQ(body.at("notificationUrl").as_string(), "https://h.example/new");
    EXPECT_EQ(body.at("expirationDateTime").as_string(), to_text(kNow + 1h));
}

TEST_F(GraphClientTest, AListThatLoopsEnds) {
    say({.body = R"({"value":[],"@odata.nextLink":")" + graph_.url() + "/v1.0/subscriptions\"}"});
    const auto all = client_.list(Api::V1, {});
    ASSERT_FALSE(all);
    EXPECT_EQ(all.error().next, Next::Garbled);
    EXPECT_THAT(graph_.requests(), SizeIs(1));
}

TEST_F(GraphClientTest, RedirectsAreNeverFollowed) {
    Imposter other([](const Imposter::Request&) { return Imposter::Reply{.body = "{}"}; });
    say({.status = 307, .headers = {{"Location", other.url() + "/v1.0/subscriptions"}}});
    const auto made = client_.create(request(), {});
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().next, Next::Garbled);
    EXPECT_THAT(other.requests(), IsEmpty());
}

TEST_F(GraphClientTest, ARefusedTokenIsReplacedOnce) {
    say({.status = 401, .body = "{}"});
    say({.body = subscription_json("sub-1")});
    ASSERT_TRUE(client_.get(Api::V1, "sub-1", {}));
    EXPECT_EQ(graph_.requests().at(1).headers.at("authorization"), "Bearer token-2");
    say({.status = 401, .body = "{}"});
    say({.status = 401, .body = R"({"error":{"code":"InvalidAuthenticationToken"}})"});
    const auto refused = client_.get(Api::V1, "sub-1", {});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().next, Next::Credentials);
    EXPECT_THAT(graph_.requests(), SizeIs(4));
}

TEST_F(GraphClientTest, RetryAfterIsReadAndThrottlingCounted) {
    say(
        {.status = 429,
         .body = R"({"error":{"code":"TooManyRequests","message":"slow down",)"
                 R"("innerError":{"code":"429","request-id":"r-1"}}})",
         .headers = {{"Retry-After", "37"}}}
    );
    const auto made = client_.create(request(), {});
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().next, Next::Throttled);
    EXPECT_EQ(made.error().retry_at, kNow + 37s);
    EXPECT_EQ(made.error().code, "TooManyRequests");
    EXPECT_EQ(made.error().request_id, "r-1");
    EXPECT_FALSE(made.error().uncertain);
    EXPECT_THAT(metrics_text(registry_), HasSubstr("graphhook_graph_throttled_total 1"));
}

TEST_F(GraphClientTest, NoAnswerLeavesACreateUncertain) {
    say({.hang_up = true});
    const auto made = client_.create(request(), {});
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().next, Next::RetryLater);
    EXPECT_TRUE(made.error().uncertain);
}

class GarbageTest : public GraphClientTest, public ::testing::WithParamInterface<const char*> {};

TEST_P(GarbageTest, IsAnErrorAndNotASubscription) {
    say({.status = 201, .body = GetParam(), .headers = {{"request-id", "r-1"}}});
    const auto made = client_.create(request(), {});
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().next, Next::Garbled);
    EXPECT_TRUE(made.error().uncertain) << "it may have been created";
    EXPECT_EQ(made.error().request_id, "r-1");
}

INSTANTIATE_TEST_SUITE_P(
    Replies, GarbageTest,
    ::testing::Values(
        "", "<html>maintenance</html>", "[]", "null", "{}", "{\"id\":\"x\"}",
        R"({"id":7,"resource":"r","expirationDateTime":"2026-11-28T08:00:00Z"})",
        R"({"id":"x","resource":"r","expirationDateTime":"2026-11-20T08:00:00Z"})",
        R"({"id":"x","resource":"r","expirationDateTime":"2026-11-28T08:00:00"})",
        R"({"id":"x","resource":"r","expirationDateTime":"soon"})",
        R"({"id":"x","expirationDateTime":"2026-11-28T08:00:00Z"})",
        R"({"id":"","resource":"r","expirationDateTime":"2026-11-28T08:00:00Z"})", "{\"id\":\"x"
    )
);

TEST_F(GraphClientTest, AnAnswerAboutAnotherSubscriptionIsNoAnswer) {
    say({.body = subscription_json("sub-2")});
    const auto got = client_.get(Api::V1, "sub-1", {});
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().next, Next::Garbled);
}

struct Classified {
    int status;
    const char* body;
    Next next;
};
class GraphErrorTest : public ::testing::TestWithParam<Classified> {};

TEST_P(GraphErrorTest, NamesTheNextStep) {
    HttpResponse response;
    response.status = GetParam().status;
    response.body = GetParam().body;
    EXPECT_EQ(read_error(response, kNow).next, GetParam().next);
}

INSTANTIATE_TEST_SUITE_P(
    Statuses, GraphErrorTest,
    ::testing::Values(
        Classified{
            400,
            R"({"error":{"code":"InvalidRequest","message":"resource 'x' is not )"
            R"(supported."}})",
            Next::Refused
        },
        Classified{
            400,
            R"({"error":{"code":"ValidationError","message":"Subscription validation )"
            R"(request failed. HTTP status code is 'NotFound'."}})",
            Next::Handshake
        },
        Classified{
            400,
            R"({"error":{"code":"InvalidRequest","message":"Subscription validation )"
            R"(request timed out."}})",
            Next::Handshake
        },
        Classified{
            400,
            R"({"error":{"code":"ExtensionError","message":"Operation: Create; )"
            R"(Exception: [Status Code: Conflict; Reason: A subscripton already )"
            R"(exists.]"}})",
            Next::Conflict
        },
        Classified{401, "", Next::Credentials}, Classified{403, "{}", Next::Refused},
        Classified{404, "<html>", Next::NotFound}, Classified{409, "", Next::Conflict},
        Classified{410, R"({"error":{"code":"syncStateNotFound"}})", Next::Resync},
        Classified{410, "", Next::NotFound}, Classified{422, "[]", Next::Refused},
        Classified{429, "", Next::Throttled}, Classified{500, "", Next::RetryLater},
        Classified{502, "<html>bad gateway</html>", Next::RetryLater},
        Classified{503, R"({"error":null})", Next::RetryLater},
        Classified{504, R"({"error":{"code":7}})", Next::RetryLater},
        Classified{301, "", Next::Garbled}
    )
);

TEST(GraphErrorBodyTest, TheDeepestCodeThatSaysSomethingWins) {
    HttpResponse response;
    response.status = 403;
    response.headers = {{"request-id", "outer"}};
    response.body = R"({"error":{"code":"UnknownError","message":"no\u0007","innererror":{"code":)"
                    R"("Authorization_RequestDenied","innerError":{"code":"403",)"
                    R"("request-id":"inner"}}}})";
    const auto error = read_error(response, kNow);
    EXPECT_EQ(error.code, "Authorization_RequestDenied");
    EXPECT_EQ(error.request_id, "inner");
    EXPECT_THAT(error.message, Not(HasSubstr("\x07"))) << "fit for one log line";
}

TEST(GraphErrorBodyTest, ReadsTheLimitThatGraphNames) {
    HttpResponse response;
    response.status = 400;
    response.body = R"({"error":{"code":"ExtensionError","message":"Subscription expiration can )"
                    R"(only be 10070 minutes in the future."}})";
    EXPECT_EQ(read_error(response, kNow).longest_life, 10'070min);
}

TEST_F(GraphClientTest, WithoutATokenEveryRequestOfTheTenantWaits) {
    tokens_.trouble =
        GraphError{.next = Next::RetryLater, .status = 503, .message = "out of order"};
    const auto reply = client_.create(request(), {});
    ASSERT_FALSE(reply);
    EXPECT_TRUE(is_tenant_wide(reply.error()));
    EXPECT_FALSE(reply.error().uncertain);
    tokens_.trouble = GraphError{.next = Next::Garbled, .status = 200, .message = "a page"};
    EXPECT_TRUE(is_tenant_wide(client_.create(request(), {}).error()));
    tokens_.trouble.reset();
    say({.status = 503, .body = "{}"});
    const auto graphs_own = client_.create(request(), {});
    ASSERT_FALSE(graphs_own);
    EXPECT_FALSE(is_tenant_wide(graphs_own.error()));
}

}  // namespace
}  // namespace graphhook::subscriptions
