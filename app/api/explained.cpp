#include "app/api/explained.hpp"

#include <array>
#include <charconv>
#include <string>
#include <utility>

namespace graphhook::app {
namespace {

namespace json = boost::json;
using subscriptions::GraphError;
using subscriptions::Next;

constexpr std::array kNexts{
    Next::RetryLater, Next::Throttled, Next::Credentials, Next::NotFound, Next::Conflict,
    Next::Refused,    Next::Handshake, Next::Resync,      Next::Garbled,  Next::Aborted,
};

std::string text_of(const json::object& row, std::string_view member) {
    const auto* value = row.if_contains(member);
    return value != nullptr && value->is_string() ? std::string(value->as_string()) : std::string();
}

/// What was tried last, as far as a row tells.
subscriptions::Attempt attempt_of(const json::object& row) {
    subscriptions::Attempt attempt;
    attempt.kind = text_of(row, "kind");
    if (row.contains("swept_at")) {
        attempt.operation = "delta";
    } else if (row.contains("collection")) {
        attempt.operation = "expand";
    } else if (text_of(row, "state") == "active") {
        attempt.operation = "renew";
    } else if (text_of(row, "state") == "leaving") {
        attempt.operation = "delete";
    }
    return attempt;
}

/// What became of a template's element (its reason, if it is parked), and what Graph said.
std::pair<std::string_view, std::string_view> without_verdict(std::string_view error) {
    constexpr std::string_view kHeld = "declined for every element of the template: ";
    if (error.starts_with(kHeld)) return {"", error.substr(kHeld.size())};
    if (!error.starts_with("parked, ")) return {"", error};
    const auto end = error.find(": ");
    if (end == std::string_view::npos) return {"", error};
    return {error.substr(0, end + 2), error.substr(end + 2)};
}

}  // namespace

std::optional<GraphError> parse_graph_error(std::string_view text) {
    GraphError error;
    bool known = false;
    for (const Next next : kNexts) {
        const auto name = to_string(next);
        if (!text.starts_with(name) || !text.substr(name.size()).starts_with(": ")) continue;
        error.next = next;
        text.remove_prefix(name.size() + 2);
        known = true;
        break;
    }
    if (!known) return std::nullopt;
    constexpr std::string_view kHttp = "HTTP ";
    if (text.starts_with(kHttp)) {
        const auto rest = text.substr(kHttp.size());
        const auto [end, wrong] =
            std::from_chars(rest.data(), rest.data() + rest.size(), error.status);
        if (wrong != std::errc{}) return std::nullopt;
        text = rest.substr(static_cast<std::size_t>(end - rest.data()));
        if (text.starts_with(' ')) text.remove_prefix(1);
    }
    constexpr std::string_view kRequest = " (request-id ";
    if (const auto at = text.rfind(kRequest); at != std::string_view::npos && text.ends_with(')')) {
        error.request_id =
            text.substr(at + kRequest.size(), text.size() - at - kRequest.size() - 1);
        text = text.substr(0, at);
    }
    // A code is one word before the first colon.
    const auto colon = text.find(": ");
    if (colon != std::string_view::npos && colon > 0 &&
        text.substr(0, colon).find(' ') == std::string_view::npos) {
        error.code = text.substr(0, colon);
        text.remove_prefix(colon + 2);
    }
    error.message = text;
    return error;
}

std::optional<subscriptions::Explanation> explained(
    std::string_view last_error, const subscriptions::Attempt& attempt
) {
    const auto error = parse_graph_error(last_error);
    if (!error) return std::nullopt;
    return subscriptions::explain(*error, attempt);
}

void explain_rows(json::array& rows) {
    for (auto& row : rows) {
        auto& object = row.as_object();
        const auto error = text_of(object, "last_error");
        const auto [before, rest] = without_verdict(error);
        const auto known = explained(rest, attempt_of(object));
        object["cause"] = known ? std::string(before) + known->cause : error;
        object["remedy"] = known ? known->remedy : std::string();
    }
}

}  // namespace graphhook::app
