#include "store/sqlite/schema.hpp"

#include <array>

namespace graphhook::store {
namespace {

constexpr std::int64_t kApplicationId = 0x47486b31;  // "GHk1"

// One entry a schema version, never changed once released. What the tables mean: docs/store.md.
constexpr std::array<const char*, 4> kMigrations = {
    R"sql(
CREATE TABLE stream(
    id INTEGER PRIMARY KEY, lane INTEGER NOT NULL, tenant TEXT NOT NULL, subscription TEXT NOT NULL,
    kind TEXT NOT NULL, change TEXT NOT NULL);
CREATE TABLE head(
    page INTEGER PRIMARY KEY, lane INTEGER NOT NULL, received_at INTEGER NOT NULL,
    before INTEGER NOT NULL, count INTEGER NOT NULL, heads BLOB NOT NULL);
CREATE INDEX head_lifecycle ON head(page) WHERE lane = 1;
CREATE TABLE body(page INTEGER PRIMARY KEY, data BLOB NOT NULL);
CREATE TABLE handler(
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, paused INTEGER NOT NULL);
CREATE TABLE route(
    handler INTEGER NOT NULL, stream INTEGER NOT NULL, accepts INTEGER NOT NULL,
    PRIMARY KEY(handler, stream)) WITHOUT ROWID;
CREATE TABLE cursor(
    handler INTEGER NOT NULL, lane INTEGER NOT NULL, page INTEGER NOT NULL, done BLOB NOT NULL,
    PRIMARY KEY(handler, lane)) WITHOUT ROWID;
CREATE TABLE delivery(
    handler INTEGER NOT NULL, id INTEGER NOT NULL, order_key INTEGER NOT NULL,
    state INTEGER NOT NULL, attempts INTEGER NOT NULL, used INTEGER NOT NULL, next_at INTEGER,
    replayed INTEGER NOT NULL, received_at INTEGER NOT NULL, updated_at INTEGER NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY(handler, id)) WITHOUT ROWID;
CREATE INDEX delivery_due ON delivery(handler, next_at) WHERE state = 2;
CREATE INDEX delivery_key ON delivery(handler, order_key, id);
CREATE TABLE dead(
    handler INTEGER NOT NULL, id INTEGER NOT NULL, order_key INTEGER NOT NULL,
    attempts INTEGER NOT NULL, used INTEGER NOT NULL, replayed INTEGER NOT NULL,
    received_at INTEGER NOT NULL, died_at INTEGER NOT NULL, reason TEXT NOT NULL,
    PRIMARY KEY(handler, id)) WITHOUT ROWID;
CREATE TABLE subscription(
    record INTEGER PRIMARY KEY AUTOINCREMENT, state INTEGER NOT NULL, name TEXT NOT NULL,
    tenant TEXT NOT NULL, kind TEXT NOT NULL, resource TEXT NOT NULL, changes TEXT NOT NULL,
    notification_url TEXT NOT NULL, lifecycle_url TEXT NOT NULL, graph_id TEXT NOT NULL,
    state_hash BLOB NOT NULL, client_state TEXT NOT NULL, created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL, touched_at INTEGER NOT NULL, attempt_at INTEGER NOT NULL,
    failures INTEGER NOT NULL, last_error TEXT NOT NULL, forget_at INTEGER NOT NULL);
CREATE INDEX subscription_graph_id ON subscription(graph_id COLLATE NOCASE) WHERE graph_id <> '';
CREATE INDEX subscription_state_hash ON subscription(state_hash);
CREATE TABLE refused(
    number INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, reason TEXT NOT NULL,
    subscription TEXT NOT NULL, body TEXT NOT NULL);
CREATE TABLE counter(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
INSERT INTO counter VALUES('deleted', 0);
)sql",
    R"sql(
ALTER TABLE stream ADD COLUMN source INTEGER NOT NULL DEFAULT 0;
ALTER TABLE subscription ADD COLUMN element TEXT NOT NULL DEFAULT '';
ALTER TABLE subscription ADD COLUMN sync INTEGER NOT NULL DEFAULT 0;
CREATE INDEX head_versions ON head(page) WHERE length(heads) > 8 + 40 * count;
CREATE TABLE sync_state(
    id INTEGER PRIMARY KEY, tenant TEXT NOT NULL, name TEXT NOT NULL, element TEXT NOT NULL,
    resource TEXT NOT NULL, baseline_at INTEGER NOT NULL, swept_at INTEGER NOT NULL,
    wanted_at INTEGER NOT NULL, reason TEXT NOT NULL, attempt_at INTEGER NOT NULL,
    failures INTEGER NOT NULL, last_error TEXT NOT NULL, found INTEGER NOT NULL,
    UNIQUE(tenant, name, element));
CREATE TABLE watermark(
    sync INTEGER NOT NULL, part TEXT NOT NULL, link TEXT NOT NULL, taken_at INTEGER NOT NULL,
    partial INTEGER NOT NULL, UNIQUE(sync, part));
CREATE TABLE note(name TEXT PRIMARY KEY, text TEXT NOT NULL);
)sql",
    R"sql(
CREATE TABLE proof(
    number INTEGER PRIMARY KEY AUTOINCREMENT, first_page INTEGER NOT NULL,
    last_page INTEGER NOT NULL, hash BLOB NOT NULL UNIQUE, verdict TEXT NOT NULL,
    tokens BLOB NOT NULL);
CREATE TABLE quarantine(
    id INTEGER NOT NULL, handler INTEGER NOT NULL, order_key INTEGER NOT NULL,
    attempts INTEGER NOT NULL, used INTEGER NOT NULL, replayed INTEGER NOT NULL,
    received_at INTEGER NOT NULL, put_at INTEGER NOT NULL, reason TEXT NOT NULL,
    PRIMARY KEY(id, handler)) WITHOUT ROWID;
CREATE INDEX quarantine_put_at ON quarantine(put_at);
CREATE TABLE disowned(id INTEGER PRIMARY KEY);
ALTER TABLE subscription ADD COLUMN certificate_id TEXT NOT NULL DEFAULT '';
)sql",
    R"sql(
CREATE TABLE unsid(
    number INTEGER PRIMARY KEY, tenant TEXT NOT NULL, user TEXT NOT NULL, unsid TEXT NOT NULL,
    platform TEXT NOT NULL, client TEXT NOT NULL, expires_at INTEGER NOT NULL,
    registered_at INTEGER NOT NULL, UNIQUE(user, tenant, unsid, platform));
CREATE INDEX unsid_unsid ON unsid(unsid);
CREATE INDEX unsid_expires_at ON unsid(expires_at, platform);
CREATE INDEX unsid_registered_at ON unsid(registered_at);
CREATE TABLE receipt(
    id INTEGER NOT NULL, handler INTEGER NOT NULL, text TEXT NOT NULL,
    PRIMARY KEY(id, handler)) WITHOUT ROWID;
)sql"
};

constexpr std::array kTables = {"stream",     "head",       "body",      "handler", "route",
                                "cursor",     "delivery",   "dead",      "refused", "subscription",
                                "counter",    "sync_state", "watermark", "note",    "proof",
                                "quarantine", "disowned",   "unsid",     "receipt"};

Error not_ours(const std::string& path) {
    return {Errc::Corrupt, path + " is a database, but not a graphhook store; nothing was changed"};
}

/// That every table can be read at both ends and that the file is as long as it says. Reading all
/// of a large file would keep Graph waiting for minutes; pages carry checksums for the rest.
Result<void> check_structure(Connection& connection, const std::string& path) {
    for (const char* table : kTables) {
        static_cast<void>(connection.query("SELECT 1 FROM " + std::string(table) + " LIMIT 1"));
    }
    static_cast<void>(connection.query("SELECT length(heads) FROM head ORDER BY page DESC LIMIT 1")
    );
    const auto unlike = connection.query(
        "SELECT (SELECT coalesce(max(page), 0) FROM head) <> (SELECT coalesce(max(page), 0) FROM "
        "body)"
    );
    if (unlike != 0) {
        return fail(Errc::Corrupt, path + " is damaged: heads and bodies end differently");
    }
    return {};
}

}  // namespace

int schema_version() noexcept {
    return static_cast<int>(kMigrations.size());
}

void set_pragmas(Connection& connection) {
    connection.exec(
        "PRAGMA synchronous=FULL; PRAGMA mmap_size=0;"
        "PRAGMA cache_size=-8192; PRAGMA temp_store=MEMORY; PRAGMA trusted_schema=OFF;"
        "PRAGMA cell_size_check=ON; PRAGMA secure_delete=FAST"
    );
}

Error to_error(const SqlError& error, const std::string& path) {
    if (error.corrupt()) {
        return {
            Errc::Corrupt, path + " is damaged or not a database (" + error.what() +
                               "); restore it from a backup, see docs/store.md"
        };
    }
    if (error.full()) return {Errc::Full, std::string("no room for the store: ") + error.what()};
    if (error.busy()) {
        return {Errc::Locked, path + " is in use by another program: " + error.what()};
    }
    return {Errc::Failed, error.what()};
}

Result<void> check_schema(Connection& connection, const std::string& path) try {
    const auto version = connection.query("PRAGMA user_version");
    if (connection.query("PRAGMA application_id") != kApplicationId) return not_ours(path);
    if (version > schema_version()) {
        return fail(
            Errc::NewerSchema, path + " was written by a later release (schema " +
                                   std::to_string(version) + ", this one knows " +
                                   std::to_string(schema_version()) + "); upgrade graphhook"
        );
    }
    if (version < schema_version()) {
        return fail(
            Errc::Conflict,
            path + " was written by an earlier release; `graphhook serve` migrates it"
        );
    }
    return check_structure(connection, path);
} catch (const SqlError& error) {
    return to_error(error, path);
}

Result<void> prepare_schema(Connection& connection, const std::string& path) try {
    const auto version = connection.query("PRAGMA user_version");
    const bool empty = connection.query("SELECT count(*) FROM sqlite_schema") == 0;
    if (empty && version == 0) {
        // Before the first table: it is fixed then.
        connection.exec("PRAGMA auto_vacuum=INCREMENTAL");
        connection.exec(("PRAGMA application_id=" + std::to_string(kApplicationId)).c_str());
    } else if (connection.query("PRAGMA application_id") != kApplicationId) {
        return not_ours(path);
    }
    if (version > schema_version()) return check_schema(connection, path);
    if (connection.query_text("PRAGMA journal_mode=WAL") != "wal") {
        return fail(Errc::BadInput, path + ": the file system does not support WAL");
    }
    for (auto next = version; next < schema_version(); ++next) {
        connection.exec("BEGIN IMMEDIATE");
        connection.exec(kMigrations[static_cast<std::size_t>(next)]);
        connection.exec(("PRAGMA user_version=" + std::to_string(next + 1)).c_str());
        connection.exec("COMMIT");
    }
    return check_structure(connection, path);
} catch (const SqlError& error) {
    return to_error(error, path);
}

}  // namespace graphhook::store
