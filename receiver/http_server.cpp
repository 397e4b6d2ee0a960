#include "receiver/http_server.hpp"

#include "core/log.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <unistd.h>

namespace graphhook::receiver {
namespace {

namespace ip = boost::asio::ip;

/// Out of descriptors: closing connections get a turn before the next try.
constexpr auto kAcceptBackOff = std::chrono::milliseconds(100);
constexpr int kAcceptsAtOnce = 64;

ip::address address_of(const ::sockaddr_storage& storage) {
    const void* const bytes = &storage;
    if (storage.ss_family == AF_INET)
        return ip::address_v4(ntohl(static_cast<const ::sockaddr_in*>(bytes)->sin_addr.s_addr));
    if (storage.ss_family != AF_INET6) return {};
    const auto* const v6 = static_cast<const ::sockaddr_in6*>(bytes);
    ip::address_v6::bytes_type address;
    std::copy_n(v6->sin6_addr.s6_addr, address.size(), address.begin());
    return ip::address_v6(address, v6->sin6_scope_id);
}

}  // namespace

/// Accepts on the first thread.
class HttpServer::Acceptor {
  public:
    Acceptor(HttpServer& server, ListeningSocket socket, std::shared_ptr<TlsContext> tls)
        : server_(server),
          io_(server.threads_.front()->io),
          socket_(std::move(socket)),
          descriptor_(io_),
          back_off_(io_),
          listener_(std::make_shared<const Listener>(Listener{std::move(tls), socket_.is_unix()})) {
        descriptor_.assign(socket_.fd());
    }
    ~Acceptor() { release(); }

    void wait() {
        descriptor_.async_wait(
            boost::asio::posix::stream_descriptor::wait_read,
            [this](boost::system::error_code ec) {
                if (ec || closed_) return;
                accept_some();
            }
        );
    }

    /// Takes what has connected already, then no more.
    void close() {
        if (closed_) return;
        accept_some();
        closed_ = true;
        back_off_.cancel();
        release();
    }

  private:
    void release() {
        if (descriptor_.is_open()) descriptor_.release();
        socket_.close();
    }

    void accept_some() {
        for (int count = 0; count < kAcceptsAtOnce; ++count) {
            ::sockaddr_storage peer{};
            ::socklen_t size = sizeof peer;
            void* const bytes = &peer;
            const int fd = ::accept4(
                socket_.fd(), static_cast<::sockaddr*>(bytes), &size, SOCK_NONBLOCK | SOCK_CLOEXEC
            );
            if (fd >= 0) {
                take(fd, address_of(peer));
                continue;
            }
            if (errno == EAGAIN || errno == EWOULDBLOCK) break;
            if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
                server_.shared_.watch.dropped(Dropped::Descriptors);
                back_off_.expires_after(kAcceptBackOff);
                back_off_.async_wait([this](boost::system::error_code ec) {
                    if (!ec && !closed_) accept_some();
                });
                return;
            }
            // Whatever else: that one connection came to nothing.
        }
        if (!closed_) wait();
    }

    void take(int fd, const ip::address& peer) {
        auto& shared = server_.shared_;
        const auto limit = server_.threads_.front()->settings->limits.connections;
        if (shared.connections.fetch_add(1, std::memory_order_relaxed) >= limit) {
            shared.connections.fetch_sub(1, std::memory_order_relaxed);
            shared.watch.dropped(Dropped::Limit);
            ::close(fd);
            return;
        }
        shared.watch.opened();
        NetThread& thread = *server_.threads_[server_.next_++ % server_.threads_.size()];
        if (&thread == server_.threads_.front().get()) return thread.adopt(fd, peer, listener_);
        boost::asio::post(thread.io, [&thread, fd, peer, listener = listener_] {
            thread.adopt(fd, peer, listener);
        });
    }

    HttpServer& server_;
    boost::asio::io_context& io_;
    ListeningSocket socket_;
    boost::asio::posix::stream_descriptor descriptor_;
    boost::asio::steady_timer back_off_;
    const std::shared_ptr<const Listener> listener_;
    bool closed_ = false;
};

HttpServer::HttpServer(
    std::uint32_t threads, Clock& clock, ConnectionWatch& watch,
    const std::shared_ptr<const Settings>& settings, const MakeHandler& make_handler
)
    : shared_(clock, watch) {
    for (std::uint32_t i = 0; i < std::max(threads, 1u); ++i) {
        threads_.push_back(std::make_unique<NetThread>(shared_, settings));
        threads_.back()->handler = make_handler(*threads_.back());
    }
    drain_timer_ = std::make_unique<boost::asio::steady_timer>(threads_.front()->io);
}

HttpServer::~HttpServer() {
    insist();
    wait();
}

void HttpServer::listen(ListeningSocket socket, std::shared_ptr<TlsContext> tls) {
    acceptors_.push_back(std::make_unique<Acceptor>(*this, std::move(socket), std::move(tls)));
}

void HttpServer::start() {
    for (auto& acceptor : acceptors_) acceptor->wait();
    left_ = threads_.size();
    for (auto& thread : threads_) {
        running_.emplace_back([this, &thread = *thread] {
            thread.run();
            const std::lock_guard lock(mutex_);
            --left_;
            ended_.notify_all();
        });
    }
}

void HttpServer::update(const std::shared_ptr<const Settings>& settings) {
    for (auto& thread : threads_) {
        boost::asio::post(thread->io, [&thread = *thread, settings] {
            thread.settings = settings;
        });
    }
}

void HttpServer::drain(std::chrono::milliseconds delay) {
    shared_.draining.store(true, std::memory_order_relaxed);
    boost::asio::post(threads_.front()->io, [this, delay] {
        drain_timer_->expires_after(delay);
        drain_timer_->async_wait([this](boost::system::error_code ec) {
            if (ec) return;
            close_listeners();
            for (auto& thread : threads_)
                boost::asio::post(thread->io, [&thread = *thread] { thread.finish(); });
        });
    });
}

void HttpServer::insist() {
    shared_.draining.store(true, std::memory_order_relaxed);
    boost::asio::post(threads_.front()->io, [this] {
        drain_timer_->cancel();
        close_listeners();
        for (auto& thread : threads_)
            boost::asio::post(thread->io, [&thread = *thread] { thread.insist(); });
    });
}

void HttpServer::close_listeners() {
    for (auto& acceptor : acceptors_) acceptor->close();
}

void HttpServer::wait() {
    for (auto& thread : running_) {
        if (thread.joinable()) thread.join();
    }
    running_.clear();
}

bool HttpServer::wait_for(std::chrono::milliseconds most) {
    std::unique_lock lock(mutex_);
    return ended_.wait_for(lock, most, [this] { return left_ == 0; });
}

std::uint64_t HttpServer::connections() const noexcept {
    return shared_.connections.load(std::memory_order_relaxed);
}

}  // namespace graphhook::receiver
