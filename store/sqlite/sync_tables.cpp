#include "store/sqlite/sync_tables.hpp"

#include "core/clock.hpp"

#include <chrono>
#include <cstdint>
#include <utility>

namespace graphhook::store {
namespace {

constexpr std::size_t kMostNoteBytes = 64u << 10;
/// Rows a step of the reader, so that each is short.
constexpr std::int64_t kAtOnce = 1000;

constexpr const char* kOfKey =
    "(SELECT id FROM sync_state WHERE tenant = ? AND name = ? AND element = ?)";

SystemTime time_of(std::int64_t micros) {
    return SystemTime(std::chrono::microseconds(micros));
}

std::int64_t micros(SystemTime time) {
    return time.time_since_epoch().count();
}

}  // namespace

SyncTables::SyncTables(Connection& connection, Writes& writes)
    : writes_(writes),
      put_state_(
          connection,
          "INSERT INTO sync_state(tenant, name, element, resource, baseline_at, swept_at, "
          "wanted_at, reason, attempt_at, failures, last_error, found) "
          "VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
          "ON CONFLICT(tenant, name, element) DO UPDATE SET resource = excluded.resource, "
          "baseline_at = excluded.baseline_at, swept_at = excluded.swept_at, "
          "wanted_at = excluded.wanted_at, reason = excluded.reason, "
          "attempt_at = excluded.attempt_at, failures = excluded.failures, "
          "last_error = excluded.last_error, found = excluded.found"
      ),
      erase_state_(
          connection, "DELETE FROM sync_state WHERE tenant = ? AND name = ? AND element = ?"
      ),
      put_mark_(
          connection,
          std::string("INSERT INTO watermark(sync, part, link, taken_at, partial) VALUES(") +
              kOfKey +
              ", ?, ?, ?, ?) ON CONFLICT(sync, part) DO UPDATE SET "
              "link = excluded.link, taken_at = excluded.taken_at, "
              "partial = excluded.partial"
      ),
      erase_mark_(
          connection, std::string("DELETE FROM watermark WHERE sync = ") + kOfKey + " AND part = ?"
      ),
      erase_marks_(connection, std::string("DELETE FROM watermark WHERE sync = ") + kOfKey),
      put_note_(
          connection,
          "INSERT INTO note(name, text) VALUES(?, ?) "
          "ON CONFLICT(name) DO UPDATE SET text = excluded.text"
      ),
      erase_note_(connection, "DELETE FROM note WHERE name = ?") {
}

Result<std::monostate> SyncTables::change(SyncChange change) {
    SyncState& state = change.state;
    const SyncKey& key = state.key;
    if (change.erase_all) {
        writes_.add(erase_marks_, {key.tenant, key.name, key.element});
        writes_.add(erase_state_, {key.tenant, key.name, key.element});
        return std::monostate{};
    }
    writes_.add(
        put_state_,
        {key.tenant, key.name, key.element, std::move(state.resource), micros(state.baseline_at),
         micros(state.swept_at), micros(state.wanted_at), std::move(state.reason),
         micros(state.attempt_at), std::int64_t{state.failures}, std::move(state.last_error),
         static_cast<std::int64_t>(state.found)}
    );
    if (change.erase_parts) writes_.add(erase_marks_, {key.tenant, key.name, key.element});
    for (std::string& part : change.erase)
        writes_.add(erase_mark_, {key.tenant, key.name, key.element, std::move(part)});
    for (Watermark& mark : change.put) {
        writes_.add(
            put_mark_,
            {key.tenant, key.name, key.element, std::move(mark.part), std::move(mark.link),
             micros(mark.taken_at), std::int64_t{mark.partial ? 1 : 0}}
        );
    }
    return std::monostate{};
}

Result<std::monostate> SyncTables::put_note(std::string name, std::string text) {
    if (name.empty()) return fail(Errc::BadInput, "a note needs a name");
    if (text.size() >= kMostNoteBytes) {
        return fail(Errc::BadInput, "the note " + name + " is longer than 64 KiB");
    }
    if (text.empty()) {
        writes_.add(erase_note_, {std::move(name)});
    } else {
        writes_.add(put_note_, {std::move(name), std::move(text)});
    }
    return std::monostate{};
}

bool read_sync_states(Connection& connection, std::int64_t& last, std::vector<SyncState>& states) {
    Statement statement(
        connection,
        "SELECT id, tenant, name, element, resource, baseline_at, swept_at, wanted_at, reason, "
        "attempt_at, failures, last_error, found FROM sync_state WHERE id > ? ORDER BY id LIMIT ?"
    );
    std::vector<SyncState> next;
    std::int64_t read = last;
    {
        Query query(statement);
        query.bind(1, last).bind(2, kAtOnce);
        while (query.step()) {
            SyncState state;
            read = query.integer(0);
            state.key = {
                std::string(query.text(1)), std::string(query.text(2)), std::string(query.text(3))
            };
            state.resource = query.text(4);
            state.baseline_at = time_of(query.integer(5));
            state.swept_at = time_of(query.integer(6));
            state.wanted_at = time_of(query.integer(7));
            state.reason = query.text(8);
            state.attempt_at = time_of(query.integer(9));
            state.failures = static_cast<std::uint32_t>(query.integer(10));
            state.last_error = query.text(11);
            state.found = static_cast<std::uint64_t>(query.integer(12));
            next.push_back(std::move(state));
        }
    }
    const bool over = next.size() < static_cast<std::size_t>(kAtOnce);
    for (SyncState& state : next) states.push_back(std::move(state));
    last = read;
    return over;
}

bool read_watermarks(Connection& connection, const SyncKey& key, std::vector<Watermark>& marks) {
    // The part "" is the first there can be.
    Statement statement(
        connection,
        std::string("SELECT part, link, taken_at, partial FROM watermark WHERE sync = ") + kOfKey +
            (marks.empty() ? " AND part >= ?" : " AND part > ?") + " ORDER BY part LIMIT ?"
    );
    std::vector<Watermark> next;
    {
        Query query(statement);
        query.bind(1, std::string_view(key.tenant))
            .bind(2, std::string_view(key.name))
            .bind(3, std::string_view(key.element))
            .bind(4, marks.empty() ? std::string_view() : std::string_view(marks.back().part))
            .bind(5, kAtOnce);
        while (query.step()) {
            Watermark mark;
            mark.part = query.text(0);
            mark.link = query.text(1);
            mark.taken_at = time_of(query.integer(2));
            mark.partial = query.integer(3) != 0;
            next.push_back(std::move(mark));
        }
    }
    const bool over = next.size() < static_cast<std::size_t>(kAtOnce);
    for (Watermark& mark : next) marks.push_back(std::move(mark));
    return over;
}

std::string read_note(Connection& connection, std::string_view name) {
    Statement statement(connection, "SELECT text FROM note WHERE name = ?");
    Query query(statement);
    query.bind(1, name);
    return query.step() ? std::string(query.text(0)) : std::string();
}

}  // namespace graphhook::store
