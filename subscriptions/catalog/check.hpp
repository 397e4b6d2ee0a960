#pragma once

#include "subscriptions/options.hpp"

#include <string>
#include <vector>

namespace graphhook::subscriptions {

/// Something wrong with `subscriptions:` that Graph would refuse sooner or later, or that could not
/// do what it promises.
struct Problem {
    std::string subscription;  ///< Configured name.
    /// The key of its entry: "resource", "changes", "kind", "life", "beta", "tenant", "for_each",
    /// "filter", "source", "sync", "resource_data", "client_state_file".
    std::string key;
    std::string text;      ///< What is wrong and what would be right.
    bool warning = false;  ///< It works, and somebody should look all the same.
};

/// All problems at once. Pure; knows the catalog, asks nobody. A resource that the catalog does not
/// know is no problem: it works with what the configuration says.
[[nodiscard]] std::vector<Problem> check(const SubscriptionsOptions& options);

}  // namespace graphhook::subscriptions
