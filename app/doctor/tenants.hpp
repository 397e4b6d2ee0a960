#pragma once

#include "app/doctor/finding.hpp"
#include "core/clock.hpp"
#include "core/http_client.hpp"
#include "subscriptions/credentials/expiry.hpp"
#include "subscriptions/graph/graph.hpp"
#include "subscriptions/options.hpp"

#include <optional>
#include <string>
#include <vector>

namespace graphhook::app::doctor {

/// What a server's clock said, and ours before and after.
struct ClockReading {
    std::string who;  ///< "https://graph.microsoft.com"
    std::optional<SystemTime> theirs;
    SystemTime before, after;
    std::string trouble;  ///< Why there is no reading.
};

/// What was found out about one tenant.
struct TenantFacts {
    subscriptions::Tenant tenant;
    std::optional<subscriptions::GraphError> token_error;
    subscriptions::GrantedPermissions granted;
    std::optional<subscriptions::CredentialExpiry> expiry;
    /// The sign-in or the federated token can not be read.
    std::string file_trouble;
    std::vector<ClockReading> clocks;
};

/// The Date header of an HTTP reply (IMF-fixdate).
[[nodiscard]] std::optional<SystemTime> parse_http_date(const std::string& text);

/// More than ten seconds is worth a word, more than two minutes breaks assertions and expiries.
/// Pure.
[[nodiscard]] Finding judge_clock(const ClockReading& reading);

/// Pure. `wanted`: of all tenants.
[[nodiscard]] Findings judge_tenant(
    const TenantFacts& facts, const std::vector<subscriptions::WantedSubscription>& wanted,
    SystemTime now
);

/// Asks the identity platform for a token, and both servers for the time. Blocks.
[[nodiscard]] TenantFacts gather_tenant(
    const subscriptions::Tenant& tenant, HttpClient& http, Clock& clock
);

}  // namespace graphhook::app::doctor
