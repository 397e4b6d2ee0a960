#include "tests/support/http_peer.hpp"

#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <csignal>
#include <cstring>
#include <stdexcept>
#include <unistd.h>
#include <utility>

namespace graphhook::test {
namespace {

constexpr ::timeval kPatience{10, 0};

int open_socket(int family) {
    // OpenSSL writes with write(2).
    std::signal(SIGPIPE, SIG_IGN);
    const int fd = ::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) throw std::runtime_error("socket");
    ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof kPatience);
    ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &kPatience, sizeof kPatience);
    return fd;
}

template <class Address>
void connect_to(int fd, const Address& address) {
    const void* const bytes = &address;
    if (::connect(fd, static_cast<const ::sockaddr*>(bytes), sizeof address) == 0) return;
    ::close(fd);
    throw std::runtime_error("nobody listens");
}

std::string lower(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) {
        return static_cast<char>(std::tolower(c));
    });
    return text;
}

}  // namespace

HttpPeer HttpPeer::tcp(std::uint16_t port) {
    const int fd = open_socket(AF_INET);
    ::sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connect_to(fd, address);
    return HttpPeer(fd);
}

HttpPeer HttpPeer::unix_socket(const std::string& path) {
    const int fd = open_socket(AF_UNIX);
    ::sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(static_cast<char*>(address.sun_path), sizeof address.sun_path - 1);
    connect_to(fd, address);
    return HttpPeer(fd);
}

HttpPeer::HttpPeer(HttpPeer&& other) noexcept
    : socket_(std::exchange(other.socket_, -1)),
      context_(std::move(other.context_)),
      ssl_(std::exchange(other.ssl_, nullptr)),
      unread_(std::move(other.unread_)) {
}

HttpPeer::~HttpPeer() {
    SSL_free(ssl_);
    if (socket_ >= 0) ::close(socket_);
}

bool HttpPeer::start_tls(const Tls& tls) {
    context_ = {SSL_CTX_new(TLS_client_method()), SSL_CTX_free};
    SSL_CTX* const context = context_.get();
    if (tls.version != 0) {
        SSL_CTX_set_min_proto_version(context, tls.version);
        SSL_CTX_set_max_proto_version(context, tls.version);
    }
    if (!tls.ciphers.empty()) SSL_CTX_set_cipher_list(context, tls.ciphers.c_str());
    if (!tls.trusted.empty()) {
        const std::unique_ptr<BIO, int (*)(BIO*)> bio(
            BIO_new_mem_buf(tls.trusted.data(), static_cast<int>(tls.trusted.size())), BIO_free
        );
        const std::unique_ptr<X509, void (*)(X509*)> certificate(
            PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr), X509_free
        );
        X509_STORE_add_cert(SSL_CTX_get_cert_store(context), certificate.get());
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
    }
    ssl_ = SSL_new(context);
    SSL_set_tlsext_host_name(ssl_, "localhost");
    if (!tls.trusted.empty()) SSL_set1_host(ssl_, "localhost");
    if (tls.session != nullptr) SSL_set_session(ssl_, tls.session);
    SSL_set_fd(ssl_, socket_);
    ERR_clear_error();
    return SSL_connect(ssl_) == 1;
}

bool HttpPeer::was_resumed() const {
    return SSL_session_reused(ssl_) == 1;
}

std::string HttpPeer::protocol() const {
    return SSL_get_version(ssl_);
}

std::string HttpPeer::cipher() const {
    return SSL_get_cipher_name(ssl_);
}

std::string HttpPeer::server_certificate() const {
    const std::unique_ptr<BIO, int (*)(BIO*)> bio(BIO_new(BIO_s_mem()), BIO_free);
    PEM_write_bio_X509(bio.get(), SSL_get0_peer_certificate(ssl_));
    char* data = nullptr;
    const long size = BIO_get_mem_data(bio.get(), &data);
    return {data, static_cast<std::size_t>(size)};
}

SSL_SESSION* HttpPeer::session() {
    return SSL_get1_session(ssl_);
}

bool HttpPeer::send(std::string_view bytes) {
    while (!bytes.empty()) {
        ::ssize_t sent = 0;
        if (ssl_ != nullptr) {
            ERR_clear_error();
            sent = SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size()));
        } else {
            sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        }
        if (sent <= 0) return false;
        bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
}

bool HttpPeer::fill() {
    std::array<char, 16'384> buffer;
    ::ssize_t got = 0;
    if (ssl_ != nullptr) {
        ERR_clear_error();
        got = SSL_read(ssl_, buffer.data(), static_cast<int>(buffer.size()));
    } else {
        got = ::recv(socket_, buffer.data(), buffer.size(), 0);
    }
    if (got <= 0) return false;
    unread_.append(buffer.data(), static_cast<std::size_t>(got));
    return true;
}

std::optional<HttpReply> HttpPeer::read_reply(bool without_body) {
    auto end = unread_.find("\r\n\r\n");
    while (end == std::string::npos) {
        if (!fill()) return std::nullopt;
        end = unread_.find("\r\n\r\n");
    }
    HttpReply reply;
    const std::string head = unread_.substr(0, end + 2);
    if (!head.starts_with("HTTP/1.1 ")) return std::nullopt;
    reply.status = std::stoi(head.substr(9, 3));
    for (auto at = head.find("\r\n") + 2; at < head.size();) {
        const auto stop = head.find("\r\n", at);
        const auto colon = head.find(": ", at);
        reply.headers[lower(head.substr(at, colon - at))] =
            head.substr(colon + 2, stop - colon - 2);
        at = stop + 2;
    }
    unread_.erase(0, end + 4);
    if (reply.status / 100 == 1 || reply.status == 204 || without_body) return reply;
    const auto length = std::stoul(reply.headers["content-length"]);
    while (unread_.size() < length) {
        if (!fill()) return std::nullopt;
    }
    reply.body = unread_.substr(0, length);
    unread_.erase(0, length);
    return reply;
}

bool HttpPeer::closed_by_server() {
    std::array<char, 4'096> buffer;
    for (;;) {
        ::ssize_t got = 0;
        errno = 0;
        if (ssl_ != nullptr) {
            ERR_clear_error();
            got = SSL_read(ssl_, buffer.data(), static_cast<int>(buffer.size()));
        } else {
            got = ::recv(socket_, buffer.data(), buffer.size(), 0);
        }
        if (got <= 0) return errno != EAGAIN && errno != EWOULDBLOCK;
    }
}

void HttpPeer::shut_down_sending() {
    if (ssl_ != nullptr) SSL_shutdown(ssl_);
    ::shutdown(socket_, SHUT_WR);
}

std::string post(std::string_view target, std::string_view body, std::string_view headers) {
    std::string text = "POST ";
    text.append(target).append(" HTTP/1.1\r\nHost: localhost\r\n");
    if (headers.find("Content-Type") == std::string_view::npos)
        text += "Content-Type: application/json; charset=utf-8\r\n";
    text.append(headers).append("Content-Length: ").append(std::to_string(body.size()));
    return text.append("\r\n\r\n").append(body);
}

std::string get(std::string_view target, std::string_view headers) {
    std::string text = "GET ";
    text.append(target).append(" HTTP/1.1\r\nHost: localhost\r\n");
    return text.append(headers).append("\r\n");
}

}  // namespace graphhook::test
