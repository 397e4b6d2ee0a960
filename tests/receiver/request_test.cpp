#include "receiver/request.hpp"

#include <gtest/gtest.h>

namespace graphhook::receiver {
namespace {

using Step = RequestParser::Step;

class RequestTest : public testing::Test {
  protected:
    RequestTest() { parser_.start(16'384); }
    /// Feeds a whole request; why it is refused, if it is.
    BadRequest refused(const std::string& bytes) {
        parser_.start(16'384);
        const auto head = parser_.feed_head(bytes);
        if (head.step != Step::Done) return parser_.bad();
        std::string_view rest = std::string_view(bytes).substr(head.used);
        while (!rest.empty()) {
            const auto fed = parser_.feed_body(rest);
            rest.remove_prefix(fed.used);
            if (fed.step != Step::More || fed.used == 0) break;
        }
        return parser_.bad();
    }
    RequestParser parser_;
};

TEST_F(RequestTest, PartsOfTheHeadAreFound) {
    const std::string bytes =
        "POST /graph/notifications?a=b&c HTTP/1.1\r\nHost: h:1\r\nContent-Type: "
        "application/json\r\n"
        "Content-Encoding: gzip\r\nAuthorization: Bearer x\r\nX-Forwarded-For: 1.2.3.4\r\n"
        "Expect: 100-continue\r\nContent-Length: 3\r\n\r\nabcGET";
    const auto fed = parser_.feed_head(bytes);
    ASSERT_EQ(fed.step, Step::Done);
    const auto& head = parser_.head();
    EXPECT_EQ(head.method, Method::Post);
    EXPECT_EQ(head.path(), "/graph/notifications");
    EXPECT_EQ(head.query(), "a=b&c");
    EXPECT_EQ(head.host(), "h:1");
    EXPECT_EQ(head.content_type(), "application/json");
    EXPECT_EQ(head.content_encoding(), "gzip");
    EXPECT_EQ(head.authorization(), "Bearer x");
    EXPECT_EQ(head.forwarded_for(), "1.2.3.4");
    EXPECT_TRUE(head.expects_continue);
    EXPECT_EQ(head.content_length, 3u);
    const auto body = parser_.feed_body(std::string_view(bytes).substr(fed.used));
    EXPECT_EQ(body.step, Step::Done);
    EXPECT_EQ(body.used, 3u) << "the next request is left alone";
    EXPECT_EQ(parser_.body(), "abc");
}

TEST_F(RequestTest, RequestMayComeByteByByte) {
    const std::string bytes =
        "POST /n HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
        "3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nTrailer: t\r\n\r\n";
    std::size_t have = 1;
    auto fed = parser_.feed_head(std::string_view(bytes).substr(0, have));
    while (fed.step == Step::More)
        fed = parser_.feed_head(std::string_view(bytes).substr(0, ++have));
    ASSERT_EQ(fed.step, Step::Done);
    parser_.keep_head();
    std::size_t at = fed.used;
    while (fed.step != Step::Done || at == have) {
        if (have < bytes.size()) ++have;
        fed = parser_.feed_body(std::string_view(bytes).substr(at, have - at));
        ASSERT_NE(fed.step, Step::Bad);
        at += fed.used;
        if (fed.step == Step::Done) break;
    }
    EXPECT_EQ(parser_.take_body(), "abcde");
    EXPECT_EQ(parser_.head().path(), "/n");
}

TEST_F(RequestTest, OfTwoAuthorizationsNeitherCounts) {
    const std::string bytes =
        "GET /a HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer x\r\nauthorization: Basic y\r\n\r\n";
    ASSERT_EQ(parser_.feed_head(bytes).step, Step::Done);
    EXPECT_EQ(parser_.head().authorization(), "");
}

TEST_F(RequestTest, AbsoluteTargetHasAPathToo) {
    const std::string bytes = "GET http://h/livez?x HTTP/1.1\r\nHost: h\r\n\r\n";
    ASSERT_EQ(parser_.feed_head(bytes).step, Step::Done);
    EXPECT_EQ(parser_.head().path(), "/livez");
    EXPECT_EQ(parser_.head().query(), "x");
}

TEST_F(RequestTest, WhatMayBeReadInTwoWaysIsRefused) {
    const std::string post = "POST /n HTTP/1.1\r\nHost: h\r\n";
    EXPECT_EQ(
        refused(post + "Content-Length: 1\r\nContent-Length: 1\r\n\r\na"), BadRequest::ContentLength
    );
    EXPECT_EQ(
        refused(post + "Content-Length: 1\r\nContent-Length: 2\r\n\r\na"), BadRequest::ContentLength
    );
    EXPECT_EQ(refused(post + "Content-Length: 1, 1\r\n\r\na"), BadRequest::ContentLength);
    EXPECT_EQ(refused(post + "Content-Length: +1\r\n\r\na"), BadRequest::ContentLength);
    EXPECT_EQ(refused(post + "Content-Length: -1\r\n\r\na"), BadRequest::ContentLength);
    EXPECT_EQ(
        refused(post + "Content-Length: 99999999999999999999\r\n\r\na"), BadRequest::ContentLength
    );
    EXPECT_NE(
        refused(post + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        BadRequest::None
    );
    EXPECT_NE(
        refused(post + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n"),
        BadRequest::None
    );
    for (const char* coding :
         {"gzip", "gzip, chunked", "chunked, gzip", "chunked, chunked", "identity", "xchunked",
          "\"chunked\""})
        EXPECT_EQ(
            refused(post + "Transfer-Encoding: " + coding + "\r\n\r\n0\r\n\r\n"),
            BadRequest::TransferEncoding
        ) << coding;
    EXPECT_NE(
        refused(post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        BadRequest::None
    );
    EXPECT_EQ(
        refused("POST /n HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        BadRequest::TransferEncoding
    );
    EXPECT_EQ(refused(post + "X: a\r\n b\r\n\r\n"), BadRequest::Malformed) << "folded line";
    EXPECT_EQ(refused(post + "X: a\r\n\tContent-Length: 3\r\n\r\n"), BadRequest::Malformed);
    EXPECT_NE(refused(post + "X: a\rb\r\n\r\n"), BadRequest::None) << "bare CR";
    EXPECT_NE(refused(post + "X: a\nY: b\r\n\r\n"), BadRequest::None) << "bare LF";
    EXPECT_NE(refused(post + std::string("X: a\0b\r\n\r\n", 10)), BadRequest::None) << "NUL";
    EXPECT_NE(refused(post + "Content-Length : 1\r\n\r\na"), BadRequest::None)
        << "space before the colon";
    EXPECT_NE(refused(post + ": x\r\n\r\n"), BadRequest::None) << "no name";
    EXPECT_NE(refused(post + "Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n"), BadRequest::None);
    EXPECT_NE(
        refused(post + "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n\r\n"),
        BadRequest::None
    );
    EXPECT_NE(
        refused(post + "Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n"), BadRequest::None
    );
}

TEST_F(RequestTest, HostMustBeThereOnce) {
    EXPECT_EQ(refused("GET / HTTP/1.1\r\n\r\n"), BadRequest::Host);
    EXPECT_EQ(refused("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"), BadRequest::Host);
    EXPECT_EQ(refused("GET / HTTP/1.0\r\n\r\n"), BadRequest::None);
    EXPECT_TRUE(parser_.head().close);
}

TEST_F(RequestTest, OtherThingsThanRequestsAreRefused) {
    EXPECT_EQ(refused("GET x HTTP/1.1\r\nHost: h\r\n\r\n"), BadRequest::Target);
    EXPECT_NE(refused("GET / HTTP/2.0\r\nHost: h\r\n\r\n"), BadRequest::None);
    EXPECT_NE(refused("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), BadRequest::None);
    EXPECT_NE(refused("\x16\x03\x01\x02\r\n\r\n"), BadRequest::None) << "TLS to a plain port";
    EXPECT_NE(refused("HTTP/1.1 200 OK\r\n\r\n"), BadRequest::None);
    EXPECT_EQ(
        refused("GET /" + std::string(17'000, 'a') + " HTTP/1.1\r\nHost: h\r\n\r\n"),
        BadRequest::HeaderTooLarge
    );
}

TEST_F(RequestTest, BodyCanBeReadOver) {
    const std::string bytes = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n";
    ASSERT_EQ(parser_.feed_head(bytes).step, Step::Done);
    parser_.discard_body();
    EXPECT_EQ(parser_.feed_body("ab").step, Step::More);
    EXPECT_EQ(parser_.feed_body("cde").step, Step::Done);
    EXPECT_EQ(parser_.body_bytes(), 5u);
    EXPECT_EQ(parser_.body(), "");
}

}  // namespace
}  // namespace graphhook::receiver
