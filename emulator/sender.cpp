#include "emulator/sender.hpp"

#include "core/log.hpp"
#include "emulator/connection.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <exception>

namespace graphhook::emulator {

namespace asio = boost::asio;

namespace {
// Longer than this without work, and the connection is given up.
constexpr SteadyPoint::duration kShortest = std::chrono::milliseconds(1);
constexpr auto kIdle = std::chrono::seconds(30);

LogLimiter& trouble_limiter() {
    static LogLimiter limiter{std::chrono::seconds(2)};
    return limiter;
}
}  // namespace

struct Sender::Worker {
    Worker(asio::io_context& io, std::string endpoint_)
        : endpoint(std::move(endpoint_)), bell(io) {}
    const std::string endpoint;
    asio::steady_timer bell;
    bool waiting = false;
    std::unique_ptr<Connection> connection;
};

Sender::Sender(
    asio::io_context& io, asio::ssl::context& tls, Outbox& outbox, Stats& stats, Clock& clock,
    Options options
)
    : io_(io), tls_(tls), outbox_(outbox), stats_(stats), clock_(clock), options_(options) {
}
Sender::~Sender() = default;

void Sender::wake(const std::string& endpoint) {
    if (stopping_) return;
    // Gathered until the next turn of the loop, so that changes made together travel together.
    const bool first = woken_.empty();
    woken_.insert(endpoint);
    if (first) asio::post(io_, [this] { flush(); });
}

void Sender::flush() {
    const auto woken = std::move(woken_);
    woken_.clear();
    for (const auto& endpoint : woken) {
        if (stopping_) return;
        Pool& pool = pools_[endpoint];
        const auto idle = std::find_if(pool.workers.begin(), pool.workers.end(), [](const auto& w) {
            return w->waiting;
        });
        if (idle != pool.workers.end()) {
            (*idle)->waiting = false;
            (*idle)->bell.cancel();
        } else if (pool.workers.size() < options_.connections) {
            auto worker = std::make_shared<Worker>(io_, endpoint);
            pool.workers.push_back(worker);
            asio::co_spawn(io_, work(worker), [this, worker](const std::exception_ptr& error) {
                leave(worker);
                if (!error) return;
                try {
                    std::rethrow_exception(error);
                } catch (const std::exception& e) {
                    log().error("a connection's task ended: {}", e.what());
                }
            });
        }
    }
}

void Sender::leave(const std::shared_ptr<Worker>& worker) {
    const auto pool = pools_.find(worker->endpoint);
    if (pool == pools_.end()) return;
    std::erase(pool->second.workers, worker);
    if (pool->second.workers.empty()) pools_.erase(pool);
}

void Sender::stop() {
    stopping_ = true;
    for (auto& [endpoint, pool] : pools_) {
        for (auto& worker : pool.workers) {
            worker->bell.cancel();
            if (worker->connection) worker->connection->close();
        }
    }
}

asio::awaitable<void> Sender::work(std::shared_ptr<Worker> worker) {
    while (!stopping_) {
        auto post = outbox_.take(worker->endpoint, clock_.steady_now());
        if (post) {
            // There may be more than this one can carry.
            if (outbox_.has_ready(worker->endpoint, clock_.steady_now())) wake(worker->endpoint);
            co_await send(worker, std::move(post));
            continue;
        }
        const auto due = outbox_.next_due(worker->endpoint);
        // By the injected clock; should that jump, whoever keeps house wakes us.
        worker->bell.expires_after(due ? std::max(*due - clock_.steady_now(), kShortest) : kIdle);
        worker->waiting = true;
        boost::system::error_code error;
        co_await worker->bell.async_wait(asio::redirect_error(asio::use_awaitable, error));
        worker->waiting = false;
        if (!error && !due) break;
    }
}

asio::awaitable<void> Sender::send(std::shared_ptr<Worker> worker, std::unique_ptr<Post> post) {
    if (!worker->connection) {
        worker->connection = std::make_unique<Connection>(io_.get_executor(), tls_, *post->url);
    }
    const bool first = post->attempts == 0;
    Outgoing outgoing;
    outgoing.target = post->url->target;
    outgoing.type = "application/json; charset=utf-8";
    outgoing.body = post->body;
    const Sent sent = co_await worker->connection->post(
        outgoing, first ? options_.first_timeout : options_.retry_timeout
    );
    if (stopping_) {
        outbox_.abandoned(std::move(post));
        co_return;
    }
    Outcome outcome = Outcome::Unreachable;
    if (sent.end == Sent::End::TimedOut) outcome = Outcome::TimedOut;
    if (sent.end == Sent::End::Answered) {
        outcome = sent.status >= 200 && sent.status < 300 ? Outcome::Accepted : Outcome::Refused;
    }
    Reply reply = Reply::InTime;
    if (sent.time >= options_.retry_timeout) {
        reply = Reply::TooSlow;
    } else if (sent.time >= options_.first_timeout) {
        reply = Reply::Slow;
    }
    count(*post, outcome, sent.time);
    std::uint64_t kept_back = 0;
    if (outcome != Outcome::Accepted && trouble_limiter().allow(clock_.steady_now(), kept_back)) {
        log().warn(
            "notifications were not accepted endpoint={} items={} attempt={} status={} "
            "reason=\"{}\" also={}",
            worker->endpoint, post->items.size(), post->attempts + 1, sent.status,
            for_log(sent.trouble), kept_back
        );
    }
    outbox_.finished(std::move(post), outcome, reply, clock_.steady_now());
}

void Sender::count(const Post& post, Outcome outcome, std::chrono::microseconds time) {
    ++stats_.posts_sent;
    stats_.items_posted += post.items.size();
    if (post.repeat) {
        ++stats_.posts_repeated;
    } else if (post.attempts > 0) {
        ++stats_.posts_retried;
    }
    switch (outcome) {
        case Outcome::Accepted:
            ++stats_.posts_accepted;
            if (!post.repeat) stats_.items_accepted += post.items.size();
            stats_.reply_time.add(time);
            break;
        case Outcome::Refused:
            ++stats_.posts_refused;
            stats_.reply_time.add(time);
            break;
        case Outcome::TimedOut:
            ++stats_.posts_timed_out;
            break;
        case Outcome::Unreachable:
            ++stats_.posts_unreachable;
            break;
    }
}

}  // namespace graphhook::emulator
