#pragma once

#include "core/clock.hpp"
#include "emulator/rules.hpp"

#include <boost/json/value.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace graphhook::emulator {

/// What an endpoint of user notifications runs on.
enum class Platform { Windows, Ios, Android, WebPush };
inline constexpr std::array kPlatforms{
    Platform::Windows, Platform::Ios, Platform::Android, Platform::WebPush
};

/// "windows", "ios", "android", "webpush".
std::string_view to_string(Platform platform) noexcept;
/// In any case.
std::optional<Platform> parse_platform(std::string_view text) noexcept;

/// What a person sees.
struct Visual {
    std::string title;
    std::optional<std::string> body;
    bool operator==(const Visual&) const = default;
};

/// What an iOS endpoint shows when the raw content was not handled in time.
struct IosFallback {
    std::chrono::seconds delay{60};
    Visual content;
    bool operator==(const IosFallback&) const = default;
};

/// A user notification as an app service posts it (protocol 10.5). Equal ones say the same.
struct PostedNotification {
    std::string host;                         ///< targetHostName
    std::optional<std::string> app_id;        ///< appNotificationId
    std::optional<std::string> group;         ///< groupName
    std::optional<SystemTime> expires;        ///< absent: kUsualLife from now
    std::optional<std::int32_t> display_for;  ///< displayTimeToLive, seconds
    std::string priority;                     ///< "None", "High", "Low"; empty: none was said
    std::optional<std::string> raw;
    std::optional<Visual> visual;
    std::vector<Platform> platforms;  ///< empty: all
    std::optional<IosFallback> fallback;
    bool operator==(const PostedNotification&) const = default;

    [[nodiscard]] bool is_for(Platform platform) const noexcept;
};

/// Inferred from a captured reply (protocol 10.5).
inline constexpr std::chrono::hours kUsualLife{7 * 24};
inline constexpr std::chrono::hours kLongestLife{30 * 24};

struct PostRules {
    /// Of rawContent, and of each title and body, in bytes. The pages say nothing of sizes; this is
    /// about what the carriers take.
    std::size_t most_content_bytes = 4'096;
    /// {"notification":{…}} is taken, too, as the documentation of early 2019 has it.
    bool wrapped = false;
    /// Whether a host name is verified for the app that posts; empty: every one is.
    std::function<bool(std::string_view host)> has_host;
};

/// Reads a notification. What is wrong is named in this order, whatever else is: the contract
/// (unknown or missing members, values that are out of range), the payload, and at last the types
/// of known members, which is a 401 (protocol 10.6). null stands for an absent member. Members with
/// "@odata." in their name are passed over. Pure.
[[nodiscard]] ApiResult<PostedNotification> read_posted(
    const boost::json::value& body, const PostRules& rules, SystemTime now
);

}  // namespace graphhook::emulator
