#pragma once

#include "core/error.hpp"
#include "store/store.hpp"

#include <cstddef>
#include <string_view>
#include <vector>

namespace graphhook::app {

/// Whether a reason as the store keeps it ("token_signature: …") has that label. Pure.
[[nodiscard]] bool has_label(std::string_view reason, std::string_view label) noexcept;

struct DeliveryList {
    std::vector<store::DeliveryRow> rows;
    bool more = false;  ///< There are some after the last one.
};

/// At most `limit` rows that fit `query` and, unless it is empty, that label of their reason: asked
/// for in pages, so that a long list keeps no reader of the store for long. The deliveries of a
/// notification are not parted, so that `after` the last one nothing is missed: its last one may be
/// left out for that, or, where it is the only one, be more than `limit`. Blocks.
[[nodiscard]] Result<DeliveryList> list_all(
    store::Store& store, store::DeliveryQuery query, std::string_view label, std::size_t limit
);

}  // namespace graphhook::app
