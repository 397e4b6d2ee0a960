#pragma once

#include "core/error.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace graphhook::emulator {

enum class FaultKind {
    Throttle,             ///< Graph answers 429 with Retry-After
    ServerError,          ///< Graph answers 5xx
    Slow,                 ///< Graph answers late
    Redirect,             ///< Graph answers 302
    Html,                 ///< Graph answers 200 with a page for people
    Claims,               ///< Graph answers 401 with a claims challenge
    PageError,            ///< a certain page of a list or a delta is refused
    Truncated,            ///< the body ends in the middle
    MissingField,         ///< a member of the body is not there
    PastExpiry,           ///< the answer's expirationDateTime is over
    ForeignLink,          ///< next and delta links lead to another host
    DeltaExpired,         ///< a delta's link is answered 410, or as the mail service says it
    EmptyPage,            ///< a page of a delta holds nothing, and there is a next one
    Replay,               ///< a delta tells an object twice
    Outage,               ///< nothing but the control API answers
    CreateLate,           ///< a create happens, of a user notification too, and is answered late
    Lose,                 ///< a notification is never sent
    Duplicate,            ///< a POST of notifications is sent again after it was accepted
    Reorder,              ///< a POST takes its items from anywhere in the queue
    WrongClientState,     ///< an item carries another client state
    UnknownSubscription,  ///< an item carries the id of no subscription
    IgnoreCertificate,    ///< an update's certificate is taken without a word, and not used
    RefuseCertificate,    ///< an update with a certificate is refused
    UserNotification,     ///< a POST of a user notification is answered with this status
};

std::string_view to_string(FaultKind kind) noexcept;
std::optional<FaultKind> parse_fault_kind(std::string_view text) noexcept;

struct Fault {
    /// How many times more; 0: until it is cleared.
    std::uint64_t count = 1;
    /// Which part of what it could strike; each is drawn.
    double share = 1;
    /// Only this tenant; empty: all.
    std::string tenant;
    /// Only paths that hold this text, in any case; empty: all.
    std::string path;
    /// Nothing: no such header.
    std::optional<std::chrono::seconds> retry_after;
    std::chrono::milliseconds delay{0};
    int status = 503;
    std::string location;
    /// MissingField: which one.
    std::string field;
    /// An error's code, where it is not the usual one.
    std::string code;
    /// PageError: which page, from 1.
    std::uint32_t page = 2;
    /// Outage: connections are closed without an answer.
    bool hang_up = false;
};

/// Where a fault might strike.
struct Where {
    std::string_view tenant;
    std::string_view path;
    std::uint32_t page = 0;
};

/// What is to go wrong next. Draws are the same for the same seed. One thread.
class Faults {
  public:
    explicit Faults(std::uint64_t seed = 1) : random_(seed) {}

    /// In place of one of the same kind for the same tenant and path.
    void set(FaultKind kind, Fault fault);
    /// The fault if it strikes now; uses up one of its times.
    std::optional<Fault> take(FaultKind kind, const Where& where = {});
    [[nodiscard]] bool any() const noexcept { return !active_.empty(); }
    void clear() { active_.clear(); }
    [[nodiscard]] boost::json::array to_json() const;

  private:
    std::vector<std::pair<FaultKind, Fault>> active_;
    std::mt19937_64 random_;
};

/// {"fault":"throttle","count":3,"retryAfterSeconds":5}; members: count, share, tenant, path,
/// retryAfterSeconds (null: none), delayMilliseconds, status, location, field, code, page, hangUp.
/// Errc::BadInput with the reason.
[[nodiscard]] Result<std::pair<FaultKind, Fault>> read_fault(const boost::json::object& json);

}  // namespace graphhook::emulator
