// The emulator over real sockets, with a receiver of our own.
#include "core/time_text.hpp"
#include "emulator/certificates.hpp"
#include "emulator/files.hpp"
#include "tests/emulator/receiver.hpp"
#include "tests/emulator/running_emulator.hpp"

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <set>

namespace graphhook::emulator {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using test::Received;
using test::Receiver;
using test::RunningEmulator;
using testing::HasSubstr;
using testing::StartsWith;

boost::json::array items_of(const Received& received) {
    return boost::json::parse(received.body).at("value").as_array();
}

class EmulatorTest : public testing::Test {
  protected:
    void start(Options options = {}, Receiver::Handler handler = Receiver::good()) {
        emulator_ = std::make_unique<RunningEmulator>(std::move(options));
        receiver_ = std::make_unique<Receiver>(
            emulator_->receiver_certificate(), emulator_->receiver_key(), std::move(handler)
        );
    }
    std::string subscribe(std::string_view resource, std::string_view changes = "updated") {
        return emulator_->subscribe(body(resource, changes));
    }
    boost::json::object body(std::string_view resource, std::string_view changes = "updated") {
        return RunningEmulator::body(
            resource, receiver_->url("/n?acct=42"), receiver_->url("/life"), changes
        );
    }
    RunningEmulator::Answer create(const boost::json::object& body) {
        return emulator_->call("POST", "/v1.0/subscriptions", body);
    }
    RunningEmulator::Answer change(std::string_view kind, int count = 1) {
        return emulator_->call("POST", "/emulator/changes", {{"kind", kind}, {"count", count}});
    }
    RunningEmulator::Answer fault(const boost::json::object& fault) {
        return emulator_->call("POST", "/emulator/faults", fault);
    }

    std::unique_ptr<RunningEmulator> emulator_;
    std::unique_ptr<Receiver> receiver_;
};

// protocol 1.1, 1.2, 1.3
TEST_F(EmulatorTest, ACreateShakesHandsWithBothUrlsBeforeItIsAnswered) {
    start();
    const auto answer = create(body("users/a/messages"));
    ASSERT_EQ(answer.status(), 201) << answer.response.body;
    const auto requests = receiver_->all();
    ASSERT_EQ(requests.size(), 2U);
    std::set<std::string> targets;
    for (const auto& request : requests) {
        EXPECT_EQ(request.header("content-type"), "text/plain; charset=utf-8");
        EXPECT_EQ(request.header("accept"), "text/plain");
        EXPECT_EQ(request.header("content-length"), "0");
        EXPECT_EQ(request.header("user-agent"), "");
        EXPECT_THAT(
            request.target, HasSubstr("validationToken=Validation%3a+Testing+client+application+"
                                      "reachability+for+subscription+Request-Id%3a+")
        );
        targets.insert(request.target.substr(0, request.target.find("validationToken")));
    }
    EXPECT_EQ(targets, (std::set<std::string>{"/n?acct=42&", "/life?"}));
}

// protocol 1.1: the two run concurrently. Each waits until the other has come.
TEST_F(EmulatorTest, BothHandshakesRunAtTheSameTime) {
    std::atomic<int> arrived{0};
    const auto good = Receiver::good();
    start({}, [&](const Received& received) {
        ++arrived;
        arrived.notify_all();
        for (int seen = arrived; seen < 2; seen = arrived) arrived.wait(seen);
        return good(received);
    });
    EXPECT_EQ(create(body("users/a/messages")).status(), 201);
}

// protocol 1.4, 1.7
TEST_F(EmulatorTest, AHandshakeAnsweredWronglyFailsTheCreate) {
    std::atomic<int> step{0};
    start({}, [&](const Received& received) {
        auto reply = Receiver::good()(received);
        if (step == 0) reply.status = 202;
        if (step == 1) reply.body += "\n";
        if (step == 2) reply.type = "application/json";
        return reply;
    });
    for (const auto* message :
         {"HTTP status code is 'Accepted'.",
          "Response must exactly match validationToken query parameter.", "text/plain"}) {
        const auto answer = create(body("users/a/messages"));
        EXPECT_EQ(answer.status(), 400);
        EXPECT_THAT(answer.message(), HasSubstr(message));
        ++step;
    }
    EXPECT_EQ(create(body("users/a/messages")).status(), 201);
}

TEST_F(EmulatorTest, AHandshakeNotAnsweredInTimeFailsTheCreate) {
    Options options;
    options.handshake_timeout = milliseconds(50);
    start(options, [](const Received&) {
        test::Reply none(200);
        none.silent = true;
        return none;
    });
    EXPECT_EQ(
        create(body("users/a/messages")).message(), "Subscription validation request timed out."
    );
}

// protocol 1.6: a certificate of an unknown authority, or for another host, is refused.
TEST_F(EmulatorTest, AReceiverThatCannotBeTrustedFailsTheCreate) {
    start();
    const auto stranger = make_authority().value();
    const auto foreign = make_server_certificate(stranger, {"localhost"}).value();
    const auto directory = emulator_->directory();
    ASSERT_TRUE(write_file(directory / "x.crt", foreign.certificate, FileMode::Public));
    ASSERT_TRUE(write_file(directory / "x.key", foreign.key, FileMode::Secret));
    const Receiver untrusted(
        (directory / "x.crt").string(), (directory / "x.key").string(), Receiver::good()
    );
    const auto answer = create(RunningEmulator::body("users/a/messages", untrusted.url("/")));
    EXPECT_EQ(answer.status(), 400);
    EXPECT_THAT(
        answer.message(),
        HasSubstr("Notification endpoint must respond with 200 OK to validation request.")
    );
    EXPECT_TRUE(untrusted.all().empty());
}

// protocol 5.1 to 5.7
TEST_F(EmulatorTest, ASubscriptionIsCreatedReadRenewedReauthorizedAndDeleted) {
    start();
    const auto created = create(body("users/a/messages", "created,updated"));
    ASSERT_EQ(created.status(), 201);
    EXPECT_EQ(created.json.at("clientState"), "state-of-the-test");
    EXPECT_TRUE(created.response.header("request-id"));
    const auto path = "/v1.0/subscriptions/" + std::string(created.json.at("id").as_string());
    const auto got = emulator_->call("GET", path);
    EXPECT_EQ(got.status(), 200);
    EXPECT_TRUE(got.json.at("clientState").is_null());
    const auto later =
        to_text(std::chrono::floor<std::chrono::seconds>(real_clock().system_now()) + hours(5));
    const auto renewed = emulator_->call("PATCH", path, {{"expirationDateTime", later}});
    EXPECT_EQ(renewed.status(), 200);
    EXPECT_EQ(renewed.json.at("expirationDateTime").as_string(), later);
    EXPECT_EQ(emulator_->call("POST", path + "/reauthorize").status(), 204);
    EXPECT_EQ(emulator_->call("DELETE", path).status(), 204);
    for (const auto* method : {"GET", "DELETE"}) {
        const auto gone = emulator_->call(method, path);
        EXPECT_EQ(gone.status(), 404);
        EXPECT_EQ(gone.code(), "ResourceNotFound");
    }
    EXPECT_EQ(emulator_->call("PATCH", path, {{"expirationDateTime", later}}).status(), 404);
}

TEST_F(EmulatorTest, AListIsReadPageByPage) {
    Options options;
    options.page_size = 2;
    start(options);
    for (const auto* user : {"a", "b", "c"}) subscribe("users/" + std::string(user) + "/messages");
    const auto first = emulator_->call("GET", "/v1.0/subscriptions");
    EXPECT_EQ(first.json.at("value").as_array().size(), 2U);
    const std::string next(first.json.at("@odata.nextLink").as_string());
    ASSERT_THAT(next, StartsWith(emulator_->base()));
    const auto second = emulator_->call("GET", next.substr(emulator_->base().size()));
    EXPECT_EQ(second.json.at("value").as_array().size(), 1U);
    EXPECT_FALSE(second.json.contains("@odata.nextLink"));
}

TEST_F(EmulatorTest, WithoutAValidTokenTheAnswerIs401) {
    start();
    for (const auto* token : {"", "nonsense", "a.b.c"}) {
        HttpRequest request;
        request.url = "/v1.0/subscriptions";
        request.bearer = Secret(token);
        request.headers.emplace_back("client-request-id", "my-id");
        const auto answer = emulator_->raw(request);
        EXPECT_EQ(answer.status(), 401);
        EXPECT_EQ(answer.code(), "InvalidAuthenticationToken");
        EXPECT_EQ(answer.json.at("error").at("innerError").at("client-request-id"), "my-id");
        EXPECT_EQ(answer.response.header("client-request-id"), "my-id");
    }
}

TEST_F(EmulatorTest, WithoutTheRoleTheAnswerIs403) {
    Options options;
    options.identity.directory.permit("", "", std::vector<std::string>{"Mail.Read"}, {});
    start(options);
    EXPECT_EQ(create(body("users/a/messages")).status(), 201);
    EXPECT_EQ(create(body("users/a/events")).status(), 403);
}

TEST_F(EmulatorTest, ADuplicateIs409WhereThatIsSwitchedOn) {
    Options options;
    options.duplicates = Duplicates::Conflict;
    start(options);
    subscribe("users/a/messages");
    EXPECT_EQ(create(body("users/a/messages")).status(), 409);
}

TEST_F(EmulatorTest, AnUpdateWithAnotherUrlShakesHandsAgain) {
    start();
    const auto path = "/v1.0/subscriptions/" + subscribe("users/a/messages");
    EXPECT_EQ(
        emulator_->call(
                     "PATCH", path, {{"notificationUrl", receiver_->url("/n?acct=42")}}
        ).status(),
        200
    );
    EXPECT_EQ(receiver_->all().size(), 2U) << "the URL is the same: no handshake";
    EXPECT_EQ(
        emulator_->call("PATCH", path, {{"notificationUrl", receiver_->url("/new")}}).status(), 200
    );
    EXPECT_THAT(receiver_->wait_for(3).back().target, StartsWith("/new?validationToken="));
    EXPECT_EQ(
        emulator_->call("PATCH", path, {{"notificationUrl", "https://localhost:1/"}}).status(), 400
    );
    change("message");
    EXPECT_EQ(receiver_->wait_for(4).back().target, "/new");
}

TEST_F(EmulatorTest, TheHandshakeOfAnUpdateCanBeSwitchedOff) {
    Options options;
    options.validate_updates = false;
    start(options);
    const auto path = "/v1.0/subscriptions/" + subscribe("users/a/messages");
    EXPECT_EQ(
        emulator_->call("PATCH", path, {{"notificationUrl", "https://localhost:1/"}}).status(), 200
    );
}

// protocol 4.1 note 3, and the end of a subscription
TEST_F(EmulatorTest, AShortLifeIsRaisedAndThenEnds) {
    Options options;
    options.time_scale = 45 * 60 * 10;  // 45 minutes in a tenth of a second
    start(options);
    auto request = body("users/a/messages");
    request["expirationDateTime"] = to_text(real_clock().system_now() + milliseconds(20));
    const auto created = create(request);
    ASSERT_EQ(created.status(), 201) << created.response.body;
    EXPECT_TRUE(emulator_->wait_until("subscriptions", 0));
    EXPECT_EQ(
        emulator_
            ->call("GET", "/v1.0/subscriptions/" + std::string(created.json.at("id").as_string()))
            .status(),
        404
    );
}

// protocol 2.1
TEST_F(EmulatorTest, NotificationsArriveAsJsonAtTheirUrlAndAreCounted) {
    start();
    const auto id = subscribe("users/a/messages", "created");
    const auto made = emulator_->call(
        "POST", "/emulator/changes", {{"kind", "message"}, {"change", "created"}, {"count", 3}}
    );
    EXPECT_EQ(made.status(), 202);
    ASSERT_TRUE(emulator_->wait_until("itemsAccepted", 3));
    std::set<std::string> etags;
    for (const auto& request : receiver_->all()) {
        if (request.body.empty()) continue;
        EXPECT_EQ(request.target, "/n?acct=42");
        EXPECT_EQ(request.header("content-type"), "application/json; charset=utf-8");
        for (const auto& item : items_of(request)) {
            EXPECT_EQ(item.at("subscriptionId").as_string(), id);
            EXPECT_EQ(item.at("clientState"), "state-of-the-test");
            etags.emplace(item.at("resourceData").at("@odata.etag").as_string());
        }
    }
    std::set<std::string> ledger;
    const auto page = emulator_->call("GET", "/emulator/changes");
    for (const auto& entry : page.json.at("changes").as_array()) {
        ledger.emplace(entry.at("etag").as_string());
        EXPECT_EQ(entry.at("items").at(0).at("state"), "accepted");
    }
    EXPECT_EQ(ledger, etags);
}

TEST_F(EmulatorTest, ConnectionsToAReceiverAreKeptAlive) {
    Options options;
    options.connections_out = 1;
    options.batch = 1;
    start(options);
    subscribe("users/a/messages");
    change("message", 50);
    ASSERT_TRUE(emulator_->wait_until("itemsAccepted", 50));
    std::set<std::size_t> connections;
    for (const auto& request : receiver_->all()) {
        if (!request.body.empty()) connections.insert(request.connection);
    }
    EXPECT_EQ(connections.size(), 1U);
}

// protocol 2.5
TEST_F(EmulatorTest, WhatIsNotAnswered2xxIsSentAgainUntilItIs) {
    std::atomic<int> refusals{3};
    Options options;
    options.time_scale = 10'000;
    start(options, [&](const Received& received) {
        if (received.body.empty()) return Receiver::good()(received);
        return Receiver::good(refusals-- > 0 ? 503 : 202)(received);
    });
    subscribe("users/a/messages");
    change("message");
    ASSERT_TRUE(emulator_->wait_until("itemsAccepted", 1));
    const auto requests = receiver_->all();
    ASSERT_EQ(requests.size(), 6U) << "two handshakes, four attempts";
    EXPECT_EQ(requests[2].body, requests[5].body);
    EXPECT_EQ(
        emulator_->call("GET", "/emulator/changes")
            .json.at("changes")
            .at(0)
            .at("items")
            .at(0)
            .at("attempts"),
        4
    );
}

TEST_F(EmulatorTest, WhatIsGivenUpIsFollowedByMissed) {
    Options options;
    options.time_scale = 4 * 3600 * 10;  // gives up after a tenth of a second
    start(options, [](const Received& received) {
        return Receiver::good(received.target == "/life" ? 202 : 500)(received);
    });
    subscribe("users/a/messages");
    change("message");
    ASSERT_TRUE(emulator_->wait_until("itemsFailed", 1));
    ASSERT_TRUE(emulator_->wait_until("itemsAccepted", 1));
    const auto last = receiver_->all().back();
    EXPECT_EQ(last.target, "/life");
    EXPECT_EQ(items_of(last)[0].at("lifecycleEvent"), "missed");
}

// protocol 6
TEST_F(EmulatorTest, LifecycleEventsGoToTheirUrlInABatch) {
    start();
    subscribe("users/a/messages");
    subscribe("users/a/events");
    subscribe("users");
    const auto sent = emulator_->call(
        "POST", "/emulator/lifecycle", {{"event", "missed"}, {"all", true}, {"batch", true}}
    );
    EXPECT_EQ(sent.json.at("sent"), 2);
    EXPECT_EQ(sent.json.at("skipped"), 1) << "users never send missed";
    const auto last = receiver_->wait_for(7).back();
    EXPECT_EQ(last.target, "/life");
    EXPECT_EQ(items_of(last).size(), 2U);
    EXPECT_FALSE(items_of(last)[0].as_object().contains("resource"));
}

TEST_F(EmulatorTest, AfterSubscriptionRemovedAnUpdateIs404) {
    start();
    const auto id = subscribe("users/a/messages");
    emulator_->call(
        "POST", "/emulator/lifecycle", {{"event", "subscriptionRemoved"}, {"subscription", id}}
    );
    EXPECT_EQ(
        items_of(receiver_->wait_for(3).back())[0].at("lifecycleEvent"), "subscriptionRemoved"
    );
    EXPECT_EQ(
        emulator_
            ->call(
                "PATCH", "/v1.0/subscriptions/" + id,
                {{"expirationDateTime", "2030-01-01T00:00:00Z"}}
            )
            .status(),
        404
    );
}

TEST_F(EmulatorTest, AnUnansweredReauthorizationPausesTheFlowUntilItIsAnswered) {
    start();
    const auto id = subscribe("users/a/messages");
    emulator_->call(
        "POST", "/emulator/lifecycle",
        {{"event", "reauthorizationRequired"}, {"subscription", id}, {"pause", true}}
    );
    change("message");
    ASSERT_TRUE(emulator_->wait_until("itemsLost", 1));
    EXPECT_EQ(emulator_->call("POST", "/v1.0/subscriptions/" + id + "/reauthorize").status(), 204);
    change("message");
    EXPECT_TRUE(emulator_->wait_until("itemsAccepted", 2))
        << "the lifecycle item, and the second change";
}

// protocol 5.10 and what else goes wrong with Graph
TEST_F(EmulatorTest, FaultsOfTheApiStrikeAndPass) {
    start();
    fault({{"fault", "throttle"}, {"count", 2}, {"retryAfterSeconds", 7}});
    for (int i = 0; i < 2; ++i) {
        const auto throttled = emulator_->call("GET", "/v1.0/subscriptions");
        EXPECT_EQ(throttled.status(), 429);
        EXPECT_EQ(throttled.response.header("retry-after"), "7");
        EXPECT_EQ(throttled.code(), "TooManyRequests");
    }
    EXPECT_EQ(emulator_->call("GET", "/v1.0/subscriptions").status(), 200);
    fault({{"fault", "server-error"}, {"status", 502}});
    EXPECT_EQ(emulator_->call("GET", "/v1.0/subscriptions").status(), 502);
    fault({{"fault", "redirect"}, {"location", "https://elsewhere.invalid/"}});
    const auto redirected = emulator_->call("GET", "/v1.0/subscriptions");
    EXPECT_EQ(redirected.status(), 302);
    EXPECT_EQ(redirected.response.header("location"), "https://elsewhere.invalid/");
}

TEST_F(EmulatorTest, ACreateAnsweredLateHasHappened) {
    start();
    fault({{"fault", "create-late"}, {"delayMilliseconds", 3'600'000}});
    const auto request = body("users/a/messages");
    std::thread waiting([&] {
        HttpClientOptions options;
        options.ca_file = (emulator_->directory() / "ca.pem").string();
        options.timeout = milliseconds(1'000);
        HttpRequest late;
        late.method = "POST";
        late.url = emulator_->base() + "/v1.0/subscriptions";
        late.bearer = emulator_->token();
        late.headers.emplace_back("Content-Type", "application/json");
        late.body = boost::json::serialize(request);
        EXPECT_EQ(make_http_client(options)->send(late, {}).error().code, Errc::Unreachable);
    });
    EXPECT_TRUE(emulator_->wait_until("subscriptions", 1));
    waiting.join();
    EXPECT_EQ(emulator_->call("GET", "/v1.0/subscriptions").json.at("value").as_array().size(), 1U);
}

TEST_F(EmulatorTest, AForgottenSubscriptionIsGoneWithoutAWord) {
    start();
    const auto id = subscribe("users/a/messages");
    EXPECT_EQ(fault({{"fault", "forget"}, {"subscription", id}}).status(), 200);
    EXPECT_EQ(emulator_->call("GET", "/v1.0/subscriptions/" + id).status(), 404);
    EXPECT_EQ(receiver_->all().size(), 2U);
}

TEST_F(EmulatorTest, AResetForgetsEverything) {
    start();
    subscribe("users/a/messages");
    change("message");
    ASSERT_TRUE(emulator_->wait_until("itemsAccepted", 1));
    EXPECT_EQ(
        emulator_->call("POST", "/emulator/reset", {{"keepSubscriptions", false}}).status(), 200
    );
    const auto status = emulator_->call("GET", "/emulator/status").json;
    EXPECT_EQ(status.at("subscriptions"), 0);
    EXPECT_EQ(status.at("changesMade"), 0);
    EXPECT_EQ(status.at("ledgerEntries"), 0);
}

TEST_F(EmulatorTest, AResetThatKeepsTheSubscriptionsLetsTheirChangesFlow) {
    start();
    const auto id = subscribe("users/a/messages");
    emulator_->call(
        "POST", "/emulator/lifecycle",
        {{"event", "reauthorizationRequired"}, {"subscription", id}, {"pause", true}}
    );
    ASSERT_TRUE(emulator_->wait_until("itemsAccepted", 1));
    emulator_->call("POST", "/emulator/reset", {{"keepSubscriptions", true}});
    change("message");
    EXPECT_TRUE(emulator_->wait_until("itemsAccepted", 1));
}

TEST_F(EmulatorTest, WhatIsTooLargeOrNoJsonIsRefused) {
    start();
    HttpRequest large;
    large.method = "POST";
    large.url = "/v1.0/subscriptions";
    large.bearer = emulator_->token();
    large.headers.emplace_back("Content-Type", "application/json");
    large.body = std::string(2u << 20, ' ');
    EXPECT_EQ(emulator_->raw(large).status(), 413);
    large.body = "{";
    EXPECT_EQ(emulator_->raw(large).status(), 400);
    large.headers.clear();
    large.headers.emplace_back("Content-Type", "text/plain");
    EXPECT_EQ(emulator_->raw(large).status(), 415);
    large.url = "/emulator/reset";
    EXPECT_EQ(emulator_->raw(large).status(), 415) << "a web page cannot steer the emulator";
    EXPECT_EQ(emulator_->call("GET", "/nothing/here").status(), 404);
    EXPECT_EQ(emulator_->call("PUT", "/v1.0/subscriptions").status(), 405);
}

TEST_F(EmulatorTest, PlainHttpServesLoopbackOnly) {
    Options options;
    options.insecure_http = true;
    start(options);
    EXPECT_THAT(emulator_->base(), StartsWith("http://"));
    Receiver plain({}, {}, Receiver::good());
    emulator_->subscribe(RunningEmulator::body("users/a/messages", plain.url("/n")));
    change("message");
    EXPECT_EQ(plain.wait_for(2).back().target, "/n");
    options.host = "0.0.0.0";
    EXPECT_EQ(Emulator::open(options, real_clock()).error().code, Errc::BadInput);
}

}  // namespace
}  // namespace graphhook::emulator
