#pragma once

#include "core/clock.hpp"
#include "core/http_client.hpp"
#include "subscriptions/graph/graph.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace graphhook::subscriptions {

/// What a failed reply means. Pure. Codes are compared in any case; the message is looked at only
/// for what has no code of its own (failed handshakes, the limit on lives, some conflicts).
[[nodiscard]] GraphError read_error(const HttpResponse& response, SystemTime now);

/// One subscription, complete and alive; anything else is Next::Garbled.
[[nodiscard]] GraphResult<GraphSubscription> read_subscription(
    const HttpResponse& response, SystemTime now
);

/// One page of a list. What has expired is kept: it is what Graph says.
[[nodiscard]] GraphResult<ListPage> read_page(const HttpResponse& response);

/// Whether `link` leads to the subscriptions of the API at `base` ("https://graph.microsoft.com"):
/// same scheme, host and port, no user information, a path below /v1.0/ or /beta/subscriptions.
[[nodiscard]] bool is_own_link(std::string_view link, std::string_view base);

}  // namespace graphhook::subscriptions
