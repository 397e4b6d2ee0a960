#pragma once

#include "core/clock.hpp"
#include "core/http_client.hpp"
#include "subscriptions/graph/graph.hpp"
#include "subscriptions/graph/graph_data.hpp"

#include <boost/json/object.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace graphhook::subscriptions {

/// What a failed reply means. Pure. Codes are compared in any case; the message is looked at only
/// for what has no code of its own (failed handshakes, the limit on lives, some conflicts).
[[nodiscard]] GraphError read_error(const HttpResponse& response, SystemTime now);
/// The same for a page of data, where a bare 410 means that the delta token is no longer good. A
/// Location that leads elsewhere than to `base` is named in the message and not passed on: the
/// caller begins anew where it knows to.
[[nodiscard]] GraphError read_data_error(
    const HttpResponse& response, std::string_view base, SystemTime now
);

/// One subscription, complete and alive; anything else is Next::Garbled.
[[nodiscard]] GraphResult<GraphSubscription> read_subscription(
    const HttpResponse& response, SystemTime now
);

/// One page of a list. What has expired is kept: it is what Graph says.
[[nodiscard]] GraphResult<ListPage> read_page(const HttpResponse& response);

/// One page of data: an object with `value`, an array of objects. Its links are checked to lead to
/// `base`, and not to `asked`, the page itself; else Next::Garbled with the host named.
[[nodiscard]] GraphResult<DataPage> read_data_page(
    const HttpResponse& response, std::string_view base, std::string_view asked
);
/// One object, without judging what is in it.
[[nodiscard]] GraphResult<boost::json::object> read_object(const HttpResponse& response);

/// An answer that is none. `uncertain`: what was asked for may have been done all the same.
[[nodiscard]] GraphError garbled(const HttpResponse& response, std::string message);

/// Whether `link` leads to the API at `base` ("https://graph.microsoft.com"): same scheme, host and
/// port, no user information, no fragment, no dot segments, a path below /v1.0/ or /beta/. Nothing
/// is promised of its query but that it fits a request line.
[[nodiscard]] bool is_own_link(std::string_view link, std::string_view base);
/// Whether it leads to the list of subscriptions there.
[[nodiscard]] bool is_list_link(std::string_view link, std::string_view base);
/// The host in a link, fit for a message; "nowhere" if there is none.
[[nodiscard]] std::string host_of(std::string_view link);

/// What Graph wants to see in the next token (a JSON object), if a reply is a claims challenge:
/// WWW-Authenticate: Bearer … error="insufficient_claims", claims="<base64>" (Microsoft's page
/// "Claims challenges, claims requests, and client capabilities"). Pure. Bounded to 8 KiB.
[[nodiscard]] std::optional<std::string> claims_challenge(const HttpResponse& response);

}  // namespace graphhook::subscriptions
