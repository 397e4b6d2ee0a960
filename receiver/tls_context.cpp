#include "receiver/tls_context.hpp"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/stat.h>

#include <ctime>

namespace graphhook::receiver {
namespace {

/// OpenSSL's newest complaint, and empties its list of them.
std::string openssl_error() {
    const auto code = ERR_get_error();
    ERR_clear_error();
    if (code == 0) return "no reason given";
    const char* const reason = ERR_reason_error_string(code);
    return reason != nullptr ? reason : fmt::format("error {:x}", code);
}

/// Nobody is there to be asked for a pass phrase.
int no_pass_phrase(char*, int, int, void*) {
    return -1;
}

SystemTime not_after(SSL_CTX* context) {
    const X509* const leaf = SSL_CTX_get0_certificate(context);
    std::tm when{};
    if (leaf == nullptr || ASN1_TIME_to_tm(X509_get0_notAfter(leaf), &when) != 1) return {};
    return SystemTime(std::chrono::seconds(::timegm(&when)));
}

Result<std::shared_ptr<SSL_CTX>> make_context(const TlsOptions& options) {
    std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
    if (context == nullptr) return fail(Errc::Failed, "TLS: " + openssl_error());
    SSL_CTX* const raw = context.get();
    const int least = options.min_version == "1.3" ? TLS1_3_VERSION : TLS1_2_VERSION;
    if (options.min_version != "1.2" && options.min_version != "1.3")
        return fail(
            Errc::BadInput,
            fmt::format("min_version '{}' is neither 1.2 nor 1.3", options.min_version)
        );
    SSL_CTX_set_min_proto_version(raw, least);
    SSL_CTX_set_options(
        raw, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                 SSL_OP_PRIORITIZE_CHACHA | SSL_OP_IGNORE_UNEXPECTED_EOF
    );
    // TLS 1.3 has AEAD suites only.
    if (SSL_CTX_set_cipher_list(raw, "ECDHE+AESGCM:ECDHE+CHACHA20") != 1)
        return fail(Errc::Failed, "TLS ciphers: " + openssl_error());
    SSL_CTX_set_mode(
        raw, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                 SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER
    );
    // One system call for a record instead of two.
    SSL_CTX_set_read_ahead(raw, 1);
    // Tickets carry the session, so that nothing is kept here for connections that may come back.
    static constexpr unsigned char kContext[] = "graphhook";
    SSL_CTX_set_session_id_context(raw, kContext, sizeof kContext - 1);
    SSL_CTX_set_session_cache_mode(raw, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(raw, 1);
    SSL_CTX_set_default_passwd_cb(raw, no_pass_phrase);
    ERR_clear_error();
    if (SSL_CTX_use_certificate_chain_file(raw, options.certificate.c_str()) != 1)
        return fail(
            Errc::BadInput, fmt::format("certificate {}: {}", options.certificate, openssl_error())
        );
    if (SSL_CTX_use_PrivateKey_file(raw, options.private_key.c_str(), SSL_FILETYPE_PEM) != 1)
        return fail(
            Errc::BadInput, fmt::format("private key {}: {}", options.private_key, openssl_error())
        );
    if (SSL_CTX_check_private_key(raw) != 1)
        return fail(
            Errc::BadInput, fmt::format(
                                "private key {} does not belong to certificate {}",
                                options.private_key, options.certificate
                            )
        );
    return context;
}

}  // namespace

Result<std::shared_ptr<TlsContext>> TlsContext::open(const TlsOptions& options) {
    std::shared_ptr<TlsContext> context(new TlsContext);
    if (auto loaded = context->load(options); !loaded) return loaded.error();
    context->polled_ = context->tried_;
    return context;
}

std::shared_ptr<SSL_CTX> TlsContext::current() const {
    const std::lock_guard lock(mutex_);
    return current_;
}

SystemTime TlsContext::expires_at() const {
    const std::lock_guard lock(mutex_);
    return expires_at_;
}

Result<void> TlsContext::load(const TlsOptions& options) {
    const Stamp stamp = stamp_of(options);
    auto made = make_context(options);
    const std::lock_guard lock(mutex_);
    tried_ = stamp;
    if (!made) return made.error();
    options_ = options;
    expires_at_ = not_after(made->get());
    current_ = std::move(*made);
    return {};
}

Result<void> TlsContext::reload() {
    TlsOptions options;
    {
        const std::lock_guard lock(mutex_);
        options = options_;
    }
    return load(options);
}

Result<void> TlsContext::reload(const TlsOptions& options) {
    return load(options);
}

bool TlsContext::poll(TlsReport& report) {
    TlsOptions options;
    {
        const std::lock_guard lock(mutex_);
        options = options_;
    }
    const Stamp now = stamp_of(options);
    {
        const std::lock_guard lock(mutex_);
        const bool settled = now == std::exchange(polled_, now);
        if (now == tried_ || !settled) return false;
    }
    const auto loaded = load(options);
    report.taken = loaded.has_value();
    report.error = loaded ? std::string() : loaded.error().detail;
    report.expires_at = expires_at();
    return true;
}

TlsContext::Stamp TlsContext::stamp_of(const TlsOptions& options) {
    Stamp stamp;
    struct ::stat status{};
    if (::stat(options.certificate.c_str(), &status) == 0) {
        stamp.certificate_time = status.st_mtim.tv_sec * 1'000'000'000 + status.st_mtim.tv_nsec;
        stamp.certificate_file = status.st_ino;
        stamp.certificate_size = status.st_size;
    }
    if (::stat(options.private_key.c_str(), &status) == 0) {
        stamp.key_time = status.st_mtim.tv_sec * 1'000'000'000 + status.st_mtim.tv_nsec;
        stamp.key_file = status.st_ino;
        stamp.key_size = status.st_size;
    }
    return stamp;
}

}  // namespace graphhook::receiver
