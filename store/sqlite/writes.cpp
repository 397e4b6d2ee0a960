#include "store/sqlite/writes.hpp"

#include <utility>

namespace graphhook::store {

void Writes::add(Statement& statement, std::vector<Value> values) {
    begin();
    changes_.push_back({&statement, std::move(values)});
    Query(statement).bind_all(changes_.back().values).run();
}

void Writes::begin() {
    if (begun_) return;
    Query(begin_).run();
    begun_ = true;
}

void Writes::commit() {
    if (!begun_) return;
    Query(commit_).run();
    begun_ = false;
    changes_.clear();
}

void Writes::rollback() {
    // SQLite may have rolled back by itself.
    if (connection_.in_transaction()) Query(rollback_).run();
    begun_ = false;
}

void Writes::redo() {
    if (changes_.empty()) return;
    begin();
    for (const Change& change : changes_) Query(*change.statement).bind_all(change.values).run();
    commit();
}

}  // namespace graphhook::store
