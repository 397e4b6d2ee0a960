#include "app/doctor/handshake.hpp"

#include "core/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string>

namespace graphhook::app::doctor {
namespace {

using std::chrono::milliseconds;

const std::string kCheck = "public-url";
/// Graph gives up after this.
constexpr milliseconds kGivenUp{10'000};
/// A reply of notifications should never take longer; the first sign of a slow path.
constexpr milliseconds kSlow{3'000};

std::string seconds_text(milliseconds time) {
    return time < std::chrono::seconds(1)
               ? fmt::format("{} ms", time.count())
               : fmt::format("{:.1f} s", static_cast<double>(time.count()) / 1'000);
}

/// Who answered, as far as the reply tells.
std::string answered_by(const Exchange& exchange) {
    std::string who;
    for (const auto* name : {"server", "via", "x-served-by", "cf-ray"}) {
        const auto value = exchange.header(name);
        if (value.empty()) continue;
        if (!who.empty()) who += ", ";
        who += fmt::format("{}: {}", name, value.substr(0, 80));
    }
    if (!exchange.body.empty()) {
        if (!who.empty()) who += ", ";
        who += fmt::format("its reply begins with '{}'", exchange.body.substr(0, 60));
    }
    return who.empty() ? std::string() : fmt::format(" ({})", who);
}

std::string trimmed(std::string_view text) {
    const auto begin = text.find_first_not_of(" \t\r\n");
    if (begin == std::string_view::npos) return {};
    return std::string(text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1));
}

bool holds_escapes(std::string_view text) {
    return text.find("%3a") != std::string_view::npos || text.find("%3A") != std::string_view::npos;
}

Finding not_reached(const Exchange& exchange) {
    const auto& url = exchange.url;
    switch (exchange.failed_at) {
        case Exchange::Stage::Name:
            return fail(
                kCheck, url, fmt::format("its name can not be resolved: {}", exchange.failure),
                "put the name of receiver.public_url into the public DNS, or mend its spelling"
            );
        case Exchange::Stage::Connection:
            return fail(
                kCheck, url,
                fmt::format(
                    "nobody can be reached at {}: {}", fmt::join(exchange.addresses, ", "),
                    exchange.failure
                ),
                "look at the firewall, the balancer's listener and the DNS record; if this machine "
                "can not reach its own public address, run doctor from outside"
            );
        case Exchange::Stage::Tls:
            return fail(
                kCheck, url, fmt::format("the TLS handshake fails: {}", exchange.failure),
                "whatever ends TLS for this name has to speak TLS 1.2 with a usual cipher and show "
                "the certificate of this name"
            );
        case Exchange::Stage::Reply:
        case Exchange::Stage::Done:
            break;
    }
    return fail(
        kCheck, url, fmt::format("the connection stands, and no reply comes: {}", exchange.failure),
        "look whether graphhook or the balancer in front of it is down, and at its log; Graph "
        "waits "
        "for 10 s"
    );
}

/// The reply itself; nothing to say: it is the right one.
Findings judge_reply(const Exchange& exchange) {
    const auto& url = exchange.url;
    const auto by = answered_by(exchange);
    const auto& body = exchange.body;
    const bool html = exchange.header("content-type").starts_with("text/html") ||
                      lowered(trimmed(body).substr(0, 15)).starts_with("<!doctype html") ||
                      lowered(trimmed(body).substr(0, 5)) == "<html";
    if (exchange.status >= 300 && exchange.status < 400) {
        return {fail(
            kCheck, url,
            fmt::format(
                "it is answered with a redirect ({}) to '{}'{}", exchange.status,
                exchange.header("location"), by
            ),
            "Graph does not follow it: put the final address into receiver.public_url, or have the "
            "proxy pass the path on as it is"
        )};
    }
    if (exchange.status == 401 || exchange.status == 403 || exchange.status == 407) {
        return {fail(
            kCheck, url, fmt::format("it is answered with {}{}", exchange.status, by),
            "something in front of graphhook wants a login or blocks the request: let Graph's "
            "POSTs "
            "to this path through without authentication"
        )};
    }
    if (exchange.status == 404 || exchange.status == 405) {
        return {fail(
            kCheck, url, fmt::format("it is answered with {}{}", exchange.status, by),
            "the path does not reach graphhook: pass POSTs on unchanged, or set receiver.base_path "
            "to what arrives"
        )};
    }
    if (exchange.status != 200) {
        return {fail(
            kCheck, url,
            fmt::format("it is answered with {} instead of 200{}", exchange.status, by),
            exchange.status >= 500 ? "the proxy in front does not reach graphhook: look at its "
                                     "target and its log"
                                   : "look at what stands in front of graphhook and changes the "
                                     "request or the reply"
        )};
    }
    Findings found;
    if (body != exchange.token) {
        std::string how;
        if (html) {
            how = fmt::format("an HTML page comes back instead of the token{}", by);
        } else if (trimmed(body) == exchange.token) {
            how = "the token comes back with white space or a newline around it";
        } else if (body == '"' + exchange.token + '"') {
            how = "the token comes back in quotes";
        } else if (holds_escapes(body)) {
            how = "the token comes back without being decoded";
        } else {
            how = fmt::format("something else than the token comes back{}", by);
        }
        found.push_back(fail(
            kCheck, url, how,
            "graphhook answers with the decoded token alone: somebody in front of it answers in "
            "its "
            "place, or changes the reply"
        ));
    }
    if (const auto type = exchange.header("content-type");
        found.empty() && !lowered(type).starts_with("text/plain")) {
        found.push_back(fail(
            kCheck, url, fmt::format("the reply's type is '{}', not text/plain{}", type, by),
            "have the proxy leave the Content-Type header alone"
        ));
    }
    return found;
}

}  // namespace

Findings judge_unsid_door(const Exchange& exchange) {
    const auto& url = exchange.url;
    if (exchange.failed_at != Exchange::Stage::Done) return {not_reached(exchange)};
    if (exchange.status == 401 && exchange.header("www-authenticate") == "Bearer")
        return {ok(kCheck, url, "client apps reach it, and are asked for a token")};
    return {fail(
        kCheck, url,
        fmt::format(
            "it is answered with {} instead of 401{}", exchange.status, answered_by(exchange)
        ),
        "client apps hand in UNSIDs there: have the proxy pass POSTs to this path and DELETEs "
        "below it on as they are, or restart 'serve' if it began before 'unsids.enabled' was set"
    )};
}

Findings judge_handshake(const Exchange& exchange, SystemTime now) {
    if (exchange.failed_at != Exchange::Stage::Done) return {not_reached(exchange)};
    Findings found;
    if (exchange.tls12_refused) {
        found.push_back(fail(
            kCheck, exchange.url, fmt::format("only {} is spoken there", exchange.tls_version),
            "Graph's subscriptions come over TLS 1.2: allow it at whatever ends TLS "
            "(receiver.tls.min_version: \"1.2\")"
        ));
    }
    auto dates = judge_dates(
        kCheck, exchange.url, exchange.chain, now,
        "renew the certificate of whatever ends TLS for this name"
    );
    const bool in_its_time = dates.level != Finding::Level::Fail;
    const auto until = dates.what;
    if (dates.level != Finding::Level::Ok) found.push_back(std::move(dates));
    if (!exchange.chain_error.empty() && in_its_time) {
        found.push_back(fail(
            kCheck, exchange.url,
            fmt::format("the certificate is not to be trusted: {}", exchange.chain_error),
            "take one of a public authority for this very name, and send the whole chain, the leaf "
            "first; Graph refuses others"
        ));
    }
    auto reply = judge_reply(exchange);
    found.insert(found.end(), reply.begin(), reply.end());
    if (exchange.took >= kGivenUp) {
        found.push_back(fail(
            kCheck, exchange.url, fmt::format("it takes {}", seconds_text(exchange.took)),
            "Graph waits for 10 s: look for what is slow between here and graphhook"
        ));
    } else if (exchange.took >= kSlow) {
        found.push_back(warn(
            kCheck, exchange.url, fmt::format("it takes {}", seconds_text(exchange.took)),
            "replies over 3 s make Graph slow down: look for what is slow between here and "
            "graphhook"
        ));
    }
    if (!found.empty()) return found;
    return {
        ok(kCheck, exchange.url,
           fmt::format(
               "the handshake is answered right in {}, over {}; {}", seconds_text(exchange.took),
               exchange.tls_version, until
           ))
    };
}

}  // namespace graphhook::app::doctor
