#include "emulator/faults.hpp"

#include "emulator/kinds.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace graphhook::emulator {
namespace {

constexpr auto kNames = std::to_array<std::pair<FaultKind, std::string_view>>({
    {FaultKind::Throttle, "throttle"},
    {FaultKind::ServerError, "server-error"},
    {FaultKind::Slow, "slow"},
    {FaultKind::Redirect, "redirect"},
    {FaultKind::Html, "html"},
    {FaultKind::Claims, "claims"},
    {FaultKind::PageError, "page-error"},
    {FaultKind::Truncated, "truncated"},
    {FaultKind::MissingField, "missing-field"},
    {FaultKind::PastExpiry, "past-expiry"},
    {FaultKind::ForeignLink, "foreign-link"},
    {FaultKind::DeltaExpired, "delta-expired"},
    {FaultKind::EmptyPage, "empty-page"},
    {FaultKind::Replay, "replay"},
    {FaultKind::Outage, "outage"},
    {FaultKind::CreateLate, "create-late"},
    {FaultKind::Lose, "lose"},
    {FaultKind::Duplicate, "duplicate"},
    {FaultKind::Reorder, "reorder"},
    {FaultKind::WrongClientState, "wrong-client-state"},
    {FaultKind::UnknownSubscription, "unknown-subscription"},
    {FaultKind::IgnoreCertificate, "ignore-certificate"},
    {FaultKind::RefuseCertificate, "refuse-certificate"},
    {FaultKind::UserNotification, "user-notification"},
});

constexpr std::uint64_t kMostTimes = 1'000'000'000;
constexpr std::uint64_t kLongestSeconds = 86'400;
constexpr std::size_t kLongestText = 1'024;

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

/// Text that may stand in a header; empty if it is absent.
Result<std::string> text(const boost::json::object& json, std::string_view name) {
    const auto* value = json.if_contains(name);
    if (value == nullptr || value->is_null()) return std::string{};
    if (!value->is_string() || value->as_string().size() > kLongestText)
        return fail(Errc::BadInput, fmt::format("{} must be text", name));
    std::string result(value->as_string());
    for (const char c : result) {
        if (static_cast<unsigned char>(c) <= 0x20 || c == 0x7f)
            return fail(Errc::BadInput, fmt::format("{} holds what it may not", name));
    }
    return result;
}

Result<double> share_of(const boost::json::object& json) {
    const auto* value = json.if_contains("share");
    if (value == nullptr) return 1.0;
    boost::system::error_code error;
    const auto share = value->to_number<double>(error);
    if (error || !(share > 0) || share > 1)
        return fail(Errc::BadInput, "share must be over 0, and 1 at most");
    return share;
}

Result<std::optional<std::chrono::seconds>> retry_after_of(
    const boost::json::object& json, FaultKind kind
) {
    const auto* value = json.if_contains("retryAfterSeconds");
    if (value == nullptr) {
        if (kind == FaultKind::Throttle)
            return std::optional<std::chrono::seconds>(std::chrono::seconds(5));
        return std::optional<std::chrono::seconds>{};
    }
    if (value->is_null()) return std::optional<std::chrono::seconds>{};
    const auto seconds = number(json, "retryAfterSeconds", 5, kLongestSeconds);
    if (!seconds) return seconds.error();
    return std::optional<std::chrono::seconds>(std::chrono::seconds(*seconds));
}

bool holds(std::string_view text, std::string_view part) {
    return part.empty() || lower_case(text).find(lower_case(part)) != std::string::npos;
}

bool has_status(FaultKind kind) {
    return kind == FaultKind::ServerError || kind == FaultKind::PageError ||
           kind == FaultKind::Outage || kind == FaultKind::DeltaExpired ||
           kind == FaultKind::UserNotification;
}

std::uint64_t usual_status(FaultKind kind) {
    if (kind == FaultKind::DeltaExpired) return 400;
    return kind == FaultKind::UserNotification ? 406 : 503;
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

void Faults::set(FaultKind kind, Fault fault) {
    for (auto& [known, active] : active_) {
        if (known != kind || active.tenant != fault.tenant || active.path != fault.path) continue;
        active = std::move(fault);
        return;
    }
    active_.emplace_back(kind, std::move(fault));
}

std::optional<Fault> Faults::take(FaultKind kind, const Where& where) {
    for (auto it = active_.begin(); it != active_.end(); ++it) {
        Fault& active = it->second;
        if (it->first != kind) continue;
        if (!active.tenant.empty() && lower_case(active.tenant) != lower_case(where.tenant))
            continue;
        if (!holds(where.path, active.path)) continue;
        if (kind == FaultKind::PageError && active.page != where.page) continue;
        if (active.share < 1 &&
            std::uniform_real_distribution<double>(0, 1)(random_) >= active.share)
            continue;
        Fault fault = active;
        if (active.count == 1) {
            active_.erase(it);
        } else if (active.count != 0) {
            --active.count;
        }
        return fault;
    }
    return std::nullopt;
}

boost::json::array Faults::to_json() const {
    boost::json::array list;
    for (const auto& [kind, fault] : active_) {
        boost::json::object json;
        json["fault"] = to_string(kind);
        json["count"] = fault.count;
        if (fault.share < 1) json["share"] = fault.share;
        if (!fault.tenant.empty()) json["tenant"] = fault.tenant;
        if (!fault.path.empty()) json["path"] = fault.path;
        if (fault.retry_after) json["retryAfterSeconds"] = fault.retry_after->count();
        if (kind == FaultKind::Slow || kind == FaultKind::CreateLate)
            json["delayMilliseconds"] = fault.delay.count();
        if (has_status(kind)) json["status"] = fault.status;
        if (!fault.location.empty()) json["location"] = fault.location;
        if (!fault.field.empty()) json["field"] = fault.field;
        if (!fault.code.empty()) json["code"] = fault.code;
        if (kind == FaultKind::PageError) json["page"] = fault.page;
        if (fault.hang_up) json["hangUp"] = true;
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
    const auto count = number(json, "count", *kind == FaultKind::Outage ? 0 : 1, kMostTimes);
    const auto delay = number(
        json, "delayMilliseconds", *kind == FaultKind::CreateLate ? 60'000 : 5'000,
        kLongestSeconds * 1000
    );
    const auto status = number(json, "status", usual_status(*kind), 599);
    const auto page = number(json, "page", 2, kMostTimes);
    for (const auto* read : {&count, &delay, &status, &page}) {
        if (!*read) return read->error();
    }
    const auto share = share_of(json);
    if (!share) return share.error();
    const auto retry_after = retry_after_of(json, *kind);
    if (!retry_after) return retry_after.error();
    // A user notification that is taken may be answered 200, too (protocol 10.6).
    const bool taken = *kind == FaultKind::UserNotification && *status == 200;
    if (*status < 400 && !taken) return fail(Errc::BadInput, "status must be an error, 400 to 599");
    auto tenant = text(json, "tenant");
    auto path = text(json, "path");
    auto location = text(json, "location");
    auto field = text(json, "field");
    auto code = text(json, "code");
    for (const auto* read : {&tenant, &path, &location, &field, &code}) {
        if (!*read) return read->error();
    }
    Fault fault;
    fault.count = *count;
    fault.share = *share;
    fault.tenant = std::move(*tenant);
    fault.path = std::move(*path);
    fault.retry_after = *retry_after;
    fault.delay = std::chrono::milliseconds(*delay);
    fault.status = static_cast<int>(*status);
    fault.location = std::move(*location);
    fault.field = std::move(*field);
    fault.code = std::move(*code);
    fault.page = static_cast<std::uint32_t>(*page);
    if (const auto* hang_up = json.if_contains("hangUp"); hang_up != nullptr) {
        if (!hang_up->is_bool()) return fail(Errc::BadInput, "hangUp must be true or false");
        fault.hang_up = hang_up->as_bool();
    }
    if ((*kind == FaultKind::Redirect || *kind == FaultKind::ForeignLink) && fault.location.empty())
        fault.location = "https://elsewhere.invalid/";
    return std::pair(*kind, std::move(fault));
}

}  // namespace graphhook::emulator
