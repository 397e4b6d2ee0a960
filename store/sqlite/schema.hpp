#pragma once

#include "core/error.hpp"
#include "store/sqlite/sql.hpp"

#include <string>

namespace graphhook::store {

/// The schema that this release writes; PRAGMA user_version of its files.
[[nodiscard]] int schema_version() noexcept;

/// Says whether the opened file is a store of ours that this release can serve, and makes or
/// migrates it. Errc::Corrupt, NewerSchema, Full, Failed.
[[nodiscard]] Result<void> prepare_schema(Connection& connection, const std::string& path);
/// The same without changing anything: an older schema is Errc::Conflict (start `serve` once).
[[nodiscard]] Result<void> check_schema(Connection& connection, const std::string& path);

/// What every connection sets: small caches, no mmap, every commit synced.
void set_pragmas(Connection& connection);

/// The right Error for what SQLite said.
[[nodiscard]] Error to_error(const SqlError& error, const std::string& path);

}  // namespace graphhook::store
