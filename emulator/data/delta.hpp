#pragma once

#include "emulator/data/query.hpp"
#include "emulator/data/world.hpp"
#include "emulator/faults.hpp"

#include <boost/json/array.hpp>

#include <chrono>
#include <optional>

namespace graphhook::emulator {

/// How long the links of deltas live; nothing: for ever (protocol 8.1).
struct DeltaLives {
    std::optional<std::chrono::seconds> directory = std::chrono::days(7);
    std::optional<std::chrono::seconds> others;
};

/// One page of a delta.
struct DeltaPage {
    boost::json::array value;
    /// Kind::Round leads to the next page, Kind::Link to the next round.
    SyncToken next;
};

/// What a page of a delta depends on.
struct DeltaAsk {
    const Tenant& tenant;
    const Collection& collection;
    const Query& query;
    /// The canonical path that links must be for.
    std::string place;
    /// Only what is below this folder of a personal drive; empty: all.
    std::string folder;
    std::uint64_t generation = 0;
    std::uint64_t newest = 0;  ///< the number of the newest change anywhere
    SystemTime now;
};

/// Whether the link's life is over, or it was made before the last reset.
[[nodiscard]] bool expired(const DeltaAsk& ask, const DeltaLives& lives);

/// 400 for options that the collection's delta does not take (protocol 8.2 to 8.6).
[[nodiscard]] std::optional<ApiError> check_delta(const DeltaAsk& ask);

/// The next page (protocol 8). The query was checked.
[[nodiscard]] ApiResult<DeltaPage> delta_page(const DeltaAsk& ask);

}  // namespace graphhook::emulator
