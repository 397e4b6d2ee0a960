#pragma once

#include "core/error.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace graphhook::emulator {

enum class TokenFaultKind {
    Error,            ///< 503 temporarily_unavailable
    Throttle,         ///< 429 with Retry-After
    Html,             ///< a page of HTML instead of JSON
    CutOff,           ///< the connection ends in the middle of the answer
    Slow,             ///< the answer comes late
    NoExpiry,         ///< a token without expires_in
    ManagedIdentity,  ///< the endpoints of managed identities answer an error
    Keys,             ///< key sets are not answered, or wrongly
};

struct TokenFault {
    TokenFaultKind kind = TokenFaultKind::Error;
    std::string tenant;  ///< empty: any
    /// How many times more; 0: until it is cleared.
    std::uint64_t count = 1;
    std::chrono::seconds retry_after{5};
    std::chrono::milliseconds delay{5'000};
    int status = 0;
    /// Keys: error, slow, cut-off, html, garbage, empty, blank, wrong-json or redirect.
    std::string form = {};
    std::string location = {};
};

/// What goes wrong next where tokens are asked for. One thread.
class TokenFaults {
  public:
    /// Whether a fault of this name is one of ours: the rest belong to others.
    [[nodiscard]] static bool knows(std::string_view name) noexcept;
    /// {"fault":"token-throttle","tenant":"…","count":3,"retryAfterSeconds":5}; members: tenant,
    /// count, retryAfterSeconds, delayMilliseconds, status, form, location. One of each name for a
    /// tenant. Errc::BadInput with the reason.
    [[nodiscard]] Result<void> set(const boost::json::object& json);
    /// The fault if it strikes a request for this tenant; uses up one of its times.
    [[nodiscard]] std::optional<TokenFault> take(TokenFaultKind kind, std::string_view tenant);
    void clear() { active_.clear(); }
    [[nodiscard]] boost::json::array to_json() const;

  private:
    std::vector<TokenFault> active_;
};

}  // namespace graphhook::emulator
