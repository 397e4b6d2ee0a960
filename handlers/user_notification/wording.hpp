#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace graphhook::handlers {

// What single fields of a user notification may say; shared by those that check a notification and
// those that check a configuration. Pure. A problem is put as it follows the field's name ("is
// longer than 256 bytes") and repeats nothing of the field.

/// The most bytes of appNotificationId and groupName: Microsoft's pages name none, ours is what
/// their carriers' collapse ids and tags allow at most.
inline constexpr std::size_t kMostNameBytes = 256;
/// Seconds of fallbackDelayInSeconds (Microsoft's page on the resource).
inline constexpr long kShortestFallback = 60;
inline constexpr long kLongestFallback = 600;

/// "Windows", "iOS", "Android", "WebPush" for these in any case; nothing: it is none of them.
[[nodiscard]] std::optional<std::string_view> platform_named(std::string_view text) noexcept;
/// "None", "High", "Low" for these in any case; nothing: it is none of them.
[[nodiscard]] std::optional<std::string_view> priority_named(std::string_view text) noexcept;
inline constexpr std::string_view kPlatformNames = "Windows, iOS, Android and WebPush";
inline constexpr std::string_view kPriorityNames = "None, High and Low";

/// A domain: letters, digits and hyphens, no scheme, port, path or address. Internationalised names
/// in their ASCII form.
[[nodiscard]] std::optional<std::string> host_name_problem(std::string_view text);
/// appNotificationId, groupName.
[[nodiscard]] std::optional<std::string> name_problem(std::string_view text);
/// Of content: `lines`: it may have line breaks and tabs; of other control characters none.
[[nodiscard]] std::optional<std::string> text_problem(
    std::string_view text, std::size_t most_bytes, bool lines
);
/// Of raw content, which is the app's own: any text but a NUL.
[[nodiscard]] std::optional<std::string> raw_problem(std::string_view text, std::size_t most_bytes);

}  // namespace graphhook::handlers
