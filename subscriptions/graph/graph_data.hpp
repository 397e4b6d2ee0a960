#pragma once

#include "subscriptions/graph/graph.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <stop_token>
#include <string>
#include <utility>
#include <vector>

namespace graphhook::subscriptions {

/// One page of a collection or of a delta query.
struct DataRequest {
    /// A path with its query, below the version ("users?$select=id"), or a nextLink, deltaLink or
    /// Location of Graph's, verbatim: then it must lead to the configured Graph.
    std::string target;
    Api api = Api::V1;
    /// Values of Prefer headers, such as `IdType="ImmutableId"` or `odata.maxpagesize=200`.
    std::vector<std::string> prefer;
    std::string operation = "page";  ///< In metrics: "delta", "expand", "poll", "page", "read".
};

struct DataPage {
    boost::json::array value;
    std::string next_link;        ///< Checked: leads to the configured Graph. Empty: the last page.
    std::string delta_link;       ///< The same; only on the last page of a delta query.
    std::string request_id = {};  ///< Graph's name of the request that brought it.
};

/// What lies behind the notifications, read page by page. Threads: any; every call blocks, and ends
/// early when `stop` is asked for. Nothing here retries, but for one more try with a new token.
///
/// Errors, beside those of Graph: Next::Resync, where a delta token is no longer good
/// (410, syncStateNotFound, resyncRequired); `GraphError::location` is then where to begin anew, if
/// Graph said so. A link that leads elsewhere is Next::Garbled and never followed.
class GraphData {
  public:
    virtual ~GraphData() = default;
    [[nodiscard]] virtual GraphResult<DataPage> page(
        const DataRequest& request, std::stop_token stop
    ) = 0;
    /// One object; `target` as above.
    [[nodiscard]] virtual GraphResult<boost::json::object> object(
        const DataRequest& request, std::stop_token stop
    ) = 0;
};

}  // namespace graphhook::subscriptions
