#include "store/sqlite/quarantine.hpp"

#include <algorithm>
#include <utility>

namespace graphhook::store {
namespace {

constexpr std::int64_t kTidiedAtOnce = 512;
constexpr std::size_t kLongestLabel = 40;

std::int64_t micros(SystemTime time) {
    return time.time_since_epoch().count();
}

}  // namespace

std::string quarantine_label(std::string_view reason) {
    const std::string_view label = reason.substr(0, reason.find(':'));
    const bool sound = !label.empty() && label.size() <= kLongestLabel &&
                       std::all_of(label.begin(), label.end(), [](char c) {
                           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
                       });
    return std::string(sound ? label : "other");
}

Quarantine::Quarantine(
    Connection& connection, Writes& writes, Pages& pages, RepeatWindow& repeats,
    RepeatWindow& versions, const StoreOptions& options
)
    : writes_(writes),
      pages_(pages),
      repeats_(repeats),
      versions_(versions),
      most_(options.quarantine_items),
      retain_(options.quarantine_retain),
      insert_(
          connection,
          "INSERT OR REPLACE INTO quarantine(handler, id, order_key, attempts, used, "
          "replayed, received_at, put_at, reason) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)"
      ),
      delete_(connection, "DELETE FROM quarantine WHERE handler = ? AND id = ?"),
      one_(
          connection,
          "SELECT handler, id, reason, order_key FROM quarantine WHERE handler = ? AND id = ?"
      ),
      oldest_(connection, "SELECT handler, id, reason FROM quarantine ORDER BY put_at, id LIMIT ?"),
      older_(
          connection,
          "SELECT handler, id, reason FROM quarantine WHERE put_at < ? ORDER BY put_at LIMIT ?"
      ),
      of_page_(
          connection, "SELECT handler, id, reason FROM quarantine WHERE id >= ? AND id < ? LIMIT ?"
      ),
      disown_(connection, "INSERT OR IGNORE INTO disowned VALUES(?)"),
      own_page_(connection, "DELETE FROM disowned WHERE id >= ? AND id < ?"),
      disowned_(connection, "SELECT id FROM disowned WHERE id >= ? ORDER BY id"),
      any_disowned_(connection.query("SELECT 1 FROM disowned LIMIT 1") != 0) {
    Statement all(connection, "SELECT substr(reason, 1, 64) FROM quarantine");
    for (Query query(all); query.step(); ++total_) ++counts_[quarantine_label(query.text(0))];
}

std::vector<Quarantine::Row> Quarantine::rows(Query& query) {
    std::vector<Row> found;
    while (query.step())
        found.push_back({query.integer(0), query.integer(1), std::string(query.text(2))});
    return found;
}

void Quarantine::add(Entry entry, SystemTime now) {
    disown(entry.id);
    ++counts_[quarantine_label(entry.reason)];
    ++total_;
    writes_.add(
        insert_, {entry.handler, entry.id, static_cast<std::int64_t>(entry.key),
                  std::int64_t{entry.attempts}, std::int64_t{entry.used},
                  std::int64_t{entry.replayed ? 1 : 0}, micros(entry.received_at), micros(now),
                  std::move(entry.reason)}
    );
    while (total_ > most_) {
        std::vector<Row> oldest;
        {
            Query query(oldest_);
            query.bind(1, static_cast<std::int64_t>(std::min<std::uint64_t>(total_ - most_, 512)));
            oldest = rows(query);
        }
        if (oldest.empty()) return;
        for (const Row& row : oldest) erase(row);
        dropped_.items += oldest.size();
    }
}

/// Only this very identity: where another one of its order key came since, that one counts on.
void Quarantine::disown(std::int64_t id) {
    writes_.add(disown_, {id});
    any_disowned_ = true;
    const HeadPagePtr page = pages_.heads(page_of(id));
    if (page == nullptr || index_of(id) >= page->count) return;
    const Head head = read_head(page->heads, index_of(id));
    if (head.identity && repeats_.contains(*head.identity))
        repeats_.revoke(first64(*head.identity));
    if (!head.rich) return;
    const DataPtr data = pages_.data(page->page);
    const auto content = data != nullptr ? read_content(*data, head) : std::nullopt;
    if (!content || content->version == 0) return;
    const auto stored = read_versions(page->heads, page->count);
    if (content->version > stored.size()) return;
    const Key128& version = stored[content->version - 1];
    if (versions_.contains(version)) versions_.revoke(first64(version));
}

void Quarantine::erase(const Row& row) {
    writes_.add(delete_, {row.handler, row.id});
    --total_;
    const auto count = counts_.find(quarantine_label(row.reason));
    if (count != counts_.end() && --count->second == 0) counts_.erase(count);
}

std::optional<std::uint64_t> Quarantine::key_of(std::int64_t handler, std::int64_t id) {
    if (total_ == 0) return {};
    Query query(one_);
    if (!query.bind(1, handler).bind(2, id).step()) return {};
    return static_cast<std::uint64_t>(query.integer(3));
}

bool Quarantine::drop(std::int64_t handler, std::int64_t id) {
    if (total_ == 0) return false;
    std::vector<Row> found;
    {
        Query query(one_);
        query.bind(1, handler).bind(2, id);
        found = rows(query);
    }
    for (const Row& row : found) erase(row);
    return !found.empty();
}

void Quarantine::tidy(SystemTime now) {
    if (total_ == 0) return;
    std::vector<Row> found;
    {
        Query query(older_);
        query.bind(1, micros(now - retain_)).bind(2, kTidiedAtOnce);
        found = rows(query);
    }
    for (const Row& row : found) erase(row);
    dropped_.age += found.size();
}

bool Quarantine::holds(std::int64_t page) {
    if (total_ == 0) return false;
    Query query(of_page_);
    return query.bind(1, id_of(page, 0)).bind(2, id_of(page + 1, 0)).bind(3, 1).step();
}

void Quarantine::page_goes(std::int64_t page) {
    if (total_ != 0) {
        std::vector<Row> found;
        {
            Query query(of_page_);
            query.bind(1, id_of(page, 0)).bind(2, id_of(page + 1, 0)).bind(3, -1);
            found = rows(query);
        }
        for (const Row& row : found) erase(row);
        dropped_.bytes += found.size();
    }
    if (any_disowned_) writes_.add(own_page_, {id_of(page, 0), id_of(page + 1, 0)});
}

Quarantine::Dropped Quarantine::take_dropped() noexcept {
    return std::exchange(dropped_, {});
}

std::vector<std::int64_t> Quarantine::disowned_since(std::int64_t page) {
    std::vector<std::int64_t> ids;
    Query query(disowned_);
    query.bind(1, id_of(page, 0));
    while (query.step()) ids.push_back(query.integer(0));
    return ids;
}

}  // namespace graphhook::store
