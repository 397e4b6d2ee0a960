#pragma once

#include "receiver/net_thread.hpp"
#include "receiver/step.hpp"
#include "receiver/transport.hpp"

#include <boost/asio/ip/address.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>

#include <coroutine>
#include <memory>
#include <string>
#include <string_view>

namespace graphhook::receiver {

/// One connection, from accept to close: PROXY header, TLS handshake, requests and replies in turn.
///
/// One coroutine, and while it is idle no buffers: bytes are read into the thread's scratch space,
/// and only what is left over when the session has to wait is kept by the session itself. Deletes
/// itself through NetThread::forget. Threads: its NetThread's.
class Session final : public Exchange, public boost::intrusive::list_base_hook<> {
  public:
    Session(
        NetThread& thread, int socket, const boost::asio::ip::address& peer,
        std::shared_ptr<const Listener> listener
    );
    ~Session() override;

    void start();
    /// Ends if it is idle, else after the reply at hand.
    void finish();
    /// Ends as soon as nobody else holds its exchange.
    void abort();
    void expire_if_due(SteadyTime now);

    [[nodiscard]] const RequestHead& head() const override { return parser_->head(); }
    [[nodiscard]] std::string_view body() const override { return parser_->body(); }
    [[nodiscard]] std::string take_body() override { return parser_->take_body(); }
    [[nodiscard]] std::string client() const override;
    [[nodiscard]] bool over_unix() const override { return listener_->over_unix; }
    void reply(Reply reply) override;
    void accept() override;

  private:
    struct Coroutine;
    struct Readiness;
    struct Replied;
    enum class Phase : unsigned char { Opening, Idle, Header, Body, Handling, Writing, Closing };
    enum class Ending : unsigned char { Now, AfterReading };
    using Descriptor =
        boost::asio::posix::basic_stream_descriptor<boost::asio::io_context::executor_type>;

    Coroutine run();
    Step<bool> take_proxy_header();
    Step<bool> shake_hands();
    Step<Ending> converse();
    Step<bool> discard_rest();
    Step<bool> linger();

    void enter(Phase phase, std::chrono::milliseconds allowed);
    [[nodiscard]] Readiness readiness(Io wanted);
    /// Reads once more; what is there now is `in_`.
    [[nodiscard]] Io pull();
    /// Moves what is unread out of the scratch space, before somebody else uses it.
    void stash();
    void set_reply(const Reply& reply);
    [[nodiscard]] bool closes_after(bool reply_closes) const;
    /// Feeds the body; what came of it.
    enum class BodyStep : unsigned char { More, Done, Bad, Oversized, NoBudget };
    [[nodiscard]] BodyStep feed_body(const Verdict& verdict);
    void end_request();

    NetThread& thread_;
    const std::shared_ptr<const Listener> listener_;
    Descriptor descriptor_;
    Transport transport_;
    boost::asio::ip::address peer_;
    SteadyTime deadline_ = SteadyTime::max();
    SteadyTime begun_;
    Phase phase_ = Phase::Opening;
    bool expired_ = false;
    bool aborted_ = false;
    bool replied_ = false;
    bool served_ = false;  ///< A reply was sent.
    bool ended_ = false;   ///< The request has been read to its end.
    bool close_ = false;   ///< After this reply.
    unsigned status_ = 0;
    std::string carry_;    ///< What `in_` lies in when it is not the scratch space.
    std::string_view in_;  ///< Read and not yet used.
    std::string out_;      ///< The reply, or what is left of it.
    std::string_view to_send_;
    std::unique_ptr<RequestParser> parser_;  ///< While there is a request.
    BodyBudget::Share share_;
    std::coroutine_handle<> waiting_for_reply_;
};

}  // namespace graphhook::receiver
