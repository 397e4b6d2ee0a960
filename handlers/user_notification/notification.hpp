#pragma once

#include "core/clock.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace graphhook::handlers {

// A user notification, as the service of Microsoft Graph took it (resource type
// projectrome-notification of /beta, retired at the end of January 2022). Facts: Microsoft's pages
// of 2019 to 2021; no size limits are in them, so the carriers' 4 KiB are taken.

struct VisualContent {
    std::string title;  ///< Required.
    std::optional<std::string> body;
};

/// Shown on iOS when the raw content was not handled in time.
struct EndpointFallback {
    std::chrono::seconds delay{60};  ///< 60 to 600.
    VisualContent content;
};

struct UserNotification {
    std::string target_host_name;     ///< A domain, without a scheme. Required.
    std::string app_notification_id;  ///< The same on every attempt. Empty: none.
    std::string group_name;           ///< Empty: none.
    std::optional<SystemTime> expires_at;
    std::optional<std::chrono::seconds> display_for;  ///< displayTimeToLive
    std::string priority;                             ///< "None", "High", "Low"; empty: none said.
    std::optional<std::string> raw_content;
    std::optional<VisualContent> visual_content;
    std::vector<std::string> platforms;  ///< Windows, iOS, Android, WebPush; empty: all.
    std::optional<EndpointFallback> fallback;
};

/// What is wrong with one field. Neither holds anything that the field says.
struct FieldProblem {
    std::string field;  ///< "payload.visualContent.title"
    std::string text;   ///< "is required"
    bool operator==(const FieldProblem&) const = default;
};
/// "payload.visualContent.title is required"; several joined by "; ".
[[nodiscard]] std::string to_text(const std::vector<FieldProblem>& problems);

inline constexpr std::size_t kMostContentBytes = 4'096;
inline constexpr std::chrono::hours kLongestLife{30 * 24};

/// Everything that is wrong with it, in the order of the fields. Pure.
[[nodiscard]] std::vector<FieldProblem> check(
    const UserNotification& notification, SystemTime now,
    std::size_t most_content_bytes = kMostContentBytes
);

/// Reads the resource as JSON (for one that is written by hand): wrong types, unknown fields and
/// duplicate members are problems. Does not `check`. Pure.
[[nodiscard]] std::variant<UserNotification, std::vector<FieldProblem>> read_notification(
    std::string_view json
);

/// The request's body. `wrapped`: in {"notification": …}, as the documentation of early 2019 has
/// it. Pure.
[[nodiscard]] std::string to_json(const UserNotification& notification, bool wrapped = false);

}  // namespace graphhook::handlers
