#pragma once

#include "core/clock.hpp"
#include "core/mailbox.hpp"
#include "receiver/body_budget.hpp"
#include "receiver/exchange.hpp"
#include "receiver/networks.hpp"
#include "receiver/options.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/intrusive/list.hpp>

#include <array>
#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace graphhook::receiver {

class Session;
class TlsContext;

/// What may change while we serve; each thread holds one, and is given another.
struct Settings {
    Limits limits;
    Networks trusted_proxies;
    bool proxy_protocol = false;
    std::map<std::string, std::string> tenant_ids;
};

/// Why a connection was refused or ended by us. The texts are values of the label `reason`.
enum class Dropped : std::uint8_t {
    Limit,         ///< Too many connections.
    Descriptors,   ///< The system has no descriptors left.
    TlsHandshake,  ///< Failed, or not in time.
    ProxyHeader,   ///< Not one, or not from a trusted proxy.
    Idle,
    HeaderTimeout,
    BodyTimeout,
    WriteTimeout,
};
inline constexpr std::size_t kDroppedReasons = 8;
[[nodiscard]] std::string_view to_string(Dropped reason) noexcept;

/// Told of connections. Threads: any.
class ConnectionWatch {
  public:
    virtual ~ConnectionWatch() = default;
    virtual void opened() = 0;
    virtual void closed() = 0;
    virtual void dropped(Dropped reason) = 0;
};

/// A listening socket as its connections see it.
struct Listener {
    std::shared_ptr<TlsContext> tls;  ///< nullptr: plain.
    bool over_unix = false;
};

using SessionList = boost::intrusive::list<
    Session, boost::intrusive::base_hook<boost::intrusive::list_base_hook<>>,
    boost::intrusive::constant_time_size<true>>;

/// A network thread's things, shared by the sessions that live on it. Threads: its own, but for
/// `io`, `mailbox` and `server`.
class NetThread {
  public:
    /// What all threads of a server share.
    struct Server {
        Server(Clock& its_clock, ConnectionWatch& its_watch) : clock(its_clock), watch(its_watch) {}

        Clock& clock;
        ConnectionWatch& watch;
        BodyBudget bodies;
        std::atomic<std::uint64_t> connections{0};
        /// Replies carry "Connection: close".
        std::atomic<bool> draining{false};
    };

    NetThread(Server& server, std::shared_ptr<const Settings> settings);
    ~NetThread();

    boost::asio::io_context io{1};
    const std::unique_ptr<Mailbox> mailbox;
    Server& server;
    std::shared_ptr<const Settings> settings;
    std::unique_ptr<RequestHandler> handler;
    ReplyWriter writer;
    /// Where every session reads to first; belongs to whoever runs, until it waits.
    std::array<char, 32u << 10> scratch;

    /// Takes the socket over.
    void adopt(
        int socket, const boost::asio::ip::address& peer, std::shared_ptr<const Listener> from
    );
    /// For Session: it has ended.
    void forget(Session& session);
    [[nodiscard]] std::unique_ptr<RequestParser> take_parser();
    void give_back(std::unique_ptr<RequestParser> parser);

    /// From now on idle sessions end, others after the reply at hand; run() returns after the last.
    void finish();
    /// All sessions end, but for those that wait for a reply: they end without it being sent.
    void insist();
    [[nodiscard]] bool finishing() const noexcept { return finishing_; }
    /// Runs until finish() and the end of the last session.
    void run();

  private:
    void sweep();
    void arm_sweep();
    void leave_if_done();

    std::optional<boost::asio::executor_work_guard<boost::asio::io_context::executor_type>> work_;
    boost::asio::steady_timer sweep_timer_;
    bool sweeping_ = false;
    bool finishing_ = false;
    SessionList sessions_;
    std::vector<std::unique_ptr<RequestParser>> spare_parsers_;
};

}  // namespace graphhook::receiver
