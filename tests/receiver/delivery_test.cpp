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

}  // namespace
}  // namespace graphhook::receiver
