#pragma once

#include "core/mailbox.hpp"
#include "store/notification.hpp"
#include "store/sqlite/dispatch.hpp"
#include "store/sqlite/fold_map.hpp"
#include "store/sqlite/pages.hpp"
#include "store/sqlite/proofs.hpp"
#include "store/sqlite/repeat_window.hpp"
#include "store/sqlite/streams.hpp"
#include "store/sqlite/writes.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

namespace graphhook::store {

/// One append that waits for its commit.
struct AppendCall {
    std::vector<Item> items;
    SystemTime received_at;
    Completion<Appended> done;
    Appended result;
};

/// Turns all appends of a round into pages: leaves out repeats, folds, numbers. Nothing of it
/// counts (identities, versions, folds, numbers, proofs) before the commit succeeded. Threads: the
/// writer's.
class Journal {
  public:
    Journal(
        Connection& connection, Writes& writes, Pages& pages, Streams& streams, FoldMap& folds,
        RepeatWindow& repeats, RepeatWindow& versions, Dispatch& dispatch, Proofs& proofs
    );

    /// Decides, and writes what must stay even if the pages can not be written: streams.
    void plan(std::span<AppendCall> calls);
    /// Writes the pages into the round's transaction.
    void write();
    void committed();
    void discard();

    [[nodiscard]] std::uint64_t planned() const noexcept { return planned_; }
    /// Ever stored.
    [[nodiscard]] std::uint64_t total() const noexcept { return total_; }

  private:
    struct Folding {
        std::optional<Key128> fold;
        std::int64_t id;
    };
    struct Planned {
        std::int64_t page;
        Lane lane;
        PageWriter writer;
        SystemTime received_at;
    };
    bool repeats(const Item& item) const;
    /// Found by asking again, and handed over before in this very state.
    bool known_version(const Item& item) const;
    void remember(const Item& item);
    bool folds(const Item& item, std::uint64_t key) const;
    void place(const Item& item, std::uint64_t key, SystemTime received_at);

    Writes& writes_;
    Pages& pages_;
    Streams& streams_;
    FoldMap& folds_;
    RepeatWindow& repeats_;
    RepeatWindow& versions_;
    Dispatch& dispatch_;
    Proofs& proofs_;
    Statement insert_head_, insert_body_;

    std::uint64_t total_ = 0;
    std::uint64_t planned_ = 0;
    SystemTime earliest_;  ///< Of the appends of this round.
    SystemTime latest_;    ///< Of all appends.
    std::vector<Planned> planned_pages_;
    std::array<std::optional<std::size_t>, 2> open_page_;  // by lane, into planned_pages_
    /// By the first half; nothing: revoked. What the round makes of the repeat window.
    std::unordered_map<std::uint64_t, std::optional<Key128>> planned_keys_;
    /// By object: its last version of the round.
    std::unordered_map<std::uint64_t, Key128> planned_versions_;
    std::unordered_map<std::uint64_t, Folding> planned_folds_;
};

}  // namespace graphhook::store
