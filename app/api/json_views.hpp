#pragma once

#include "store/store.hpp"
#include "subscriptions/manager.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <optional>
#include <vector>

namespace graphhook::app {

// What the admin API answers and `--output json` prints: the same shapes, so that a script may use
// either. No view holds a secret or a client state.

boost::json::object to_json(const store::DeliveryRow& row);
boost::json::object to_json(const store::StoredNotification& notification);
boost::json::object to_json(const store::HandlerStats& handler, SystemTime now);
boost::json::object to_json(const store::StoreStats& stats, SystemTime now);
boost::json::object to_json(const subscriptions::SubscriptionStatus& status);
/// What holds for the tenant as a whole; its subscriptions are listed by themselves.
boost::json::object to_json(const subscriptions::TenantStatus& tenant);
boost::json::object to_json(const store::RefusedBody& body);

template <class T>
boost::json::array to_json_array(const std::vector<T>& rows) {
    boost::json::array array;
    array.reserve(rows.size());
    for (const auto& row : rows) array.push_back(to_json(row));
    return array;
}

/// RFC 3339, or null.
boost::json::value time_or_null(const std::optional<SystemTime>& time);
/// The same; the zero instant is null.
boost::json::value time_or_null(SystemTime time);

/// A number as Selection and DeliveryQuery take it. Errc::BadInput.
[[nodiscard]] Result<store::NotificationId> parse_id(std::string_view text);
/// A number of a query; empty: `fallback`. Errc::BadInput.
[[nodiscard]] Result<std::uint64_t> number_or(std::string_view text, std::uint64_t fallback);
/// "2h" (ago) or an RFC 3339 time.
[[nodiscard]] Result<SystemTime> parse_moment(std::string_view text, SystemTime now);

}  // namespace graphhook::app
