#pragma once

#include "core/error.hpp"
#include "store/sqlite/sql.hpp"
#include "store/sqlite/writes.hpp"
#include "store/sync.hpp"

#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace graphhook::store {

/// How far Graph was asked again, and notes: written by the writer, read by the reader, nothing of
/// it held in memory. Threads: the writer's.
class SyncTables {
  public:
    SyncTables(Connection& connection, Writes& writes);

    Result<std::monostate> change(SyncChange change);
    /// Errc::BadInput: the text is too long, or the name empty.
    Result<std::monostate> put_note(std::string name, std::string text);

  private:
    Writes& writes_;
    Statement put_state_, erase_state_, put_mark_, erase_mark_, erase_marks_, put_note_,
        erase_note_;
};

/// The next states; `last` is the place of the last one read, 0 at the beginning. True when these
/// were all.
bool read_sync_states(Connection& connection, std::int64_t& last, std::vector<SyncState>& states);
/// The next ones of that key; true when these were all.
bool read_watermarks(Connection& connection, const SyncKey& key, std::vector<Watermark>& marks);
/// Empty where there is none.
[[nodiscard]] std::string read_note(Connection& connection, std::string_view name);

}  // namespace graphhook::store
