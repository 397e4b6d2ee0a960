#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace graphhook::emulator::test {

struct Received {
    std::string target;
    std::vector<std::pair<std::string, std::string>> headers;  ///< names in lower case
    std::string body;
    std::size_t connection = 0;  ///< which one it came on

    [[nodiscard]] std::string header(std::string_view name) const;
};

struct Reply {
    explicit Reply(int status_, std::string type_ = {}, std::string body_ = {})
        : status(status_), type(std::move(type_)), body(std::move(body_)) {}
    int status;
    std::string type;
    std::string body;
    /// No reply as long as the receiver lives.
    bool silent = false;
};

/// A receiver over TLS (or plain HTTP) that remembers what it got. A thread for each connection;
/// blocking.
class Receiver {
  public:
    using Handler = std::function<Reply(const Received&)>;
    /// PEM files; empty: plain HTTP.
    Receiver(const std::string& certificate, const std::string& key, Handler handler);
    ~Receiver();
    Receiver(const Receiver&) = delete;
    Receiver& operator=(const Receiver&) = delete;

    [[nodiscard]] std::string url(std::string_view target) const;
    /// The first `count` requests; fewer when they do not come within 20 seconds.
    [[nodiscard]] std::vector<Received> wait_for(std::size_t count);
    [[nodiscard]] std::vector<Received> all() const;

    /// Answers handshakes as a receiver must, and everything else with `status`.
    static Handler good(int status = 202);

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace graphhook::emulator::test
