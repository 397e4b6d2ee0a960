#include "tests/handlers/small_server.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cctype>
#include <stdexcept>
#include <unistd.h>

namespace graphhook::handlers {
namespace {

bool receive(int connection, std::string& buffer) {
    std::array<char, 16'384> block{};
    const auto count = ::recv(connection, block.data(), block.size(), 0);
    if (count <= 0) return false;
    buffer.append(block.data(), static_cast<std::size_t>(count));
    return true;
}

SmallServer::Request parse_head(const std::string& head) {
    SmallServer::Request request;
    std::size_t line_begins = 0;
    bool first = true;
    while (line_begins < head.size()) {
        const auto line_ends = head.find("\r\n", line_begins);
        const auto line = head.substr(line_begins, line_ends - line_begins);
        line_begins = line_ends == std::string::npos ? head.size() : line_ends + 2;
        if (first) {
            const auto space = line.find(' ');
            request.method = line.substr(0, space);
            request.path = line.substr(space + 1, line.find(' ', space + 1) - space - 1);
            first = false;
        } else if (const auto colon = line.find(':'); colon != std::string::npos) {
            auto name = line.substr(0, colon);
            for (auto& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
            const auto value = line.find_first_not_of(' ', colon + 1);
            request.headers[name] = value == std::string::npos ? "" : line.substr(value);
        }
    }
    return request;
}

}  // namespace

SmallServer::SmallServer(std::function<Answer(const Request&)> answer)
    : answer_(std::move(answer)), listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const raw = reinterpret_cast<sockaddr*>(&address);
    if (::bind(listener_, raw, size) != 0 || ::listen(listener_, 16) != 0 ||
        ::getsockname(listener_, raw, &size) != 0) {
        throw std::runtime_error("no loopback port");
    }
    port_ = ::ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
}

SmallServer::~SmallServer() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
        ::shutdown(listener_, SHUT_RDWR);
        if (open_ >= 0) ::shutdown(open_, SHUT_RDWR);
    }
    thread_.join();
    ::close(listener_);
}

std::string SmallServer::url() const {
    return "http://127.0.0.1:" + std::to_string(port_) + "/graph";
}

std::vector<SmallServer::Request> SmallServer::requests() {
    const std::lock_guard lock(mutex_);
    return requests_;
}

std::size_t SmallServer::connections() {
    const std::lock_guard lock(mutex_);
    return connections_;
}

void SmallServer::serve() {
    for (;;) {
        const int connection = ::accept(listener_, nullptr, nullptr);
        {
            const std::lock_guard lock(mutex_);
            if (stopping_ || connection < 0) {
                if (connection >= 0) ::close(connection);
                return;
            }
            ++connections_;
            open_ = connection;
        }
        std::string buffer;
        while (serve_one(connection, buffer)) {
        }
        const std::lock_guard lock(mutex_);
        open_ = -1;
        ::close(connection);
    }
}

bool SmallServer::serve_one(int connection, std::string& buffer) {
    std::size_t head = 0;
    while ((head = buffer.find("\r\n\r\n")) == std::string::npos) {
        if (!receive(connection, buffer)) return false;
    }
    auto request = parse_head(buffer.substr(0, head));
    const auto length = std::stoul("0" + request.headers["content-length"]);
    while (buffer.size() < head + 4 + length) {
        if (!receive(connection, buffer)) return false;
    }
    request.body = buffer.substr(head + 4, length);
    buffer.erase(0, head + 4 + length);
    const auto answer = answer_(request);
    {
        const std::lock_guard lock(mutex_);
        requests_.push_back(std::move(request));
    }
    if (answer.hang_up) return false;
    std::string text = "HTTP/1.1 " + std::to_string(answer.status) + " As Told\r\n";
    for (const auto& [name, value] : answer.headers) text += name + ": " + value + "\r\n";
    if (answer.status == 204) {
        text += "\r\n";
    } else {
        text += "Content-Length: " + std::to_string(answer.body.size()) + "\r\n\r\n" + answer.body;
    }
    return ::send(connection, text.data(), text.size(), MSG_NOSIGNAL) ==
           static_cast<ssize_t>(text.size());
}

}  // namespace graphhook::handlers
