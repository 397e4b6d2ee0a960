#include "app/cli/delivery_list.hpp"

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

Result<DeliveryList> list_all(
    store::Store& store, store::DeliveryQuery query, std::string_view label, std::size_t limit
) {
    using Rows = std::vector<store::DeliveryRow>;
    DeliveryList list;
    auto& rows = list.rows;
    bool ended = false;
    while (!ended && rows.size() <= limit) {
        // The store parts no notification either.
        query.limit = label.empty() ? std::min(limit + 1 - rows.size(), kPage) : kPage;
        auto page =
            wait_for<Rows>([&](Completion<Rows> done) { store.list(query, std::move(done)); });
        if (!page) return page.error();
        ended = page->size() < query.limit;
        for (auto& row : *page) {
            query.after = row.id;
            if (label.empty() || has_label(row.reason, label)) rows.push_back(std::move(row));
        }
    }
    if (rows.size() <= limit) return list;
    const auto parted = rows[limit].id;
    const auto is_of_it = [&](const store::DeliveryRow& row) { return row.id == parted; };
    auto end = std::ranges::find_if(rows, is_of_it);
    if (end == rows.begin()) end = std::ranges::find_if_not(rows, is_of_it);
    list.more = end != rows.end() || !ended;
    rows.erase(end, rows.end());
    return list;
}

}  // namespace graphhook::app
