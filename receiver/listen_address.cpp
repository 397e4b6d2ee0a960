#include "receiver/listen_address.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <unistd.h>
#include <utility>

namespace graphhook::receiver {
namespace {

namespace ip = boost::asio::ip;

constexpr int kBacklog = 4'096;

Error system_failure(Errc code, std::string_view what) {
    return fail(code, fmt::format("{}: {}", what, std::strerror(errno)));
}

::sockaddr_un unix_address(const std::string& path) {
    ::sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(static_cast<void*>(address.sun_path), path.data(), path.size());
    return address;
}

template <class Address>
const ::sockaddr* generic(const Address* address) {
    return static_cast<const ::sockaddr*>(static_cast<const void*>(address));
}

/// Is anybody listening behind this file?
bool is_served(const ::sockaddr_un& address) {
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return false;
    const bool served = ::connect(fd, generic(&address), sizeof address) == 0;
    ::close(fd);
    return served;
}

}  // namespace

Result<ListenAddress> parse_listen_address(std::string_view text) {
    const auto refuse = [text] {
        return fail(
            Errc::BadInput,
            fmt::format("'{}' is neither address:port, [v6]:port nor unix:/path", text)
        );
    };
    ListenAddress out;
    if (text.starts_with("unix:")) {
        out.path = text.substr(5);
        if (!out.path.starts_with('/') || out.path.size() >= sizeof(::sockaddr_un::sun_path))
            return refuse();
        return out;
    }
    const auto colon = text.rfind(':');
    if (colon == std::string_view::npos) return refuse();
    auto host = text.substr(0, colon);
    const auto port = text.substr(colon + 1);
    const char* const end = port.data() + port.size();
    const auto [rest, error] = std::from_chars(port.data(), end, out.port);
    if (error != std::errc{} || rest != end) return refuse();
    if (host == "localhost") host = "127.0.0.1";
    const bool bracketed = host.starts_with('[') && host.ends_with(']');
    if (bracketed) host = host.substr(1, host.size() - 2);
    boost::system::error_code ec;
    out.address = ip::make_address(host, ec);
    if (ec || out.address.is_v6() != bracketed) return refuse();
    return out;
}

Result<ListeningSocket> ListeningSocket::open(const ListenAddress& address) {
    ListeningSocket out;
    const int family = address.is_unix() ? AF_UNIX : address.address.is_v4() ? AF_INET : AF_INET6;
    out.fd_ = ::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (out.fd_ < 0) return system_failure(Errc::Failed, "socket");
    if (address.is_unix()) {
        const auto name = unix_address(address.path);
        if (::bind(out.fd_, generic(&name), sizeof name) != 0) {
            if (errno != EADDRINUSE) return system_failure(Errc::Failed, address.path);
            if (is_served(name))
                return fail(Errc::Conflict, fmt::format("{}: already served", address.path));
            ::unlink(address.path.c_str());
            if (::bind(out.fd_, generic(&name), sizeof name) != 0)
                return system_failure(Errc::Failed, address.path);
        }
        out.path_ = address.path;
        if (::chmod(address.path.c_str(), 0660) != 0)
            return system_failure(Errc::Failed, address.path);
    } else {
        const int on = 1;
        ::setsockopt(out.fd_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        const ip::tcp::endpoint endpoint(address.address, address.port);
        const auto name = fmt::format("{}:{}", address.address.to_string(), address.port);
        if (::bind(out.fd_, generic(endpoint.data()), static_cast<::socklen_t>(endpoint.size())) !=
            0)
            return system_failure(errno == EADDRINUSE ? Errc::Conflict : Errc::Failed, name);
        ip::tcp::endpoint bound;
        auto size = static_cast<::socklen_t>(bound.capacity());
        if (::getsockname(
                out.fd_, static_cast<::sockaddr*>(static_cast<void*>(bound.data())), &size
            ) != 0)
            return system_failure(Errc::Failed, name);
        out.port_ = bound.port();
    }
    if (::listen(out.fd_, kBacklog) != 0) return system_failure(Errc::Failed, "listen");
    return out;
}

ListeningSocket::ListeningSocket(ListeningSocket&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), port_(other.port_), path_(std::exchange(other.path_, {})) {
}

ListeningSocket& ListeningSocket::operator=(ListeningSocket&& other) noexcept {
    std::swap(fd_, other.fd_);
    std::swap(port_, other.port_);
    std::swap(path_, other.path_);
    return *this;
}

ListeningSocket::~ListeningSocket() {
    close();
}

void ListeningSocket::close() noexcept {
    if (fd_ < 0) return;
    ::close(std::exchange(fd_, -1));
    if (!path_.empty()) ::unlink(path_.c_str());
}

}  // namespace graphhook::receiver
