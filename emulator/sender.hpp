#pragma once

#include "core/clock.hpp"
#include "emulator/outbox.hpp"
#include "emulator/stats.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

namespace graphhook::emulator {

class Connection;

/// Sends what the outbox has, over several kept-alive connections to each endpoint. One thread.
class Sender {
  public:
    struct Options {
        std::size_t connections = 8;
        /// Real time, never scaled: these measure the receiver.
        std::chrono::milliseconds first_timeout{3'000};
        std::chrono::milliseconds retry_timeout{10'000};
    };
    /// All must outlive the sender, and the sender must outlive the io_context's last run.
    Sender(
        boost::asio::io_context& io, boost::asio::ssl::context& tls, Outbox& outbox, Stats& stats,
        Clock& clock, Options options
    );
    ~Sender();

    /// The endpoint may have something to send.
    void wake(const std::string& endpoint);
    /// Ends what is under way; the coroutines end with the next turns of the loop.
    void stop();

  private:
    struct Worker;
    struct Pool {
        std::vector<std::shared_ptr<Worker>> workers;
    };
    void flush();
    boost::asio::awaitable<void> work(std::shared_ptr<Worker> worker);
    boost::asio::awaitable<void> send(std::shared_ptr<Worker> worker, std::unique_ptr<Post> post);
    void count(const Post& post, Outcome outcome, std::chrono::microseconds time);
    void leave(const std::shared_ptr<Worker>& worker);

    boost::asio::io_context& io_;
    boost::asio::ssl::context& tls_;
    Outbox& outbox_;
    Stats& stats_;
    Clock& clock_;
    const Options options_;
    std::unordered_map<std::string, Pool> pools_;
    std::set<std::string> woken_;
    bool stopping_ = false;
};

}  // namespace graphhook::emulator
