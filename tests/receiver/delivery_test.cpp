#include "tests/receiver/receiver_fixture.hpp"

#include <array>

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

constexpr std::string_view kRich = R"("encryptedContent":{"data":"QQ==","dataKey":"RA=="},)";

/// {"value":[…],"validationTokens":…}
std::string rich_body(std::string_view items, std::string_view tokens) {
    return R"({"value":[)" + std::string(items) + R"(],"validationTokens":)" + std::string(tokens) +
           "}";
}

TEST_F(DeliveryTest, RichItemsAreAcceptedUnjudgedWithTheTokensOfTheirPostAndBasicOnesWithout) {
    start_tls();
    auto graph = tls_peer();
    const auto items = item_json(R"("id":"1",)") + "," +
                       item_json(R"("id":"2",)" + std::string(kRich)) + "," +
                       item_json(R"("id":"3",)" + std::string(kRich)) + "," +
                       item_json(R"("id":"4",)" + std::string(kRich), "a wrong client state");
    for (const char* tokens : {R"(["not.a.token", 7])", "null", "[]", R"("x")"})
        EXPECT_EQ(graph.ask(post("/graph/notifications", rich_body(items, tokens)))->status, 202);
    EXPECT_EQ(graph.ask(post("/graph/notifications", body_of(items)))->status, 202);
    const auto taken = journal_.items();
    ASSERT_EQ(taken.size(), 15u);
    const std::array<std::string, 5> kept = {R"(["not.a.token",7])", "null", "[]", R"("x")", ""};
    for (std::size_t i = 0; i < kept.size(); ++i) {
        EXPECT_EQ(taken[3 * i].tokens, nullptr);
        ASSERT_NE(taken[3 * i + 1].tokens, nullptr);
        EXPECT_EQ(*taken[3 * i + 1].tokens, kept[i]);
        EXPECT_EQ(taken[3 * i + 1].tokens, taken[3 * i + 2].tokens) << "once for each POST";
    }
    EXPECT_EQ(metric("graphhook_items_refused_total", {{"reason", "client_state"}}), 5);
    EXPECT_EQ(
        metric(
            "graphhook_notifications_received_total",
            {{"tenant", "contoso"}, {"kind", "message"}, {"change", "updated"}}
        ),
        15
    ) << "counted like any other";
}

TEST_F(DeliveryTest, TokensReachTheirItemsFromALargeBodyAndWhereTheStoreIsAsked) {
    start_tls();
    auto graph = tls_peer();
    journal_.set_known({}, {known_record()});
    const auto small = item_json(kRich) + "," + item_json();
    EXPECT_EQ(
        graph.ask(post("/graph/notifications", rich_body(small, R"(["a.b.c"])")))->status, 202
    );
    EXPECT_EQ(journal_.questions(), 1u);
    const std::string filler = R"("filler":")" + std::string(Limits().offload_bytes, 'x') + "\",";
    const auto large = item_json(filler) + "," + item_json(kRich) + "," + item_json(kRich);
    for (int asked = 0; asked < 2; ++asked) {
        EXPECT_EQ(
            graph.ask(post("/graph/notifications", rich_body(large, R"(["d.e.f"])")))->status, 202
        );
        journal_.set_known({known_record()});
    }
    EXPECT_EQ(journal_.questions(), 2u);
    const auto taken = journal_.items();
    ASSERT_EQ(taken.size(), 8u);
    EXPECT_EQ(*taken[0].tokens, R"(["a.b.c"])");
    EXPECT_EQ(taken[1].tokens, nullptr);
    for (const std::size_t first : {2u, 5u}) {
        EXPECT_EQ(taken[first].tokens, nullptr);
        EXPECT_EQ(*taken[first + 1].tokens, R"(["d.e.f"])");
        EXPECT_EQ(taken[first + 1].tokens, taken[first + 2].tokens);
    }
}

TEST_F(DeliveryTest, TokensThatStandThereTwiceCostNoBasicItemItsPlace) {
    start();
    auto graph = peer();
    const auto body = R"({"validationTokens":["a.b.c"],"validationTokens":["a.b.c"],"value":[)" +
                      item_json() + "," + item_json(kRich) + "]}";
    EXPECT_EQ(graph.ask(post("/graph/notifications", body))->status, 202);
    ASSERT_EQ(journal_.items().size(), 2u);
    EXPECT_EQ(journal_.items()[0].tokens, nullptr);
    EXPECT_EQ(*journal_.items()[1].tokens, kTokensTwice);
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
