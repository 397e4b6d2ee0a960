#include "emulator/server.hpp"

#include "core/log.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <ctime>

namespace graphhook::emulator {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;

namespace {

/// After a reply to what could not be read to its end.
constexpr std::chrono::seconds kLinger{2};
constexpr std::size_t kLingerBytes = 16u << 20;

constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);

/// RFC 9110 5.6.7.
bool fit_for_link(beast::string_view host) {
    return !host.empty() && host.size() <= 255 &&
           std::all_of(host.begin(), host.end(), [](unsigned char c) {
               return std::isalnum(c) != 0 || c == '.' || c == '-' || c == ':' || c == '[' ||
                      c == ']' || c == '_';
           });
}

/// What a connection's task, or the acceptor's, may not do; it costs only itself.
void log_failure(const std::exception_ptr& failure) {
    if (!failure) return;
    try {
        std::rethrow_exception(failure);
    } catch (const std::exception& e) {
        log().error("a connection's task ended: {}", e.what());
    }
}

Request read(const http::request<http::string_body>& message, bool tls, std::uint16_t port) {
    Request request;
    request.method = std::string(message.method_string());
    request.target = std::string(message.target());
    for (const auto& field : message) {
        std::string name(field.name_string());
        std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) {
            return static_cast<char>(std::tolower(c));
        });
        request.headers.emplace_back(std::move(name), std::string(field.value()));
    }
    request.body = message.body();
    const auto host = message[http::field::host];
    request.base = fmt::format(
        "{}://{}", tls ? "https" : "http",
        fit_for_link(host) ? std::string(host) : fmt::format("localhost:{}", port)
    );
    return request;
}

http::response<http::string_body> write(Response&& response, bool keep_alive, SystemTime now) {
    http::response<http::string_body> message(
        http::int_to_status(static_cast<unsigned>(response.status)), 11
    );
    message.result(static_cast<unsigned>(response.status));
    message.set(http::field::date, http_date(now));
    if (!response.type.empty()) message.set(http::field::content_type, response.type);
    for (const auto& [name, value] : response.headers) {
        if (name == "Date") {
            message.set(name, value);
        } else {
            message.insert(name, value);
        }
    }
    message.keep_alive(keep_alive);
    message.body() = std::move(response.body);
    if (response.status != 204) message.prepare_payload();
    if (response.cut_off) message.body().resize(message.body().size() / 2);
    return message;
}

}  // namespace

std::string http_date(SystemTime now) {
    constexpr std::array kDays{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    constexpr std::array kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                 "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    const std::time_t time =
        std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count();
    std::tm date{};
    ::gmtime_r(&time, &date);
    return fmt::format(
        "{}, {:02} {} {} {:02}:{:02}:{:02} GMT", kDays[static_cast<std::size_t>(date.tm_wday)],
        date.tm_mday, kMonths[static_cast<std::size_t>(date.tm_mon)], date.tm_year + 1900,
        date.tm_hour, date.tm_min, date.tm_sec
    );
}

Server::Server(
    asio::io_context& io, asio::ssl::context* tls, Options options, Handler handler, Clock& clock
)
    : io_(io),
      tls_(tls),
      options_(std::move(options)),
      handler_(std::move(handler)),
      clock_(clock),
      acceptor_(io),
      breath_(io) {
}

Result<void> Server::listen() {
    boost::system::error_code error;
    const auto address =
        asio::ip::make_address(options_.host == "localhost" ? "127.0.0.1" : options_.host, error);
    if (error)
        return fail(Errc::BadInput, fmt::format("{} is no address to listen on", options_.host));
    const asio::ip::tcp::endpoint endpoint(address, options_.port);
    acceptor_.open(endpoint.protocol(), error);
    if (!error) acceptor_.set_option(asio::socket_base::reuse_address(true), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
    if (error) {
        return fail(
            Errc::Failed,
            fmt::format("cannot listen on {}:{}: {}", options_.host, options_.port, error.message())
        );
    }
    port_ = acceptor_.local_endpoint().port();
    // Ends when the acceptor is closed; the owner runs the loop until then.
    asio::co_spawn(io_, accept(), log_failure);
    return {};
}

void Server::stop() {
    stopping_ = true;
    boost::system::error_code ignored;
    acceptor_.close(ignored);
    breath_.cancel();
    for (auto* socket : sockets_) socket->close(ignored);
}

asio::awaitable<void> Server::accept() {
    while (!stopping_) {
        auto [error, socket] = co_await acceptor_.async_accept(kTuple);
        if (stopping_) break;
        if (error) {
            // Out of descriptors, most likely: take a breath and go on.
            log().warn("cannot accept a connection: {}", error.message());
            breath_.expires_after(std::chrono::milliseconds(100));
            co_await breath_.async_wait(kTuple);
            continue;
        }
        if (sockets_.size() >= options_.connections) continue;  // closed at once
        asio::co_spawn(io_, serve(std::move(socket)), log_failure);
    }
}

asio::awaitable<void> Server::serve(Socket socket) {
    boost::system::error_code ignored;
    socket.set_option(asio::ip::tcp::no_delay(true), ignored);
    // Known by its address until it is gone, so that stop() reaches it.
    struct Known {
        Known(std::set<Socket*>& set_, Socket* socket_) : set(set_), socket(socket_) {
            set.insert(socket);
        }
        ~Known() { set.erase(socket); }
        Known(const Known&) = delete;
        Known& operator=(const Known&) = delete;
        std::set<Socket*>& set;
        Socket* socket;
    };
    if (tls_ == nullptr) {
        beast::tcp_stream stream(std::move(socket));
        const Known known(sockets_, &stream.socket());
        co_await converse(stream);
        co_return;
    }
    beast::ssl_stream<beast::tcp_stream> stream(beast::tcp_stream(std::move(socket)), *tls_);
    auto& lowest = beast::get_lowest_layer(stream);
    const Known known(sockets_, &lowest.socket());
    lowest.expires_after(options_.transfer);
    auto [error] = co_await stream.async_handshake(asio::ssl::stream_base::server, kTuple);
    if (error) co_return;
    co_await converse(stream);
    if (stopping_) co_return;
    lowest.expires_after(std::chrono::seconds(1));
    co_await stream.async_shutdown(kTuple);
}

template <class Stream>
asio::awaitable<void> Server::converse(Stream& stream) {
    auto& lowest = beast::get_lowest_layer(stream);
    beast::flat_buffer buffer;
    while (!stopping_) {
        http::request_parser<http::string_body> parser;
        parser.header_limit(options_.header_bytes);
        parser.body_limit(options_.body_bytes);
        lowest.expires_after(options_.idle);
        auto [header_error, header_bytes] =
            co_await http::async_read_header(stream, buffer, parser, kTuple);
        boost::system::error_code error = header_error;
        if (!error && parser.get()[http::field::expect] == "100-continue") {
            http::response<http::empty_body> go_on(http::status::continue_, 11);
            auto [continue_error, sent] = co_await http::async_write(stream, go_on, kTuple);
            error = continue_error;
        }
        if (!error) {
            lowest.expires_after(options_.transfer);
            auto [body_error, body_bytes] =
                co_await http::async_read(stream, buffer, parser, kTuple);
            error = body_error;
        }
        Response response;
        bool keep_alive = false;
        if (error == http::error::body_limit) {
            response = json_response(
                413,
                R"({"error":{"code":"RequestEntityTooLarge","message":"The body is too large."}})"
            );
        } else if (error == http::error::header_limit) {
            response = json_response(
                431, R"({"error":{"code":"BadRequest","message":"The headers are too large."}})"
            );
        } else if (error == http::error::end_of_stream || error == beast::error::timeout ||
                   stopping_) {
            co_return;
        } else if (error) {
            if (error.category() != make_error_code(http::error::bad_version).category()) co_return;
            response = json_response(
                400, R"({"error":{"code":"BadRequest","message":"This is no HTTP request."}})"
            );
        } else {
            keep_alive = parser.get().keep_alive();
            auto request = read(parser.get(), tls_ != nullptr, port_);
            lowest.expires_never();
            response = co_await handler_(std::move(request));
        }
        if (stopping_ || response.hang_up) co_return;
        if (response.cut_off) keep_alive = false;
        auto message = write(std::move(response), keep_alive, clock_.system_now());
        lowest.expires_after(options_.transfer);
        auto [write_error, written] = co_await http::async_write(stream, message, kTuple);
        if (write_error) co_return;
        if (error) {
            // Closing with bytes unread would reset the connection and take our reply with it.
            std::array<char, 16u << 10> unread;
            lowest.expires_after(kLinger);
            for (std::size_t left = kLingerBytes; left > unread.size();) {
                auto [read_error, count] =
                    co_await stream.async_read_some(asio::buffer(unread), kTuple);
                if (read_error) break;
                left -= count;
            }
        }
        if (!keep_alive) co_return;
    }
}

}  // namespace graphhook::emulator
