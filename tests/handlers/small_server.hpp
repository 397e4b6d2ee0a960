#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace graphhook::handlers {

/// A real HTTP server on a loopback port of its own: one connection at a time, keep-alive, and an
/// answer for each request by a function. For what a client does, not for load.
class SmallServer {
  public:
    struct Request {
        std::string method, path, body;
        std::map<std::string, std::string> headers;  ///< Names in lower case.
    };
    struct Answer {
        int status = 200;
        std::vector<std::pair<std::string, std::string>> headers;
        bool hang_up = false;  ///< Closes the connection instead of answering.
        std::string body = "ok";
    };

    explicit SmallServer(std::function<Answer(const Request&)> answer);
    ~SmallServer();
    SmallServer(const SmallServer&) = delete;
    SmallServer& operator=(const SmallServer&) = delete;

    [[nodiscard]] std::string url() const;
    std::vector<Request> requests();
    std::size_t connections();

  private:
    void serve();
    bool serve_one(int connection, std::string& buffer);

    const std::function<Answer(const Request&)> answer_;
    int listener_ = -1;
    int port_ = 0;
    std::mutex mutex_;
    std::vector<Request> requests_;
    std::size_t connections_ = 0;
    int open_ = -1;
    bool stopping_ = false;
    std::thread thread_;
};

}  // namespace graphhook::handlers
