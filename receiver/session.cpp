#include "receiver/session.hpp"

#include "core/log.hpp"
#include "receiver/proxy_header.hpp"
#include "receiver/refused_body.hpp"
#include "receiver/tls_context.hpp"

#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>

namespace graphhook::receiver {
namespace {

/// After an early reply this much of the request's body is read over, to keep the connection.
constexpr std::uint64_t kDiscardBytes = 64u << 10;
/// Closing with bytes unread would reset the connection and might cost the peer our reply.
constexpr auto kLinger = std::chrono::milliseconds(2'000);
constexpr std::uint64_t kLingerBytes = 16u << 20;
/// While stopping, a connection that has not asked anything yet may still do so for this long.
constexpr auto kFirstRequestGrace = std::chrono::milliseconds(1'000);
constexpr std::size_t kKeptWhileIdle = 256;
constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

Reply closing(unsigned status) {
    auto reply = status_reply(status);
    reply.close = true;
    return reply;
}

}  // namespace

/// The outermost frame: runs at once, frees itself at its end.
struct Session::Coroutine {
    struct promise_type {
        Coroutine get_return_object() { return {}; }
        std::suspend_never initial_suspend() noexcept { return {}; }
        std::suspend_never final_suspend() noexcept { return {}; }
        void return_void() {}
        void unhandled_exception() { std::terminate(); }
    };
};

/// `co_await` gives false when the session shall end.
struct Session::Readiness {
    Session& session;
    Descriptor::wait_type kind;

    bool await_ready() const noexcept { return session.aborted_ || session.expired_; }
    void await_suspend(std::coroutine_handle<> self) {
        session.stash();
        session.descriptor_.async_wait(kind, [self](boost::system::error_code) { self.resume(); });
    }
    bool await_resume() const noexcept { return !session.aborted_ && !session.expired_; }
};

struct Session::Replied {
    Session& session;

    bool await_ready() const noexcept { return session.replied_; }
    void await_suspend(std::coroutine_handle<> self) {
        session.stash();
        session.waiting_for_reply_ = self;
    }
    void await_resume() const noexcept { session.waiting_for_reply_ = nullptr; }
};

Session::Session(
    NetThread& thread, int socket, const boost::asio::ip::address& peer,
    std::shared_ptr<const Listener> listener
)
    : thread_(thread),
      listener_(std::move(listener)),
      descriptor_(thread.io, socket),
      transport_(socket),
      peer_(peer) {
    const int on = 1;
    if (!listener_->over_unix) ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

Session::~Session() = default;

void Session::start() {
    run();
}

void Session::finish() {
    if (phase_ != Phase::Idle) return;
    if (served_) return abort();
    deadline_ = std::min(deadline_, thread_.server.clock.steady_now() + kFirstRequestGrace);
}

void Session::abort() {
    aborted_ = true;
    boost::system::error_code ignored;
    descriptor_.cancel(ignored);
}

void Session::expire_if_due(SteadyTime now) {
    if (now < deadline_ || expired_ || aborted_) return;
    expired_ = true;
    boost::system::error_code ignored;
    descriptor_.cancel(ignored);
    auto& watch = thread_.server.watch;
    switch (phase_) {
        case Phase::Opening:
            watch.dropped(Dropped::TlsHandshake);
            break;
        case Phase::Idle:
            watch.dropped(Dropped::Idle);
            break;
        case Phase::Header:
            watch.dropped(Dropped::HeaderTimeout);
            break;
        case Phase::Body:
            watch.dropped(Dropped::BodyTimeout);
            break;
        case Phase::Writing:
            watch.dropped(Dropped::WriteTimeout);
            break;
        case Phase::Handling:
        case Phase::Closing:
            break;
    }
}

std::string Session::client() const {
    if (listener_->over_unix) {
        ::ucred peer{};
        ::socklen_t size = sizeof peer;
        if (::getsockopt(transport_.socket(), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
            return "unix";
        return fmt::format("unix uid={}", peer.uid);
    }
    const auto& trusted = thread_.settings->trusted_proxies;
    if (parser_ != nullptr && trusted.contains(peer_)) {
        if (const auto named = forwarded_client(head().forwarded_for(), trusted))
            return named->to_string();
    }
    return peer_.to_string();
}

void Session::reply(Reply reply) {
    set_reply(reply);
    replied_ = true;
    if (waiting_for_reply_) waiting_for_reply_.resume();
}

void Session::accept() {
    if (closes_after(false)) return reply(Reply{});
    status_ = 202;
    close_ = false;
    to_send_ = thread_.writer.accepted(thread_.server.clock.system_now());
    replied_ = true;
    if (waiting_for_reply_) waiting_for_reply_.resume();
}

bool Session::closes_after(bool reply_closes) const {
    return reply_closes || parser_->head().close || thread_.finishing() ||
           thread_.server.draining.load(std::memory_order_relaxed) ||
           (!ended_ && (parser_->head().expects_continue ||
                        parser_->head().content_length.value_or(0) > kDiscardBytes));
}

void Session::set_reply(const Reply& reply) {
    status_ = reply.status;
    close_ = closes_after(reply.close);
    out_.clear();
    const ReplyForm form{close_, parser_->head().method == Method::Head};
    thread_.writer.append(out_, reply, form, thread_.server.clock.system_now());
    to_send_ = out_;
}

void Session::enter(Phase phase, std::chrono::milliseconds allowed) {
    phase_ = phase;
    deadline_ = allowed == std::chrono::milliseconds::max()
                    ? SteadyTime::max()
                    : thread_.server.clock.steady_now() + allowed;
}

Session::Readiness Session::readiness(Io wanted) {
    return {*this, wanted == Io::WantWrite ? Descriptor::wait_write : Descriptor::wait_read};
}

void Session::stash() {
    if (in_.empty()) {
        carry_.clear();
        if (carry_.capacity() > kKeptWhileIdle) carry_.shrink_to_fit();
        in_ = {};
        return;
    }
    if (phase_ == Phase::Body) parser_->keep_head();
    const bool in_carry = !carry_.empty() && in_.data() >= carry_.data() &&
                          in_.data() < carry_.data() + carry_.size();
    if (in_carry) {
        carry_.erase(0, static_cast<std::size_t>(in_.data() - carry_.data()));
    } else {
        carry_.assign(in_);
    }
    in_ = carry_;
}

Io Session::pull() {
    if (phase_ == Phase::Body) parser_->keep_head();
    stash();
    std::size_t count = 0;
    const Io io = transport_.read(thread_.scratch, count);
    if (io != Io::Done) return io;
    if (carry_.empty()) {
        in_ = {thread_.scratch.data(), count};
    } else {
        carry_.append(thread_.scratch.data(), count);
        in_ = carry_;
    }
    return io;
}

Session::BodyStep Session::feed_body(const Verdict& verdict) {
    const auto& head = parser_->head();
    const auto fed = parser_->feed_body(in_);
    in_.remove_prefix(fed.used);
    const auto so_far = parser_->body_bytes();
    if (fed.step == RequestParser::Step::Bad) return BodyStep::Bad;
    const bool declared_too_large = head.content_length.value_or(0) > verdict.body_limit;
    if (so_far > verdict.body_limit || (declared_too_large && so_far >= kRefusedSampleBytes))
        return BodyStep::Oversized;
    if (verdict.budgeted &&
        !share_.grow(
            thread_.server.bodies, so_far, thread_.settings->limits.bodies_in_flight_bytes
        ))
        return BodyStep::NoBudget;
    if (fed.step == RequestParser::Step::Done) return BodyStep::Done;
    // A chunk's head or a trailer without an end.
    if (fed.used == 0 && in_.size() > thread_.settings->limits.header_bytes) return BodyStep::Bad;
    return BodyStep::More;
}

void Session::end_request() {
    share_.release();
    thread_.give_back(std::move(parser_));
    if (out_.capacity() > kKeptWhileIdle) std::string().swap(out_);
}

Session::Coroutine Session::run() {
    try {
        bool open = true;
        if (thread_.settings->proxy_protocol && !listener_->over_unix)
            open = co_await take_proxy_header();
        if (open && listener_->tls != nullptr) open = co_await shake_hands();
        if (open) {
            const Ending ending = co_await converse();
            if (!aborted_ && !expired_) {
                transport_.shut_down();
                if (ending == Ending::AfterReading) co_await linger();
            }
        }
    } catch (const std::exception& error) {
        log().error("a connection ended by an internal error what={}", error.what());
    }
    thread_.forget(*this);
}

Step<bool> Session::take_proxy_header() {
    enter(Phase::Opening, thread_.settings->limits.handshake_timeout);
    std::string bytes;
    while (thread_.settings->trusted_proxies.contains(peer_)) {
        const auto header = read_proxy_header(bytes);
        if (header.is == ProxyHeader::Is::Bad) break;
        if (header.is == ProxyHeader::Is::Whole) {
            if (header.source) peer_ = *header.source;
            co_return true;
        }
        // Not one byte more than the header is taken: the next belongs to TLS.
        const auto before = bytes.size();
        bytes.resize(before + header.size);
        const auto got = ::recv(descriptor_.native_handle(), bytes.data() + before, header.size, 0);
        bytes.resize(before + static_cast<std::size_t>(std::max<::ssize_t>(got, 0)));
        if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) break;
        if (got < 0 && errno == EAGAIN) {
            const bool go_on = co_await readiness(Io::WantRead);
            if (!go_on) co_return false;
        }
    }
    thread_.server.watch.dropped(Dropped::ProxyHeader);
    co_return false;
}

Step<bool> Session::shake_hands() {
    enter(Phase::Opening, thread_.settings->limits.handshake_timeout);
    const auto context = listener_->tls->current();
    if (!transport_.start_tls(context.get())) co_return false;
    for (;;) {
        const Io io = transport_.handshake();
        if (io == Io::Done) co_return true;
        if (io == Io::Closed || io == Io::Failed) {
            thread_.server.watch.dropped(Dropped::TlsHandshake);
            co_return false;
        }
        const bool go_on = co_await readiness(io);
        if (!go_on) co_return false;
    }
}

Step<Session::Ending> Session::converse() {
    bool may_have_come = true;
    for (;;) {
        const auto settings = thread_.settings;
        const Limits& limits = settings->limits;

        // --- the first byte
        enter(Phase::Idle, limits.idle);
        if (thread_.finishing()) finish();
        while (in_.empty()) {
            Io io = Io::WantRead;
            if (std::exchange(may_have_come, true)) io = pull();
            if (io == Io::Done) break;
            if (io == Io::Closed || io == Io::Failed) co_return Ending::Now;
            const bool go_on = co_await readiness(io);
            if (!go_on) co_return Ending::Now;
        }

        // --- the head
        enter(Phase::Header, limits.header_timeout);
        begun_ = deadline_ - limits.header_timeout;
        parser_ = thread_.take_parser();
        parser_->start(limits.header_bytes);
        ended_ = replied_ = false;
        RequestParser::Fed head_fed;
        for (;;) {
            head_fed = parser_->feed_head(in_);
            if (head_fed.step != RequestParser::Step::More) break;
            const Io io = pull();
            if (io == Io::Done) continue;
            if (io == Io::Closed || io == Io::Failed) co_return Ending::Now;
            const bool go_on = co_await readiness(io);
            if (!go_on) co_return Ending::Now;
        }
        in_.remove_prefix(head_fed.used);

        // --- the body
        Verdict verdict;
        BodyStep step = BodyStep::Bad;
        if (head_fed.step == RequestParser::Step::Done) {
            verdict = thread_.handler->on_head(*this);
            step = BodyStep::Done;
            if (!parser_->head().has_body()) {
                ended_ = true;
            } else if (verdict.read_body) {
                enter(Phase::Body, limits.body_timeout);
                if (parser_->head().expects_continue && in_.empty()) {
                    std::size_t count = 0;
                    if (transport_.write(kContinue, count) != Io::Done || count != kContinue.size())
                        co_return Ending::Now;
                }
                for (;;) {
                    step = feed_body(verdict);
                    if (step != BodyStep::More) break;
                    const Io io = pull();
                    if (io == Io::Done) continue;
                    if (io == Io::Closed || io == Io::Failed) co_return Ending::Now;
                    const bool go_on = co_await readiness(io);
                    if (!go_on) co_return Ending::Now;
                }
                ended_ = step == BodyStep::Done;
            }
        }

        // --- the reply
        enter(Phase::Handling, std::chrono::milliseconds::max());
        switch (step) {
            case BodyStep::More:
            case BodyStep::Bad:
                thread_.handler->on_bad_request(parser_->bad());
                set_reply(closing(parser_->bad() == BadRequest::HeaderTooLarge ? 431 : 400));
                break;
            case BodyStep::Oversized: {
                auto reply = thread_.handler->on_oversized(*this, parser_->body());
                reply.close = true;
                set_reply(reply);
                break;
            }
            case BodyStep::NoBudget: {
                auto reply = unavailable_reply();
                reply.close = !ended_;
                set_reply(reply);
                break;
            }
            case BodyStep::Done:
                if (verdict.read_body) {
                    thread_.handler->on_request(*this);
                } else {
                    set_reply(verdict.reply);
                }
                break;
        }
        if (step == BodyStep::Done && verdict.read_body && !replied_) {
            Replied replied{*this};
            co_await replied;
        }
        if (aborted_) co_return Ending::Now;

        // --- sending it
        enter(Phase::Writing, limits.write_timeout);
        while (!to_send_.empty()) {
            std::size_t count = 0;
            const Io io = transport_.write(to_send_, count);
            to_send_.remove_prefix(count);
            if (io == Io::Done) continue;
            if (io == Io::Closed || io == Io::Failed) co_return Ending::Now;
            if (to_send_.data() < out_.data() || to_send_.data() >= out_.data() + out_.size()) {
                out_.assign(to_send_);
                to_send_ = out_;
            }
            const bool go_on = co_await readiness(io);
            if (!go_on) co_return Ending::Now;
        }
        served_ = true;
        thread_.handler->on_replied(
            verdict.endpoint, status_, thread_.server.clock.steady_now() - begun_
        );
        if (close_) co_return ended_ ? Ending::Now : Ending::AfterReading;
        if (!ended_) {
            const bool discarded = co_await discard_rest();
            if (!discarded) co_return Ending::AfterReading;
        }
        end_request();
        may_have_come = transport_.has_pending();
    }
}

/// Reads over what is left of the request. False: too much, or not well-formed.
Step<bool> Session::discard_rest() {
    enter(Phase::Body, thread_.settings->limits.body_timeout);
    parser_->discard_body();
    const Verdict verdict{0, true, {}, kDiscardBytes, false};
    for (;;) {
        const BodyStep step = feed_body(verdict);
        if (step != BodyStep::More) co_return step == BodyStep::Done;
        const Io io = pull();
        if (io == Io::Done) continue;
        if (io == Io::Closed || io == Io::Failed) co_return false;
        const bool go_on = co_await readiness(io);
        if (!go_on) co_return false;
    }
}

Step<bool> Session::linger() {
    enter(Phase::Closing, kLinger);
    in_ = {};
    std::uint64_t total = 0;
    while (total < kLingerBytes) {
        const auto got =
            ::recv(descriptor_.native_handle(), thread_.scratch.data(), thread_.scratch.size(), 0);
        if (got > 0) {
            total += static_cast<std::uint64_t>(got);
            continue;
        }
        if (got == 0 || (errno != EAGAIN && errno != EINTR)) co_return true;
        const bool go_on = co_await readiness(Io::WantRead);
        if (!go_on) co_return false;
    }
    co_return true;
}

}  // namespace graphhook::receiver
