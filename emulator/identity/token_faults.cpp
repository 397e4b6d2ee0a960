#include "emulator/identity/token_faults.hpp"

#include "emulator/identity/scopes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace graphhook::emulator {
namespace {

constexpr auto kNames = std::to_array<std::pair<TokenFaultKind, std::string_view>>({
    {TokenFaultKind::Error, "token-error"},
    {TokenFaultKind::Throttle, "token-throttle"},
    {TokenFaultKind::Html, "token-html"},
    {TokenFaultKind::CutOff, "token-cut-off"},
    {TokenFaultKind::Slow, "token-slow"},
    {TokenFaultKind::NoExpiry, "token-no-expiry"},
    {TokenFaultKind::ManagedIdentity, "managed-identity-error"},
    {TokenFaultKind::Keys, "keys"},
});

/// How key sets may fail.
constexpr auto kForms = std::to_array<std::string_view>(
    {"error", "slow", "cut-off", "html", "garbage", "empty", "blank", "wrong-json", "redirect"}
);

constexpr std::uint64_t kMostTimes = 1'000'000'000;
constexpr std::uint64_t kLongestSeconds = 86'400;
constexpr std::size_t kMostFaults = 1'000;

Result<std::uint64_t> number(
    const boost::json::object& json, std::string_view name, std::uint64_t otherwise,
    std::uint64_t least, std::uint64_t most
) {
    const auto* value = json.if_contains(name);
    if (value == nullptr) return otherwise;
    boost::system::error_code error;
    const auto result = value->to_number<std::uint64_t>(error);
    if (error || result < least || result > most)
        return fail(
            Errc::BadInput, fmt::format("{} must be a whole number, {} to {}", name, least, most)
        );
    return result;
}

std::string_view text(const boost::json::object& json, std::string_view name) {
    const auto* value = json.if_contains(name);
    return value != nullptr && value->is_string() ? std::string_view(value->as_string())
                                                  : std::string_view{};
}

std::string_view name_of(TokenFaultKind kind) {
    for (const auto& [value, name] : kNames) {
        if (value == kind) return name;
    }
    return "";
}

std::uint64_t usual_status(TokenFaultKind kind) {
    switch (kind) {
        case TokenFaultKind::Html:
            return 200;
        case TokenFaultKind::ManagedIdentity:
            return 410;
        default:
            return 503;
    }
}

}  // namespace

bool TokenFaults::knows(std::string_view name) noexcept {
    return std::any_of(kNames.begin(), kNames.end(), [&](const auto& one) {
        return one.second == name;
    });
}

Result<void> TokenFaults::set(const boost::json::object& json) {
    const auto name = text(json, "fault");
    const auto known = std::find_if(kNames.begin(), kNames.end(), [&](const auto& one) {
        return one.second == name;
    });
    if (known == kNames.end()) return fail(Errc::BadInput, "there is no such fault");
    TokenFault fault;
    fault.kind = known->first;
    fault.tenant = std::string(text(json, "tenant"));
    const auto count = number(json, "count", 1, 0, kMostTimes);
    const auto retry_after = number(json, "retryAfterSeconds", 5, 0, kLongestSeconds);
    const auto delay = number(json, "delayMilliseconds", 5'000, 0, kLongestSeconds * 1000);
    const auto status = number(
        json, "status", usual_status(fault.kind), fault.kind == TokenFaultKind::Html ? 200 : 400,
        599
    );
    for (const auto* read : {&count, &retry_after, &delay, &status}) {
        if (!*read) return read->error();
    }
    fault.count = *count;
    fault.retry_after = std::chrono::seconds(*retry_after);
    fault.delay = std::chrono::milliseconds(*delay);
    fault.status = static_cast<int>(*status);
    if (fault.kind == TokenFaultKind::Keys) {
        const auto form = text(json, "form").empty() ? kForms.front() : text(json, "form");
        if (std::find(kForms.begin(), kForms.end(), form) == kForms.end())
            return fail(
                Errc::BadInput,
                "form must be error, slow, cut-off, html, garbage, empty, blank, "
                "wrong-json or redirect"
            );
        fault.form = std::string(form);
        const auto location = text(json, "location");
        fault.location = location.empty() ? "https://elsewhere.invalid/" : std::string(location);
    }
    std::erase_if(active_, [&](const TokenFault& other) {
        return other.kind == fault.kind && same_text(other.tenant, fault.tenant);
    });
    if (active_.size() >= kMostFaults) return fail(Errc::Full, "there are too many faults");
    active_.push_back(std::move(fault));
    return {};
}

std::optional<TokenFault> TokenFaults::take(TokenFaultKind kind, std::string_view tenant) {
    const auto it = std::find_if(active_.begin(), active_.end(), [&](const TokenFault& one) {
        return one.kind == kind && (one.tenant.empty() || same_text(one.tenant, tenant));
    });
    if (it == active_.end()) return std::nullopt;
    TokenFault fault = *it;
    if (it->count == 1) {
        active_.erase(it);
    } else if (it->count != 0) {
        --it->count;
    }
    return fault;
}

boost::json::array TokenFaults::to_json() const {
    boost::json::array list;
    for (const TokenFault& fault : active_) {
        boost::json::object json;
        json["fault"] = name_of(fault.kind);
        json["count"] = fault.count;
        if (!fault.tenant.empty()) json["tenant"] = fault.tenant;
        switch (fault.kind) {
            case TokenFaultKind::Throttle:
                json["retryAfterSeconds"] = fault.retry_after.count();
                break;
            case TokenFaultKind::Slow:
                json["delayMilliseconds"] = fault.delay.count();
                break;
            case TokenFaultKind::Html:
            case TokenFaultKind::ManagedIdentity:
                json["status"] = fault.status;
                break;
            case TokenFaultKind::Keys:
                json["form"] = fault.form;
                break;
            default:
                break;
        }
        list.push_back(std::move(json));
    }
    return list;
}

}  // namespace graphhook::emulator
