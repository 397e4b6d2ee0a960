#pragma once

#include "core/error.hpp"
#include "receiver/listen_address.hpp"
#include "receiver/net_thread.hpp"

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace graphhook::receiver {

/// Listening sockets, the threads that serve their connections, and the way to stop. Both the
/// public and the admin listener are one of these.
///
/// One acceptor hands connections in turn to the threads; each stays where it was put.
/// Threads: construct, listen, start and destroy on one; everything else on any.
class HttpServer {
  public:
    using MakeHandler = std::function<std::unique_ptr<RequestHandler>(NetThread&)>;

    HttpServer(
        std::uint32_t threads, Clock& clock, ConnectionWatch& watch,
        const std::shared_ptr<const Settings>& settings, const MakeHandler& make_handler
    );
    /// Insists, and waits.
    ~HttpServer();
    HttpServer(const HttpServer&) = delete;
    HttpServer& operator=(const HttpServer&) = delete;

    /// Before start().
    void listen(ListeningSocket socket, std::shared_ptr<TlsContext> tls);
    void start();
    /// For connections and requests that begin from now on.
    void update(const std::shared_ptr<const Settings>& settings);

    /// Replies say "Connection: close" for `delay`, while all is taken and answered as usual; then
    /// the listeners close, and every connection after the reply at hand.
    void drain(std::chrono::milliseconds delay);
    /// Listeners and connections close now. What was handed to a handler is still waited for.
    void insist();
    /// Returns after drain() or insist(), when the last connection has gone.
    void wait();
    /// The same, at most this long. False: there are still some.
    [[nodiscard]] bool wait_for(std::chrono::milliseconds most);

    [[nodiscard]] std::uint64_t connections() const noexcept;
    [[nodiscard]] std::uint64_t body_bytes() const noexcept { return shared_.bodies.used(); }

  private:
    class Acceptor;
    void close_listeners();

    NetThread::Server shared_;
    std::vector<std::unique_ptr<NetThread>> threads_;
    std::vector<std::unique_ptr<Acceptor>> acceptors_;
    std::unique_ptr<boost::asio::steady_timer> drain_timer_;
    std::vector<std::thread> running_;
    std::mutex mutex_;
    std::condition_variable ended_;
    std::size_t left_ = 0;
    std::size_t next_ =
        0;  ///< The thread that gets the next connection; the acceptor's thread only.
};

}  // namespace graphhook::receiver
