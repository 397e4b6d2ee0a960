#include "tests/app/tls_stub.hpp"

#include <arpa/inet.h>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>
#include <fmt/format.h>
#include <openssl/pem.h>
#include <sys/socket.h>

#include <array>
#include <csignal>
#include <poll.h>
#include <stdexcept>
#include <unistd.h>

namespace graphhook::app {
namespace {

/// A test must not hang on a peer.
constexpr int kWatchdog = 20'000;

void require(bool condition) {
    if (!condition) throw std::runtime_error("no TLS stub");
}

std::size_t length_of(const std::string& request) {
    const auto at = request.find("Content-Length: ");
    return at == std::string::npos ? 0 : std::stoul(request.substr(at + 16));
}

}  // namespace

TlsStub::TlsStub(const test::CertificateText& certificate, Answer answer, Versions versions)
    : context_(::SSL_CTX_new(::TLS_server_method()), &::SSL_CTX_free), answer_(std::move(answer)) {
    std::signal(SIGPIPE, SIG_IGN);
    ::SSL_CTX_set_min_proto_version(context_.get(), versions.least);
    ::SSL_CTX_set_max_proto_version(context_.get(), versions.most);
    const std::unique_ptr<BIO, int (*)(BIO*)> text(
        ::BIO_new_mem_buf(certificate.certificate.data(), -1), &::BIO_free
    );
    const std::unique_ptr<X509, void (*)(X509*)> leaf(
        ::PEM_read_bio_X509(text.get(), nullptr, nullptr, nullptr), &::X509_free
    );
    const std::unique_ptr<BIO, int (*)(BIO*)> secret(
        ::BIO_new_mem_buf(certificate.private_key.data(), -1), &::BIO_free
    );
    const std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)> key(
        ::PEM_read_bio_PrivateKey(secret.get(), nullptr, nullptr, nullptr), &::EVP_PKEY_free
    );
    require(::SSL_CTX_use_certificate(context_.get(), leaf.get()) == 1);
    require(::SSL_CTX_use_PrivateKey(context_.get(), key.get()) == 1);
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto* where = static_cast<sockaddr*>(static_cast<void*>(&address));
    socklen_t size = sizeof address;
    require(::bind(listener_, where, size) == 0 && ::listen(listener_, 16) == 0);
    require(::getsockname(listener_, where, &size) == 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::jthread([this](const std::stop_token& stop) { run(stop); });
}

TlsStub::~TlsStub() {
    thread_.request_stop();
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
}

std::string TlsStub::url() const {
    return fmt::format("https://localhost:{}", port_);
}

void TlsStub::run(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
        const int socket = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
        if (socket < 0) return;
        const timeval wait{kWatchdog / 1'000, 0};
        ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
        serve(socket);
        ::close(socket);
    }
}

void TlsStub::serve(int socket) {
    const std::unique_ptr<SSL, void (*)(SSL*)> ssl(::SSL_new(context_.get()), &::SSL_free);
    ::SSL_set_fd(ssl.get(), socket);
    if (::SSL_accept(ssl.get()) != 1) return;
    std::string request;
    std::array<char, 8'192> buffer{};
    for (;;) {
        const auto head = request.find("\r\n\r\n");
        if (head != std::string::npos && request.size() >= head + 4 + length_of(request)) break;
        const int got = ::SSL_read(ssl.get(), buffer.data(), static_cast<int>(buffer.size()));
        if (got <= 0) return;
        request.append(buffer.data(), static_cast<std::size_t>(got));
    }
    const auto reply = answer_(request);
    if (reply.empty()) {
        // Until the peer has had enough.
        ::SSL_read(ssl.get(), buffer.data(), static_cast<int>(buffer.size()));
        return;
    }
    ::SSL_write(ssl.get(), reply.data(), static_cast<int>(reply.size()));
    ::SSL_shutdown(ssl.get());
}

std::string http_reply(int status, const std::string& headers, const std::string& body) {
    return fmt::format(
        "HTTP/1.1 {} X\r\n{}Content-Length: {}\r\nConnection: close\r\n\r\n{}", status, headers,
        body.size(), body
    );
}

std::string token_of(const std::string& request) {
    const auto begin = request.find(' ') + 1;
    const auto target = request.substr(begin, request.find(' ', begin) - begin);
    const auto url = boost::urls::parse_origin_form(target);
    if (url.has_error()) return {};
    const auto params = url->params();
    const auto found = params.find("validationToken");
    return found == params.end() ? std::string() : std::string((*found).value);
}

}  // namespace graphhook::app
