#include "tests/emulator/receiver.hpp"

#include "emulator/url.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>

#include <algorithm>
#include <atomic>
#include <cctype>
#include <list>

namespace graphhook::emulator::test {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using tcp = asio::ip::tcp;

struct Receiver::Impl {
    explicit Impl(Handler handler_) : handler(std::move(handler_)) {}

    template <class Stream>
    void converse(Stream& stream, std::size_t connection) {
        boost::beast::flat_buffer buffer;
        boost::system::error_code error;
        while (true) {
            http::request<http::string_body> request;
            http::read(stream, buffer, request, error);
            if (error) return;
            Received received;
            received.target = std::string(request.target());
            received.body = request.body();
            received.connection = connection;
            for (const auto& field : request) {
                std::string name(field.name_string());
                std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) {
                    return static_cast<char>(std::tolower(c));
                });
                received.headers.emplace_back(std::move(name), std::string(field.value()));
            }
            {
                const std::lock_guard lock(mutex);
                requests.push_back(received);
            }
            changed.notify_all();
            const Reply reply = handler(received);
            if (reply.silent) {
                std::unique_lock lock(mutex);
                changed.wait(lock, [this] { return stopping; });
                return;
            }
            http::response<http::string_body> response(
                http::int_to_status(static_cast<unsigned>(reply.status)), 11
            );
            if (!reply.type.empty()) response.set(http::field::content_type, reply.type);
            response.body() = reply.body;
            response.keep_alive(request.keep_alive());
            response.prepare_payload();
            http::write(stream, response, error);
            if (error || !request.keep_alive()) return;
        }
    }

    void serve(tcp::socket& socket, std::size_t connection) {
        if (!tls) {
            converse(socket, connection);
            return;
        }
        asio::ssl::stream<tcp::socket&> stream(socket, *tls);
        boost::system::error_code error;
        stream.handshake(asio::ssl::stream_base::server, error);
        if (!error) converse(stream, connection);
    }

    void accept() {
        while (true) {
            boost::system::error_code error;
            tcp::socket socket(io);
            acceptor.accept(socket, error);
            const std::lock_guard lock(mutex);
            if (error || stopping) return;
            auto& kept = sockets.emplace_back(std::move(socket));
            const auto number = sockets.size();
            threads.emplace_back([this, &kept, number] { serve(kept, number); });
        }
    }

    const Handler handler;
    asio::io_context io;
    std::unique_ptr<asio::ssl::context> tls;
    tcp::acceptor acceptor{io, tcp::endpoint(asio::ip::address_v4::loopback(), 0)};
    const std::uint16_t port = acceptor.local_endpoint().port();
    mutable std::mutex mutex;
    std::condition_variable changed;
    std::vector<Received> requests;
    bool stopping = false;
    std::list<tcp::socket> sockets;
    std::list<std::thread> threads;
    std::thread acceptor_thread;
};

std::string Received::header(std::string_view name) const {
    for (const auto& [key, value] : headers) {
        if (key == name) return value;
    }
    return {};
}

Receiver::Receiver(const std::string& certificate, const std::string& key, Handler handler)
    : impl_(std::make_unique<Impl>(std::move(handler))) {
    if (!certificate.empty()) {
        impl_->tls = std::make_unique<asio::ssl::context>(asio::ssl::context::tls_server);
        impl_->tls->use_certificate_chain_file(certificate);
        impl_->tls->use_private_key_file(key, asio::ssl::context::pem);
    }
    impl_->acceptor_thread = std::thread([impl = impl_.get()] { impl->accept(); });
}

Receiver::~Receiver() {
    {
        const std::lock_guard lock(impl_->mutex);
        impl_->stopping = true;
        for (auto& socket : impl_->sockets) ::shutdown(socket.native_handle(), SHUT_RDWR);
    }
    impl_->changed.notify_all();
    ::shutdown(impl_->acceptor.native_handle(), SHUT_RDWR);
    impl_->acceptor_thread.join();
    for (auto& thread : impl_->threads) thread.join();
}

std::string Receiver::url(std::string_view target) const {
    return (impl_->tls ? "https://localhost:" : "http://localhost:") + std::to_string(impl_->port) +
           std::string(target);
}

std::vector<Received> Receiver::wait_for(std::size_t count) {
    std::unique_lock lock(impl_->mutex);
    impl_->changed.wait_for(lock, std::chrono::seconds(20), [&] {
        return impl_->requests.size() >= count;
    });
    return impl_->requests;
}

std::vector<Received> Receiver::all() const {
    const std::lock_guard lock(impl_->mutex);
    return impl_->requests;
}

Receiver::Handler Receiver::good(int status) {
    return [status](const Received& received) {
        const auto question = received.target.find('?');
        if (question != std::string::npos) {
            const auto fields = parse_form(std::string_view(received.target).substr(question + 1));
            if (fields) {
                for (const auto& [name, value] : *fields) {
                    if (name == "validationToken")
                        return Reply(200, "text/plain; charset=utf-8", value);
                }
            }
        }
        return Reply(status);
    };
}

}  // namespace graphhook::emulator::test
