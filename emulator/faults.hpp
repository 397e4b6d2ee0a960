#pragma once

#include "core/error.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace graphhook::emulator {

enum class FaultKind {
    Throttle,             ///< the API answers 429 with Retry-After
    ServerError,          ///< the API answers 5xx
    Slow,                 ///< the API answers late
    Redirect,             ///< the API answers 302
    TokenError,           ///< the token endpoint answers 503
    CreateLate,           ///< a create happens, and is answered late
    Duplicate,            ///< a POST of notifications is sent again after it was accepted
    Reorder,              ///< a POST takes its items from anywhere in the queue
    WrongClientState,     ///< an item carries another client state
    UnknownSubscription,  ///< an item carries the id of no subscription
};

std::string_view to_string(FaultKind kind) noexcept;
std::optional<FaultKind> parse_fault_kind(std::string_view text) noexcept;

struct Fault {
    /// How many times more; 0: until it is cleared.
    std::uint64_t count = 1;
    std::chrono::seconds retry_after{5};
    std::chrono::milliseconds delay{0};
    int status = 503;
    std::string location;
};

/// What is to go wrong next. One thread.
class Faults {
  public:
    void set(FaultKind kind, Fault fault) { active_[kind] = std::move(fault); }
    /// The fault if it strikes now; uses up one of its times.
    std::optional<Fault> take(FaultKind kind);
    [[nodiscard]] bool any() const noexcept { return !active_.empty(); }
    void clear() { active_.clear(); }
    [[nodiscard]] boost::json::array to_json() const;

  private:
    std::map<FaultKind, Fault> active_;
};

/// {"fault":"throttle","count":3,"retryAfterSeconds":5}; members: count, retryAfterSeconds,
/// delayMilliseconds, status, location. Errc::BadInput with the reason.
[[nodiscard]] Result<std::pair<FaultKind, Fault>> read_fault(const boost::json::object& json);

}  // namespace graphhook::emulator
