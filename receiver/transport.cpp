#include "receiver/transport.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <limits>

namespace graphhook::receiver {
namespace {

bool would_block(int error) noexcept {
    return error == EAGAIN || error == EWOULDBLOCK;
}

int socket_of(BIO* bio) noexcept {
    return *static_cast<const int*>(BIO_get_data(bio));
}

// OpenSSL's own socket BIO uses write(2), which raises SIGPIPE.
int bio_write(BIO* bio, const char* data, int size) {
    BIO_clear_retry_flags(bio);
    const auto sent = ::send(socket_of(bio), data, static_cast<std::size_t>(size), MSG_NOSIGNAL);
    if (sent < 0 && (would_block(errno) || errno == EINTR)) BIO_set_retry_write(bio);
    return static_cast<int>(sent);
}

int bio_read(BIO* bio, char* data, int size) {
    BIO_clear_retry_flags(bio);
    const auto got = ::recv(socket_of(bio), data, static_cast<std::size_t>(size), 0);
    if (got < 0 && (would_block(errno) || errno == EINTR)) BIO_set_retry_read(bio);
    if (got == 0) BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
    return static_cast<int>(got);
}

long bio_control(BIO* bio, int command, long, void*) {
    switch (command) {
        case BIO_CTRL_FLUSH:
            return 1;
        case BIO_CTRL_EOF:
            return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0 ? 1 : 0;
        default:
            return 0;
    }
}

const BIO_METHOD* socket_method() {
    static BIO_METHOD* const method = [] {
        BIO_METHOD* const made =
            BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "graphhook socket");
        BIO_meth_set_write(made, bio_write);
        BIO_meth_set_read(made, bio_read);
        BIO_meth_set_ctrl(made, bio_control);
        return made;
    }();
    return method;
}

int clamp_size(std::size_t size) noexcept {
    return static_cast<int>(
        std::min(size, static_cast<std::size_t>(std::numeric_limits<int>::max()))
    );
}

}  // namespace

Transport::~Transport() {
    SSL_free(ssl_);
}

bool Transport::start_tls(SSL_CTX* context) {
    BIO* const bio = BIO_new(socket_method());
    if (bio == nullptr) return false;
    BIO_set_data(bio, &socket_);
    BIO_set_init(bio, 1);
    ssl_ = SSL_new(context);
    if (ssl_ == nullptr) {
        BIO_free(bio);
        return false;
    }
    SSL_set_bio(ssl_, bio, bio);
    SSL_set_accept_state(ssl_);
    return true;
}

Io Transport::outcome(int result) const noexcept {
    switch (SSL_get_error(ssl_, result)) {
        case SSL_ERROR_WANT_READ:
            return Io::WantRead;
        case SSL_ERROR_WANT_WRITE:
            return Io::WantWrite;
        case SSL_ERROR_ZERO_RETURN:
            return Io::Closed;
        default:
            return Io::Failed;
    }
}

Io Transport::handshake() {
    ERR_clear_error();
    const int result = SSL_do_handshake(ssl_);
    return result == 1 ? Io::Done : outcome(result);
}

Io Transport::read(std::span<char> to, std::size_t& count) {
    count = 0;
    if (ssl_ != nullptr) {
        ERR_clear_error();
        const int result = SSL_read(ssl_, to.data(), clamp_size(to.size()));
        if (result <= 0) return outcome(result);
        count = static_cast<std::size_t>(result);
        return Io::Done;
    }
    for (;;) {
        const auto got = ::recv(socket_, to.data(), to.size(), 0);
        if (got > 0) {
            count = static_cast<std::size_t>(got);
            return Io::Done;
        }
        if (got == 0) return Io::Closed;
        if (errno == EINTR) continue;
        return would_block(errno) ? Io::WantRead : Io::Failed;
    }
}

Io Transport::write(std::string_view from, std::size_t& count) {
    count = 0;
    if (ssl_ != nullptr) {
        ERR_clear_error();
        const int result = SSL_write(ssl_, from.data(), clamp_size(from.size()));
        if (result <= 0) return outcome(result);
        count = static_cast<std::size_t>(result);
        return Io::Done;
    }
    for (;;) {
        const auto sent = ::send(socket_, from.data(), from.size(), MSG_NOSIGNAL);
        if (sent >= 0) {
            count = static_cast<std::size_t>(sent);
            return Io::Done;
        }
        if (errno == EINTR) continue;
        return would_block(errno) ? Io::WantWrite : Io::Failed;
    }
}

bool Transport::has_pending() const noexcept {
    return ssl_ != nullptr && SSL_has_pending(ssl_) == 1;
}

void Transport::shut_down() noexcept {
    if (ssl_ != nullptr && SSL_is_init_finished(ssl_) == 1) {
        ERR_clear_error();
        SSL_shutdown(ssl_);
        ERR_clear_error();
    }
    ::shutdown(socket_, SHUT_WR);
}

}  // namespace graphhook::receiver
