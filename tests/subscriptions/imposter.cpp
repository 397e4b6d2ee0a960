#include "tests/subscriptions/imposter.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cctype>
#include <stdexcept>
#include <unistd.h>

namespace graphhook::subscriptions::test {

Imposter::Imposter(Answer answer) : answer_(std::move(answer)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    void* const raw = &address;
    auto* const any = static_cast<sockaddr*>(raw);
    if (listener_ < 0 || ::bind(listener_, any, size) != 0 || ::listen(listener_, 16) != 0 ||
        ::getsockname(listener_, any, &size) != 0)
        throw std::runtime_error("no loopback");
    port_ = ntohs(address.sin_port);
    thread_ = std::jthread([this] { serve(); });
}

Imposter::~Imposter() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    talks_.clear();
    ::close(listener_);
}

std::vector<Imposter::Request> Imposter::requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
}

void Imposter::serve() {
    while (true) {
        const int connection = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
        if (connection < 0) return;
        talks_.emplace_back([this, connection] { answer(connection); });
    }
}

void Imposter::answer(int connection) {
    talk(connection);
    ::close(connection);
}

void Imposter::talk(int connection) {
    std::string text;
    Request request;
    std::size_t body_at = std::string::npos;
    std::size_t length = 0;
    char buffer[4096];
    while (body_at == std::string::npos || text.size() < body_at + length) {
        const ssize_t got = ::recv(connection, buffer, sizeof buffer, 0);
        if (got <= 0) return;
        text.append(buffer, static_cast<std::size_t>(got));
        if (body_at != std::string::npos) continue;
        const auto end = text.find("\r\n\r\n");
        if (end == std::string::npos) continue;
        body_at = end + 4;
        const auto line_end = text.find("\r\n");
        const std::string line = text.substr(0, line_end);
        const auto first = line.find(' ');
        const auto second = line.find(' ', first + 1);
        request.method = line.substr(0, first);
        request.target = line.substr(first + 1, second - first - 1);
        for (auto at = line_end + 2; at < end;) {
            const auto stop = text.find("\r\n", at);
            const std::string header = text.substr(at, stop - at);
            const auto colon = header.find(':');
            std::string name = header.substr(0, colon);
            std::ranges::transform(name, name.begin(), [](unsigned char c) {
                return static_cast<char>(std::tolower(c));
            });
            request.headers[name] = header.substr(std::min(colon + 2, header.size()));
            at = stop + 2;
        }
        if (request.headers.contains("content-length"))
            length = std::stoul(request.headers["content-length"]);
    }
    request.body = text.substr(body_at);
    const Reply reply = answer_(request);
    {
        const std::lock_guard lock(mutex_);
        requests_.push_back(request);
    }
    if (reply.hang_up) return;
    std::string out = "HTTP/1.1 " + std::to_string(reply.status) + " x\r\nConnection: close\r\n";
    for (const auto& [name, value] : reply.headers) out += name + ": " + value + "\r\n";
    const std::size_t promised = reply.body.size() + (reply.cut_off ? 100 : 0);
    if (reply.status != 204) out += "Content-Length: " + std::to_string(promised) + "\r\n";
    out += "\r\n" + reply.body;
    for (std::size_t sent = 0; sent < out.size();) {
        const ssize_t n = ::send(connection, out.data() + sent, out.size() - sent, MSG_NOSIGNAL);
        if (n <= 0) return;
        sent += static_cast<std::size_t>(n);
    }
}

}  // namespace graphhook::subscriptions::test
