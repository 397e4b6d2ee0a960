#include "core/log.hpp"
#include "store/sqlite/lookup.hpp"
#include "store/sqlite/read_only_store.hpp"
#include "store/sqlite/schema.hpp"
#include "store/sqlite/sqlite_store.hpp"
#include "store/store.hpp"

#include <filesystem>
#include <memory>
#include <string_view>
#include <utility>

namespace graphhook::store {
namespace {

Result<std::string> path_of(const StoreOptions& options) {
    constexpr std::string_view kScheme = "sqlite:";
    std::string_view url = options.url;
    if (!url.starts_with(kScheme)) {
        return fail(Errc::BadInput, "store.url must be sqlite:/path/to/file, not " + options.url);
    }
    url.remove_prefix(kScheme.size());
    if (url.starts_with("//")) url.remove_prefix(2);
    if (url.empty() || url.back() == '/') {
        return fail(Errc::BadInput, "store.url names no file: " + options.url);
    }
    return std::string(url);
}

/// A WAL that a crash left is written back before anything is acknowledged: after a failed fsync
/// part of it may be in the page cache only, and what is appended behind that would not be found
/// after a power cut.
void settle_wal(Connection& connection) {
    const auto result = connection.checkpoint(Connection::CheckpointMode::Truncate);
    if (result.busy) {
        log().warn("another program reads the store: its WAL could not be shortened at start");
    }
    connection.restart_wal();
}

}  // namespace

Result<std::unique_ptr<Store>> open_store(
    const StoreOptions& options, Clock& clock, Metrics& metrics
) {
    const auto path = path_of(options);
    if (!path) return path.error();
    if (const auto sound = check_file_system(*path); !sound) return sound.error();
    auto lock = FileLock::take(*path);
    if (!lock) return lock.error();
    if (options.vfs.empty()) {
        if (const auto made = create_private_file(*path); !made) return made.error();
    }
    try {
        auto connection = std::make_unique<Connection>(*path, OpenMode::Create, options.vfs);
        set_pragmas(*connection);
        connection->exec("PRAGMA cache_spill=OFF");
        if (const auto ready = prepare_schema(*connection, *path); !ready) return ready.error();
        settle_wal(*connection);
        if (const auto synced = sync_directory_of(*path); !synced) return synced.error();
        auto tables = std::make_unique<Tables>(*connection, options, clock);
        auto for_checkpoints =
            std::make_unique<Connection>(*path, OpenMode::ReadWrite, options.vfs);
        set_pragmas(*for_checkpoints);
        auto for_reading = std::make_unique<Connection>(*path, OpenMode::ReadOnly, options.vfs);
        set_pragmas(*for_reading);
        auto reader = std::make_unique<Reader>(std::move(for_reading));
        auto writer = std::make_unique<Writer>(
            Writer::Paths{*path}, options, std::move(connection), std::move(tables),
            std::move(for_checkpoints), *reader, clock, metrics
        );
        return std::make_unique<SqliteStore>(
            std::move(*lock), std::move(reader), std::move(writer), clock
        );
    } catch (const SqlError& error) {
        return to_error(error, *path);
    }
}

Result<std::unique_ptr<Store>> open_store_read_only(
    const StoreOptions& options, Clock& clock, Metrics& /*metrics*/
) {
    const auto path = path_of(options);
    if (!path) return path.error();
    if (options.vfs.empty() && !std::filesystem::exists(*path)) {
        return fail(Errc::NotFound, "there is no store yet: " + *path);
    }
    try {
        auto connection = std::make_unique<Connection>(*path, OpenMode::ReadOnly, options.vfs);
        set_pragmas(*connection);
        if (const auto sound = check_schema(*connection, *path); !sound) return sound.error();
        auto known = std::make_shared<std::vector<SubscriptionRecord>>();
        while (!read_subscriptions(*connection, *known)) {
        }
        return std::make_unique<ReadOnlyStore>(
            *path, std::make_unique<Reader>(std::move(connection)),
            std::make_shared<const KnownSubscriptions>(*known), clock
        );
    } catch (const SqlError& error) {
        return to_error(error, *path);
    }
}

}  // namespace graphhook::store
