#pragma once

#include "core/clock.hpp"
#include "emulator/data/sync_token.hpp"
#include "emulator/http.hpp"
#include "emulator/kinds.hpp"
#include "emulator/rules.hpp"

#include <boost/json/object.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace graphhook::emulator {

/// The options of a request for data. Where it follows a link, those of the first call.
struct Query {
    std::vector<std::string> select;
    std::string filter;
    std::string order_by;
    bool descending = false;
    std::size_t page_size = 100;
    bool top_given = false;
    unsigned change_types = 7;
    std::optional<SystemTime> start;
    std::optional<SystemTime> end;
    /// $deltatoken=latest, token=latest.
    bool latest = false;
    /// A drive's token=2026-11-20T00:00:00Z.
    std::optional<SystemTime> since;
    std::optional<SyncToken> token;
    bool minimal = false;         ///< Prefer: return=minimal
    bool exclude_parent = false;  ///< deltaExcludeParent: true
    /// The names of all options given, in lower case.
    std::vector<std::string> given;
    /// As the token keeps it.
    std::string text;

    [[nodiscard]] bool has(std::string_view option) const;
};

struct PageSizes {
    std::size_t usual = 100;
    std::size_t most = 999;
};

/// 400 for options that are not known, or make no sense.
[[nodiscard]] ApiResult<Query> read_query(const Request& request, const PageSizes& sizes);

/// Keeps what is selected, with the id and the annotations; nothing selected: all.
void select(boost::json::object& object, const std::vector<std::string>& names);

/// Which page of a list or a delta the request asks for; 1 without a token.
[[nodiscard]] std::uint32_t page_of(const Request& request);

}  // namespace graphhook::emulator
