#pragma once

#include "emulator/api_error.hpp"
#include "emulator/connection.hpp"
#include "emulator/stats.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ssl/context.hpp>

#include <chrono>
#include <optional>
#include <set>
#include <string>

namespace graphhook::emulator {

/// The token of one handshake: a sentence with `request_id` in it (protocol 1.3).
std::string validation_token(std::string_view request_id);
/// The target with the encoded token after the caller's own parameters (protocol 1.2).
std::string validation_target(std::string_view target, std::string_view token);
/// Why the create or update fails (protocol 1.4, 1.7); nothing if the endpoint answered as it must.
std::optional<ApiError> judge_handshake(const Sent& sent, std::string_view token);

/// Makes handshakes with notification URLs. One thread; must outlive the coroutines it runs.
class Prober {
  public:
    Prober(
        boost::asio::io_context& io, boost::asio::ssl::context& tls, Stats& stats,
        std::chrono::milliseconds timeout
    )
        : io_(io), tls_(tls), stats_(stats), timeout_(timeout) {}

    [[nodiscard]] boost::asio::awaitable<std::optional<ApiError>> probe(std::string url);
    /// Ends those under way.
    void stop();

  private:
    boost::asio::io_context& io_;
    boost::asio::ssl::context& tls_;
    Stats& stats_;
    const std::chrono::milliseconds timeout_;
    std::set<Connection*> open_;
};

}  // namespace graphhook::emulator
