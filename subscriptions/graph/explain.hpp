#pragma once

#include "subscriptions/graph/graph.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace graphhook::subscriptions {

/// What Graph was asked for when it said no.
struct Attempt {
    /// As in metrics: create, renew, reauthorize, get, list, delete, page, delta, expand, poll,
    /// read.
    std::string operation = "create";
    std::string kind;                      ///< "message"; empty: of no kind.
    std::vector<std::string> permissions;  ///< Any of these would do; empty: not known.
    bool delegated = false;                ///< With a signed-in user's token.
};

struct Explanation {
    std::string cause;   ///< What is wrong, as a clause.
    std::string remedy;  ///< What to do about it, as an order; or that nothing needs doing.
    std::string rule;    ///< The row of the table that fits, for tests and support.
};

/// What an error of Graph or of the identity platform most likely means. Pure, and for people:
/// nothing is decided by it, since the texts of Graph may change. There is always an answer; where
/// nothing better is known it names what Microsoft's support asks for.
[[nodiscard]] Explanation explain(const GraphError& error, const Attempt& attempt);

/// The names of all rows, in the order in which they are tried.
[[nodiscard]] std::vector<std::string_view> explanation_rules();

}  // namespace graphhook::subscriptions
