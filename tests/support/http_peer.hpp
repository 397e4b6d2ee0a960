#pragma once

#include <openssl/ssl.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace graphhook::test {

/// A reply as it came over the wire; header names in lower case.
struct HttpReply {
    int status = 0;
    std::map<std::string, std::string> headers;
    std::string body;
};

/// A peer that sends exactly the bytes it is told to, over TCP or a Unix socket, plain or TLS, and
/// reads replies. Blocking, every wait ends after ten seconds. Threads: one.
class HttpPeer {
  public:
    /// Throws if nobody listens.
    static HttpPeer tcp(std::uint16_t port);
    static HttpPeer unix_socket(const std::string& path);
    HttpPeer(HttpPeer&& other) noexcept;
    ~HttpPeer();

    struct Tls {
        std::string trusted;             ///< PEM of what is trusted; empty: anything.
        int version = 0;                 ///< TLS1_2_VERSION or TLS1_3_VERSION only; 0: any.
        std::string ciphers;             ///< Of TLS 1.2; empty: the usual.
        SSL_SESSION* session = nullptr;  ///< To be resumed.
    };
    /// False: the handshake failed.
    bool start_tls(const Tls& tls);
    bool start_tls() { return start_tls(Tls()); }
    [[nodiscard]] bool was_resumed() const;
    [[nodiscard]] std::string protocol() const;
    [[nodiscard]] std::string cipher() const;
    /// PEM of the certificate that the server showed.
    [[nodiscard]] std::string server_certificate() const;
    /// For Tls::session of another peer; call after a reply was read. The caller frees it.
    [[nodiscard]] SSL_SESSION* session();

    /// False: the connection is closed.
    bool send(std::string_view bytes);
    /// nullopt: the connection ended (or ten seconds passed) before a whole reply. `without_body`:
    /// to a HEAD request.
    std::optional<HttpReply> read_reply(bool without_body = false);
    std::optional<HttpReply> ask(std::string_view request) {
        if (!send(request)) return std::nullopt;
        return read_reply();
    }
    /// True once the server has closed.
    bool closed_by_server();
    /// No more from us; replies can still be read.
    void shut_down_sending();

  private:
    explicit HttpPeer(int socket) : socket_(socket) {}
    /// Reads once more; false at the end.
    bool fill();
    int socket_ = -1;
    std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)> context_{nullptr, nullptr};
    SSL* ssl_ = nullptr;
    std::string unread_;
};

/// "POST <target> HTTP/1.1" with the usual headers and a length.
std::string post(std::string_view target, std::string_view body, std::string_view headers = {});
std::string get(std::string_view target, std::string_view headers = {});

}  // namespace graphhook::test
