#pragma once

#include "subscriptions/graph/explain.hpp"
#include "subscriptions/graph/graph.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <optional>
#include <string_view>

namespace graphhook::app {

/// An error as it is stored and shown ("refused: HTTP 403 Forbidden: … (request-id …)"), read back.
/// Nothing: it is not one of Graph's. Pure.
[[nodiscard]] std::optional<subscriptions::GraphError> parse_graph_error(std::string_view text);

/// What it means to an operator. Nothing where there is no error, or it is not one of Graph's and
/// says itself what is to be said. Pure.
[[nodiscard]] std::optional<subscriptions::Explanation> explained(
    std::string_view last_error, const subscriptions::Attempt& attempt
);

/// Gives each row with a "last_error" its "cause" (the error itself where nothing better is known)
/// and its "remedy". From "kind", "resource" and "state" it is told what was asked for.
void explain_rows(boost::json::array& rows);

}  // namespace graphhook::app
