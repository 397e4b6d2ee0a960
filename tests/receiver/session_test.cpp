#include "tests/receiver/receiver_fixture.hpp"

#include <fmt/format.h>

namespace graphhook::receiver {
namespace {

using std::chrono::milliseconds;
using test::get;
using test::HttpPeer;
using test::post;

class SessionTest : public ReceiverFixture {
  protected:
    int status(const std::string& request) {
        auto one = peer();
        const auto reply = one.ask(request);
        return reply ? reply->status : 0;
    }
    [[nodiscard]] double dropped(const std::string& reason) const {
        return metric("graphhook_connections_dropped_total", {{"reason", reason}});
    }
};

TEST_F(SessionTest, PathsAndMethodsAreThoseOfTheTable) {
    start();
    EXPECT_EQ(status(get("/livez")), 200);
    EXPECT_EQ(status(get("/healthz")), 200);
    EXPECT_EQ(status(get("/readyz")), 200);
    EXPECT_EQ(status(get("/")), 404);
    EXPECT_EQ(status(get("/graph")), 404);
    EXPECT_EQ(status(post("/notifications", "{}")), 404);
    EXPECT_EQ(status(post("/graph/notifications/", "{}")), 404);
    EXPECT_EQ(status(get("/metrics")), 404);
    auto one = peer();
    const auto wrong = one.ask(get("/graph/notifications?validationToken=x"));
    ASSERT_TRUE(wrong);
    EXPECT_EQ(wrong->status, 405);
    EXPECT_EQ(wrong->headers.at("allow"), "POST");
    EXPECT_EQ(one.ask(post("/livez", ""))->headers.at("allow"), "GET, HEAD");
    EXPECT_FALSE(wrong->headers.contains("server"));
}

TEST_F(SessionTest, HeadRequestGetsTheLengthAndNoBody) {
    start();
    auto one = peer();
    ASSERT_TRUE(one.send("HEAD /livez HTTP/1.1\r\nHost: h\r\n\r\n"));
    const auto reply = one.read_reply(true);
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->headers.at("content-length"), "3");
    EXPECT_EQ(one.ask(get("/livez"))->body, "ok\n") << "the connection is in step";
}

TEST_F(SessionTest, OldHttpIsAnsweredAndClosed) {
    start();
    auto one = peer();
    const auto reply = one.ask("GET /livez HTTP/1.0\r\n\r\n");
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->status, 200);
    EXPECT_EQ(reply->headers.at("connection"), "close");
    EXPECT_TRUE(one.closed_by_server());
}

TEST_F(SessionTest, PipelinedRequestsAreAnsweredInTheirOrder) {
    start();
    auto one = peer();
    std::string all;
    for (int i = 0; i < 20; ++i)
        all += i % 2 == 0 ? post("/graph/notifications", body_of(item_json())) : get("/livez");
    ASSERT_TRUE(one.send(all));
    for (int i = 0; i < 20; ++i) {
        const auto reply = one.read_reply();
        ASSERT_TRUE(reply) << i;
        EXPECT_EQ(reply->status, i % 2 == 0 ? 202 : 200) << i;
    }
    EXPECT_EQ(journal_.items().size(), 10u);
}

TEST_F(SessionTest, ChunkedBodyIsTaken) {
    start();
    const auto body = body_of(item_json());
    auto one = peer();
    const auto reply = one.ask(fmt::format(
        "POST /graph/notifications HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
        "{:x}\r\n{}\r\n{:x};ext=1\r\n{}\r\n0\r\nTrailer: x\r\n\r\n",
        10, body.substr(0, 10), body.size() - 10, body.substr(10)
    ));
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->status, 202);
    EXPECT_EQ(journal_.items().size(), 1u);
    EXPECT_EQ(one.ask(get("/livez"))->status, 200);
}

TEST_F(SessionTest, ContinueIsSaidBeforeTheBody) {
    start();
    auto one = peer();
    const auto body = body_of(item_json());
    ASSERT_TRUE(one.send(fmt::format(
        "POST /graph/notifications HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: "
        "{}\r\n\r\n",
        body.size()
    )));
    EXPECT_EQ(one.read_reply()->status, 100);
    EXPECT_EQ(one.ask(body)->status, 202);
}

TEST_F(SessionTest, RequestInSinglePiecesIsTaken) {
    start_tls();
    auto one = tls_peer();
    const auto request = post("/graph/notifications", body_of(item_json()));
    for (const char c : request) ASSERT_TRUE(one.send(std::string_view(&c, 1)));
    EXPECT_EQ(one.read_reply()->status, 202);
    EXPECT_EQ(journal_.items().size(), 1u);
}

TEST_F(SessionTest, SmuggledRequestsAreRefusedAndTheConnectionCloses) {
    start();
    const std::string head = "POST /graph/notifications HTTP/1.1\r\nHost: h\r\n";
    const std::string hidden = "GET /livez HTTP/1.1\r\nHost: h\r\n\r\n";
    for (const std::string& request :
         {head + "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + hidden,
          head + "Content-Length: 4\r\nContent-Length: 40\r\n\r\n" + hidden,
          head + "Transfer-Encoding: gzip, chunked\r\n\r\n" + hidden,
          head + "Transfer-Encoding:\r\n chunked\r\n\r\n" + hidden,
          head + "X: y\r\n Content-Length: 3\r\n\r\n" + hidden,
          head + "Transfer-Encoding: chunked\r\n\r\n5;\r\nabc\r\n0\r\n\r\n" + hidden}) {
        auto one = peer();
        const auto reply = one.ask(request);
        ASSERT_TRUE(reply) << request;
        EXPECT_EQ(reply->status, 400) << request;
        EXPECT_EQ(reply->headers.at("connection"), "close");
        EXPECT_TRUE(one.closed_by_server()) << request;
    }
    EXPECT_EQ(journal_.appends(), 0u);
    EXPECT_GE(metric("graphhook_bad_requests_total", {{"reason", "content_length"}}), 1);
}

TEST_F(SessionTest, HeaderOverTheLimitGets431) {
    start();
    auto one = peer();
    const auto reply = one.ask(get("/livez", "X: " + std::string(20'000, 'x') + "\r\n"));
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->status, 431);
    EXPECT_TRUE(one.closed_by_server());
}

TEST_F(SessionTest, ChunkHeadWithoutEndDoesNotGrow) {
    start();
    auto one = peer();
    one.send("POST /graph/notifications HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5;"
    );
    one.send(std::string(100'000, 'x'));
    const auto reply = one.read_reply();
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->status, 400);
}

TEST_F(SessionTest, BodyOverTheLimitGets413AndIsNotRead) {
    ReceiverOptions options;
    options.limits.body_bytes = 1'000;
    start(options);
    const auto known = body_of(item_json());
    const auto large = known + std::string(2'000, ' ');
    EXPECT_EQ(status(post("/graph/notifications", large)), 413);
    EXPECT_EQ(
        status(fmt::format(
            "POST /graph/notifications HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
            "{:x}\r\n{}\r\n0\r\n\r\n",
            large.size(), large
        )),
        413
    );
    EXPECT_EQ(metric("graphhook_known_bodies_refused_total", {{"code", "413"}}), 2);
    ASSERT_EQ(journal_.refused_bodies().size(), 2u);
    EXPECT_EQ(journal_.refused_bodies()[0].subscription, "inbox");
    EXPECT_EQ(journal_.refused_bodies()[0].body.find(kState), std::string::npos);
}

TEST_F(SessionTest, UnknownContentEncodingGets415) {
    start();
    const auto body = body_of(item_json());
    EXPECT_EQ(status(post("/graph/notifications", body, "Content-Encoding: gzip\r\n")), 415);
    EXPECT_EQ(status(post("/graph/notifications", body, "Content-Encoding: identity\r\n")), 202);
}

TEST_F(SessionTest, EveryWaitHasItsDeadline) {
    start_tls();
    auto silent = HttpPeer::tcp(receiver_->port());  // never shakes hands
    auto idle = tls_peer();
    auto slow_head = tls_peer();
    ASSERT_TRUE(slow_head.send("GET /li"));
    auto slow_body = tls_peer();
    ASSERT_TRUE(slow_body.send(
        "POST /graph/notifications HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n{"
    ));
    ASSERT_EQ(idle.ask(get("/livez"))->status, 200);
    ASSERT_TRUE(eventually([&] { return receiver_->connections() == 4; }));
    // A slow one delays nobody.
    ASSERT_EQ(idle.ask(post("/graph/notifications", body_of(item_json())))->status, 202);
    clock_.advance(milliseconds(11'000));
    EXPECT_TRUE(silent.closed_by_server());
    EXPECT_TRUE(slow_head.closed_by_server());
    EXPECT_TRUE(slow_body.closed_by_server());
    EXPECT_EQ(idle.ask(get("/livez"))->status, 200);
    // Its wait begins when the server has sent the reply, which may be after we have read it.
    EXPECT_TRUE(eventually([&] {
        clock_.advance(milliseconds(61'000));
        return receiver_->connections() == 0;
    }));
    EXPECT_TRUE(idle.closed_by_server());
    EXPECT_EQ(dropped("tls_handshake"), 1);
    EXPECT_EQ(dropped("header_timeout"), 1);
    EXPECT_EQ(dropped("body_timeout"), 1);
    EXPECT_EQ(dropped("idle"), 1);
    EXPECT_TRUE(eventually([&] { return metric("graphhook_connections") == 0; }));
}

TEST_F(SessionTest, ConnectionsOverTheLimitAreClosedAtOnce) {
    ReceiverOptions options;
    options.limits.connections = 2;
    start(options);
    auto one = peer();
    auto two = peer();
    ASSERT_EQ(one.ask(get("/livez"))->status, 200);
    ASSERT_EQ(two.ask(get("/livez"))->status, 200);
    auto three = peer();
    EXPECT_TRUE(three.closed_by_server());
    EXPECT_EQ(dropped("limit"), 1);
    EXPECT_EQ(one.ask(get("/livez"))->status, 200);
}

TEST_F(SessionTest, UnixSocketIsServedAndItsFileIsOurs) {
    ReceiverOptions options;
    const auto path = (directory_ / "public.sock").string();
    options.listen = "unix:" + path;
    start(options);
    auto one = HttpPeer::unix_socket(path);
    EXPECT_EQ(one.ask(post("/graph/notifications", body_of(item_json())))->status, 202);
    EXPECT_EQ(std::filesystem::status(path).permissions(), std::filesystem::perms(0660));
    receiver_.reset();
    EXPECT_FALSE(std::filesystem::exists(path));
}

TEST_F(SessionTest, AddressInUseIsAConflict) {
    start();
    ReceiverOptions options;
    options.listen = "127.0.0.1:" + std::to_string(receiver_->port());
    Receiver second(options, journal_, clock_, metrics_, health_);
    const auto started = second.start();
    ASSERT_FALSE(started);
    EXPECT_EQ(started.error().code, Errc::Conflict);
}

TEST_F(SessionTest, ProxyHeaderComesBeforeTls) {
    ReceiverOptions options;
    options.proxy_protocol = true;
    options.trusted_proxies = {"127.0.0.0/8"};
    start_tls(options);
    auto one = HttpPeer::tcp(receiver_->port());
    ASSERT_TRUE(one.send("PROXY TCP4 1.2.3.4 5.6.7.8 1000 443\r\n"));
    ASSERT_TRUE(one.start_tls());
    EXPECT_EQ(one.ask(get("/livez"))->status, 200);
    auto without = HttpPeer::tcp(receiver_->port());
    EXPECT_FALSE(without.start_tls());
    EXPECT_TRUE(eventually([&] { return dropped("proxy_header") == 1; }));
}

TEST_F(SessionTest, ProxyHeaderIsTakenFromTrustedProxiesOnly) {
    ReceiverOptions options;
    options.proxy_protocol = true;
    options.trusted_proxies = {"10.0.0.0/8"};
    start(options);
    auto one = peer();
    one.send("PROXY TCP4 1.2.3.4 5.6.7.8 1000 443\r\n" + get("/livez"));
    EXPECT_TRUE(one.closed_by_server());
    EXPECT_EQ(dropped("proxy_header"), 1);
}

}  // namespace
}  // namespace graphhook::receiver
