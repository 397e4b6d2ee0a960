#pragma once

#include "core/clock.hpp"
#include "store/options.hpp"
#include "store/sqlite/tables.hpp"

#include <cstdint>

namespace graphhook::store {

/// Deletes what every handler has finished and is old, the tokens that nothing needs any more, and
/// gives space back, a few pages at a time.
/// Threads: the writer's.
class Retention {
  public:
    Retention(const StoreOptions& options, Connection& connection);

    /// One small step inside the round's transaction. True: there may be more to do now.
    bool step(Tables& tables);
    /// Begins a pass where it is time.
    void tick(Tables& tables);
    /// Notifications deleted, ever.
    [[nodiscard]] std::uint64_t deleted() const noexcept { return deleted_; }
    /// Of the database file, free pages in it left out.
    [[nodiscard]] static std::uint64_t used_bytes(Connection& connection);

  private:
    void delete_some(Tables& tables);
    bool give_back(Tables& tables);

    const StoreOptions& options_;
    Statement pages_, delete_head_, delete_body_, count_;
    std::uint64_t deleted_;
    bool passing_ = false;
    bool giving_back_ = false;
    std::int64_t from_ = 0;
    unsigned wanted_ = 0;  ///< Pages in a row that had to stay.
    SteadyTime next_pass_{}, next_look_{};
};

}  // namespace graphhook::store
