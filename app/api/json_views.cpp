#include "app/api/json_views.hpp"

#include "core/log.hpp"
#include "core/time_text.hpp"

#include <boost/json/parse.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

namespace graphhook::app {

namespace json = boost::json;

namespace {

/// What was stored as JSON, to be read as such; null where there is nothing.
json::value json_or_text(const std::string& text) {
    if (text.empty()) return nullptr;
    boost::system::error_code error;
    auto value = json::parse(text, error);
    return error ? json::value(text) : value;
}

}  // namespace

json::value time_or_null(const std::optional<SystemTime>& time) {
    if (!time) return nullptr;
    return json::value(to_text(*time));
}

json::value time_or_null(SystemTime time) {
    if (time == SystemTime{}) return nullptr;
    return json::value(to_text(time));
}

json::object to_json(const store::DeliveryRow& row) {
    // Of what is done nobody keeps how often it was tried.
    json::value attempts;
    if (row.state != store::DeliveryState::Done) attempts = row.attempts;
    return {
        {"id", std::to_string(row.id.value)},
        {"handler", row.handler},
        {"state", store::to_string(row.state)},
        {"subscription", row.stream.subscription},
        {"tenant", row.stream.tenant},
        {"kind", row.stream.kind},
        {"change", row.stream.change},
        {"lifecycle", row.stream.lane == store::Lane::Lifecycle},
        {"resource", row.resource},
        {"received_at", to_text(row.received_at)},
        {"attempts", std::move(attempts)},
        {"next_at", time_or_null(row.next_at)},
        {"reason", row.reason},
        {"replayed", row.replayed},
        {"receipt", json_or_text(row.receipt)},
    };
}

json::object to_json(const store::StoredNotification& notification) {
    return {
        {"id", std::to_string(notification.id.value)},
        {"subscription", notification.stream.subscription},
        {"tenant", notification.stream.tenant},
        {"kind", notification.stream.kind},
        {"change", notification.stream.change},
        {"lifecycle", notification.stream.lane == store::Lane::Lifecycle},
        {"subscription_id", notification.subscription_id},
        {"resource", notification.resource},
        {"received_at", to_text(notification.received_at)},
        {"rich", notification.rich},
        {"verdict", json_or_text(notification.verdict)},
        {"item", json_or_text(notification.body)},
        {"deliveries", to_json_array(notification.deliveries)},
    };
}

json::object to_json(const store::HandlerStats& handler, SystemTime now) {
    json::value age = nullptr;
    if (handler.oldest_waiting) {
        age = std::chrono::duration<double>(std::max(now - *handler.oldest_waiting, {})).count();
    }
    return {
        {"handler", handler.handler}, {"attached", handler.attached},
        {"paused", handler.paused},   {"waiting", handler.waiting},
        {"leased", handler.leased},   {"retrying", handler.retrying},
        {"dead", handler.dead},       {"oldest_waiting", time_or_null(handler.oldest_waiting)},
        {"oldest_age_seconds", age},
    };
}

json::object to_json(const store::StoreStats& stats, SystemTime now) {
    json::array handlers;
    for (const auto& handler : stats.handlers) handlers.push_back(to_json(handler, now));
    json::object quarantined;
    for (const auto& [label, count] : stats.quarantined) quarantined[label] = count;
    json::object unsids;
    for (const auto& [platform, count] : stats.unsids) unsids[platform] = count;
    return {
        {"free_bytes", stats.free_bytes},
        {"database_bytes", stats.database_bytes},
        {"wal_bytes", stats.wal_bytes},
        {"notifications", stats.notifications},
        {"repeat_keys", stats.repeat_keys},
        {"refusing", stats.refusing},
        {"oldest_notification", time_or_null(stats.oldest_notification)},
        {"quarantined", std::move(quarantined)},
        {"unsids", std::move(unsids)},
        {"handlers", std::move(handlers)},
    };
}

json::object to_json(const subscriptions::SubscriptionStatus& status) {
    return {
        {"name", status.name},
        {"element", status.element},
        {"state", status.state},
        {"tenant", status.tenant},
        {"kind", status.kind},
        {"resource", status.resource},
        {"changes", status.changes},
        {"certificate_id", status.certificate_id},
        {"graph_id", status.graph_id},
        {"created_at", time_or_null(status.created_at)},
        {"expires_at", time_or_null(status.expires_at)},
        {"touched_at", time_or_null(status.touched_at)},
        {"next_try", time_or_null(status.next_try)},
        {"removal_at", time_or_null(status.removal_at)},
        {"failures", status.failures},
        {"last_error", status.last_error},
    };
}

json::object to_json(const subscriptions::TenantStatus& tenant) {
    return {
        {"name", tenant.name},
        {"last_error", tenant.last_error},
        {"waits_until", time_or_null(tenant.waits_until)},
        {"listed_at", time_or_null(tenant.listed_at)},
        {"subscriptions", tenant.subscriptions.size()},
        {"orphans", tenant.orphans.size()},
        {"held_back", tenant.held_back},
    };
}

json::object to_json(const store::RefusedBody& body) {
    return {
        {"number", body.number}, {"at", to_text(body.at)},
        {"reason", body.reason}, {"subscription", body.subscription},
        {"body", body.body},
    };
}

Result<store::NotificationId> parse_id(std::string_view text) {
    store::NotificationId id;
    const char* last = text.data() + text.size();
    const auto [end, error] = std::from_chars(text.data(), last, id.value);
    if (error != std::errc{} || end != last || id.value < 0)
        return fail(Errc::BadInput, fmt::format("'{}' is not a notification's number", text));
    return id;
}

Result<std::uint64_t> number_or(std::string_view text, std::uint64_t fallback) {
    if (text.empty()) return fallback;
    std::uint64_t value = 0;
    const char* last = text.data() + text.size();
    const auto [end, error] = std::from_chars(text.data(), last, value);
    if (error != std::errc{} || end != last || value > 1'000'000'000'000)
        return fail(Errc::BadInput, fmt::format("'{}' is not a number", for_log(text, 40)));
    return value;
}

Result<SystemTime> parse_moment(std::string_view text, SystemTime now) {
    if (const auto ago = parse_duration(text)) return now - *ago;
    if (const auto time = parse_time(text)) return *time;
    return fail(
        Errc::BadInput, fmt::format(
                            "'{}' is neither a duration such as 2h nor a time such as {}", text,
                            to_text(std::chrono::floor<std::chrono::seconds>(now))
                        )
    );
}

}  // namespace graphhook::app
