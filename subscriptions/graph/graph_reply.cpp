#include "subscriptions/graph/graph_reply.hpp"

#include "core/log.hpp"
#include "core/text.hpp"
#include "core/time_text.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>

namespace graphhook::subscriptions {
namespace {

namespace json = boost::json;

constexpr std::size_t kMessageBytes = 500;

std::string text_of(const json::object& object, std::string_view key) {
    const json::value* value = object.if_contains(key);
    if (value == nullptr || !value->is_string()) return {};
    return std::string(value->get_string());
}

/// The member of that name in any case of letters, if it is an object.
const json::object* object_of(const json::object& object, std::string_view key) {
    for (const auto& [name, value] : object) {
        if (lowered(name) == key && value.is_object()) return &value.get_object();
    }
    return nullptr;
}

std::optional<json::value> parse(std::string_view body) {
    boost::system::error_code error;
    json::parse_options options;
    options.max_depth = 32;
    json::value value = json::parse(body, error, {}, options);
    if (error) return std::nullopt;
    return value;
}

/// Only digits: a code such as "429" inside innerError says nothing that the status does not.
bool says_something(std::string_view code) {
    return !code.empty() &&
           !std::ranges::all_of(code, [](unsigned char c) { return std::isdigit(c) != 0; });
}

/// Codes that say no more than the status: a more special one above or below them is worth more.
bool is_general(std::string_view code) {
    constexpr std::array kGeneral{
        std::string_view{"unknownerror"}, std::string_view{"generalexception"},
        std::string_view{"badrequest"}
    };
    return std::ranges::find(kGeneral, lowered(code)) != kGeneral.end();
}

void read_body(std::string_view body, GraphError& error) {
    const auto document = parse(body);
    if (!document || !document->is_object()) return;
    const json::object* level = object_of(document->get_object(), "error");
    if (level == nullptr) return;
    error.message = for_log(text_of(*level, "message"), kMessageBytes);
    for (int depth = 0; level != nullptr && depth < 8; ++depth) {
        const std::string code = text_of(*level, "code");
        if (says_something(code) && (error.code.empty() || !is_general(code)))
            error.code = for_log(code, 80);
        if (const std::string id = text_of(*level, "request-id"); !id.empty())
            error.request_id = for_log(id, 80);
        level = object_of(*level, "innererror");
    }
}

bool contains(std::string_view text, std::string_view part) {
    return text.find(part) != std::string_view::npos;
}

/// "… can only be 10070 minutes in the future."
std::optional<std::chrono::minutes> named_limit(std::string_view message) {
    constexpr std::string_view kBefore = "can only be ";
    const auto at = message.find(kBefore);
    if (at == std::string_view::npos) return std::nullopt;
    int number = 0;
    const char* begin = message.data() + at + kBefore.size();
    const auto [end, bad] = std::from_chars(begin, message.data() + message.size(), number);
    if (bad != std::errc{} || number <= 0) return std::nullopt;
    if (!std::string_view(end, message.data() + message.size()).starts_with(" minutes"))
        return std::nullopt;
    return std::chrono::minutes(number);
}

/// Codes for "this delta token is no longer good" (protocol: codes of Graph's error page, and those
/// of drives).
bool is_resync(std::string_view low_code) {
    constexpr auto kCodes = std::to_array<std::string_view>(
        {"syncstatenotfound", "syncstateinvalid", "resyncrequired", "resyncchangesapplydifferences",
         "resyncchangesuploaddifferences", "resyncapplydifferences", "resyncuploaddifferences"}
    );
    return std::ranges::find(kCodes, low_code) != kCodes.end();
}

Next next_of(const GraphError& error) {
    const std::string code = lowered(error.code);
    const std::string message = lowered(error.message);
    const int status = error.status;
    if (status == 401) return Next::Credentials;
    if (status >= 400 && status < 500 && is_resync(code)) return Next::Resync;
    if (status == 404 || status == 410) return Next::NotFound;
    if (status == 409) return Next::Conflict;
    if (status == 429 || code == "toomanyrequests" || code == "activitylimitreached")
        return Next::Throttled;
    if (status == 503 || status == 504 || status == 509)
        return error.retry_at ? Next::Throttled : Next::RetryLater;
    if (status >= 500 || status == 408 || status == 423) return Next::RetryLater;
    if (status >= 300 && status < 400) return Next::Garbled;
    if (status < 400) return Next::Garbled;
    if (status == 400) {
        if (contains(message, "subscription validation request") ||
            contains(message, "the underlying connection was closed"))
            return Next::Handshake;
        if (contains(message, "status code: conflict") || contains(message, "already exists"))
            return Next::Conflict;
    }
    return Next::Refused;
}

GraphResult<GraphSubscription> subscription_of(
    const json::value& value, const HttpResponse& response
) {
    if (!value.is_object()) return garbled(response, "a subscription that is no JSON object");
    const json::object& object = value.get_object();
    GraphSubscription subscription;
    subscription.id = text_of(object, "id");
    subscription.resource = text_of(object, "resource");
    subscription.changes = text_of(object, "changeType");
    subscription.notification_url = text_of(object, "notificationUrl");
    subscription.lifecycle_url = text_of(object, "lifecycleNotificationUrl");
    subscription.application_id = text_of(object, "applicationId");
    if (subscription.id.empty() || subscription.id.size() > 128)
        return garbled(response, "a subscription without a usable id");
    if (subscription.resource.empty())
        return garbled(response, "a subscription without a resource");
    const auto expires = parse_time(text_of(object, "expirationDateTime"));
    if (!expires) return garbled(response, "a subscription without a readable expirationDateTime");
    subscription.expires_at = *expires;
    if (std::string state = text_of(object, "clientState"); !state.empty())
        subscription.client_state = Secret(std::move(state));
    // Longer than Graph allows: not one that we gave.
    if (std::string id = text_of(object, "encryptionCertificateId"); id.size() <= 128)
        subscription.certificate_id = std::move(id);
    if (const json::value* rich = object.if_contains("includeResourceData");
        rich != nullptr && rich->is_bool())
        subscription.include_resource_data = rich->get_bool();
    return subscription;
}

}  // namespace

GraphError garbled(const HttpResponse& response, std::string message) {
    GraphError error;
    error.next = Next::Garbled;
    error.status = response.status;
    error.message = std::move(message);
    error.request_id = for_log(response.header("request-id").value_or(""), 80);
    error.uncertain = true;
    return error;
}

std::string_view to_string(Next next) noexcept {
    switch (next) {
        case Next::RetryLater:
            return "to be retried";
        case Next::Throttled:
            return "throttled";
        case Next::Credentials:
            return "credentials";
        case Next::NotFound:
            return "not found";
        case Next::Conflict:
            return "conflict";
        case Next::Refused:
            return "refused";
        case Next::Handshake:
            return "handshake failed";
        case Next::Resync:
            return "to begin anew";
        case Next::Garbled:
            return "unusable answer";
        case Next::Aborted:
            return "stopped";
    }
    return "unknown";
}

bool is_tenant_wide(const GraphError& error) noexcept {
    switch (error.next) {
        case Next::Throttled:
        case Next::Credentials:
            return true;
        case Next::RetryLater:
            return error.status == 0 || error.no_token;
        default:
            return false;
    }
}

std::string to_string(const GraphError& error) {
    std::string text(to_string(error.next));
    text += ": ";
    if (error.status != 0) text += fmt::format("HTTP {} ", error.status);
    if (!error.code.empty()) text += fmt::format("{}: ", error.code);
    text += error.message.empty() ? "no explanation" : error.message;
    if (!error.request_id.empty()) text += fmt::format(" (request-id {})", error.request_id);
    return text;
}

void throw_exception_from_error(const GraphError& error, const boost::source_location& where) {
    throw_exception_from_error(Error{Errc::Failed, to_string(error)}, where);
}

GraphError read_error(const HttpResponse& response, SystemTime now) {
    GraphError error;
    error.status = response.status;
    error.request_id = for_log(response.header("request-id").value_or(""), 80);
    read_body(response.body, error);
    if (const auto after = response.header("retry-after")) {
        if (const auto wait = parse_retry_after(*after, now)) error.retry_at = now + *wait;
    }
    error.next = next_of(error);
    error.uncertain = response.status >= 500 || response.status == 408 || response.status < 400;
    if (error.status == 400) error.longest_life = named_limit(error.message);
    if (error.next == Next::Garbled && error.message.empty()) {
        error.message = response.status >= 300 && response.status < 400
                            ? "a redirect, which is never followed"
                            : "a status that means nothing here";
    }
    return error;
}

GraphResult<GraphSubscription> read_subscription(const HttpResponse& response, SystemTime now) {
    const auto document = parse(response.body);
    if (!document) return garbled(response, "an answer that is not JSON");
    auto subscription = subscription_of(*document, response);
    if (subscription && subscription->expires_at <= now)
        return garbled(response, "a subscription that has already expired");
    return subscription;
}

GraphResult<ListPage> read_page(const HttpResponse& response) {
    const auto document = parse(response.body);
    if (!document || !document->is_object()) return garbled(response, "a list that is not JSON");
    const json::value* values = document->get_object().if_contains("value");
    if (values == nullptr || !values->is_array())
        return garbled(response, "a list without its values");
    ListPage page;
    for (const json::value& value : values->get_array()) {
        auto subscription = subscription_of(value, response);
        if (!subscription) return subscription.error();
        page.subscriptions.push_back(std::move(*subscription));
    }
    page.next_link = text_of(document->get_object(), "@odata.nextLink");
    return page;
}

}  // namespace graphhook::subscriptions
