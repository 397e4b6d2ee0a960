#include "store/sqlite/pages.hpp"

#include <sqlite3.h>

#include <algorithm>
#include <utility>

namespace graphhook::store {

Pages::Pages(Connection& connection)
    : by_page_(connection, "SELECT page, lane, received_at, count, heads FROM head WHERE page = ?"),
      next_change_(
          connection,
          "SELECT page, lane, received_at, count, heads FROM head WHERE page >= ? AND lane = 0 "
          "ORDER "
          "BY page LIMIT 1"
      ),
      next_lifecycle_(
          connection,
          "SELECT page, lane, received_at, count, heads FROM head WHERE page >= ? AND lane = 1 "
          "ORDER "
          "BY page LIMIT 1"
      ),
      all_(
          connection,
          "SELECT page, lane, received_at, count, heads FROM head WHERE page >= ? ORDER BY page"
      ),
      with_versions_(
          connection,
          "SELECT page, lane, received_at, count, heads FROM head WHERE page >= ? AND "
          "length(heads) > 8 + 40 * count ORDER BY page"
      ),
      body_(connection, "SELECT data FROM body WHERE page = ?"),
      oldest_(connection, kOldestNotification) {
    last_[0] = connection.query("SELECT page FROM head WHERE lane = 0 ORDER BY page DESC LIMIT 1");
    last_[1] = connection.query("SELECT page FROM head WHERE lane = 1 ORDER BY page DESC LIMIT 1");
}

void Pages::fill(HeadPage& page, const Query& query) {
    page.page = query.integer(0);
    page.lane = query.integer(1) == 0 ? Lane::Change : Lane::Lifecycle;
    page.received_at = SystemTime(std::chrono::microseconds(query.integer(2)));
    page.count = static_cast<std::uint32_t>(query.integer(3));
    page.heads = query.blob(4);
    if (!heads_sound(page.heads, page.page, page.count)) {
        throw SqlError(
            SQLITE_CORRUPT, "the heads of page " + std::to_string(page.page) + " are damaged"
        );
    }
}

HeadPagePtr Pages::read(Query& query) {
    auto page = std::make_shared<HeadPage>();
    fill(*page, query);
    keep(page);
    return page;
}

void Pages::keep(HeadPagePtr heads) {
    heads_.push_back(std::move(heads));
    if (heads_.size() > kKeptHeads) heads_.pop_front();
}

void Pages::keep(std::int64_t page, DataPtr data) {
    data_bytes_ += data->size();
    data_.push_back({page, std::move(data)});
    while (data_bytes_ > kKeptBytes && data_.size() > 1) {
        data_bytes_ -= data_.front().bytes->size();
        data_.pop_front();
    }
    while (data_.size() > kKeptHeads) {
        data_bytes_ -= data_.front().bytes->size();
        data_.pop_front();
    }
}

HeadPagePtr Pages::heads(std::int64_t page) {
    for (auto kept = heads_.rbegin(); kept != heads_.rend(); ++kept) {
        if ((*kept)->page == page) return *kept;
    }
    Query query(by_page_);
    query.bind(1, page);
    return query.step() ? read(query) : nullptr;
}

HeadPagePtr Pages::next(Lane lane, std::int64_t from) {
    if (from > last(lane)) return nullptr;
    // The very next page is the usual case.
    for (auto kept = heads_.rbegin(); kept != heads_.rend(); ++kept) {
        if ((*kept)->page == from && (*kept)->lane == lane) return *kept;
    }
    Query query(lane == Lane::Change ? next_change_ : next_lifecycle_);
    query.bind(1, from);
    return query.step() ? read(query) : nullptr;
}

DataPtr Pages::data(std::int64_t page) {
    for (auto kept = data_.rbegin(); kept != data_.rend(); ++kept) {
        if (kept->page == page) return kept->bytes;
    }
    Query query(body_);
    query.bind(1, page);
    if (!query.step()) return nullptr;
    auto data = std::make_shared<const std::string>(query.blob(0));
    if (!data_sound(*data, page)) return nullptr;
    keep(page, data);
    return data;
}

std::optional<SystemTime> Pages::oldest() {
    Query query(oldest_);
    if (!query.step()) return {};
    return SystemTime(std::chrono::microseconds(query.integer(0)));
}

void Pages::appended(HeadPagePtr heads, DataPtr data) {
    auto& last = last_[static_cast<std::size_t>(heads->lane)];
    last = std::max(last, heads->page);
    keep(heads->page, std::move(data));
    keep(std::move(heads));
}

}  // namespace graphhook::store
