#include "app/cli/admin_client.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <unistd.h>

namespace graphhook::app {
namespace {

namespace json = boost::json;
namespace http = boost::beast::http;

constexpr std::size_t kMostBytes = 256u << 20;

class Socket {
  public:
    explicit Socket(int descriptor) : descriptor_(descriptor) {}
    ~Socket() {
        if (descriptor_ >= 0) ::close(descriptor_);
    }
    Socket(const Socket&) = delete;
    Socket& operator=(const Socket&) = delete;
    [[nodiscard]] int get() const { return descriptor_; }

  private:
    int descriptor_;
};

Error unreachable(const std::string& path, std::string_view what) {
    return fail(
        Errc::Unreachable,
        fmt::format("graphhook at '{}': {}: {}", path, what, std::strerror(errno))
    );
}

Error not_connected(const std::string& path) {
    if (errno == EACCES || errno == EPERM) {
        return fail(
            Errc::Refused,
            fmt::format("no permission for '{}': become a member of the group that owns it", path)
        );
    }
    return fail(
        Errc::NotFound, fmt::format(
                            "'graphhook serve' is not running: nobody listens at '{}' ({})", path,
                            std::strerror(errno)
                        )
    );
}

Result<std::string> exchange(
    const std::string& path, const std::string& request, std::chrono::seconds timeout
) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.empty() || path.size() >= sizeof address.sun_path)
        return fail(Errc::NotFound, "no admin socket is configured ('admin.socket')");
    std::memcpy(address.sun_path, path.data(), path.size());
    const Socket socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (socket.get() < 0) return unreachable(path, "no socket");
    const timeval wait{timeout.count(), 0};
    ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
    ::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait);
    const auto* target = static_cast<const sockaddr*>(static_cast<const void*>(&address));
    if (::connect(socket.get(), target, sizeof address) != 0) return not_connected(path);
    std::string_view rest = request;
    while (!rest.empty()) {
        const auto sent = ::send(socket.get(), rest.data(), rest.size(), MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent <= 0) return unreachable(path, "did not take the request");
        rest.remove_prefix(static_cast<std::size_t>(sent));
    }
    std::string reply;
    std::array<char, 16'384> buffer{};
    for (;;) {
        const auto got = ::recv(socket.get(), buffer.data(), buffer.size(), 0);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return unreachable(path, "did not answer");
        if (got == 0) return reply;
        reply.append(buffer.data(), static_cast<std::size_t>(got));
        if (reply.size() > kMostBytes) return fail(Errc::Full, "the answer is too long");
    }
}

}  // namespace

AdminClient::AdminClient(std::string socket_path, std::chrono::seconds timeout)
    : path_(std::move(socket_path)), timeout_(timeout) {
}

Result<json::value> AdminClient::call(
    const std::string& method, const std::string& target, const json::value& body
) {
    const auto text = body.is_null() ? std::string() : json::serialize(body);
    const auto request = fmt::format(
        "{} {} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: "
        "application/json\r\nContent-Length: {}\r\n\r\n{}",
        method, target, text.size(), text
    );
    const auto reply = exchange(path_, request, timeout_);
    if (!reply) return reply.error();
    http::response_parser<http::string_body> parser;
    parser.body_limit(kMostBytes);
    parser.eager(true);
    boost::system::error_code error;
    parser.put(boost::asio::buffer(*reply), error);
    if (!error && !parser.is_done()) parser.put_eof(error);
    if (error || !parser.is_done())
        return fail(Errc::Unreachable, fmt::format("graphhook at '{}' broke off", path_));
    const auto status = parser.get().result_int();
    auto value = json::parse(parser.get().body(), error);
    if (error) value = nullptr;
    if (status >= 200 && status < 300) return value;
    std::string reason = fmt::format("HTTP status {}", status);
    if (const auto* object = value.if_object()) {
        if (const auto* said = object->if_contains("error"); said != nullptr && said->is_string())
            reason = std::string(said->as_string());
    }
    return fail(Errc::Refused, std::move(reason));
}

}  // namespace graphhook::app
