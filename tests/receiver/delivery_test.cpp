#include "tests/receiver/receiver_fixture.hpp"

namespace graphhook::receiver {
namespace {

using test::post;

class DeliveryTest : public ReceiverFixture {};

TEST_F(DeliveryTest, ItemOverTlsIsStoredBeforeTheReplySays202) {
    start_tls();
    auto graph = tls_peer();
    journal_.hold(true);
    ASSERT_TRUE(graph.send(post("/graph/notifications", body_of(item_json()))));
    ASSERT_TRUE(journal_.wait_for_held(1));
    EXPECT_EQ(
        metric("graphhook_http_requests_total", {{"path", "notifications"}, {"code", "202"}}), 0
    );
    journal_.hold(false);
    const auto reply = graph.read_reply();
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->status, 202);
    EXPECT_EQ(reply->body, "");
    ASSERT_EQ(journal_.items().size(), 1u);
    EXPECT_EQ(journal_.items()[0].stream->subscription, "inbox");
    EXPECT_EQ(journal_.items()[0].stream->change, "updated");
}

TEST_F(DeliveryTest, ConnectionIsKeptForTheNextDelivery) {
    start_tls();
    auto graph = tls_peer();
    for (int i = 0; i < 5; ++i) {
        const auto reply = graph.ask(post("/graph/notifications", body_of(item_json())));
        ASSERT_TRUE(reply);
        EXPECT_EQ(reply->status, 202);
    }
    EXPECT_EQ(journal_.items().size(), 5u);
    EXPECT_EQ(receiver_->connections(), 1u);
}

TEST_F(DeliveryTest, HandshakeIsAnsweredWithTheDecodedTokenAndNothingElse) {
    start_tls();
    auto graph = tls_peer();
    const auto reply = graph.ask(post(
        "/graph/notifications?validationToken=Validation%3a+Testing+%2B+%E2%82%AC", "",
        "Content-Type: text/plain; charset=utf-8\r\nAccept: text/plain\r\n"
    ));
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->status, 200);
    EXPECT_EQ(reply->body, "Validation: Testing + €");
    EXPECT_EQ(reply->headers.at("content-type"), "text/plain; charset=utf-8");
    EXPECT_EQ(reply->headers.at("x-content-type-options"), "nosniff");
    EXPECT_EQ(reply->headers.at("cache-control"), "no-store");
    EXPECT_EQ(reply->headers.at("content-security-policy"), "default-src 'none'");
    EXPECT_FALSE(reply->headers.contains("server"));
}

TEST_F(DeliveryTest, TokenOnTheLifecyclePathIsAHandshakeToo) {
    start();
    auto graph = peer();
    EXPECT_EQ(graph.ask(post("/graph/lifecycle?a=b&validationtoken=x", "ignored"))->body, "x");
    EXPECT_EQ(graph.ask(post("/graph/notifications?validationToken=%3Cb%3E", ""))->status, 400);
    EXPECT_EQ(graph.ask(post("/graph/notifications?validationToken=", ""))->status, 400);
}

TEST_F(DeliveryTest, HandshakeStandsBehindNothing) {
    ReceiverOptions options;
    options.limits.bodies_in_flight_bytes = 0;
    start_tls(options);
    journal_.fail_with(Error{Errc::Failed, "the disk is gone"});
    auto graph = tls_peer();
    EXPECT_EQ(graph.ask(post("/graph/notifications", body_of(item_json())))->status, 503);
    // Its body does not matter, nor that it is announced and never comes.
    auto other = tls_peer();
    ASSERT_TRUE(
        other.send("POST /graph/notifications?validationToken=ok HTTP/1.1\r\nHost: "
                   "h\r\nContent-Length: 50000\r\n\r\n{")
    );
    const auto reply = other.read_reply();
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->status, 200);
    EXPECT_EQ(reply->body, "ok");
    ASSERT_TRUE(other.send(std::string(49'999, 'x')));
    EXPECT_EQ(other.ask(post("/graph/lifecycle?validationToken=again", ""))->body, "again");
    EXPECT_EQ(metric("graphhook_handshakes_total", {{"outcome", "answered"}}), 2);
}

TEST_F(DeliveryTest, StoreThatCannotTakeItIsAnswered503WithRetryAfter) {
    start();
    auto graph = peer();
    for (const Errc code : {Errc::Full, Errc::Busy, Errc::Failed}) {
        journal_.fail_with(Error{code, "not now"});
        const auto reply = graph.ask(post("/graph/notifications", body_of(item_json())));
        ASSERT_TRUE(reply);
        EXPECT_EQ(reply->status, 503);
        EXPECT_EQ(reply->headers.at("retry-after"), "10");
        EXPECT_FALSE(reply->headers.contains("connection")) << "the connection stays";
    }
    journal_.fail_with(std::nullopt);
    EXPECT_EQ(graph.ask(post("/graph/notifications", body_of(item_json())))->status, 202);
}

TEST_F(DeliveryTest, BodiesInFlightAreLimited) {
    ReceiverOptions options;
    options.limits.bodies_in_flight_bytes = 500;
    start(options);
    journal_.hold(true);
    auto one = peer();
    ASSERT_TRUE(one.send(post("/graph/notifications", body_of(item_json()))));
    ASSERT_TRUE(journal_.wait_for_held(1));
    auto two = peer();
    EXPECT_EQ(
        two.ask(post("/graph/notifications", body_of(item_json() + "," + item_json())))->status, 503
    );
    journal_.hold(false);
    EXPECT_EQ(one.read_reply()->status, 202);
    EXPECT_EQ(one.ask(post("/graph/notifications", body_of(item_json())))->status, 202);
}

TEST_F(DeliveryTest, BadItemDoesNotCostItsNeighbours) {
    start();
    auto graph = peer();
    const auto reply = graph.ask(post(
        "/graph/notifications",
        body_of(
            "7," + item_json(R"("id":"first",)") + "," + item_json({}, "forged") +
            R"(,{"clientState":"x"},{"subscriptionId":"nobody","clientState":"x"},)" +
            item_json(R"("id":"last","lifecycleEvent":"missed",)")
        )
    ));
    EXPECT_EQ(reply->status, 202);
    const auto items = journal_.items();
    ASSERT_EQ(items.size(), 2u);
    EXPECT_NE(items[0].body.find("first"), std::string::npos) << "the order of the POST is kept";
    EXPECT_EQ(items[1].stream->lane, store::Lane::Lifecycle);
    for (const char* reason :
         {"not_an_object", "client_state", "no_subscription_id", "unknown_subscription"})
        EXPECT_EQ(metric("graphhook_items_refused_total", {{"reason", reason}}), 1) << reason;
    EXPECT_EQ(
        metric(
            "graphhook_notifications_received_total",
            {{"tenant", "contoso"}, {"kind", "message"}, {"change", "updated"}}
        ),
        1
    );
}

TEST_F(DeliveryTest, PostWithoutAnItemOfOursIsAcceptedAndNotStored) {
    start();
    auto graph = peer();
    EXPECT_EQ(
        graph.ask(post("/graph/notifications", body_of(item_json({}, "forged"))))->status, 202
    );
    EXPECT_EQ(graph.ask(post("/graph/notifications", R"({"value":[]})"))->status, 202);
    EXPECT_EQ(graph.ask(post("/graph/notifications", ""))->status, 202);
    EXPECT_EQ(journal_.appends(), 0u);
    EXPECT_EQ(metric("graphhook_empty_deliveries_total"), 1);
}

TEST_F(DeliveryTest, UnknownIsSaidOnlyAfterTheStoreWasAsked) {
    auto fresh = known_record("fresh-subscription", "fresh-state");
    fresh.record = 2;
    journal_.set_known({known_record()}, {fresh});
    start();
    auto graph = peer();
    const std::string newcomer =
        R"({"subscriptionId":"fresh-subscription","clientState":"fresh-state"})";
    const std::string stranger = R"({"subscriptionId":"stranger","clientState":"x"})";
    EXPECT_EQ(
        graph.ask(post("/graph/notifications", body_of(newcomer + "," + stranger)))->status, 202
    );
    EXPECT_EQ(journal_.questions(), 1u);
    EXPECT_EQ(journal_.items().size(), 1u);
    journal_.fail_with(Error{Errc::Busy, "cannot be asked"});
    EXPECT_EQ(graph.ask(post("/graph/notifications", body_of(stranger)))->status, 503);
    EXPECT_EQ(metric("graphhook_items_refused_total", {{"reason", "unknown_subscription"}}), 1);
}

TEST_F(DeliveryTest, BodyOfAKnownSubscriptionThatCannotBeReadIsKeptAndCounted) {
    start();
    auto graph = peer();
    const auto broken = body_of(item_json()) + "}";
    EXPECT_EQ(graph.ask(post("/graph/notifications", broken))->status, 400);
    EXPECT_EQ(metric("graphhook_known_bodies_refused_total", {{"code", "400"}}), 1);
    ASSERT_EQ(journal_.refused_bodies().size(), 1u);
    EXPECT_EQ(journal_.refused_bodies()[0].subscription, "inbox");
    EXPECT_EQ(journal_.refused_bodies()[0].body.find(kState), std::string::npos);
    // A stranger's, or one with a wrong client state, is not worth keeping.
    EXPECT_EQ(graph.ask(post("/graph/notifications", "{"))->status, 400);
    EXPECT_EQ(
        graph.ask(post("/graph/notifications", body_of(item_json({}, "forged")) + "}"))->status, 400
    );
    EXPECT_EQ(journal_.refused_bodies().size(), 1u);
}

TEST_F(DeliveryTest, DeclaredTypeMattersOnlyWhereTheBodyIsNotJson) {
    start();
    auto graph = peer();
    const std::string text = "Content-Type: text/plain\r\n";
    EXPECT_EQ(graph.ask(post("/graph/notifications", body_of(item_json()), text))->status, 202);
    EXPECT_EQ(graph.ask(post("/graph/notifications", "hello", text))->status, 415);
    EXPECT_EQ(graph.ask(post("/graph/notifications", "hello"))->status, 400);
    EXPECT_EQ(graph.ask(post("/graph/notifications", "[]", text))->status, 400);
}

TEST_F(DeliveryTest, LargeBodyIsParsedElsewhereAndTaken) {
    ReceiverOptions options;
    options.limits.body_bytes = 600'000;
    start_tls(options);
    auto graph = tls_peer();
    std::string items = item_json();
    for (int i = 1; i < 1'500; ++i) items += "," + item_json();
    ASSERT_GT(items.size(), Limits().offload_bytes);
    EXPECT_EQ(graph.ask(post("/graph/notifications", body_of(items)))->status, 202);
    EXPECT_EQ(journal_.items().size(), 1'500u);
    for (int i = 0; i < 600; ++i) items += "," + item_json();
    EXPECT_EQ(graph.ask(post("/graph/notifications", body_of(items)))->status, 413)
        << "over 2,000 items";
    EXPECT_EQ(
        graph.ask(post("/graph/notifications", body_of(items) + std::string(200'000, ' ')))->status,
        413
    );
}

TEST_F(DeliveryTest, ClientThatLeavesBeforeTheReplyHarmsNobody) {
    start();
    journal_.hold(true);
    {
        auto gone = peer();
        ASSERT_TRUE(gone.send(post("/graph/notifications", body_of(item_json()))));
        ASSERT_TRUE(journal_.wait_for_held(1));
    }
    journal_.hold(false);
    EXPECT_TRUE(eventually([&] { return receiver_->connections() == 0; }));
    EXPECT_EQ(journal_.items().size(), 1u);
}

TEST_F(DeliveryTest, ManyDeliveriesOfOneTurnAreOneAppend) {
    ReceiverOptions options;
    start(options);
    std::vector<test::HttpPeer> peers;
    for (int i = 0; i < 40; ++i) peers.push_back(peer());
    for (int round = 0; round < 5; ++round) {
        for (auto& one : peers)
            ASSERT_TRUE(one.send(post("/graph/notifications", body_of(item_json()))));
        for (auto& one : peers) ASSERT_EQ(one.read_reply()->status, 202);
    }
    EXPECT_EQ(journal_.items().size(), 200u);
    EXPECT_LE(journal_.appends(), 200u);
}

class RecordingHints final : public ExpiryHints {
  public:
    void ends_earlier(const store::KnownPtr& subscription) override {
        name = subscription->family->name;
        ++count;
    }
    std::string name;
    std::atomic<int> count{0};
};

TEST_F(DeliveryTest, EarlierExpiryInAnItemIsAHint) {
    RecordingHints hints;
    options_.listen = "127.0.0.1:0";
    options_.base_path = "/graph";
    receiver_ = std::make_unique<Receiver>(options_, journal_, clock_, metrics_, health_, &hints);
    ASSERT_TRUE(receiver_->start());
    auto graph = peer();
    const std::string earlier = R"("subscriptionExpirationDateTime":"2020-01-01T00:00:00Z",)";
    EXPECT_EQ(graph.ask(post("/graph/notifications", body_of(item_json(earlier))))->status, 202);
    EXPECT_EQ(hints.count, 1);
    EXPECT_EQ(hints.name, "inbox");
}

}  // namespace
}  // namespace graphhook::receiver
