#pragma once

#include "core/error.hpp"
#include "subscriptions/graph/graph_data.hpp"
#include "subscriptions/options.hpp"
#include "subscriptions/templates/expander.hpp"

#include <boost/json/array.hpp>

#include <cstddef>
#include <variant>
#include <vector>

namespace graphhook::subscriptions {

/// What the pages of a collection held so far.
struct Collected {
    std::vector<Element> elements;  ///< In Graph's order, perhaps twice, until `finish`.
    std::size_t skipped = 0;
    std::size_t nameless = 0;  ///< Of these, without the userPrincipalName that is needed.
};

/// The first page of a template's collection: the path with $select of what the template's
/// variables need, its filter, and the largest pages that Graph is known to take there (999 for
/// collections of the directory; elsewhere its own choice, as some refuse $top). What `for_each`
/// itself says in its query stands. Pure.
[[nodiscard]] DataRequest collection_request(const WantedSubscription& entry);

/// Adds what is on a page. Skipped are: in a template for users (resource "users/…") what says it
/// is no user, in one for groups what says it is no group; what lacks a userPrincipalName that is
/// needed; what has an id or name that does not fit into a path. Errc::BadInput: the page is not
/// what Graph sends, and nothing may be concluded from it. Pure.
[[nodiscard]] Result<std::monostate> add_page(
    const WantedSubscription& entry, const boost::json::array& page, Collected& into
);

/// After the last page: sorted by id, each once. Errc::Refused: there were elements, and not one of
/// them told its name, which is what a missing permission looks like.
[[nodiscard]] Result<std::monostate> finish(Collected& collected);

}  // namespace graphhook::subscriptions
