#pragma once

#include "emulator/subscription.hpp"

#include <string>
#include <vector>

namespace graphhook::emulator {

/// One of the limits that a subscription counts against (protocol 4.1): so many with the same key.
struct Limit {
    std::string key;
    std::size_t most = 0;
    /// What is refused beyond it, after "The limit of 100 ".
    std::string_view of;
    /// The second one is answered as a conflict, as presence does.
    bool conflict = false;
};

[[nodiscard]] std::vector<Limit> limits_of(
    const Subscription& subscription, std::size_t most_per_mailbox, bool kind_limits
);

}  // namespace graphhook::emulator
