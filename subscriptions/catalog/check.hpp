#pragma once

#include "subscriptions/options.hpp"

#include <string>
#include <vector>

namespace graphhook::subscriptions {

/// Something wrong with `subscriptions:` that Graph would refuse sooner or later.
struct Problem {
    std::string subscription;  ///< Configured name.
    std::string key;           ///< "resource", "changes", "kind", "life", "beta", "tenant".
    std::string text;          ///< What is wrong and what would be right.
};

/// All problems at once. Pure; knows the catalog, asks nobody. A resource that the catalog does not
/// know is no problem: it works with what the configuration says.
[[nodiscard]] std::vector<Problem> check(const SubscriptionsOptions& options);

}  // namespace graphhook::subscriptions
