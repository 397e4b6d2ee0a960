#include "store/sqlite/retention.hpp"

#include <algorithm>
#include <chrono>
#include <vector>

namespace graphhook::store {
namespace {

constexpr std::size_t kPagesAStep = 64;
constexpr std::chrono::milliseconds kStep{3};
/// A pass ends where this many pages in a row are still wanted.
constexpr unsigned kMostWanted = 1024;

}  // namespace

Retention::Retention(const StoreOptions& options, Connection& connection)
    : options_(options),
      pages_(
          connection,
          "SELECT page, lane, received_at, count FROM head WHERE page > ? ORDER BY page LIMIT ?"
      ),
      delete_head_(connection, "DELETE FROM head WHERE page = ?"),
      delete_body_(connection, "DELETE FROM body WHERE page = ?"),
      count_(connection, "UPDATE counter SET value = ? WHERE name = 'deleted'"),
      deleted_(static_cast<std::uint64_t>(
          connection.query("SELECT value FROM counter WHERE name = 'deleted'")
      )) {
}

void Retention::tick(Tables& tables) {
    const SteadyTime now = tables.clock.steady_now();
    if (passing_ || now < next_pass_) return;
    next_pass_ = now + std::chrono::seconds(10);
    passing_ = true;
    from_ = 0;
    wanted_ = 0;
}

bool Retention::step(Tables& tables) {
    if (passing_) {
        delete_some(tables);
        return true;
    }
    if (tables.proofs.sweep()) return true;
    return give_back(tables);
}

std::uint64_t Retention::used_bytes(Connection& connection) {
    const auto pages = connection.query("PRAGMA page_count");
    const auto free = connection.query("PRAGMA freelist_count");
    return static_cast<std::uint64_t>(pages - free) *
           static_cast<std::uint64_t>(connection.query("PRAGMA page_size"));
}

void Retention::delete_some(Tables& tables) {
    struct Row {
        std::int64_t page;
        Lane lane;
        SystemTime received_at;
        std::uint64_t count;
    };
    std::vector<Row> rows;
    {
        Query query(pages_);
        query.bind(1, from_).bind(2, static_cast<std::int64_t>(kPagesAStep));
        while (query.step()) {
            rows.push_back(
                {query.integer(0), query.integer(1) == 0 ? Lane::Change : Lane::Lifecycle,
                 SystemTime(std::chrono::microseconds(query.integer(2))),
                 static_cast<std::uint64_t>(query.integer(3))}
            );
        }
    }
    passing_ = !rows.empty();
    const SystemTime keep_since = tables.clock.system_now() - options_.retain;
    const bool crowded = used_bytes(tables.connection) > options_.retain_bytes;
    const auto begin = std::chrono::steady_clock::now();
    const std::uint64_t before = deleted_;
    for (const Row& row : rows) {
        // The newest stays, so that its number is never given again.
        if (row.page >= tables.pages.last() || (!crowded && row.received_at >= keep_since) ||
            wanted_ > kMostWanted) {
            passing_ = false;
            break;
        }
        from_ = row.page;
        if (!tables.dispatch.finished_by_all(row.page, row.lane) ||
            tables.dispatch.has_rows(row.page)) {
            ++wanted_;
            continue;
        }
        // What is in the quarantine holds its page only while there is space.
        if (!crowded && tables.quarantine.holds(row.page)) continue;
        wanted_ = 0;
        tables.quarantine.page_goes(row.page);
        tables.receipts.page_goes(row.page);
        tables.writes.add(delete_head_, {row.page});
        tables.writes.add(delete_body_, {row.page});
        deleted_ += row.count;
        if (std::chrono::steady_clock::now() - begin > kStep) break;
    }
    if (deleted_ == before) return;
    tables.writes.add(count_, {static_cast<std::int64_t>(deleted_)});
    tables.proofs.pages_went();
}

bool Retention::give_back(Tables& tables) {
    // Free pages in the file are used again; only after a great backlog is the file made shorter.
    constexpr std::int64_t kWorthIt = 4096;
    constexpr std::int64_t kAtOnce = 64;
    const SteadyTime now = tables.clock.steady_now();
    if (!giving_back_ && now < next_look_) return false;
    next_look_ = now + std::chrono::seconds(10);
    const auto free = tables.connection.query("PRAGMA freelist_count");
    const auto pages = tables.connection.query("PRAGMA page_count");
    giving_back_ =
        giving_back_ ? free > std::max(kAtOnce, pages / 8) : free > kWorthIt && free > pages / 4;
    if (!giving_back_) return false;
    tables.writes.begin();
    tables.connection.exec(("PRAGMA incremental_vacuum(" + std::to_string(kAtOnce) + ")").c_str());
    return true;
}

}  // namespace graphhook::store
