#pragma once

#include "emulator/data/query.hpp"
#include "emulator/data/world.hpp"

#include <boost/json/array.hpp>

#include <cstdint>
#include <optional>

namespace graphhook::emulator {

struct ListPage {
    boost::json::array value;
    /// The position of the token that leads on; nothing on the last page.
    std::optional<std::uint64_t> next;
};

/// One page of a collection, or of one of the views of it that a Place names.
[[nodiscard]] ApiResult<ListPage> list_page(
    const Tenant& tenant, const Collection& collection, const Place& place, const Query& query
);

/// A message by its id, in whichever folder it is. Null without one.
struct Found {
    const Collection* collection = nullptr;
    const Object* object = nullptr;
};
[[nodiscard]] Found find_in_mailbox(
    const Tenant& tenant, const Collection& folders, std::string_view id
);

}  // namespace graphhook::emulator
