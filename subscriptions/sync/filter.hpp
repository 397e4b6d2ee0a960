#pragma once

#include "core/error.hpp"

#include <boost/json/object.hpp>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace graphhook::subscriptions {

/// A `$filter` that Graph's delta queries do not take, applied to what they bring: comparisons (eq,
/// ne, gt, ge, lt, le) of one property with a text, number, time, true, false or null; and, or,
/// not, parentheses.
///
/// In doubt an object passes: a property that is not there says nothing, and texts are equal in any
/// case of letters (Outlook compares so) where that lets more pass. Pure.
class Filter {
  public:
    /// Errc::BadInput: anything else, naming it.
    [[nodiscard]] static Result<Filter> parse(std::string_view text);

    [[nodiscard]] bool passes(const boost::json::object& object) const;
    /// The top-level properties it looks at, each once.
    [[nodiscard]] const std::vector<std::string>& properties() const noexcept {
        return properties_;
    }

    struct Node;

  private:
    std::shared_ptr<const Node> root_;
    std::vector<std::string> properties_;
};

/// The option of that name in a resource's query ("$filter"), decoded; empty: there is none.
[[nodiscard]] std::string query_option(std::string_view resource, std::string_view name);

}  // namespace graphhook::subscriptions
