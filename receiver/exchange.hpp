#pragma once

#include "receiver/reply.hpp"
#include "receiver/request.hpp"

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace graphhook::receiver {

/// One request and the place for its reply, as a handler sees it. Lives until it was replied to,
/// however long that takes. Threads: its session's only.
class Exchange {
  public:
    virtual ~Exchange() = default;
    /// Its texts are valid within on_head, on_request and on_oversized only.
    [[nodiscard]] virtual const RequestHead& head() const = 0;
    /// Valid within on_request only; take_body() for longer.
    [[nodiscard]] virtual std::string_view body() const = 0;
    [[nodiscard]] virtual std::string take_body() = 0;
    /// Where the request came from, as far as trusted proxies let us know; for logs.
    [[nodiscard]] virtual std::string client() const = 0;
    [[nodiscard]] virtual bool over_unix() const = 0;
    /// Exactly once.
    virtual void reply(Reply reply) = 0;
    /// reply(202), the short way.
    virtual void accept() = 0;
};

/// What to do with a request of which only the head is there.
struct Verdict {
    /// The handler's own note; on_replied gets it back.
    std::uint8_t endpoint = 0;
    /// False: `reply` at once, whatever body may follow.
    bool read_body = false;
    Reply reply;
    std::uint64_t body_limit = 0;
    /// The body's bytes count against those in flight over all connections.
    bool budgeted = false;
};

/// What the endpoints do; one object for each network thread, called on it.
class RequestHandler {
  public:
    virtual ~RequestHandler() = default;
    [[nodiscard]] virtual Verdict on_head(const Exchange& exchange) = 0;
    /// The body is there. Replies to the exchange, now or later.
    virtual void on_request(Exchange& exchange) = 0;
    /// The body is over the limit; `beginning` is what of it was read.
    [[nodiscard]] virtual Reply on_oversized(
        const Exchange& exchange, std::string_view beginning
    ) = 0;
    /// Bytes that are no request of ours; answered with 400 or 431 and a closed connection.
    virtual void on_bad_request(BadRequest bad) = 0;
    /// `took`: from the first byte of the request to the last of the reply.
    virtual void on_replied(
        std::uint8_t endpoint, unsigned status, std::chrono::nanoseconds took
    ) = 0;
};

}  // namespace graphhook::receiver
