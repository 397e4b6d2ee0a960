#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace graphhook::subscriptions::test {

/// Plays Graph and the identity platform over plain HTTP on the loopback: says what it is told to
/// say, whatever that is, and remembers what it was asked. Connections are served side by side, so
/// the answer's function may be called by several threads at once.
class Imposter {
  public:
    struct Request {
        std::string method;
        std::string target;
        std::map<std::string, std::string> headers;  ///< Names in lower case.
        std::string body;
    };
    struct Reply {
        int status = 200;
        std::string body;
        std::vector<std::pair<std::string, std::string>> headers;
        bool hang_up = false;  ///< No answer at all.
        bool cut_off = false;  ///< Promises more than there is, and hangs up.
    };
    using Answer = std::function<Reply(const Request&)>;

    explicit Imposter(Answer answer);
    ~Imposter();

    [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
    [[nodiscard]] std::vector<Request> requests() const;

  private:
    void serve();
    void talk(int connection);
    void answer(int connection);

    Answer answer_;
    int listener_ = -1;
    unsigned short port_ = 0;
    mutable std::mutex mutex_;
    std::vector<Request> requests_;    // guarded by mutex_
    std::vector<std::jthread> talks_;  ///< Of thread_ until it has ended.
    std::jthread thread_;
};

}  // namespace graphhook::subscriptions::test
