#pragma once

#include "core/clock.hpp"
#include "subscriptions/graph/graph.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace graphhook::subscriptions {

/// How the creates of a template's elements went so far. All of it may be lost: then it is found
/// out again, with a few requests.
struct TemplateSoFar {
    /// Its subscriptions that stand at Graph, and creates that succeeded since the start.
    std::size_t successes = 0;
    /// Creates that Graph declined in a row, with the same code (in any case of letters) and no
    /// success between them; the one that is judged included.
    std::uint32_t refusals = 0;
    /// Tries declined since the template is held; 0: it is not held, or this is the first.
    std::uint32_t probes = 0;
};

/// Why an element is parked; in metrics and lists.
enum class ParkReason : std::uint8_t {
    NoMailbox,  ///< None, or one that is not in the cloud.
    NoLicence,  ///< For the service that the resource is of.
    Quota,      ///< As many subscriptions as Graph allows there.
    NotFound,   ///< The resource is not there: a drive never opened, a user just deleted.
    Refused,    ///< Declined for this one, and others of the template work.
};
std::string_view to_string(ParkReason reason) noexcept;

struct ParkVerdict {
    enum class Do : std::uint8_t {
        /// Nothing special: as for any other create that failed so (throttled, out of reach, a
        /// handshake, a conflict, and the first refusals of which nobody can tell whom they are
        /// about).
        Retry,
        /// This element has no subscription for now: it is tried again after `wait`, and is in
        /// nobody's way. It is no reason to remove or to hold anything.
        Park,
        /// Every element of the template would be declined (a permission, the configuration): the
        /// others wait, and after `wait` one is tried, a different one each time. This element
        /// waits
        /// with them. A success ends it.
        Hold,
    };
    Do what = Do::Retry;
    ParkReason reason = ParkReason::Refused;  ///< Park only.
    std::chrono::milliseconds wait{0};        ///< Park and Hold only.
    std::string text;  ///< For `last_error`: the reason and what Graph said, with the request-id.
};

/// What to do after the create for one element of a template failed with `error`. `element` and
/// `name` (of the template) spread the waits. Pure.
///
/// By Graph's code first, its status next, and its message only where two causes share both (a
/// licence and a limit come as 403 Forbidden): a message that changes costs a day's wait or some
/// needless tries, never more. Codes as seen in public and on Microsoft's pages, 2026-11-21.
///
/// * What is about the element by its nature (no mailbox, no licence, a quota, not found): parked
/// at
///   once, also while the template is held (then the next one may be tried at once); where nothing
///   ever succeeded and 20 in a row were declined so, the template is held, as ten thousand tries
///   would tell no more.
/// * Authorization_RequestDenied (the application lacks a permission): held at once.
/// * Any other 400 or 403: parked, if others of the template work (an access policy may leave out
///   some mailboxes); else, as nobody can tell yet, tried again twice and then held.
/// * 5xx and answers that are none are trouble of Graph's own, however often: an ordinary retry.
/// (In
///   an outage everybody fails for hours, and nobody must be parked for a day by it.)
[[nodiscard]] ParkVerdict judge_create(
    const GraphError& error, const TemplateSoFar& so_far, std::string_view name,
    std::string_view element
);

/// When a parked element is tried again: in 24 h, up to 10 % sooner or later.
[[nodiscard]] std::chrono::milliseconds park_for(std::string_view element);

}  // namespace graphhook::subscriptions
