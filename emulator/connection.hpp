#pragma once

#include "emulator/url.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

namespace boost::asio::ssl {
class context;
}

namespace graphhook::emulator {

struct Sent {
    enum class End { Answered, TimedOut, Unreachable };
    End end = End::Unreachable;
    int status = 0;
    std::string type;  ///< Content-Type of the answer
    std::string body;
    /// From the first byte we sent (or wanted to) to the end of the answer.
    std::chrono::microseconds time{0};
    /// Why there was no answer; for the log.
    std::string trouble;
};

/// What is POSTed. The texts must live until the POST is over.
struct Outgoing {
    Outgoing() = default;
    std::string_view target;
    std::string_view type;
    std::string_view accept;  ///< empty: no such header
    std::string_view body;
};

/// One connection to an endpoint, kept alive between POSTs and opened anew when the peer has closed
/// it. Host names and certificates are verified by the context. Redirects are not followed. One
/// thread.
class Connection {
  public:
    /// `tls` must outlive the connection; it is not used for http.
    Connection(boost::asio::any_io_executor executor, boost::asio::ssl::context& tls, Url endpoint);
    ~Connection();
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    /// `timeout` covers connecting, too. The connection must outlive the call.
    [[nodiscard]] boost::asio::awaitable<Sent> post(
        const Outgoing& outgoing, std::chrono::milliseconds timeout
    );
    /// Ends a POST under way (as Unreachable).
    void close();

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace graphhook::emulator
