#include "core/http_client.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/streambuf.hpp>
#include <boost/asio/write.hpp>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <future>
#include <thread>

namespace graphhook {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using namespace std::chrono_literals;

/// Answers each connection's requests with the same bytes, and remembers what was asked. An empty
/// answer: says nothing.
class CannedServer {
  public:
    explicit CannedServer(std::string answer)
        : answer_(std::move(answer)), thread_([this] { serve(); }) {}
    ~CannedServer() {
        boost::system::error_code ignored;
        {  // a connection of our own ends the waiting accept; the stop flag ends the loop
            stopping_ = true;
            tcp::socket wake(io_);
            wake.connect(acceptor_.local_endpoint(), ignored);
        }
        thread_.join();
    }
    [[nodiscard]] std::string url() const {
        return fmt::format("http://127.0.0.1:{}/", acceptor_.local_endpoint().port());
    }
    std::future<std::string> request() { return request_.get_future(); }
    [[nodiscard]] int connections() const { return connections_; }

  private:
    void serve() {
        boost::system::error_code error;
        while (true) {
            tcp::socket socket(io_);
            acceptor_.accept(socket, error);
            if (error || stopping_) return;
            ++connections_;
            asio::streambuf buffer;
            while (true) {
                const auto bytes = asio::read_until(socket, buffer, "\r\n\r\n", error);
                if (error) break;
                std::string head(
                    asio::buffers_begin(buffer.data()),
                    asio::buffers_begin(buffer.data()) + static_cast<long>(bytes)
                );
                buffer.consume(bytes);
                if (!seen_) request_.set_value(head);
                seen_ = true;
                if (answer_.empty()) continue;
                asio::write(socket, asio::buffer(answer_), error);
            }
        }
    }

    asio::io_context io_;
    tcp::acceptor acceptor_{io_, tcp::endpoint(asio::ip::address_v4::loopback(), 0)};
    const std::string answer_;
    std::promise<std::string> request_;
    bool seen_ = false;
    std::atomic<int> connections_ = 0;
    std::atomic<bool> stopping_ = false;
    std::thread thread_;
};

TEST(HttpClient, SendsMethodHeadersAndBearerAndReadsTheReply) {
    CannedServer server("HTTP/1.1 429 Too Many\r\nRetry-After:  7 \r\nContent-Length: 2\r\n\r\nno");
    auto request = server.request();
    const auto client = make_http_client({});
    const auto reply = client->send(
        {.method = "PATCH",
         .url = server.url() + "x?y=1",
         .headers = {{"X-One", "1"}},
         .bearer = Secret("abc")},
        {}
    );
    ASSERT_TRUE(reply) << to_string(reply.error());
    EXPECT_EQ(reply->status, 429);
    EXPECT_EQ(reply->body, "no");
    EXPECT_EQ(reply->header("retry-after").value(), "7");
    EXPECT_FALSE(reply->header("location"));
    const auto sent = request.get();
    EXPECT_TRUE(sent.starts_with("PATCH /x?y=1 HTTP/1.1\r\n")) << sent;
    EXPECT_NE(sent.find("X-One: 1\r\n"), std::string::npos);
    EXPECT_NE(sent.find("Authorization: Bearer abc\r\n"), std::string::npos);
}

TEST(HttpClient, ReusesItsConnection) {
    CannedServer server("HTTP/1.1 204 No Content\r\n\r\n");
    const auto client = make_http_client({});
    for (int i = 0; i < 5; ++i)
        ASSERT_EQ(client->send({.url = server.url()}, {}).value().status, 204);
    EXPECT_EQ(server.connections(), 1);
}

TEST(HttpClient, NeverFollowsARedirect) {
    CannedServer elsewhere("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    CannedServer server(
        "HTTP/1.1 302 Found\r\nLocation: " + elsewhere.url() + "\r\nContent-Length: 0\r\n\r\n"
    );
    const auto reply = make_http_client({})->send({.url = server.url()}, {});
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->status, 302);
    EXPECT_EQ(elsewhere.connections(), 0);
}

TEST(HttpClient, SaysUnreachableWhenNobodyListensOrNobodyAnswers) {
    std::string gone;
    {
        CannedServer server("");
        gone = server.url();
    }
    EXPECT_EQ(make_http_client({})->send({.url = gone}, {}).error().code, Errc::Unreachable);
    CannedServer silent("");
    EXPECT_EQ(
        make_http_client({.timeout = 50ms})->send({.url = silent.url()}, {}).error().code,
        Errc::Unreachable
    );
}

TEST(HttpClient, ARequestsOwnTimeoutGoesBeforeTheClients) {
    CannedServer silent("");
    const auto client = make_http_client({.timeout = std::chrono::hours(1)});
    EXPECT_EQ(
        client->send({.url = silent.url(), .timeout = 50ms}, {}).error().code, Errc::Unreachable
    );
    CannedServer good("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    const auto hasty = make_http_client({.timeout = 1ms});
    EXPECT_TRUE(hasty->send({.url = good.url(), .timeout = std::chrono::hours(1)}, {}));
}

TEST(HttpClient, BoundsTheBodyItReads) {
    CannedServer server("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + std::string(1000, 'x'));
    EXPECT_EQ(
        make_http_client({.max_response_bytes = 999})->send({.url = server.url()}, {}).error().code,
        Errc::Full
    );
}

TEST(HttpClient, ReadsOverALongBodyWhereOnlyTheStatusMatters) {
    CannedServer server("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + std::string(1000, 'x'));
    const auto client = make_http_client({.max_response_bytes = 999, .cut_long_responses = true});
    for (int i = 0; i < 2; ++i) {
        const auto reply = client->send({.url = server.url()}, {});
        ASSERT_TRUE(reply) << to_string(reply.error());
        EXPECT_EQ(reply->status, 200);
    }
    EXPECT_EQ(server.connections(), 1);
}

TEST(HttpClient, GivesUpWhenAskedToStop) {
    CannedServer silent("");
    std::stop_source stop;
    auto asked = silent.request();
    std::jthread stopper([&] {
        asked.wait();
        stop.request_stop();
    });
    EXPECT_EQ(
        make_http_client({.timeout = 60s})
            ->send({.url = silent.url()}, stop.get_token())
            .error()
            .code,
        Errc::Aborted
    );
}

TEST(PercentEncode, KeepsUnreservedCharactersOnly) {
    EXPECT_EQ(percent_encode("qWg~8Q ex/am+ple&="), "qWg~8Q%20ex%2Fam%2Bple%26%3D");
}

}  // namespace
}  // namespace graphhook
