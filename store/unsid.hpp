#pragma once

#include "core/clock.hpp"
#include "core/text.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace graphhook::store {

/// A UserNotificationSubscriptionId, as a client app handed it in for its user: where user
/// notifications for that user are to be sent. The service gives the same one to every endpoint of
/// one user and application, so it may be there once for each platform.
struct Unsid {
    std::string tenant_id;  ///< The user's; GUID in lower case.
    std::string user_id;    ///< GUID in lower case.
    std::string unsid;      ///< As handed in.
    std::string platform;   ///< "windows", "ios", "android", "webpush"
    std::string client_id;  ///< The client app that handed it in; lower case.
    SystemTime expires_at;
    SystemTime registered_at;  ///< When it was handed in last.
    bool operator==(const Unsid&) const = default;
};

inline constexpr std::size_t kMostUnsidBytes = 128;
/// 1 to kMostUnsidBytes of A-Z, a-z, 0-9, '.', '_', ':' and '-': no more is known of their form,
/// and nothing else may stand in a header.
[[nodiscard]] constexpr bool is_unsid(std::string_view text) noexcept {
    return !text.empty() && text.size() <= kMostUnsidBytes &&
           std::all_of(text.begin(), text.end(), [](char c) {
               const char l = lower(c);
               return (l >= 'a' && l <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
                      c == ':' || c == '-';
           });
}

/// One user may have so many; the one that was handed in longest ago gives way.
inline constexpr std::size_t kMostUnsidsOfOneUser = 16;

enum class UnsidPut : std::uint8_t {
    Registered,
    Renewed,  ///< The same user, UNSID and platform were there, expired or not.
};

/// Empty texts match everything.
struct UnsidQuery {
    std::string tenant_id, user_id, unsid;
    std::optional<SystemTime> live_at;  ///< Only those that expire later.
    std::size_t limit = 1'000;          ///< Not for dropping.
};

}  // namespace graphhook::store
