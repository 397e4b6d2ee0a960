#pragma once

#include "core/clock.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

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
