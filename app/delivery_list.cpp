#include "app/delivery_list.hpp"

#include <algorithm>
#include <utility>

namespace graphhook::app {
namespace {

constexpr std::size_t kPage = 1'000;

}  // namespace

bool has_label(std::string_view reason, std::string_view label) noexcept {
    return reason.starts_with(label) &&
           (reason.size() == label.size() || reason[label.size()] == ':');
}

Result<std::vector<store::DeliveryRow>> list_all(
    store::Store& store, store::DeliveryQuery query, std::string_view label, std::size_t limit
) {
    using Rows = std::vector<store::DeliveryRow>;
    Rows rows;
    while (rows.size() < limit) {
        query.limit = label.empty() ? std::min(limit - rows.size(), kPage) : kPage;
        auto page =
            wait_for<Rows>([&](Completion<Rows> done) { store.list(query, std::move(done)); });
        if (!page) return page.error();
        for (auto& row : *page) {
            query.after = row.id;
            if (rows.size() < limit && (label.empty() || has_label(row.reason, label)))
                rows.push_back(std::move(row));
        }
        if (page->size() < query.limit) break;
    }
    return rows;
}

}  // namespace graphhook::app
