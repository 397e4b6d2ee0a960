#pragma once

#include "core/clock.hpp"
#include "core/error.hpp"
#include "emulator/http.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <set>
#include <string>

namespace graphhook::emulator {

/// "Sat, 21 Nov 2026 08:00:00 GMT".
std::string http_date(SystemTime time);

/// The HTTP(S) listener. One thread; must outlive the io_context's last run.
class Server {
  public:
    struct Options {
        std::string host = "127.0.0.1";
        std::uint16_t port = 0;
        std::size_t connections = 1'024;
        std::uint64_t body_bytes = 1u << 20;
        std::uint32_t header_bytes = 16 * 1024;
        std::chrono::seconds idle{60};
        /// For the TLS handshake and for a request's body, each.
        std::chrono::seconds transfer{15};
    };
    using Handler = std::function<boost::asio::awaitable<Response>(Request)>;

    /// `tls` null: plain HTTP.
    Server(
        boost::asio::io_context& io, boost::asio::ssl::context* tls, Options options,
        Handler handler, Clock& clock
    );
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    /// Binds and starts to accept. Errc::Failed with the reason.
    [[nodiscard]] Result<void> listen();
    [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
    /// Closes everything; the coroutines end with the next turns of the loop.
    void stop();

  private:
    using Socket = boost::asio::ip::tcp::socket;
    boost::asio::awaitable<void> accept();
    boost::asio::awaitable<void> serve(Socket socket);
    template <class Stream>
    boost::asio::awaitable<void> converse(Stream& stream);

    boost::asio::io_context& io_;
    boost::asio::ssl::context* const tls_;
    const Options options_;
    const Handler handler_;
    Clock& clock_;
    boost::asio::ip::tcp::acceptor acceptor_;
    boost::asio::steady_timer breath_;
    std::uint16_t port_ = 0;
    std::set<Socket*> sockets_;
    bool stopping_ = false;
};

}  // namespace graphhook::emulator
