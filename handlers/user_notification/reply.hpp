#pragma once

#include "core/clock.hpp"
#include "core/http_client.hpp"
#include "handlers/handler.hpp"

#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace graphhook::handlers {

/// What a reply of the service leads to. Source of the conditions: the table of replies in
/// Microsoft's pages on user notifications; docs/handlers.md shows it as a whole.
struct NextStep {
    /// Ask for another token and post again, at once: only for a 401 or 403 that speaks of
    /// authentication, and only once an attempt.
    bool new_token = false;
    std::string claims;  ///< Of a claims challenge; for the new token.
    Outcome outcome;     ///< Otherwise. Its `receipt` is set.
};

/// Pure. `contents`: what was sent and must not come back in a reason; a message of the service
/// that repeats any of it is left out.
[[nodiscard]] NextStep next_step(
    const HttpResponse& response, std::span<const std::string_view> contents, SystemTime now
);

/// What is kept with the delivery: {"status":201,"id":…,"location":…,"requestId":…,
/// "clientRequestId":…} with the members that are there; each bounded, the whole below 2,000 bytes.
/// Pure.
[[nodiscard]] std::string receipt_of(const HttpResponse& response);

}  // namespace graphhook::handlers
