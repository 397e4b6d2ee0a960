#pragma once

#include "emulator/caller.hpp"
#include "emulator/http.hpp"
#include "emulator/user_notifications/apps.hpp"
#include "emulator/user_notifications/posted.hpp"

#include <boost/json/value.hpp>

#include <string>
#include <string_view>

namespace graphhook::emulator {

/// The permission with which an app posts for a signed-in user (protocol 10.3).
inline constexpr std::string_view kNotifyScope = "Notifications.ReadWrite.CreatedByApp";
/// Of a request's body, decompressed: against bombs.
inline constexpr std::size_t kMostPostBytes = 256 * 1'024;

/// The body, decoded and parsed. 400 for what is none, and beyond kMostPostBytes.
[[nodiscard]] ApiResult<boost::json::value> read_post_body(const Request& request);

/// Judges a POST of a caller whose token is good, in the order of protocol 10.6 up to the types of
/// its members: blocked caller, forbidden headers, Content-Encoding, X-UNS-ID and JSON, contract,
/// payload, types. Who may be told what is not judged here. Pure.
[[nodiscard]] ApiResult<PostedNotification> evaluate_post(
    const Request& request, const Caller& caller, const CrossDeviceApps& apps, PostRules rules,
    SystemTime now
);

}  // namespace graphhook::emulator
