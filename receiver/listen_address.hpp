#pragma once

#include "core/error.hpp"

#include <boost/asio/ip/address.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace graphhook::receiver {

/// Where a listener listens: "0.0.0.0:8443", "[::]:8443", "localhost:8443" or "unix:/path".
struct ListenAddress {
    boost::asio::ip::address address;
    std::uint16_t port = 0;
    std::string path;  ///< Not empty: a Unix socket.

    [[nodiscard]] bool is_unix() const noexcept { return !path.empty(); }
    /// Reachable from this machine only.
    [[nodiscard]] bool is_local() const { return is_unix() || address.is_loopback(); }
};

/// Errc::BadInput for anything else; names other than localhost are not looked up.
[[nodiscard]] Result<ListenAddress> parse_listen_address(std::string_view text);

/// An open, listening, non-blocking socket; closed (and its file removed) with the object.
class ListeningSocket {
  public:
    /// Errc::Conflict: the address is in use. A Unix socket that nobody serves any more is
    /// replaced; its file gets mode 0660.
    [[nodiscard]] static Result<ListeningSocket> open(const ListenAddress& address);
    ListeningSocket(ListeningSocket&& other) noexcept;
    ListeningSocket& operator=(ListeningSocket&& other) noexcept;
    ~ListeningSocket();

    [[nodiscard]] int fd() const noexcept { return fd_; }
    /// The one in use where 0 was asked for.
    [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
    [[nodiscard]] bool is_unix() const noexcept { return !path_.empty(); }
    void close() noexcept;

  private:
    ListeningSocket() = default;
    int fd_ = -1;
    std::uint16_t port_ = 0;
    std::string path_;
};

}  // namespace graphhook::receiver
