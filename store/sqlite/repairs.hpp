#pragma once

#include "core/error.hpp"
#include "store/sqlite/tables.hpp"
#include "store/store.hpp"

#include <cstdint>
#include <vector>

namespace graphhook::store {

/// Replays and drops what a selection names, in slices of a few ms on the writer's thread.
class Repair {
  public:
    enum class What : std::uint8_t {
        Replay,
        ReplayDead,
        DropDead,
        RetryQuarantined,
        DropQuarantined
    };
    Repair(What what, Selection selection);

    /// What is wrong with the selection, before anything is done.
    [[nodiscard]] Result<void> check(Tables& tables) const;
    /// One slice; true when it was the last.
    bool step(Tables& tables);
    /// Deliveries so far.
    [[nodiscard]] std::uint64_t count() const noexcept { return count_; }

  private:
    [[nodiscard]] bool fits(SystemTime received_at) const;
    bool step_ids(Tables& tables);
    bool step_pages(Tables& tables);
    /// Of dead letters or of the quarantine.
    bool step_rows(Tables& tables);
    void one(Tables& tables, HandlerState& handler, std::int64_t id);

    const What what_;
    const Selection selection_;
    std::uint64_t count_ = 0;
    std::size_t next_id_ = 0;
    std::int64_t from_ = 0;
    std::size_t handler_ = 0;
};

}  // namespace graphhook::store
