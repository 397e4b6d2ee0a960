#include "emulator/connection.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/span_body.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>
#include <openssl/ssl.h>

namespace graphhook::emulator {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;

namespace {

constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);
using Clock = std::chrono::steady_clock;
using TlsStream = beast::ssl_stream<beast::tcp_stream>;

// An answer to a notification has no business being larger.
constexpr std::uint64_t kLargestBody = 64 * 1024;
constexpr std::uint32_t kLargestHeader = 16 * 1024;

bool timed_out(const boost::system::error_code& error) {
    return error == beast::error::timeout;
}

/// Sends and reads on an open stream. `heard`: whether a byte of an answer came.
template <class Stream>
asio::awaitable<boost::system::error_code> exchange(
    Stream& stream, const std::string& host, const Outgoing& outgoing, Sent& sent, bool& keep,
    bool& heard
) {
    http::request<http::span_body<const char>> request(
        http::verb::post, beast::string_view(outgoing.target.data(), outgoing.target.size()), 11
    );
    request.set(http::field::host, host);
    request.set(
        http::field::content_type, beast::string_view(outgoing.type.data(), outgoing.type.size())
    );
    if (!outgoing.accept.empty()) {
        request.set(
            http::field::accept, beast::string_view(outgoing.accept.data(), outgoing.accept.size())
        );
    }
    request.body() = beast::span<const char>(outgoing.body.data(), outgoing.body.size());
    request.content_length(outgoing.body.size());
    auto [write_error, written] = co_await http::async_write(stream, request, kTuple);
    if (write_error) co_return write_error;
    beast::flat_buffer buffer;
    http::response_parser<http::string_body> parser;
    parser.body_limit(kLargestBody);
    parser.header_limit(kLargestHeader);
    auto [read_error, read] = co_await http::async_read(stream, buffer, parser, kTuple);
    heard = read > 0;
    if (read_error) co_return read_error;
    const auto& response = parser.get();
    sent.status = static_cast<int>(response.result_int());
    const auto type = response[http::field::content_type];
    sent.type.assign(type.data(), type.size());
    keep = response.keep_alive();
    sent.body = std::move(parser.get().body());
    co_return boost::system::error_code{};
}

}  // namespace

struct Connection::Impl {
    Impl(asio::any_io_executor executor_, asio::ssl::context& tls_, Url endpoint_)
        : executor(std::move(executor_)),
          tls(tls_),
          endpoint(std::move(endpoint_)),
          resolver(executor) {}

    asio::any_io_executor executor;
    asio::ssl::context& tls;
    const Url endpoint;
    asio::ip::tcp::resolver resolver;
    std::unique_ptr<beast::tcp_stream> plain;
    std::unique_ptr<TlsStream> secure;
    bool closed = false;

    bool open() const { return plain || secure; }
    void drop() {
        plain.reset();
        secure.reset();
    }
    beast::tcp_stream& lowest() { return plain ? *plain : beast::get_lowest_layer(*secure); }

    asio::awaitable<boost::system::error_code> connect(Clock::time_point deadline) {
        auto [resolve_error, addresses] =
            co_await resolver.async_resolve(endpoint.host, endpoint.port, kTuple);
        if (closed) co_return boost::system::error_code(asio::error::operation_aborted);
        if (resolve_error) co_return resolve_error;
        if (endpoint.tls) {
            secure = std::make_unique<TlsStream>(executor, tls);
            secure->set_verify_callback(asio::ssl::host_name_verification(endpoint.host));
            // What SSL_set_tlsext_host_name stands for, without its C casts.
            ::SSL_ctrl(
                secure->native_handle(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                const_cast<char*>(endpoint.host.c_str())
            );
        } else {
            plain = std::make_unique<beast::tcp_stream>(executor);
        }
        lowest().expires_at(deadline);
        auto [connect_error, peer] = co_await lowest().async_connect(addresses, kTuple);
        if (connect_error) co_return connect_error;
        boost::system::error_code ignored;
        lowest().socket().set_option(asio::ip::tcp::no_delay(true), ignored);
        if (secure) {
            auto [tls_error] =
                co_await secure->async_handshake(asio::ssl::stream_base::client, kTuple);
            if (tls_error) co_return tls_error;
        }
        co_return boost::system::error_code{};
    }
};

Connection::Connection(asio::any_io_executor executor, asio::ssl::context& tls, Url endpoint)
    : impl_(std::make_unique<Impl>(std::move(executor), tls, std::move(endpoint))) {
}
Connection::~Connection() = default;

void Connection::close() {
    impl_->closed = true;
    impl_->resolver.cancel();
    if (impl_->open()) {
        boost::system::error_code ignored;
        impl_->lowest().socket().close(ignored);
    }
}

asio::awaitable<Sent> Connection::post(
    const Outgoing& outgoing, std::chrono::milliseconds timeout
) {
    Sent sent;
    const auto started = Clock::now();
    const auto deadline = started + timeout;
    const auto host = impl_->endpoint.authority();
    boost::system::error_code error;
    for (bool again = true; again;) {
        again = false;
        const bool reused = impl_->open();
        error = {};
        if (!reused) error = co_await impl_->connect(deadline);
        bool keep = false;
        bool heard = false;
        if (!error) {
            impl_->lowest().expires_at(deadline);
            if (impl_->secure) {
                error = co_await exchange(*impl_->secure, host, outgoing, sent, keep, heard);
            } else {
                error = co_await exchange(*impl_->plain, host, outgoing, sent, keep, heard);
            }
        }
        if (error || !keep || impl_->closed) impl_->drop();
        // The peer closed an idle connection just when we wanted it: that is no failed attempt.
        again = error && reused && !heard && !timed_out(error) && !impl_->closed;
    }
    sent.time = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - started);
    if (!error) {
        sent.end = Sent::End::Answered;
    } else {
        sent.end = timed_out(error) ? Sent::End::TimedOut : Sent::End::Unreachable;
        sent.trouble = error.message();
    }
    co_return sent;
}

}  // namespace graphhook::emulator
