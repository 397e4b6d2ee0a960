#pragma once

#include "store/sqlite/sql.hpp"

#include <vector>

namespace graphhook::store {

/// The one transaction of a round: begun by its first change, remembered so that it can be done
/// again without the appends when the disk turns out to be full. Threads: the writer's.
class Writes {
  public:
    explicit Writes(Connection& connection) : connection_(connection) {}

    /// Runs the change now and remembers it.
    void add(Statement& statement, std::vector<Value> values);
    /// Begins, for changes that are not remembered: appends.
    void begin();
    [[nodiscard]] bool any() const noexcept { return begun_; }
    [[nodiscard]] bool remembered() const noexcept { return !changes_.empty(); }
    /// Throws SqlError; the transaction is then still to be rolled back.
    void commit();
    void rollback();
    /// What was remembered, once more, and commits it.
    void redo();
    void forget() noexcept { changes_.clear(); }

  private:
    struct Change {
        Statement* statement;
        std::vector<Value> values;
    };
    Connection& connection_;
    Statement begin_{connection_, "BEGIN IMMEDIATE"};
    Statement commit_{connection_, "COMMIT"};
    Statement rollback_{connection_, "ROLLBACK"};
    bool begun_ = false;
    std::vector<Change> changes_;
};

}  // namespace graphhook::store
