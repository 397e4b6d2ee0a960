#include "receiver/unsid_endpoint.hpp"

#include "core/text.hpp"
#include "receiver/media_type.hpp"
#include "receiver/unsid_form.hpp"

#include <boost/asio/post.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <variant>
#include <vector>

namespace graphhook::receiver {
namespace {

constexpr std::string_view kCollection = "/unsids";
constexpr std::size_t kMostDescription = 200;
constexpr FormProblem kBadPath = {
    "unsid", "The path does not end with 1 to 128 characters of A-Z, a-z, 0-9, '.', '_', ':', '-'."
};
constexpr FormProblem kOtherType = {"", "The body is declared as something else than JSON."};
constexpr FormProblem kCoded = {"", "The body has a content coding."};
constexpr FormProblem kTooLarge = {"", "The body is over 4096 bytes."};

/// Of "/unsids/{unsid}"; empty for "/unsids".
std::string_view segment_of(std::string_view below_base) {
    return below_base.substr(std::min(below_base.size(), kCollection.size() + 1));
}

Verdict at_once(Reply reply) {
    Verdict verdict;
    verdict.endpoint = static_cast<std::uint8_t>(Endpoint::Unsids);
    verdict.reply = std::move(reply);
    return verdict;
}

/// {"error":{"code":"InvalidRequest","message":"…","target":"…"}}, of constants only.
Reply problem_reply(unsigned status, const FormProblem& problem) {
    auto reply = status_reply(status);
    reply.content_type = "application/json";
    reply.body =
        fmt::format(R"({{"error":{{"code":"InvalidRequest","message":"{}")", problem.message);
    if (!problem.field.empty()) reply.body += fmt::format(R"(,"target":"{}")", problem.field);
    reply.body += "}}";
    return reply;
}

Reply challenge(unsigned status, std::string_view parameters) {
    auto reply = status_reply(status);
    reply.more_headers = fmt::format("WWW-Authenticate: Bearer{}\r\n", parameters);
    return reply;
}

Reply challenge(unsigned status, std::string_view error, std::string_view why) {
    return challenge(
        status, why.empty()
                    ? fmt::format(" error=\"{}\"", error)
                    : fmt::format(" error=\"{}\", error_description=\"{}\"", error, quotable(why))
    );
}

Reply busy_reply() {
    auto reply = status_reply(503);
    reply.more_headers = "Retry-After: 1\r\n";
    return reply;
}

UnsidOutcome refused_as(unsigned status) {
    switch (status) {
        case 401:
            return UnsidOutcome::Unauthorized;
        case 403:
            return UnsidOutcome::Forbidden;
        case 503:
            return UnsidOutcome::Unavailable;
        default:
            return UnsidOutcome::BadRequest;
    }
}

}  // namespace

/// A request on its way through the pool.
struct UnsidEndpoint::Job {
    bool withdraws = false;
    std::string token;
    std::string text;    ///< The body, or the path's last segment.
    std::string client;  ///< For the log.
};

/// What came of it there.
struct UnsidEndpoint::Judged {
    struct Refused {
        Reply reply;
        std::string reason;
    };
    UnsidUser user;
    /// What to put, what to withdraw, or why not.
    std::variant<Refused, UnsidForm, std::string> is;
};

bool UnsidEndpoint::owns(std::string_view below_base) noexcept {
    if (!below_base.starts_with(kCollection)) return false;
    const auto rest = below_base.substr(kCollection.size());
    return rest.empty() || (rest.size() > 1 && rest.starts_with('/') && rest.rfind('/') == 0);
}

Verdict UnsidEndpoint::on_head(const Exchange& exchange, std::string_view below_base) {
    const RequestHead& head = exchange.head();
    const bool one = below_base != kCollection;
    if (head.method != (one ? Method::Delete : Method::Post)) {
        auto reply = status_reply(405);
        reply.more_headers = one ? "Allow: DELETE\r\n" : "Allow: POST\r\n";
        return at_once(std::move(reply));
    }
    if (!bearer_of(head.authorization()))
        return at_once(refuse(challenge(401, ""), "no_bearer", exchange.client()));
    if (!one && !head.content_type().empty() && !says_json(head.content_type()))
        return at_once(refuse(problem_reply(415, kOtherType), "content_type", exchange.client()));
    if (!says_identity(head.content_encoding()))
        return at_once(refuse(problem_reply(415, kCoded), "content_encoding", exchange.client()));
    if (head.content_length.value_or(0) > kMostUnsidBodyBytes)
        return at_once(on_oversized(exchange));
    auto verdict = at_once({});
    verdict.read_body = true;
    verdict.body_limit = kMostUnsidBodyBytes;
    return verdict;
}

Reply UnsidEndpoint::on_oversized(const Exchange& exchange) {
    return refuse(problem_reply(413, kTooLarge), "body_too_large", exchange.client());
}

void UnsidEndpoint::on_request(Exchange& exchange, std::string_view below_base) {
    if (context_.under_way.fetch_add(1, std::memory_order_relaxed) >= kMostUnsidRequests)
        return finish(exchange, refuse(busy_reply(), "too_many", exchange.client()));
    const RequestHead& head = exchange.head();
    Job job;
    job.withdraws = head.method == Method::Delete;
    job.token = bearer_of(head.authorization()).value_or(std::string_view());
    job.client = exchange.client();
    job.text = job.withdraws ? std::string(segment_of(below_base)) : exchange.take_body();
    boost::asio::post(context_.pool, [this, &exchange, job = std::move(job)] {
        judge(exchange, job);
    });
}

void UnsidEndpoint::judge(Exchange& exchange, const Job& job) {
    Judged judged;
    const auto refused = [&judged](Reply reply, std::string reason) {
        judged.is = Judged::Refused{std::move(reply), std::move(reason)};
    };
    try {
        auto answer = context_.desk.who(job.token);
        switch (answer.is) {
            case BearerAnswer::Is::Invalid:
                refused(challenge(401, "invalid_token", answer.why), std::move(answer.reason));
                break;
            case BearerAnswer::Is::NoScope:
                refused(challenge(403, "insufficient_scope", answer.why), std::move(answer.reason));
                break;
            case BearerAnswer::Is::NotProvable:
                refused(unavailable_reply(), std::move(answer.reason));
                break;
            case BearerAnswer::Is::User:
                judged.user = std::move(answer.user);
                if (job.withdraws) {
                    if (auto unsid = unsid_of_segment(job.text)) {
                        judged.is = std::move(*unsid);
                    } else {
                        refused(problem_reply(400, kBadPath), "path");
                    }
                    break;
                }
                auto read = read_unsid_form(job.text, context_.clock.system_now());
                if (read.problem) {
                    refused(problem_reply(400, *read.problem), "form");
                } else {
                    judged.is = std::move(read.form);
                }
        }
    } catch (const std::exception& error) {
        log().error("unsids: a request failed what={}", error.what());
        refused(unavailable_reply(), "internal_error");
    }
    perform(exchange, job, std::move(judged));
}

void UnsidEndpoint::perform(Exchange& exchange, const Job& job, Judged judged) {
    if (auto* const refused = std::get_if<Judged::Refused>(&judged.is))
        return send(exchange, refuse(std::move(refused->reply), refused->reason, job.client));
    const auto store_says_no = [this, &exchange, client = job.client](const Error& error) {
        log().debug("unsids: the store cannot take it error={}", to_string(error));
        finish(exchange, refuse(unavailable_reply(), "store", client));
    };
    // Who the user is, is personal: not on a level that is on everywhere.
    auto line = fmt::format(
        "tenant={} user={} app={}", for_log(judged.user.tenant_id), for_log(judged.user.user_id),
        for_log(judged.user.client_id)
    );
    if (auto* const form = std::get_if<UnsidForm>(&judged.is)) {
        line += fmt::format(" platform={}", form->platform);
        return context_.desk.put(
            std::move(judged.user), std::move(*form),
            {thread_.mailbox.get(),
             [this, &exchange, store_says_no, line = std::move(line)](Result<bool> renewed) {
                 if (!renewed) return store_says_no(renewed.error());
                 log().debug("unsids: {} {}", *renewed ? "renewed" : "registered", line);
                 context_.metrics.unsid_request(
                     *renewed ? UnsidOutcome::Renewed : UnsidOutcome::Registered
                 );
                 finish(exchange, status_reply(*renewed ? 200 : 201));
             }}
        );
    }
    context_.desk.withdraw(
        std::move(judged.user), std::move(std::get<std::string>(judged.is)),
        {thread_.mailbox.get(),
         [this, &exchange, store_says_no,
          line = std::move(line)](const Result<std::monostate>& done) {
             if (!done) return store_says_no(done.error());
             log().debug("unsids: withdrawn {}", line);
             context_.metrics.unsid_request(UnsidOutcome::Withdrawn);
             finish(exchange, status_reply(204));
         }}
    );
}

void UnsidEndpoint::send(Exchange& exchange, Reply reply) {
    std::vector<Task> tasks;
    tasks.emplace_back([this, &exchange, reply = std::move(reply)]() mutable {
        finish(exchange, std::move(reply));
    });
    thread_.mailbox->post(std::move(tasks));
}

void UnsidEndpoint::finish(Exchange& exchange, Reply reply) {
    context_.under_way.fetch_sub(1, std::memory_order_relaxed);
    exchange.reply(std::move(reply));
}

Reply UnsidEndpoint::refuse(Reply reply, std::string_view reason, std::string_view client) {
    context_.metrics.unsid_request(refused_as(reply.status));
    std::uint64_t suppressed = 0;
    if (context_.log_limit.allow(context_.clock.steady_now(), suppressed))
        log().warn(
            "unsids: refused a request status={} reason={} client={} suppressed={}", reply.status,
            for_log(reason), client, suppressed
        );
    return reply;
}

std::optional<std::string_view> bearer_of(std::string_view authorization) noexcept {
    constexpr std::string_view kScheme = "bearer ";
    if (!same_letters(authorization.substr(0, kScheme.size()), kScheme)) return std::nullopt;
    auto token = authorization.substr(kScheme.size());
    token.remove_prefix(std::min(token.find_first_not_of(' '), token.size()));
    const auto end = std::find_if_not(token.begin(), token.end(), [](char c) {
        const char l = lower(c);
        return (l >= 'a' && l <= 'z') || (c >= '0' && c <= '9') ||
               std::string_view("-._~+/").find(c) != std::string_view::npos;
    });
    const bool padded = std::all_of(end, token.end(), [](char c) { return c == '='; });
    if (end == token.begin() || !padded) return std::nullopt;
    return token;
}

std::string quotable(std::string_view text) {
    std::string out(text.substr(0, kMostDescription));
    std::replace_if(
        out.begin(), out.end(),
        [](char c) { return c < 0x20 || c > 0x7e || c == '"' || c == '\\'; }, '?'
    );
    return out;
}

}  // namespace graphhook::receiver
