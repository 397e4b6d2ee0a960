#pragma once

#include "core/digest.hpp"

#include <cstdint>
#include <string_view>

namespace graphhook::store {

// What makes two tellings the same: of receiver and sweeps alike, so that they can be compared.

/// What must stay in order: all that concerns one resource of one wanted subscription. `name`: its
/// configured name; `normalised`: as normalise_resource() writes it (store/resource.hpp).
[[nodiscard]] std::uint64_t order_key(std::string_view name, std::string_view normalised);

/// The object and its state. The first half stands for the object (`data_id`, letters as they are),
/// the second for its state: its etag, or that it was removed (then `etag` does not matter).
[[nodiscard]] Key128 version_key(
    std::string_view name, std::string_view data_id, std::string_view etag, bool removed
);

}  // namespace graphhook::store
