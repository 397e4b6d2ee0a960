#pragma once

#include <openssl/types.h>

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

namespace graphhook::receiver {

/// What a step on a connection came to. WantRead, WantWrite: nothing was done, wait for the socket.
enum class Io : unsigned char { Done, WantRead, WantWrite, Closed, Failed };

/// Bytes over a non-blocking socket, plain or TLS. OpenSSL reads and writes the socket itself: no
/// buffers of ours in between, and with SSL_MODE_RELEASE_BUFFERS none of its own while idle.
/// Does not own the socket. Threads: one.
class Transport {
  public:
    explicit Transport(int socket) noexcept : socket_(socket) {}
    ~Transport();
    Transport(const Transport&) = delete;
    Transport& operator=(const Transport&) = delete;

    /// From now on TLS. False: out of memory.
    [[nodiscard]] bool start_tls(SSL_CTX* context);
    [[nodiscard]] Io handshake();

    /// Done: `count` bytes, at least one.
    [[nodiscard]] Io read(std::span<char> to, std::size_t& count);
    /// Done: `count` bytes were taken, perhaps not all. After WantRead or WantWrite call again with
    /// the same text (it may have moved).
    [[nodiscard]] Io write(std::string_view from, std::size_t& count);
    /// There may be something to read although the socket is silent.
    [[nodiscard]] bool has_pending() const noexcept;
    /// Says goodbye, without waiting for the peer's.
    void shut_down() noexcept;
    [[nodiscard]] int socket() const noexcept { return socket_; }

  private:
    [[nodiscard]] Io outcome(int result) const noexcept;
    int socket_;
    SSL* ssl_ = nullptr;
};

}  // namespace graphhook::receiver
