#pragma once

#include "core/clock.hpp"

#include <compare>
#include <cstdint>
#include <string>
#include <vector>

namespace graphhook::store {

/// What is swept or polled: a wanted subscription, or one element of a template.
struct SyncKey {
    std::string tenant;   ///< Configured name.
    std::string name;     ///< Configured name of the wanted subscription.
    std::string element;  ///< As in SubscriptionRecord.
    auto operator<=>(const SyncKey&) const = default;
};

/// How it stands with asking Graph again about one of them. Times that never were are zero.
struct SyncState {
    SyncKey key;
    /// What it is about; another resource makes the watermarks worthless.
    std::string resource;
    SystemTime baseline_at;  ///< The first round is over since: what is found counts from here.
    SystemTime swept_at;     ///< The last complete round *began* then.
    SystemTime wanted_at;    ///< A round is wanted, or begun and not over, since; zero: none.
    std::string reason;      ///< Why: "missed", "recreated", "outage", "silence", "daily", …
    SystemTime attempt_at;   ///< Not before, after a failure.
    std::uint32_t failures = 0;
    std::string last_error;
    std::uint64_t found = 0;  ///< Handed over by sweeps so far, never notified.
};

/// Where the next request of one part begins.
struct Watermark {
    std::string part;  ///< "" for all of it, or the part's own id (a mail folder's, for example).
    std::string link;  ///< A deltaLink or nextLink of Graph's, verbatim, or what the way needs.
    SystemTime taken_at;   ///< When the request that brought it was sent.
    bool partial = false;  ///< A nextLink: the round of this part is not over.
};

/// What changes at once. The state replaces the one of its key.
struct SyncChange {
    SyncState state;
    std::vector<Watermark> put;
    std::vector<std::string> erase;  ///< Parts.
    bool erase_parts = false;        ///< All parts that were there before.
    bool erase_all = false;          ///< State and parts: nothing is left of the key.
};

}  // namespace graphhook::store
