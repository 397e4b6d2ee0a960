#pragma once

#include "core/clock.hpp"
#include "emulator/api_error.hpp"
#include "emulator/faults.hpp"
#include "emulator/http.hpp"

#include <optional>

namespace graphhook::emulator {

/// The answer of a fault that strikes before a request of Graph is even looked at.
[[nodiscard]] std::optional<Response> bad_reply(
    Faults& faults, const Where& where, const RequestIds& ids, SystemTime now
);

/// Spoils a good answer if a fault wants it so. True if it did.
bool spoil(Faults& faults, const Where& where, Response& response, SystemTime now);

/// 429 with Retry-After (protocol 5.10).
[[nodiscard]] Response throttled(
    std::string_view message, std::optional<std::chrono::seconds> retry_after,
    const RequestIds& ids, SystemTime now
);

}  // namespace graphhook::emulator
