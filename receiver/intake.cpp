#include "receiver/intake.hpp"

#include "core/log.hpp"
#include "core/text.hpp"
#include "core/time_text.hpp"
#include "receiver/media_type.hpp"
#include "receiver/query.hpp"
#include "receiver/refused_body.hpp"

#include <boost/asio/post.hpp>
#include <prometheus/counter.h>
#include <prometheus/histogram.h>

#include <algorithm>
#include <optional>
#include <span>
#include <unordered_map>
#include <utility>

namespace graphhook::receiver {
namespace {

/// A batch that has grown this large goes to the store before the turn's end.
constexpr std::size_t kMostBatchItems = 1'024;

struct Route {
    std::string_view path;
    Endpoint endpoint;
    bool below_base;  ///< `path` follows the configured base.
};
constexpr std::array kRoutes = {
    Route{"/notifications", Endpoint::Notifications, true},
    Route{"/lifecycle", Endpoint::Lifecycle, true},
    Route{"/livez", Endpoint::Livez, false},
    Route{"/readyz", Endpoint::Readyz, false},
    Route{"/healthz", Endpoint::Healthz, false},
};

Verdict answer(Endpoint endpoint, Reply reply) {
    Verdict verdict;
    verdict.endpoint = static_cast<std::uint8_t>(endpoint);
    verdict.reply = std::move(reply);
    return verdict;
}

Verdict not_allowed(Endpoint endpoint, std::string_view allow) {
    Verdict verdict = answer(endpoint, status_reply(405));
    verdict.reply.headers = allow;
    return verdict;
}

std::string_view to_string(PayloadFault fault) {
    switch (fault) {
        case PayloadFault::None:
            return "none";
        case PayloadFault::NotJson:
            return "not_json";
        case PayloadFault::WrongShape:
            return "wrong_shape";
        case PayloadFault::TooManyItems:
            return "too_many_items";
    }
    return "not_json";
}

class Intake final : public RequestHandler {
  public:
    Intake(const IntakeContext& context, NetThread& thread)
        : context_(context),
          thread_(thread),
          parser_(thread.settings->limits.items, thread.settings->limits.json_depth) {
        if (context.unsids != nullptr) unsids_.emplace(*context.unsids, thread);
    }

    Verdict on_head(const Exchange& exchange) override;
    void on_request(Exchange& exchange) override;
    Reply on_oversized(const Exchange& exchange, std::string_view beginning) override;
    void on_bad_request(BadRequest bad) override { context_.metrics.bad_request(bad); }
    void on_replied(std::uint8_t endpoint, unsigned status, std::chrono::nanoseconds took)
        override {
        context_.metrics.replied(
            static_cast<Endpoint>(endpoint), status, context_.clock.steady_now(), took
        );
    }

  private:
    /// A request whose body was read; what of its head is still needed.
    struct Declared {
        bool other_type = false;  ///< It says it is something else than JSON.
    };
    /// A request that waits for the store's word about some of its items.
    struct Asking {
        Exchange& exchange;
        PostTokens tokens;
        std::vector<std::optional<store::Item>> slots;
        struct Open {
            std::size_t slot;
            PayloadItem item;
        };
        std::vector<Open> open;
    };

    [[nodiscard]] const Route* route_of(std::string_view path) const;
    /// What follows the base, of a request for the UNSIDs' endpoint; nullopt for others, and where
    /// nobody keeps UNSIDs.
    [[nodiscard]] std::optional<std::string_view> unsids_path(const Exchange& exchange) const;
    void parse_elsewhere(Exchange& exchange);
    void take(
        Exchange& exchange, PayloadFault fault, std::span<PayloadItem> items, PostTokens tokens,
        std::string_view body, Declared declared
    );
    void refuse_body(
        Exchange& exchange, unsigned status, PayloadFault fault, std::string_view body
    );
    void sample_if_known(std::string_view body, unsigned status, std::string_view reason);
    void ask(const std::shared_ptr<Asking>& asking);
    void answered(Asking& asking, std::vector<store::KnownPtr> answers);
    store::Item accept_item(PayloadItem& item, const store::KnownPtr& known, PostTokens& tokens);
    void enqueue(Exchange& exchange);
    void flush();

    const IntakeContext& context_;
    NetThread& thread_;
    PayloadParser parser_;
    std::optional<UnsidEndpoint> unsids_;
    std::vector<store::Item> accepted_;  ///< Of the request at hand.
    std::vector<store::Item> batch_;
    std::vector<Exchange*> waiting_;  ///< Those whose items are in `batch_`.
    bool flush_due_ = false;
    std::unordered_map<std::string, prometheus::Counter*> received_;
    std::unordered_map<std::string, prometheus::Histogram*> lags_;
    std::string label_;
    static LogLimiter log_limit_;
};

LogLimiter Intake::log_limit_;

const Route* Intake::route_of(std::string_view path) const {
    for (const Route& route : kRoutes) {
        const auto base =
            route.below_base ? std::string_view(context_.base_path) : std::string_view();
        if (path.size() == base.size() + route.path.size() && path.ends_with(route.path) &&
            path.starts_with(base))
            return &route;
    }
    return nullptr;
}

std::optional<std::string_view> Intake::unsids_path(const Exchange& exchange) const {
    if (!unsids_) return std::nullopt;
    auto path = exchange.head().path();
    if (!path.starts_with(context_.base_path)) return std::nullopt;
    path.remove_prefix(context_.base_path.size());
    return UnsidEndpoint::owns(path) ? std::optional(path) : std::nullopt;
}

Verdict Intake::on_head(const Exchange& exchange) {
    const RequestHead& head = exchange.head();
    const auto path = head.path();
    const Route* const found = route_of(path);
    if (found == nullptr) {
        const auto unsids = unsids_path(exchange);
        return unsids ? unsids_->on_head(exchange, *unsids)
                      : answer(Endpoint::Other, status_reply(404));
    }
    if (!found->below_base) {
        auto verdict = *health_verdict(path, head.method, context_.health);
        verdict.endpoint = static_cast<std::uint8_t>(found->endpoint);
        return verdict;
    }
    if (head.method != Method::Post) return not_allowed(found->endpoint, "Allow: POST\r\n");
    if (const auto query = head.query(); !query.empty()) {
        auto handshake = find_handshake(query);
        if (handshake.is != Handshake::Is::Absent) {
            const bool valid = handshake.is == Handshake::Is::Valid;
            context_.metrics.handshake(valid);
            return answer(
                found->endpoint,
                valid ? handshake_reply(std::move(handshake.token)) : status_reply(400)
            );
        }
    }
    if (!says_identity(head.content_encoding())) return answer(found->endpoint, status_reply(415));
    Verdict verdict;
    verdict.endpoint = static_cast<std::uint8_t>(found->endpoint);
    verdict.read_body = true;
    verdict.body_limit = thread_.settings->limits.body_bytes;
    verdict.budgeted = true;
    return verdict;
}

void Intake::on_request(Exchange& exchange) {
    if (const auto unsids = unsids_path(exchange)) return unsids_->on_request(exchange, *unsids);
    const auto body = exchange.body();
    if (body.empty()) {
        context_.metrics.empty_delivery();
        return exchange.accept();
    }
    if (body.size() > thread_.settings->limits.offload_bytes) return parse_elsewhere(exchange);
    const auto type = exchange.head().content_type();
    const Declared declared{!type.empty() && !says_json(type)};
    const auto fault = parser_.parse(body);
    take(exchange, fault, parser_.items(), PostTokens(parser_.take_tokens()), body, declared);
}

void Intake::parse_elsewhere(Exchange& exchange) {
    struct Job {
        std::string body;
        Declared declared;
        PayloadFault fault = PayloadFault::None;
        std::vector<PayloadItem> items;
        PostTokens tokens;
    };
    auto job = std::make_shared<Job>();
    const auto type = exchange.head().content_type();
    job->declared.other_type = !type.empty() && !says_json(type);
    job->body = exchange.take_body();
    boost::asio::post(
        context_.pool,
        [this, &exchange, job = std::move(job), settings = thread_.settings]() mutable {
            PayloadParser parser(settings->limits.items, settings->limits.json_depth);
            job->fault = parser.parse(job->body);
            const auto items = parser.items();
            job->items.assign(
                std::make_move_iterator(items.begin()), std::make_move_iterator(items.end())
            );
            job->tokens = PostTokens(parser.take_tokens());
            // Here rather than on the network's thread, as they may be megabytes.
            if (std::any_of(job->items.begin(), job->items.end(), [](const auto& item) {
                    return item.rich;
                }))
                (void)job->tokens.hash();
            std::vector<Task> tasks;
            tasks.emplace_back([this, &exchange, job = std::move(job)] {
                take(
                    exchange, job->fault, job->items, std::move(job->tokens), job->body,
                    job->declared
                );
            });
            thread_.mailbox->post(std::move(tasks));
        }
    );
}

void Intake::take(
    Exchange& exchange, PayloadFault fault, std::span<PayloadItem> items, PostTokens tokens,
    std::string_view body, Declared declared
) {
    if (fault == PayloadFault::TooManyItems) return refuse_body(exchange, 413, fault, body);
    if (fault != PayloadFault::None)
        return refuse_body(
            exchange, declared.other_type && fault == PayloadFault::NotJson ? 415 : 400, fault, body
        );
    const auto picture = context_.journal.known();
    const auto& tenant_ids = thread_.settings->tenant_ids;
    std::shared_ptr<Asking> asking;
    accepted_.clear();
    for (PayloadItem& item : items) {
        const auto found = look_up(item, *picture, tenant_ids);
        if (found.refused) {
            context_.metrics.item_refused(*found.refused);
            continue;
        }
        if (found.known != nullptr) {
            auto made = accept_item(item, found.known, tokens);
            if (asking != nullptr) {
                asking->slots.emplace_back(std::move(made));
            } else {
                accepted_.push_back(std::move(made));
            }
            continue;
        }
        if (asking == nullptr) {
            asking = std::make_shared<Asking>(Asking{exchange, {}, {}, {}});
            for (auto& made : accepted_) asking->slots.emplace_back(std::move(made));
            accepted_.clear();
        }
        asking->open.push_back({asking->slots.size(), std::move(item)});
        asking->slots.emplace_back();
    }
    if (asking != nullptr) {
        asking->tokens = std::move(tokens);
        return ask(asking);
    }
    enqueue(exchange);
}

void Intake::refuse_body(
    Exchange& exchange, unsigned status, PayloadFault fault, std::string_view body
) {
    sample_if_known(body, status, to_string(fault));
    std::uint64_t suppressed = 0;
    if (log_limit_.allow(context_.clock.steady_now(), suppressed))
        log().warn(
            "refused a body status={} reason={} bytes={} client={} suppressed={}", status,
            to_string(fault), body.size(), exchange.client(), suppressed
        );
    exchange.reply(status_reply(status));
}

void Intake::sample_if_known(std::string_view body, unsigned status, std::string_view reason) {
    const auto first = find_first_item(body);
    if (first.subscription_id.empty()) return;
    const auto known = context_.journal.known()->by_id(first.subscription_id);
    if (known == nullptr) return;
    if (first.state_hash && !equal_in_constant_time(*first.state_hash, known->state_hash)) return;
    context_.metrics.refused_known(status);
    context_.journal.keep_refused(store::RefusedBody{
        0, context_.clock.system_now(), fmt::format("{} {}", status, reason), known->family->name,
        masked_sample(body)
    });
}

Reply Intake::on_oversized(const Exchange& exchange, std::string_view beginning) {
    if (unsids_path(exchange)) return unsids_->on_oversized(exchange);
    sample_if_known(beginning, 413, "body_too_large");
    std::uint64_t suppressed = 0;
    if (log_limit_.allow(context_.clock.steady_now(), suppressed))
        log().warn(
            "refused a body status=413 reason=body_too_large client={} suppressed={}",
            exchange.client(), suppressed
        );
    return status_reply(413);
}

void Intake::ask(const std::shared_ptr<Asking>& asking) {
    std::vector<store::Store::Query> queries;
    queries.reserve(asking->open.size());
    for (const auto& open : asking->open)
        queries.push_back({lowered(open.item.subscription_id), open.item.state_hash});
    context_.journal.ask(
        std::move(queries), {thread_.mailbox.get(),
                             [this, asking](Result<std::vector<store::KnownPtr>> answers) {
                                 if (!answers || answers->size() != asking->open.size())
                                     return asking->exchange.reply(unavailable_reply());
                                 answered(*asking, std::move(*answers));
                             }}
    );
}

void Intake::answered(Asking& asking, std::vector<store::KnownPtr> answers) {
    for (std::size_t i = 0; i < answers.size(); ++i) {
        auto& open = asking.open[i];
        const auto found =
            look_up_asked(open.item, std::move(answers[i]), thread_.settings->tenant_ids);
        if (found.refused) {
            context_.metrics.item_refused(*found.refused);
        } else {
            asking.slots[open.slot] = accept_item(open.item, found.known, asking.tokens);
        }
    }
    accepted_.clear();
    for (auto& slot : asking.slots) {
        if (slot) accepted_.push_back(std::move(*slot));
    }
    enqueue(asking.exchange);
}

store::Item Intake::accept_item(
    PayloadItem& item, const store::KnownPtr& known, PostTokens& tokens
) {
    auto made = make_item(item, *known, tokens);
    const store::Stream& stream = *made.stream;
    label_.assign(stream.tenant).append(1, '\n').append(stream.kind).append(1, '\n');
    label_.append(stream.change);
    auto counter = received_.find(label_);
    if (counter == received_.end()) {
        if (received_.size() > kMostBatchItems) received_.clear();
        auto& fresh = context_.metrics.received(stream.tenant, stream.kind, stream.change);
        counter = received_.emplace(label_, &fresh).first;
    }
    counter->second->Increment();
    if (!item.event_time.empty()) {
        if (const auto when = parse_time(item.event_time)) {
            auto& lag = lags_[stream.kind];
            if (lag == nullptr) lag = &context_.metrics.arrival_lag(stream.kind);
            const std::chrono::duration<double> seconds = context_.clock.system_now() - *when;
            lag->Observe(seconds.count());
        }
    }
    if (context_.hints != nullptr && ends_earlier(item, *known))
        context_.hints->ends_earlier(known);
    return made;
}

void Intake::enqueue(Exchange& exchange) {
    if (accepted_.empty()) return exchange.accept();
    std::move(accepted_.begin(), accepted_.end(), std::back_inserter(batch_));
    waiting_.push_back(&exchange);
    if (batch_.size() >= kMostBatchItems) return flush();
    if (std::exchange(flush_due_, true)) return;
    boost::asio::post(thread_.io, [this] {
        flush_due_ = false;
        flush();
    });
}

void Intake::flush() {
    if (waiting_.empty()) return;
    auto done = [waiting = std::exchange(waiting_, {})](const Result<store::Appended>& appended) {
        for (Exchange* const exchange : waiting) {
            if (appended) {
                exchange->accept();
            } else {
                exchange->reply(unavailable_reply());
            }
        }
    };
    context_.journal.append(
        std::exchange(batch_, {}), context_.clock.system_now(),
        {thread_.mailbox.get(), std::move(done)}
    );
}

}  // namespace

std::unique_ptr<RequestHandler> make_intake(const IntakeContext& context, NetThread& thread) {
    return std::make_unique<Intake>(context, thread);
}

std::optional<Verdict> health_verdict(std::string_view path, Method method, const Health& health) {
    if (path != "/livez" && path != "/readyz" && path != "/healthz") return std::nullopt;
    if (method != Method::Get && method != Method::Head)
        return not_allowed(Endpoint::Other, "Allow: GET, HEAD\r\n");
    const auto state = health.state();
    if (path != "/readyz") return answer(Endpoint::Other, text_reply(200, "ok\n"));
    switch (state) {
        case Health::State::Ready:
            return answer(Endpoint::Other, text_reply(200, "ready\n"));
        case Health::State::Starting:
            return answer(Endpoint::Other, text_reply(503, "starting\n"));
        case Health::State::Draining:
            break;
    }
    return answer(Endpoint::Other, text_reply(503, "draining\n"));
}

}  // namespace graphhook::receiver
