#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

namespace graphhook::subscriptions {

/// When a subscription that was granted `life` is renewed: with this much left. A third of the
/// life, less for long ones, spread by up to 10 % either way by `name`, so that a thousand created
/// together do not renew together. The same for the same input.
[[nodiscard]] std::chrono::milliseconds renew_before(
    std::chrono::milliseconds life, std::string_view name
);

/// How long to wait after the `failures`-th failure in a row (from 1): doubling from 30 s up to
/// what the life allows (1 min for lives of an hour, 3 h for a month), spread by `name`.
[[nodiscard]] std::chrono::milliseconds retry_after_failure(
    std::chrono::milliseconds life, std::uint32_t failures, std::string_view name
);

/// The same for a create that Graph could not validate: the balancer may learn of us any second.
[[nodiscard]] std::chrono::milliseconds retry_after_handshake(std::uint32_t failures);

/// The same for what Graph declined: minutes, then an hour; the situation may heal.
[[nodiscard]] std::chrono::milliseconds retry_after_refusal(
    std::uint32_t failures, std::string_view name
);

/// For a whole tenant that is out of reach or throttled without saying for how long: 1, 2, 4 … 60
/// s, of which a random half or more (`dice` in [0, 1)).
[[nodiscard]] std::chrono::milliseconds tenant_back_off(std::uint32_t failures, double dice);

/// Graph wants PATCH and reauthorize of one subscription this far apart, whoever sends them.
inline constexpr std::chrono::minutes kTouchSpacing{10};

}  // namespace graphhook::subscriptions
