#pragma once

#include "tests/support/certificates.hpp"

#include <openssl/ssl.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>

namespace graphhook::app {

/// A TLS server on loopback that answers each request as a test wants, and closes. Threads: its
/// own, one connection at a time.
class TlsStub {
  public:
    /// Everything of a request up to its body's end; the whole reply. Empty: nothing is answered,
    /// and the connection stays until the peer goes.
    using Answer = std::function<std::string(const std::string& request)>;
    struct Versions {
        int least = TLS1_2_VERSION, most = TLS1_3_VERSION;
    };

    TlsStub(const test::CertificateText& certificate, Answer answer, Versions versions);
    TlsStub(const test::CertificateText& certificate, Answer answer)
        : TlsStub(certificate, std::move(answer), Versions()) {}
    ~TlsStub();
    TlsStub(const TlsStub&) = delete;
    TlsStub& operator=(const TlsStub&) = delete;

    /// "https://localhost:port"
    [[nodiscard]] std::string url() const;

  private:
    void run(const std::stop_token& stop);
    void serve(int socket);

    std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)> context_;
    Answer answer_;
    int listener_ = -1;
    std::uint16_t port_ = 0;
    std::jthread thread_;
};

/// A whole reply.
std::string http_reply(int status, const std::string& headers, const std::string& body);
/// The decoded `validationToken` of a request.
std::string token_of(const std::string& request);

}  // namespace graphhook::app
