#include "subscriptions/graph/explain.hpp"

#include "core/text.hpp"
#include "subscriptions/graph/explain_rules.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>

namespace graphhook::subscriptions {
namespace {

bool fits(
    const explaining::Rule& rule, const GraphError& error, const Attempt& attempt,
    std::string_view low
) {
    const bool answered = error.status != 0 || error.next != Next::RetryLater;
    if (rule.status == explaining::kNoAnswer && answered) return false;
    if (rule.status > 0 && rule.status != error.status) return false;
    if (rule.next && *rule.next != error.next) return false;
    if (!rule.code.empty() && !same_letters(rule.code, error.code)) return false;
    if (!rule.operation.empty() && rule.operation != attempt.operation) return false;
    if (!rule.kind.empty() && rule.kind != attempt.kind) return false;
    if (rule.delegated && *rule.delegated != attempt.delegated) return false;
    return std::ranges::all_of(rule.message, [low](std::string_view part) {
        return low.find(part) != std::string_view::npos;
    });
}

/// "Y" out of "… [Status Code: X; Reason: Y]"; else the message.
std::string said_in(const std::string& message) {
    const auto at = message.find("Reason: ");
    if (at == std::string::npos) return message.empty() ? "nothing" : message;
    auto end = message.find_last_of(']');
    if (end == std::string::npos || end < at) end = message.size();
    return message.substr(at + 8, end - at - 8);
}

std::string permission_text(const Attempt& attempt) {
    const std::string_view type = attempt.delegated ? "delegated" : "application";
    if (attempt.permissions.empty())
        return fmt::format("the {} permission that the resource needs", type);
    return fmt::format("the {} permission {}", type, fmt::join(attempt.permissions, " or "));
}

std::string fill(std::string_view text, const GraphError& error, const Attempt& attempt) {
    std::string out;
    while (!text.empty()) {
        const auto open = text.find('{');
        out += text.substr(0, open);
        if (open == std::string_view::npos) break;
        text.remove_prefix(open);
        const auto close = text.find('}');
        const std::string_view name = text.substr(0, close + 1);
        text.remove_prefix(close + 1);
        if (name == "{permission}") {
            out += permission_text(attempt);
        } else if (name == "{kind}") {
            out += attempt.kind.empty() ? "this resource" : attempt.kind;
        } else if (name == "{limit}") {
            out += error.longest_life ? fmt::format("{}m", error.longest_life->count())
                                      : "what Graph names";
        } else if (name == "{said}") {
            out += said_in(error.message);
        } else if (name == "{request}") {
            out += error.request_id.empty() ? "in the log" : error.request_id;
        } else {
            out += name;  // {id} of templates
        }
    }
    return out;
}

/// What a token source says has both in it: "no token for tenant x: what is wrong: what to do".
std::optional<Explanation> from_token_source(const GraphError& error) {
    constexpr std::string_view kBegin = "no token for tenant ";
    if (!error.message.starts_with(kBegin)) return std::nullopt;
    const auto name_end = error.message.find(": ", kBegin.size());
    if (name_end == std::string::npos) return std::nullopt;
    std::string_view rest = std::string_view(error.message).substr(name_end + 2);
    // What the platform itself said, after our own words.
    const auto quote = rest.find(" (it says: ");
    const std::string_view quoted = quote == std::string_view::npos ? "" : rest.substr(quote);
    rest = rest.substr(0, quote);
    Explanation explanation{.cause = std::string(rest), .remedy = {}, .rule = "token"};
    const auto colon = rest.rfind(": ");
    if (error.next != Next::Credentials) {
        explanation.remedy =
            "nothing: it is tried again; if it lasts, check the way out of this network";
    } else if (rest.starts_with("AADSTS") || colon == std::string_view::npos) {
        explanation.remedy =
            "look the code up in Microsoft's list of AADSTS codes, and check the tenant's "
            "credential as docs/credentials.md has it";
    } else {
        explanation.cause = rest.substr(0, colon);
        explanation.remedy = rest.substr(colon + 2);
        constexpr std::string_view kLogin = "graphhook login";
        if (const auto at = explanation.remedy.find(kLogin); at != std::string::npos) {
            const auto tenant = error.message.substr(kBegin.size(), name_end - kBegin.size());
            explanation.remedy.replace(
                at, kLogin.size(), fmt::format("'graphhook login {}'", tenant)
            );
        }
    }
    explanation.cause += quoted;
    if (!error.code.empty() && explanation.cause.find(error.code) == std::string::npos)
        explanation.cause += fmt::format(" ({})", error.code);
    return explanation;
}

}  // namespace

Explanation explain(const GraphError& error, const Attempt& attempt) {
    if (auto token = from_token_source(error)) return *token;
    const std::string low = lowered(error.message);
    for (const explaining::Rule& rule : explaining::kRules) {
        if (!fits(rule, error, attempt, low)) continue;
        return {
            .cause = fill(rule.cause, error, attempt),
            .remedy = fill(rule.remedy, error, attempt),
            .rule = std::string(rule.name)
        };
    }
    return {.cause = error.message, .remedy = {}, .rule = {}};  // the last row fits everything
}

std::vector<std::string_view> explanation_rules() {
    std::vector<std::string_view> names;
    for (const explaining::Rule& rule : explaining::kRules) names.push_back(rule.name);
    return names;
}

}  // namespace graphhook::subscriptions
