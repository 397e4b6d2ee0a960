#pragma once

#include "core/clock.hpp"
#include "core/log.hpp"
#include "receiver/exchange.hpp"
#include "receiver/metrics.hpp"
#include "receiver/net_thread.hpp"
#include "receiver/unsid_desk.hpp"

#include <boost/asio/thread_pool.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace graphhook::receiver {

inline constexpr std::uint64_t kMostUnsidBodyBytes = 4u << 10;
/// Beyond so many at once, over all connections: 503 and `Retry-After: 1`.
inline constexpr std::size_t kMostUnsidRequests = 64;

/// What the endpoint needs, shared by all network threads; outlives them, and so does what it
/// refers to.
struct UnsidContext {
    UnsidContext(UnsidDesk& its_desk, Clock& its_clock, Metrics& its_metrics)
        : desk(its_desk), clock(its_clock), metrics(its_metrics) {}

    UnsidDesk& desk;
    Clock& clock;
    Metrics& metrics;
    /// A thread of its own for tokens, which anybody may send in any number: Graph's large bodies
    /// are parsed by others and never wait behind it.
    boost::asio::thread_pool pool{1};
    std::atomic<std::size_t> under_way{0};  ///< From the end of the body to the reply.
    LogLimiter log_limit;
};

/// `POST {base}/unsids` and `DELETE {base}/unsids/{unsid}`: where client apps hand in, renew and
/// withdraw the UNSID of the user whose access token they bring.
///
/// The checks, in this order: method; an Authorization header with one bearer token (no more is
/// looked at without); declared type and encoding; size; the token; what the body or the path says;
/// only then the store is asked. A body's bytes do not count against those in flight of deliveries:
/// they are few, and a flood here shall not use up what is Graph's. A body of DELETE means nothing.
/// No reply repeats anything of the request. One object for each network thread, called on it.
class UnsidEndpoint {
  public:
    UnsidEndpoint(UnsidContext& context, NetThread& thread) : context_(context), thread_(thread) {}

    /// `below_base`: what of a path follows the configured base. False: not our endpoint.
    [[nodiscard]] static bool owns(std::string_view below_base) noexcept;

    // As in RequestHandler, for paths that it owns.
    [[nodiscard]] Verdict on_head(const Exchange& exchange, std::string_view below_base);
    void on_request(Exchange& exchange, std::string_view below_base);
    [[nodiscard]] Reply on_oversized(const Exchange& exchange);

  private:
    struct Job;
    struct Judged;

    void judge(Exchange& exchange, const Job& job);
    void perform(Exchange& exchange, const Job& job, Judged judged);
    void send(Exchange& exchange, Reply reply);
    void finish(Exchange& exchange, Reply reply);
    [[nodiscard]] Reply refuse(Reply reply, std::string_view reason, std::string_view client);

    UnsidContext& context_;
    NetThread& thread_;
};

/// The one token of "Bearer <token68>" (RFC 9110 11.4, RFC 6750 2.1), the scheme in any case of
/// letters; nullopt for whatever else.
[[nodiscard]] std::optional<std::string_view> bearer_of(std::string_view authorization) noexcept;

/// `text` as a quoted-string may carry it in error_description (RFC 6750 3): other characters
/// become '?', and it is cut at 200.
[[nodiscard]] std::string quotable(std::string_view text);

}  // namespace graphhook::receiver
