#pragma once

#include "app/config/config.hpp"
#include "app/doctor/finding.hpp"
#include "app/doctor/service.hpp"
#include "authenticity/keyring.hpp"
#include "core/clock.hpp"
#include "core/error.hpp"
#include "core/http_client.hpp"

#include <optional>
#include <string>
#include <vector>

namespace graphhook::app::doctor {

/// What was found in the folder of encryption keys.
struct KeyFacts {
    std::string folder;
    bool wanted = false;         ///< A subscription is to have resource data.
    std::optional<Error> error;  ///< The folder can not be read.
    authenticity::Keyring keyring;
    std::vector<std::string> problems;  ///< Files that can not be read.
};
[[nodiscard]] KeyFacts gather_keys(const Config& config);

/// Pure. A certificate that subscriptions need and that has ended fails, one that ends within 30
/// days is a warning; `service` says which are in use.
[[nodiscard]] Findings judge_keys(
    const KeyFacts& facts, const ServiceFacts& service, SystemTime now
);

/// What is in the quarantine, by reason, and what to do about each. Pure.
[[nodiscard]] Findings judge_quarantine(const ServiceFacts& facts);
/// For what rich notifications wait, as the running `serve` says.
[[nodiscard]] Findings judge_unproved(const ServiceFacts& facts);
/// What an operator can do about that reason; of those that wait as of those that are proved false.
[[nodiscard]] std::string_view remedy_of(std::string_view label) noexcept;

/// Where a tenant's rich notifications, or the tokens of those who hand in UNSIDs, are proved with
/// keys of that authority: whether its key sets can be fetched. Blocks.
[[nodiscard]] Findings try_key_sets(
    const subscriptions::Cloud& cloud, HttpClient& http, const Clock& clock
);

}  // namespace graphhook::app::doctor
