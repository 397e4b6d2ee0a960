#pragma once

#include <cstdint>
#include <exception>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

struct sqlite3;
struct sqlite3_stmt;

namespace graphhook::store {

/// What SQLite answered, on its way up to the round that asked: thrown and caught inside this room
/// only.
class SqlError final : public std::exception {
  public:
    SqlError(int code, std::string detail) : code_(code), detail_(std::move(detail)) {}
    [[nodiscard]] const char* what() const noexcept override { return detail_.c_str(); }
    /// No room for the change; after a rollback everything is as before.
    [[nodiscard]] bool full() const noexcept;
    /// Somebody else holds a lock.
    [[nodiscard]] bool busy() const noexcept;
    /// We asked for it (Connection::interrupt).
    [[nodiscard]] bool interrupted() const noexcept;
    /// What is in the file is not a database, or is damaged.
    [[nodiscard]] bool corrupt() const noexcept;

  private:
    int code_;
    std::string detail_;
};

struct Blob {
    std::string bytes;
};
using Value = std::variant<std::monostate, std::int64_t, std::string, Blob>;

enum class OpenMode : std::uint8_t { Create, ReadWrite, ReadOnly };

/// One SQLite connection. Threads: one at a time, but for interrupt().
class Connection {
  public:
    /// `vfs` empty: the system's.
    Connection(const std::string& path, OpenMode mode, const std::string& vfs);
    ~Connection();
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    void exec(const char* sql);
    /// The first column of the first row; 0 without one.
    [[nodiscard]] std::int64_t query(const std::string& sql);
    [[nodiscard]] std::string query_text(const std::string& sql);
    [[nodiscard]] bool in_transaction() const noexcept;
    [[nodiscard]] std::int64_t changes() const noexcept;
    /// From any thread: ends a running statement.
    void interrupt() noexcept;
    /// Pages in the WAL after the newest commit of this connection.
    [[nodiscard]] int wal_pages() const noexcept { return wal_pages_; }
    /// All of it is in the database file: the next commit starts the WAL anew.
    void restart_wal() noexcept { wal_pages_ = 0; }

    struct Checkpoint {
        int in_log = 0;   ///< Pages.
        int written = 0;  ///< Of these in the database file.
        bool busy = false;
    };
    enum class CheckpointMode : std::uint8_t { Passive, Restart, Truncate };
    Checkpoint checkpoint(CheckpointMode mode);

    [[nodiscard]] sqlite3* raw() const noexcept { return database_; }

  private:
    sqlite3* database_ = nullptr;
    int wal_pages_ = 0;
};

/// A prepared statement. Use it through Query, so that it never stays open: an open SELECT would
/// pin the WAL.
class Statement {
  public:
    Statement(Connection& connection, std::string_view sql);
    ~Statement();
    Statement(const Statement&) = delete;
    Statement& operator=(const Statement&) = delete;

  private:
    friend class Query;
    sqlite3_stmt* statement_ = nullptr;
};

/// One run of a statement: bind, step, read; resets it at the end. Text and blobs are not copied:
/// what is bound must outlive the Query, what is read is good until the next step.
class Query {
  public:
    explicit Query(Statement& statement) : statement_(statement.statement_) {}
    ~Query();
    Query(const Query&) = delete;
    Query& operator=(const Query&) = delete;

    Query& bind(int index, std::int64_t value);
    Query& bind(int index, std::string_view text);
    Query& bind_blob(int index, std::string_view bytes);
    Query& bind_all(const std::vector<Value>& values);
    /// True: a row is there.
    bool step();
    /// Runs to the end.
    void run();

    [[nodiscard]] std::int64_t integer(int column) const;
    [[nodiscard]] std::string_view text(int column) const;
    [[nodiscard]] std::string_view blob(int column) const;
    [[nodiscard]] bool null(int column) const;

  private:
    void check(int code) const;
    sqlite3_stmt* statement_;
};

}  // namespace graphhook::store
