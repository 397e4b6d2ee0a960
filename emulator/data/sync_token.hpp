#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace graphhook::emulator {

/// Where somebody is in a list or a delta; a client sees it as opaque text in a link. A position in
/// a collection's log costs nothing to keep, however large the collection.
struct SyncToken {
    enum class Kind { List, Round, Link };  ///< $skiptoken of a list, of a delta, $deltatoken
    Kind kind = Kind::List;
    std::uint64_t generation = 0;
    /// Lists: the last number shown, or how many were. Deltas: the last change told.
    std::uint64_t position = 0;
    /// Deltas: what the caller knew before this round; in a first round what there was at its
    /// start.
    std::uint64_t since = 0;
    bool initial = false;
    std::uint32_t page = 1;   ///< the number of the page that it leads to
    std::uint64_t taken = 0;  ///< objects told in this round
    std::int64_t issued = 0;  ///< seconds since 1970
    /// A group whose members are being told, and how far.
    std::uint64_t group = 0;
    std::uint64_t member = 0;
    std::string place;  ///< the canonical path it is for
    std::string query;  ///< the query of the first call
};

std::string token_text(const SyncToken& token);
/// Nothing for text that is no token of ours.
std::optional<SyncToken> read_sync_token(std::string_view text);

}  // namespace graphhook::emulator
