#pragma once

#include "handlers/handler.hpp"
#include "handlers/opener.hpp"
#include "handlers/retry_policy.hpp"

#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace graphhook::handlers {

// Rich deliveries before a handler sees them: proved, perhaps decrypted, and what of them is shown.

/// What is not proved is asked about again after what its opener said, but within these.
inline constexpr std::chrono::milliseconds kSoonestAgain{1'000};
inline constexpr std::chrono::milliseconds kLatestAgain{60 * 60'000};

/// Labels of our own for what waits, beside the opener's.
inline constexpr std::string_view kNothingOpens = "nothing_opens_them";
inline constexpr std::string_view kOpeningFailed = "opening_failed";
inline constexpr std::string_view kOpeningSlow = "opening_slow";

/// Asks `opener` about `batch` (all of them rich), one answer for each whatever happens: without an
/// opener, where it throws and where it answers too few they wait. Labels become ones that are safe
/// in a metric.
[[nodiscard]] std::vector<Opened> ask_opener(
    Opener* opener, std::span<const store::Delivery> batch, bool decrypt, std::stop_token stop
);

/// After a start nothing that waits is given up for so long, however old it is: keys that would
/// prove it may only just be on their way.
inline constexpr std::chrono::minutes kLeastPatience{15};

/// What the store is told about a delivery that is not handed over (`opened` is Waits or False).
/// Pure. What waits is given back, attempts and circuit untouched, but not for ever: once it is
/// older than `max_age`, and was looked at for kLeastPatience (`looked_for`: since the handler was
/// attached), it becomes a dead letter that says why, as nobody else would.
[[nodiscard]] store::Settlement settle_unopened(
    const Opened& opened, const Ticket& ticket, const RetryOptions& options, SystemTime now,
    SteadyTime::duration looked_for
);

/// The item as handlers see it: without `encryptedContent` (any case of letters, however often),
/// all else as it was. `item`: a JSON object as intake writes it, without white space between its
/// tokens; of anything else nothing is left.
[[nodiscard]] std::string without_encrypted_content(std::string_view item);

/// A delivery as its handler sees it, what proves it left out.
[[nodiscard]] Delivery to_delivery(store::Delivery&& from);

/// Overwrites the text, all of the memory that it has, and empties it.
void wipe(std::string& text) noexcept;

}  // namespace graphhook::handlers
