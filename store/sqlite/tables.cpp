#include "store/sqlite/tables.hpp"

#include <algorithm>
#include <vector>

namespace graphhook::store {
namespace {

/// By halving: pages lie in order of time, and history may be long.
std::int64_t first_page_since(Connection& connection, std::int64_t last, SystemTime since) {
    Statement at_or_after(
        connection, "SELECT page, received_at FROM head WHERE page >= ? ORDER BY page LIMIT 1"
    );
    std::int64_t low = 0;
    std::int64_t high = last + 1;
    while (low < high) {
        const std::int64_t middle = low + (high - low) / 2;
        Query query(at_or_after);
        if (query.bind(1, middle).step() && query.integer(1) < since.time_since_epoch().count()) {
            low = std::max(query.integer(0), middle) + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

}  // namespace

Tables::Tables(Connection& database, const StoreOptions& options, Clock& time)
    : connection(database),
      clock(time),
      repeats(options.repeat_window, options.repeat_keys),
      versions(options.version_window, options.repeat_keys),
      quarantine(connection, writes, pages, repeats, versions, options) {
    const SystemTime now = clock.system_now();
    const SystemTime window = now - options.repeat_window;
    const std::int64_t first = first_page_since(connection, pages.last(), window);
    const std::int64_t open = dispatch.first_open_page();
    const std::int64_t first_version =
        first_page_since(connection, pages.last(), now - options.version_window);
    // What was proved false does not count as seen.
    const std::vector<std::int64_t> disowned =
        quarantine.disowned_since(std::min(first, first_version));
    const auto is_disowned = [&disowned](std::int64_t id) {
        return std::binary_search(disowned.begin(), disowned.end(), id);
    };
    pages.for_each(std::min(first, open), [&](const HeadPage& page) {
        if (page.page >= first) {
            for (std::uint32_t index = 0; index < page.count; ++index) {
                Head head = read_head(page.heads, index);
                if (head.identity && is_disowned(id_of(page.page, index))) head.identity.reset();
                if (head.identity) repeats.insert(*head.identity, page.received_at);
                if (!head.identity || first64(*head.identity) != head.order_key)
                    repeats.revoke(head.order_key);
            }
        }
        if (page.page >= open) dispatch.count_page(page);
    });
    repeats.forget_before(now);
    pages.for_each_with_versions(first_version, [&](const HeadPage& page) {
        const auto stored = read_versions(page.heads, page.count);
        std::vector<bool> left_out(stored.size());
        auto id = std::lower_bound(disowned.begin(), disowned.end(), id_of(page.page, 0));
        for (; id != disowned.end() && page_of(*id) == page.page; ++id) {
            const Head head = read_head(page.heads, index_of(*id));
            const DataPtr data = head.rich ? pages.data(page.page) : nullptr;
            const auto content = data != nullptr ? read_content(*data, head) : std::nullopt;
            if (content && content->version != 0 && content->version <= stored.size())
                left_out[content->version - 1] = true;
        }
        for (std::size_t at = 0; at < stored.size(); ++at) {
            if (!left_out[at]) versions.insert(stored[at], page.received_at);
        }
    });
    versions.forget_before(now);
}

}  // namespace graphhook::store
