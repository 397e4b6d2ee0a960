#include "handlers/builtin/http_handler.hpp"

#include "core/time_text.hpp"
#include "handlers/envelope.hpp"
#include "tests/handlers/fake_clock.hpp"
#include "tests/handlers/small_server.hpp"

#include <boost/json/parse.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>

namespace graphhook::handlers {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

Delivery delivery(std::string id, std::string item = "{}") {
    Delivery one;
    one.id = std::move(id);
    one.attempt = 3;
    one.subscription = "support-inbox";
    one.tenant = "contoso";
    one.kind = "message";
    one.change = "created";
    one.resource = "users/1/messages/1";
    one.item = std::move(item);
    return one;
}

SmallServer::Answer answer(int status) {
    return {status, {}, false};
}

class HttpHandlerTest : public ::testing::Test {
  protected:
    std::unique_ptr<HttpHandler> make(HttpOptions options) {
        auto made = HttpHandler::make(std::move(options), clock_);
        EXPECT_TRUE(made.has_value());
        return std::move(*made);
    }
    Outcome post_one(const std::string& url) {
        const std::vector<Delivery> batch{delivery("7")};
        return make({.url = url, .timeout = seconds(10)})->handle(batch, {}).at(0);
    }
    FakeClock clock_;
};

TEST_F(HttpHandlerTest, OnlyAnswersAboutTheItemAreBlamedOnIt) {
    for (const int status : {200, 201, 202, 204, 299}) {
        EXPECT_EQ(outcome_of_status(status, {}).kind, Outcome::Kind::Done) << status;
    }
    for (const int status : {400, 410, 413, 415, 422}) {
        const auto outcome = outcome_of_status(status, seconds(3));
        EXPECT_EQ(outcome.kind, Outcome::Kind::RetryAfter) << status;
        EXPECT_EQ(outcome.blame, Outcome::Blame::Item) << status;
        EXPECT_EQ(outcome.delay, seconds(3));
    }
    for (const int status : {401, 403, 404, 408, 409, 425, 429, 500, 502, 503, 504, 599,  //
                             301, 302, 307, 308, 304, 402, 405, 406, 411, 423, 431, 451, 101, 0}) {
        const auto outcome = outcome_of_status(status, {});
        EXPECT_EQ(outcome.kind, Outcome::Kind::RetryAfter) << status;
        EXPECT_EQ(outcome.blame, Outcome::Blame::Target) << status;
    }
}

TEST_F(HttpHandlerTest, PostsTheEnvelopeWithWhatAReceiverNeedsInHeaders) {
    SmallServer server([](const auto&) { return answer(202); });
    const auto handler = make({.url = server.url(), .headers = {{"X-Api-Key", "k"}}});
    const std::vector<Delivery> batch{delivery("7")};
    EXPECT_EQ(handler->handle(batch, {}).at(0).kind, Outcome::Kind::Done);
    const auto request = server.requests().at(0);
    EXPECT_EQ(request.method, "POST");
    EXPECT_EQ(request.path, "/graph");
    std::string body;
    append_envelope(body, batch[0]);
    EXPECT_EQ(request.body, body);
    auto headers = request.headers;
    EXPECT_EQ(headers["content-type"], "application/json");
    EXPECT_EQ(headers["idempotency-key"], "7");
    EXPECT_EQ(headers["x-graphhook-id"], "7");
    EXPECT_EQ(headers["x-graphhook-attempt"], "3");
    EXPECT_EQ(headers["x-graphhook-subscription"], "support-inbox");
    EXPECT_EQ(headers["x-graphhook-kind"], "message");
    EXPECT_EQ(headers["x-graphhook-change"], "created");
    EXPECT_EQ(headers["x-api-key"], "k");
    EXPECT_FALSE(headers.contains("x-graphhook-replayed"));
    EXPECT_FALSE(headers.contains("webhook-signature"));
}

TEST_F(HttpHandlerTest, SaysThatItIsAReplayAndLetsNothingBreakOutOfAHeader) {
    SmallServer server([](const auto&) { return answer(200); });
    std::vector<Delivery> batch{delivery("7")};
    batch[0].replayed = true;
    batch[0].change = "new\r\nX-Evil: 1";
    (void)make({.url = server.url()})->handle(batch, {});
    auto headers = server.requests().at(0).headers;
    EXPECT_EQ(headers["x-graphhook-replayed"], "true");
    EXPECT_EQ(headers["x-graphhook-change"], "new__X-Evil: 1");
    EXPECT_FALSE(headers.contains("x-evil"));
}

TEST_F(HttpHandlerTest, ConnectionsAreReused) {
    SmallServer server([](const auto&) { return answer(200); });
    const auto handler = make({.url = server.url()});
    for (int i = 0; i < 5; ++i) {
        const std::vector<Delivery> batch{delivery(std::to_string(i))};
        (void)handler->handle(batch, {});
    }
    EXPECT_EQ(server.requests().size(), 5U);
    EXPECT_EQ(server.connections(), 1U);
}

TEST_F(HttpHandlerTest, RetryAfterIsPassedOnInBothForms) {
    std::string value = "120";
    SmallServer server([&](const auto&) {
        return SmallServer::Answer{503, {{"Retry-After", value}}, false};
    });
    auto outcome = post_one(server.url());
    EXPECT_EQ(outcome.blame, Outcome::Blame::Target);
    EXPECT_EQ(outcome.delay, seconds(120));
    EXPECT_EQ(outcome.reason, "HTTP 503");
    value = "Sat, 21 Nov 2026 00:01:30 GMT";
    EXPECT_EQ(post_one(server.url()).delay, seconds(90));
    value = "soon";
    EXPECT_FALSE(post_one(server.url()).delay.has_value());
}

TEST_F(HttpHandlerTest, RedirectsAreNeverFollowed) {
    SmallServer elsewhere([](const auto&) { return answer(200); });
    SmallServer server([&](const auto&) {
        return SmallServer::Answer{307, {{"Location", elsewhere.url()}}, false};
    });
    EXPECT_EQ(post_one(server.url()).blame, Outcome::Blame::Target);
    EXPECT_TRUE(elsewhere.requests().empty());
}

TEST_F(HttpHandlerTest, UnreachableOrSilentTargetIsBlamedItself) {
    std::string gone;
    {
        SmallServer server([](const auto&) { return answer(200); });
        gone = server.url();
    }
    auto outcome = post_one(gone);
    EXPECT_EQ(outcome.kind, Outcome::Kind::RetryAfter);
    EXPECT_EQ(outcome.blame, Outcome::Blame::Target);
    EXPECT_THAT(outcome.reason, ::testing::StartsWith("unreachable"));

    SmallServer rude([](const auto&) { return SmallServer::Answer{200, {}, true}; });
    EXPECT_EQ(post_one(rude.url()).blame, Outcome::Blame::Target);

    std::promise<void> test_over;
    SmallServer silent([released = test_over.get_future().share()](const auto&) {
        released.wait();
        return answer(200);
    });
    const std::vector<Delivery> batch{delivery("7")};
    outcome = make({.url = silent.url(), .timeout = milliseconds(50)})->handle(batch, {}).at(0);
    EXPECT_EQ(outcome.blame, Outcome::Blame::Target);
    test_over.set_value();
}

TEST_F(HttpHandlerTest, StopEndsARunningRequest) {
    std::promise<void> test_over, asked;
    SmallServer silent([&, released = test_over.get_future().share()](const auto&) {
        asked.set_value();
        released.wait();
        return answer(200);
    });
    const auto handler = make({.url = silent.url(), .timeout = std::chrono::hours(1)});
    std::stop_source stop;
    auto outcomes = std::async(std::launch::async, [&] {
        const std::vector<Delivery> batch{delivery("7")};
        return handler->handle(batch, stop.get_token());
    });
    asked.get_future().wait();
    stop.request_stop();
    ASSERT_EQ(outcomes.wait_for(seconds(20)), std::future_status::ready);
    EXPECT_EQ(outcomes.get().at(0).blame, Outcome::Blame::Target);
    test_over.set_value();
}

TEST_F(HttpHandlerTest, SeveralDeliveriesArePostedAsOneValueArray) {
    SmallServer server([](const auto&) { return answer(200); });
    const auto handler = make({.url = server.url(), .batch = 3});
    EXPECT_EQ(handler->batch_limit(), 3U);
    const std::vector<Delivery> batch{delivery("1"), delivery("2"), delivery("3")};
    EXPECT_EQ(handler->handle(batch, {}).size(), 3U);
    const std::vector<Delivery> lone{delivery("4")};
    (void)handler->handle(lone, {});
    const auto requests = server.requests();
    const auto value = boost::json::parse(requests.at(0).body).at("value").as_array();
    ASSERT_EQ(value.size(), 3U);
    EXPECT_EQ(value[2].at("id").as_string(), "3");
    EXPECT_EQ(boost::json::parse(requests.at(1).body).at("value").as_array().size(), 1U)
        << "the shape does not depend on how many there are";
}

TEST_F(HttpHandlerTest, IdempotencyKeyOfABatchIsThatOfItsVeryDeliveries) {
    SmallServer server([](const auto&) { return answer(200); });
    const auto handler = make({.url = server.url(), .batch = 3});
    const std::vector<Delivery> two{delivery("1"), delivery("2")};
    const std::vector<Delivery> three{delivery("1"), delivery("2"), delivery("3")};
    for (const auto& batch : {two, three, two}) (void)handler->handle(batch, {});
    auto requests = server.requests();
    const auto key = [&](std::size_t i) { return requests.at(i).headers["idempotency-key"]; };
    EXPECT_THAT(key(0), ::testing::StartsWith("batch-"));
    EXPECT_EQ(key(0), key(2));
    EXPECT_NE(key(0), key(1)) << "or a receiver would skip what it has never seen";
}

TEST_F(HttpHandlerTest, RefusedItemOfABatchIsFoundAndDoesNotCostItsNeighbours) {
    SmallServer server([](const auto& request) {
        const bool bad = request.body.find(R"("id":"5")") != std::string::npos;
        return answer(bad ? 422 : 200);
    });
    const auto handler = make({.url = server.url(), .batch = 8});
    std::vector<Delivery> batch;
    for (int i = 1; i <= 8; ++i) batch.push_back(delivery(std::to_string(i)));
    const auto outcomes = handler->handle(batch, {});
    ASSERT_EQ(outcomes.size(), 8U);
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
        EXPECT_EQ(outcomes[i].kind, i == 4 ? Outcome::Kind::RetryAfter : Outcome::Kind::Done) << i;
    }
    EXPECT_EQ(outcomes[4].blame, Outcome::Blame::Item);
}

TEST_F(HttpHandlerTest, SearchForARefusedItemEndsWithinTheTimeLimit) {
    SmallServer server([&](const auto&) {
        clock_.advance(seconds(20));
        return answer(400);
    });
    const HttpOptions options{.url = server.url(), .timeout = seconds(20), .batch = 64};
    std::vector<Delivery> batch;
    for (int i = 1; i <= 64; ++i) batch.push_back(delivery(std::to_string(i)));
    const auto began = clock_.steady_now();
    const auto outcomes = make(options)->handle(batch, {});
    EXPECT_EQ(outcomes.size(), 64U);
    EXPECT_LT(clock_.steady_now() - began, HttpHandler::time_limit(options));
    EXPECT_EQ(outcomes.back().blame, Outcome::Blame::Target) << "nobody is blamed untried";
}

TEST_F(HttpHandlerTest, SignsInTheMannerOfStandardWebhooks) {
    // The secret, id, time and payload of the specification's own example.
    const auto signer = Signer::make(Secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"));
    ASSERT_TRUE(signer.has_value());
    const SystemTime at{seconds(1614265330)};
    const auto headers =
        signer->headers("msg_p5jXN8AQM9LWM0D4loKWxJek", at, R"({"test": 2432232314})");
    EXPECT_THAT(
        headers,
        ::testing::ElementsAre(
            ::testing::Pair("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek"),
            ::testing::Pair("webhook-timestamp", "1614265330"),
            ::testing::Pair("webhook-signature", "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
        )
    );
}

TEST_F(HttpHandlerTest, SignsEachRequestWhereThereIsASecret) {
    SmallServer server([](const auto&) { return answer(200); });
    const auto handler = make({.url = server.url(), .secret = Secret("any text will do")});
    const std::vector<Delivery> batch{delivery("7")};
    (void)handler->handle(batch, {});
    auto request = server.requests().at(0);
    const auto expected =
        Signer::make(Secret("any text will do"))->headers("7", clock_.system_now(), request.body);
    for (const auto& [name, value] : expected) EXPECT_EQ(request.headers[name], value);
}

TEST_F(HttpHandlerTest, PostsAndSignsTheDecryptedResourceOnlyWhereItIsWanted) {
    SmallServer server([](const auto&) { return answer(200); });
    std::vector<Delivery> batch{delivery("7"), delivery("8")};
    batch[0].data = R"({"subject":"hello"})";
    for (const std::size_t size : {1u, 2u}) {
        for (const bool wanted : {false, true}) {
            auto made = HttpHandler::make(
                {.url = server.url(), .secret = Secret("any text will do"), .batch = size}, clock_,
                1, wanted
            );
            ASSERT_TRUE(made.has_value());
            const auto handler = std::move(*made);
            EXPECT_EQ(handler->wants_data(), wanted);
            (void)handler->handle(std::span(batch).first(size), {});
            auto request = server.requests().back();
            EXPECT_EQ(
                request.body.find(R"(,"data":{"subject":"hello"}})") != std::string::npos, wanted
            ) << request.body;
            EXPECT_EQ(
                request.body.find(R"(,"data":null})") != std::string::npos, wanted && size == 2
            );
            const auto expected =
                Signer::make(Secret("any text will do"))
                    ->headers(request.headers["webhook-id"], clock_.system_now(), request.body);
            for (const auto& [name, value] : expected) EXPECT_EQ(request.headers[name], value);
        }
    }
}

TEST_F(HttpHandlerTest, OptionsThatCanNotWorkAreRefused) {
    EXPECT_EQ(HttpHandler::make({.url = "ftp://example"}, clock_).error().code, Errc::BadInput);
    for (const auto* secret : {"whsec_", "whsec_%%%%", "whsec_abc"}) {
        const auto made =
            HttpHandler::make({.url = "https://example", .secret = Secret(secret)}, clock_);
        EXPECT_EQ(made.error().code, Errc::BadInput) << secret;
        EXPECT_EQ(made.error().detail.find("%%%"), std::string::npos);
    }
}

}  // namespace
}  // namespace graphhook::handlers
