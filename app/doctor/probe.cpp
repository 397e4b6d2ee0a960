#include "app/doctor/probe.hpp"

#include "core/secret.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>
#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <memory>
#include <netdb.h>
#include <poll.h>
#include <unistd.h>

namespace graphhook::app::doctor {
namespace {

namespace http = boost::beast::http;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr std::size_t kMostBytes = 64u << 10;

/// As Graph spells it: spaces as '+', lower-case hex.
std::string form_encode(std::string_view text) {
    std::string out;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (std::isalnum(byte) != 0 || c == '-' || c == '_' || c == '.' || c == '~') {
            out += c;
        } else if (c == ' ') {
            out += '+';
        } else {
            out += fmt::format("%{:02x}", byte);
        }
    }
    return out;
}

struct Target {
    std::string host, port, path;
};

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

/// One conversation, until its deadline.
class Talk {
  public:
    Talk(Exchange& exchange, const Target& target, const ProbeOptions& options, int newest_tls)
        : exchange_(exchange),
          target_(target),
          options_(options),
          newest_tls_(newest_tls),
          began_(steady_clock::now()),
          deadline_(began_ + options.timeout) {}

    /// True: there was a reply.
    bool run() {
        exchange_.chain.clear();
        if (!connect()) return false;
        if (!start_tls()) return false;
        if (!ask()) return false;
        exchange_.took = std::chrono::duration_cast<milliseconds>(steady_clock::now() - began_);
        exchange_.failed_at = Exchange::Stage::Done;
        exchange_.failure.clear();
        return true;
    }

  private:
    bool failed(Exchange::Stage stage, std::string why) {
        exchange_.failed_at = stage;
        exchange_.failure = std::move(why);
        return false;
    }

    /// False: the deadline is over.
    [[nodiscard]] bool wait(int descriptor, short events) {
        const auto left = std::chrono::ceil<milliseconds>(deadline_ - steady_clock::now());
        pollfd ready{descriptor, events, 0};
        late_ = left.count() <= 0 || ::poll(&ready, 1, static_cast<int>(left.count())) == 0;
        return !late_;
    }

    bool connect() {
        addrinfo hints{};
        hints.ai_socktype = SOCK_STREAM;
        addrinfo* found = nullptr;
        const int error = ::getaddrinfo(target_.host.c_str(), target_.port.c_str(), &hints, &found);
        if (error != 0) return failed(Exchange::Stage::Name, ::gai_strerror(error));
        const std::unique_ptr<addrinfo, void (*)(addrinfo*)> all(found, &::freeaddrinfo);
        exchange_.addresses.clear();
        for (const auto* one = found; one != nullptr; one = one->ai_next) {
            std::array<char, NI_MAXHOST> text{};
            if (::getnameinfo(
                    one->ai_addr, one->ai_addrlen, text.data(), text.size(), nullptr, 0,
                    NI_NUMERICHOST
                ) == 0)
                exchange_.addresses.emplace_back(text.data());
        }
        std::string why = "no address";
        for (const auto* one = found; one != nullptr; one = one->ai_next) {
            auto socket = std::make_unique<Socket>(
                ::socket(one->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)
            );
            if (::connect(socket->get(), one->ai_addr, one->ai_addrlen) == 0) {
                socket_ = std::move(socket);
                return true;
            }
            if (errno == EINPROGRESS) {
                if (!wait(socket->get(), POLLOUT)) {
                    why = "no answer in time";
                    continue;
                }
                int result = 0;
                socklen_t size = sizeof result;
                ::getsockopt(socket->get(), SOL_SOCKET, SO_ERROR, &result, &size);
                if (result == 0) {
                    socket_ = std::move(socket);
                    return true;
                }
                errno = result;
            }
            why = std::strerror(errno);
        }
        return failed(Exchange::Stage::Connection, why);
    }

    /// Waits for what OpenSSL wants; false: it wants nothing more, or time is over.
    bool may_go_on(int result) {
        const int error = ::SSL_get_error(ssl_.get(), result);
        if (error == SSL_ERROR_WANT_READ) return wait(socket_->get(), POLLIN);
        if (error == SSL_ERROR_WANT_WRITE) return wait(socket_->get(), POLLOUT);
        return false;
    }

    std::string tls_trouble() {
        if (late_) return "no answer in time";
        const auto code = ::ERR_get_error();
        ::ERR_clear_error();
        const char* reason = code == 0 ? nullptr : ::ERR_reason_error_string(code);
        return reason == nullptr ? "the connection was closed" : reason;
    }

    bool start_tls() {
        context_.reset(::SSL_CTX_new(::TLS_client_method()));
        ::SSL_CTX_set_min_proto_version(context_.get(), TLS1_2_VERSION);
        ::SSL_CTX_set_max_proto_version(context_.get(), newest_tls_);
        if (options_.ca_file.empty()) {
            ::SSL_CTX_set_default_verify_paths(context_.get());
        } else {
            ::SSL_CTX_load_verify_file(context_.get(), options_.ca_file.c_str());
        }
        ssl_.reset(::SSL_new(context_.get()));
        boost::system::error_code no_address;
        boost::asio::ip::make_address(target_.host, no_address);
        if (no_address) {
            ::SSL_set_tlsext_host_name(ssl_.get(), target_.host.c_str());
            ::SSL_set1_host(ssl_.get(), target_.host.c_str());
        } else {
            ::X509_VERIFY_PARAM_set1_ip_asc(::SSL_get0_param(ssl_.get()), target_.host.c_str());
        }
        ::SSL_set_fd(ssl_.get(), socket_->get());
        ::ERR_clear_error();
        for (;;) {
            const int result = ::SSL_connect(ssl_.get());
            if (result == 1) break;
            if (!may_go_on(result)) return failed(Exchange::Stage::Tls, tls_trouble());
        }
        exchange_.tls_version = ::SSL_get_version(ssl_.get());
        const auto verdict = ::SSL_get_verify_result(ssl_.get());
        exchange_.chain_error =
            verdict == X509_V_OK ? "" : ::X509_verify_cert_error_string(verdict);
        const auto* chain = ::SSL_get_peer_cert_chain(ssl_.get());
        for (int i = 0; chain != nullptr && i < sk_X509_num(chain); ++i)
            exchange_.chain.push_back(dates_of(sk_X509_value(chain, i)));
        return true;
    }

    bool ask() {
        const auto host =
            target_.port == "443" ? target_.host : fmt::format("{}:{}", target_.host, target_.port);
        const auto request = fmt::format(
            "POST {}?validationToken={} HTTP/1.1\r\nHost: {}\r\nAccept: text/plain\r\n"
            "Content-Type: text/plain; charset=utf-8\r\nContent-Length: 0\r\n"
            "Connection: close\r\n\r\n",
            target_.path, form_encode(exchange_.token), host
        );
        std::size_t sent = 0;
        while (sent < request.size()) {
            const int result = ::SSL_write(
                ssl_.get(), request.data() + sent, static_cast<int>(request.size() - sent)
            );
            if (result > 0) {
                sent += static_cast<std::size_t>(result);
            } else if (!may_go_on(result)) {
                return failed(Exchange::Stage::Reply, tls_trouble());
            }
        }
        http::response_parser<http::string_body> parser;
        parser.body_limit(kMostBytes);
        parser.eager(true);
        std::string unread;
        boost::system::error_code error;
        std::array<char, 8'192> buffer{};
        while (!parser.is_done()) {
            const int result =
                ::SSL_read(ssl_.get(), buffer.data(), static_cast<int>(buffer.size()));
            if (result > 0) {
                unread.append(buffer.data(), static_cast<std::size_t>(result));
                const auto used = parser.put(boost::asio::buffer(unread), error);
                unread.erase(0, used);
                if (error == http::error::need_more) error = {};
                if (error == http::error::body_limit) break;
                if (error) return failed(Exchange::Stage::Reply, "it answers, and not in HTTP");
                continue;
            }
            if (may_go_on(result)) continue;
            if (parser.is_header_done()) {
                parser.put_eof(error);
                break;
            }
            return failed(Exchange::Stage::Reply, tls_trouble());
        }
        const auto& reply = parser.get();
        exchange_.status = static_cast<int>(reply.result_int());
        exchange_.headers.clear();
        for (const auto& field : reply) {
            std::string name(field.name_string());
            std::ranges::transform(name, name.begin(), [](unsigned char c) {
                return static_cast<char>(std::tolower(c));
            });
            exchange_.headers.emplace_back(std::move(name), std::string(field.value()));
        }
        exchange_.body = reply.body();
        return true;
    }

    Exchange& exchange_;
    const Target& target_;
    const ProbeOptions& options_;
    const int newest_tls_;
    const steady_clock::time_point began_, deadline_;
    bool late_ = false;
    std::unique_ptr<Socket> socket_;
    std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)> context_{nullptr, &::SSL_CTX_free};
    std::unique_ptr<SSL, void (*)(SSL*)> ssl_{nullptr, &::SSL_free};
};

}  // namespace

std::string Exchange::header(std::string_view name) const {
    const auto found = std::ranges::find(headers, name, [](const auto& one) {
        return std::string_view(one.first);
    });
    return found == headers.end() ? std::string() : found->second;
}

Exchange try_handshake(
    const std::string& url, const std::string& token, const ProbeOptions& options
) {
    Exchange exchange;
    exchange.url = url;
    exchange.token = token;
    const auto parsed = boost::urls::parse_absolute_uri(url);
    if (parsed.has_error()) {
        exchange.failed_at = Exchange::Stage::Name;
        exchange.failure = "not a URL";
        return exchange;
    }
    Target target{
        std::string(parsed->host_address()),
        parsed->has_port() ? std::string(parsed->port()) : "443",
        std::string(parsed->encoded_path())
    };
    // A peer that closes early must not end us: OpenSSL writes without MSG_NOSIGNAL.
    std::signal(SIGPIPE, SIG_IGN);
    if (Talk(exchange, target, options, TLS1_2_VERSION).run()) return exchange;
    if (exchange.failed_at != Exchange::Stage::Tls) return exchange;
    // Perhaps it only speaks something newer, which is worth knowing.
    auto newer = exchange;
    if (Talk(newer, target, options, TLS1_3_VERSION).run()) {
        newer.tls12_refused = true;
        return newer;
    }
    return exchange;
}

std::string sample_token() {
    const auto hex = random_hex(16);
    return fmt::format(
        "Validation: Testing client application reachability for subscription Request-Id: "
        "{}-{}-{}-{}-{} +/=%41",
        hex.substr(0, 8), hex.substr(8, 4), hex.substr(12, 4), hex.substr(16, 4), hex.substr(20)
    );
}

}  // namespace graphhook::app::doctor
