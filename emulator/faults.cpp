#include "emulator/faults.hpp"

#include <fmt/format.h>

#include <array>

namespace graphhook::emulator {
namespace {

constexpr auto kNames = std::to_array<std::pair<FaultKind, std::string_view>>({
    {FaultKind::Throttle, "throttle"},
    {FaultKind::ServerError, "server-error"},
    {FaultKind::Slow, "slow"},
    {FaultKind::Redirect, "redirect"},
    {FaultKind::TokenError, "token-error"},
    {FaultKind::CreateLate, "create-late"},
    {FaultKind::Duplicate, "duplicate"},
    {FaultKind::Reorder, "reorder"},
    {FaultKind::WrongClientState, "wrong-client-state"},
    {FaultKind::UnknownSubscription, "unknown-subscription"},
});

constexpr std::uint64_t kMostTimes = 1'000'000'000;
constexpr std::uint64_t kLongestSeconds = 86'400;

/// A whole number from 0 to `most`; `otherwise` if it is absent.
Result<std::uint64_t> number(
    const boost::json::object& json, std::string_view name, std::uint64_t otherwise,
    std::uint64_t most
) {
    const auto* value = json.if_contains(name);
    if (value == nullptr) return otherwise;
    boost::system::error_code error;
    const auto result = value->to_number<std::uint64_t>(error);
    if (error || result > most)
        return fail(Errc::BadInput, fmt::format("{} must be a whole number up to {}", name, most));
    return result;
}

}  // namespace

std::string_view to_string(FaultKind kind) noexcept {
    for (const auto& [value, name] : kNames) {
        if (value == kind) return name;
    }
    return "";
}

std::optional<FaultKind> parse_fault_kind(std::string_view text) noexcept {
    for (const auto& [value, name] : kNames) {
        if (name == text) return value;
    }
    return std::nullopt;
}

std::optional<Fault> Faults::take(FaultKind kind) {
    const auto it = active_.find(kind);
    if (it == active_.end()) return std::nullopt;
    Fault fault = it->second;
    if (it->second.count == 1) {
        active_.erase(it);
    } else if (it->second.count != 0) {
        --it->second.count;
    }
    return fault;
}

boost::json::array Faults::to_json() const {
    boost::json::array list;
    for (const auto& [kind, fault] : active_) {
        boost::json::object json;
        json["fault"] = to_string(kind);
        json["count"] = fault.count;
        if (kind == FaultKind::Throttle) json["retryAfterSeconds"] = fault.retry_after.count();
        if (kind == FaultKind::Slow || kind == FaultKind::CreateLate)
            json["delayMilliseconds"] = fault.delay.count();
        if (kind == FaultKind::ServerError) json["status"] = fault.status;
        if (kind == FaultKind::Redirect) json["location"] = fault.location;
        list.push_back(std::move(json));
    }
    return list;
}

Result<std::pair<FaultKind, Fault>> read_fault(const boost::json::object& json) {
    const auto* name = json.if_contains("fault");
    if (name == nullptr || !name->is_string()) return fail(Errc::BadInput, "which fault?");
    const auto kind =
        parse_fault_kind(std::string_view(name->as_string().data(), name->as_string().size()));
    if (!kind) return fail(Errc::BadInput, "there is no such fault");
    Fault fault;
    const auto count = number(json, "count", 1, kMostTimes);
    const auto retry_after = number(json, "retryAfterSeconds", 5, kLongestSeconds);
    const auto delay = number(
        json, "delayMilliseconds", *kind == FaultKind::CreateLate ? 60'000 : 5'000,
        kLongestSeconds * 1000
    );
    const auto status = number(json, "status", 503, 599);
    for (const auto* read : {&count, &retry_after, &delay, &status}) {
        if (!*read) return read->error();
    }
    if (*status < 400) return fail(Errc::BadInput, "status must be an error, 400 to 599");
    fault.count = *count;
    fault.retry_after = std::chrono::seconds(*retry_after);
    fault.delay = std::chrono::milliseconds(*delay);
    fault.status = static_cast<int>(*status);
    if (const auto* location = json.if_contains("location"); location != nullptr) {
        if (!location->is_string()) return fail(Errc::BadInput, "location must be text");
        fault.location = std::string(location->as_string());
    }
    if (*kind == FaultKind::Redirect && fault.location.empty())
        fault.location = "https://elsewhere.invalid/";
    for (const char c : fault.location) {
        if (static_cast<unsigned char>(c) <= 0x20 || c == 0x7f)
            return fail(Errc::BadInput, "location is no URL");
    }
    return std::pair(*kind, std::move(fault));
}

}  // namespace graphhook::emulator
