#include "receiver/net_thread.hpp"

#include "receiver/session.hpp"

#include <unistd.h>

namespace graphhook::receiver {
namespace {

/// Deadlines are looked at this often, all of a thread's at once: cheaper than a timer each.
constexpr auto kSweepEvery = std::chrono::milliseconds(200);
constexpr std::size_t kSpareParsers = 16;

}  // namespace

std::string_view to_string(Dropped reason) noexcept {
    switch (reason) {
        case Dropped::Limit:
            return "limit";
        case Dropped::Descriptors:
            return "descriptors";
        case Dropped::TlsHandshake:
            return "tls_handshake";
        case Dropped::ProxyHeader:
            return "proxy_header";
        case Dropped::Idle:
            return "idle";
        case Dropped::HeaderTimeout:
            return "header_timeout";
        case Dropped::BodyTimeout:
            return "body_timeout";
        case Dropped::WriteTimeout:
            return "write_timeout";
    }
    return "other";
}

NetThread::NetThread(Server& owner, std::shared_ptr<const Settings> first_settings)
    : mailbox(make_mailbox(io)),
      server(owner),
      settings(std::move(first_settings)),
      work_(boost::asio::make_work_guard(io)),
      sweep_timer_(io) {
}

NetThread::~NetThread() = default;

void NetThread::adopt(
    int socket, const boost::asio::ip::address& peer, std::shared_ptr<const Listener> from
) {
    std::unique_ptr<Session> made;
    try {
        made = std::make_unique<Session>(*this, socket, peer, std::move(from));
    } catch (const std::exception& error) {  // out of memory, or epoll takes no more
        ::close(socket);
        server.connections.fetch_sub(1, std::memory_order_relaxed);
        server.watch.closed();
        server.watch.dropped(Dropped::Descriptors);
        return;
    }
    Session* const session = made.release();  // deletes itself through forget()
    sessions_.push_back(*session);
    if (!sweeping_) arm_sweep();
    session->start();  // from here on it may be gone
}

void NetThread::forget(Session& session) {
    sessions_.erase(sessions_.iterator_to(session));
    delete &session;
    server.connections.fetch_sub(1, std::memory_order_relaxed);
    server.watch.closed();
    leave_if_done();
}

std::unique_ptr<RequestParser> NetThread::take_parser() {
    if (spare_parsers_.empty()) return std::make_unique<RequestParser>();
    auto parser = std::move(spare_parsers_.back());
    spare_parsers_.pop_back();
    return parser;
}

void NetThread::give_back(std::unique_ptr<RequestParser> parser) {
    if (spare_parsers_.size() < kSpareParsers) spare_parsers_.push_back(std::move(parser));
}

void NetThread::finish() {
    finishing_ = true;
    for (auto it = sessions_.begin(); it != sessions_.end();) (it++)->finish();
    leave_if_done();
}

void NetThread::insist() {
    finishing_ = true;
    for (auto it = sessions_.begin(); it != sessions_.end();) (it++)->abort();
    leave_if_done();
}

void NetThread::leave_if_done() {
    if (!finishing_ || !sessions_.empty()) return;
    work_.reset();
    sweep_timer_.cancel();
}

void NetThread::run() {
    io.run();
}

void NetThread::arm_sweep() {
    sweeping_ = true;
    sweep_timer_.expires_after(kSweepEvery);
    sweep_timer_.async_wait([this](boost::system::error_code ec) {
        sweeping_ = false;
        if (ec || sessions_.empty()) return;
        sweep();
        arm_sweep();
    });
}

void NetThread::sweep() {
    const auto now = server.clock.steady_now();
    for (auto it = sessions_.begin(); it != sessions_.end();) (it++)->expire_if_due(now);
}

}  // namespace graphhook::receiver
