#include "emulator/bad_replies.hpp"

#include "core/time_text.hpp"
#include "emulator/identity/base64.hpp"

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

namespace graphhook::emulator {
namespace {

namespace json = boost::json;

void add_retry_after(Response& response, std::optional<std::chrono::seconds> retry_after) {
    if (retry_after)
        response.headers.emplace_back("Retry-After", fmt::format("{}", retry_after->count()));
}

Response failure(const Fault& fault, const RequestIds& ids, SystemTime now) {
    std::string code = fault.code;
    if (code.empty() && fault.status == 503) code = "ServiceUnavailable";
    if (code.empty() && fault.status == 403) code = "Forbidden";
    if (code.empty()) code = "UnknownError";
    auto response = json_response(
        fault.status, error_body({fault.status, code, "An emulated failure."}, ids, now)
    );
    add_retry_after(response, fault.retry_after);
    return response;
}

/// What an app has to show its identity platform (protocol 5.8: insufficient_claims).
Response challenge(const RequestIds& ids, SystemTime now) {
    const auto claims = base64(
        R"({"access_token":{"nbf":{"essential":true,"value":")" +
        std::to_string(
            std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count()
        ) +
        R"("}}})"
    );
    auto response = json_response(
        401, error_body(
                 {401, "InvalidAuthenticationToken",
                  "Continuous access evaluation resulted in challenge with result: "
                  "InteractionRequired and code: TokenIssuedBeforeRevocationTimestamp"},
                 ids, now
             )
    );
    response.headers.emplace_back(
        "WWW-Authenticate",
        fmt::format(
            R"(Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize", error="insufficient_claims", claims="{}")",
            claims
        )
    );
    return response;
}

void remove_member(json::object& body, std::string_view name) {
    body.erase(name);
    auto* value = body.if_contains("value");
    if (value == nullptr || !value->is_array()) return;
    for (auto& element : value->as_array()) {
        if (element.is_object()) element.as_object().erase(name);
    }
}

/// Sets every member of this name, also in the elements of a list.
void date_back(json::object& body, SystemTime now) {
    const auto past =
        to_text(std::chrono::floor<std::chrono::seconds>(now) - std::chrono::hours(1));
    if (body.contains("expirationDateTime")) body["expirationDateTime"] = past;
    auto* value = body.if_contains("value");
    if (value == nullptr || !value->is_array()) return;
    for (auto& element : value->as_array()) {
        if (element.is_object() && element.as_object().contains("expirationDateTime"))
            element.as_object()["expirationDateTime"] = past;
    }
}

/// Puts another scheme and host before the path.
bool lead_elsewhere(json::object& body, std::string_view location) {
    bool led = false;
    while (location.ends_with('/')) location.remove_suffix(1);
    for (const std::string_view name : {"@odata.nextLink", "@odata.deltaLink"}) {
        auto* link = body.if_contains(name);
        if (link == nullptr || !link->is_string()) continue;
        const std::string_view text(link->as_string());
        const auto path = text.find('/', text.find("://") + 3);
        *link = std::string(location) + std::string(text.substr(path));
        led = true;
    }
    return led;
}

bool has_link(const json::object& body) {
    return body.contains("@odata.nextLink") || body.contains("@odata.deltaLink");
}

bool has_expiry(const json::object& body) {
    if (body.contains("expirationDateTime")) return true;
    const auto* value = body.if_contains("value");
    return value != nullptr && value->is_array() && !value->as_array().empty() &&
           value->as_array().front().is_object() &&
           value->as_array().front().as_object().contains("expirationDateTime");
}

}  // namespace

Response throttled(
    std::string_view message, std::optional<std::chrono::seconds> retry_after,
    const RequestIds& ids, SystemTime now
) {
    auto body = json::parse(error_body({429, "TooManyRequests", std::string(message)}, ids, now))
                    .as_object();
    body["error"].as_object()["innerError"].as_object()["code"] = "429";
    auto response = json_response(429, json::serialize(body));
    add_retry_after(response, retry_after);
    return response;
}

std::optional<Response> bad_reply(
    Faults& faults, const Where& where, const RequestIds& ids, SystemTime now
) {
    if (!faults.any()) return std::nullopt;
    if (const auto fault = faults.take(FaultKind::Throttle, where))
        return throttled("Too many requests.", fault->retry_after, ids, now);
    for (const auto kind : {FaultKind::ServerError, FaultKind::PageError}) {
        if (const auto fault = faults.take(kind, where)) return failure(*fault, ids, now);
    }
    if (const auto fault = faults.take(FaultKind::Redirect, where)) {
        Response response(302, "", "");
        response.headers.emplace_back("Location", fault->location);
        return response;
    }
    if (faults.take(FaultKind::Html, where)) {
        return Response(
            200, "text/html; charset=utf-8",
            "<!DOCTYPE html><html><head><title>Sign in</title></head><body>Please sign in to go "
            "on.</body></html>"
        );
    }
    if (faults.take(FaultKind::Claims, where)) return challenge(ids, now);
    return std::nullopt;
}

bool spoil(Faults& faults, const Where& where, Response& response, SystemTime now) {
    if (!faults.any() || response.status < 200 || response.status > 299 || response.body.empty())
        return false;
    boost::system::error_code error;
    auto parsed = json::parse(response.body, error);
    if (error || !parsed.is_object()) return false;
    json::object& body = parsed.as_object();
    bool spoiled = false;
    if (const auto fault = faults.take(FaultKind::MissingField, where)) {
        const bool list = body.contains("value");
        remove_member(body, !fault->field.empty() ? fault->field : (list ? "value" : "id"));
        spoiled = true;
    }
    if (has_expiry(body) && faults.take(FaultKind::PastExpiry, where)) {
        date_back(body, now);
        spoiled = true;
    }
    if (has_link(body)) {
        if (const auto fault = faults.take(FaultKind::ForeignLink, where))
            spoiled = lead_elsewhere(body, fault->location) || spoiled;
    }
    if (spoiled) response.body = json::serialize(body);
    if (faults.take(FaultKind::Truncated, where)) {
        response.body.resize(response.body.size() / 2);
        spoiled = true;
    }
    return spoiled;
}

}  // namespace graphhook::emulator
