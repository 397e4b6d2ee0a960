#pragma once

#include "core/digest.hpp"
#include "store/notification.hpp"
#include "store/sqlite/sql.hpp"
#include "store/sqlite/writes.hpp"

#include <cstdint>
#include <deque>
#include <string>
#include <unordered_map>

namespace graphhook::store {

/// The tokens that came with rich notifications, each text once, and what was found of them.
///
/// A row says which pages it is for: from its first to `kPagesAhead` past the last that was written
/// down. A use past that writes it down anew, in the transaction that stores the notification; so
/// a row never goes before what needs it, whatever clocks do and whenever the process ends, and the
/// usual repeat of a text writes nothing. Threads: the writer's; may throw SqlError.
class Proofs {
  public:
    Proofs(Connection& connection, Writes& writes);

    // --- taking in: nothing of it counts before the commit succeeded
    /// The number of this text, for a notification in `page`. `tokens` must live until committed()
    /// or discard().
    std::int64_t number_of(const TokensPtr& tokens, std::int64_t page);
    /// Into the round's transaction.
    void write();
    void committed();
    void discard();

    // --- handing over
    /// nullptr: not stored, or damaged.
    [[nodiscard]] ProofPtr find(std::int64_t number);
    /// Empty: forgets what was found. Nothing happens if that number is gone.
    void put_verdict(std::int64_t number, std::string verdict);

    // --- retention
    /// Pages were deleted: look whose were.
    void pages_went() noexcept { sweep_wanted_ = true; }
    /// One small step inside the round's transaction. True: there may be more to do now.
    bool sweep();

    static constexpr std::int64_t kPagesAhead = 256;

  private:
    static constexpr std::size_t kMostRecent = 1024;
    static constexpr std::size_t kMostCached = 1024;
    static constexpr std::size_t kMostCachedBytes = 4u << 20;

    struct HashOf {
        std::size_t operator()(const Sha256& hash) const noexcept {
            return static_cast<std::size_t>(first64(hash));
        }
    };
    struct Known {
        std::int64_t number = 0;
        std::int64_t last_page = 0;
    };
    struct Use {
        Known known;
        std::int64_t first_page = 0;
        const std::string* fresh = nullptr;  ///< To be inserted; nullptr: it is there.
        bool further = false;                ///< To be written down anew.
    };
    Use use_of(const Sha256& hash, const std::string& tokens, std::int64_t page);
    void keep(ProofPtr proof);

    Writes& writes_;
    Statement by_hash_, by_number_, insert_, extend_, put_verdict_, wanted_, delete_;
    std::int64_t next_;       ///< Number to be given.
    std::int64_t committed_;  ///< The same, as of the last commit.

    std::unordered_map<Sha256, Known, HashOf> recent_;
    std::unordered_map<Sha256, Use, HashOf> planned_;  ///< Of this round.
    const std::string* last_text_ = nullptr;
    Use* last_use_ = nullptr;

    std::unordered_map<std::int64_t, ProofPtr> cache_;
    std::deque<std::int64_t> cached_;  ///< The oldest first; may name what is gone.
    std::size_t cached_bytes_ = 0;

    bool sweep_wanted_ = true;
    bool sweeping_ = false;
    std::int64_t swept_ = 0;
    unsigned stayed_ = 0;  ///< In a row.
};

}  // namespace graphhook::store
