#include "store/sqlite/sql.hpp"

#include <sqlite3.h>

namespace graphhook::store {
namespace {

constexpr int kBusyMilliseconds = 2'000;

[[noreturn]] void raise(sqlite3* database, int code, std::string_view doing) {
    std::string detail(doing);
    detail += ": ";
    detail += database != nullptr ? sqlite3_errmsg(database) : sqlite3_errstr(code);
    const int extended = database != nullptr ? sqlite3_extended_errcode(database) : code;
    detail += " (" + std::to_string(extended) + ")";
    throw SqlError((extended & 0xff) == (code & 0xff) ? extended : code, std::move(detail));
}

int on_wal(void* pages, sqlite3* /*database*/, const char* /*name*/, int count) {
    *static_cast<int*>(pages) = count;
    return SQLITE_OK;
}

}  // namespace

bool SqlError::full() const noexcept {
    return (code_ & 0xff) == SQLITE_FULL;
}
bool SqlError::busy() const noexcept {
    return (code_ & 0xff) == SQLITE_BUSY || (code_ & 0xff) == SQLITE_LOCKED;
}
bool SqlError::interrupted() const noexcept {
    return (code_ & 0xff) == SQLITE_INTERRUPT;
}
bool SqlError::corrupt() const noexcept {
    return (code_ & 0xff) == SQLITE_CORRUPT || (code_ & 0xff) == SQLITE_NOTADB;
}

Connection::Connection(const std::string& path, OpenMode mode, const std::string& vfs) {
    int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    flags |= mode == OpenMode::ReadOnly ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
    if (mode == OpenMode::Create) flags |= SQLITE_OPEN_CREATE;
    const int code =
        sqlite3_open_v2(path.c_str(), &database_, flags, vfs.empty() ? nullptr : vfs.c_str());
    if (code != SQLITE_OK) {
        std::string detail = database_ != nullptr ? sqlite3_errmsg(database_) : "no memory";
        sqlite3_close(database_);
        throw SqlError(code, "opening " + path + ": " + detail);
    }
    sqlite3_busy_timeout(database_, kBusyMilliseconds);
    // In place of SQLite's own hook, which would checkpoint by itself every 1,000 pages.
    sqlite3_wal_hook(database_, on_wal, &wal_pages_);
}

Connection::~Connection() {
    sqlite3_close(database_);
}

void Connection::exec(const char* sql) {
    const int code = sqlite3_exec(database_, sql, nullptr, nullptr, nullptr);
    if (code != SQLITE_OK) raise(database_, code, sql);
}

std::int64_t Connection::query(const std::string& sql) {
    Statement statement(*this, sql);
    Query query(statement);
    return query.step() ? query.integer(0) : 0;
}

std::string Connection::query_text(const std::string& sql) {
    Statement statement(*this, sql);
    Query query(statement);
    return query.step() ? std::string(query.text(0)) : std::string();
}

bool Connection::in_transaction() const noexcept {
    return sqlite3_get_autocommit(database_) == 0;
}

std::int64_t Connection::changes() const noexcept {
    return sqlite3_changes64(database_);
}

void Connection::interrupt() noexcept {
    sqlite3_interrupt(database_);
}

Connection::Checkpoint Connection::checkpoint(CheckpointMode mode) {
    const int sqlite_mode = mode == CheckpointMode::Passive   ? SQLITE_CHECKPOINT_PASSIVE
                            : mode == CheckpointMode::Restart ? SQLITE_CHECKPOINT_RESTART
                                                              : SQLITE_CHECKPOINT_TRUNCATE;
    Checkpoint result;
    const int code =
        sqlite3_wal_checkpoint_v2(database_, nullptr, sqlite_mode, &result.in_log, &result.written);
    if ((code & 0xff) == SQLITE_BUSY || (code & 0xff) == SQLITE_LOCKED) {
        result.busy = true;
    } else if (code != SQLITE_OK) {
        raise(database_, code, "checkpoint");
    }
    return result;
}

Statement::Statement(Connection& connection, std::string_view sql) {
    const int code = sqlite3_prepare_v3(
        connection.raw(), sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT,
        &statement_, nullptr
    );
    if (code != SQLITE_OK) raise(connection.raw(), code, sql);
}

Statement::~Statement() {
    sqlite3_finalize(statement_);
}

Query::~Query() {
    sqlite3_reset(statement_);
}

void Query::check(int code) const {
    if (code != SQLITE_OK) raise(sqlite3_db_handle(statement_), code, "bind");
}

Query& Query::bind(int index, std::int64_t value) {
    check(sqlite3_bind_int64(statement_, index, value));
    return *this;
}

Query& Query::bind(int index, std::string_view text) {
    // A null pointer would bind NULL.
    const char* data = text.data() != nullptr ? text.data() : "";
    check(sqlite3_bind_text64(statement_, index, data, text.size(), SQLITE_STATIC, SQLITE_UTF8));
    return *this;
}

Query& Query::bind_blob(int index, std::string_view bytes) {
    const char* data = bytes.data() != nullptr ? bytes.data() : "";
    check(sqlite3_bind_blob64(statement_, index, data, bytes.size(), SQLITE_STATIC));
    return *this;
}

Query& Query::bind_all(const std::vector<Value>& values) {
    int index = 0;
    for (const Value& value : values) {
        ++index;
        if (const auto* number = std::get_if<std::int64_t>(&value)) {
            bind(index, *number);
        } else if (const auto* text = std::get_if<std::string>(&value)) {
            bind(index, std::string_view(*text));
        } else if (const auto* bytes = std::get_if<Blob>(&value)) {
            bind_blob(index, bytes->bytes);
        } else {
            check(sqlite3_bind_null(statement_, index));
        }
    }
    return *this;
}

bool Query::step() {
    const int code = sqlite3_step(statement_);
    if (code == SQLITE_ROW) return true;
    if (code == SQLITE_DONE) return false;
    raise(sqlite3_db_handle(statement_), code, sqlite3_sql(statement_));
}

void Query::run() {
    while (step()) {
    }
    sqlite3_reset(statement_);
}

std::int64_t Query::integer(int column) const {
    return sqlite3_column_int64(statement_, column);
}

std::string_view Query::text(int column) const {
    const void* data = sqlite3_column_text(statement_, column);
    if (data == nullptr) return {};
    return {
        static_cast<const char*>(data),
        static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))
    };
}

std::string_view Query::blob(int column) const {
    const void* data = sqlite3_column_blob(statement_, column);
    if (data == nullptr) return {};
    return {
        static_cast<const char*>(data),
        static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))
    };
}

bool Query::null(int column) const {
    return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

}  // namespace graphhook::store
