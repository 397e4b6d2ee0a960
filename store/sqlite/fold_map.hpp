#pragma once

#include "core/digest.hpp"

#include <cstdint>
#include <deque>
#include <unordered_map>

namespace graphhook::store {

/// Which waiting notification an equal one may fold into: of each order key the newest only, and
/// only while no handler was ever given it. Being the newest matters: in "updated, deleted,
/// updated" the last must not vanish into the first. Bounded: the oldest entries go first, which
/// only costs a fold. Threads: one.
class FoldMap {
  public:
    static constexpr std::size_t kMost = 65'536;

    [[nodiscard]] bool folds(std::uint64_t order_key, const Key128& fold) const {
        const auto found = entries_.find(order_key);
        return found != entries_.end() && found->second.fold == fold;
    }
    [[nodiscard]] bool waits_for(std::uint64_t order_key) const {
        return !entries_.empty() && entries_.contains(order_key);
    }
    /// A notification was appended that others may fold into.
    void waits(std::uint64_t order_key, const Key128& fold, std::int64_t id) {
        entries_.insert_or_assign(order_key, Entry{fold, id});
        oldest_.push_back({order_key, id});
        while (entries_.size() > kMost || oldest_.size() > 2 * kMost) {
            const Age age = oldest_.front();
            oldest_.pop_front();
            forget(age.order_key, age.id);
        }
    }
    /// One was appended that says something of its own.
    void interrupts(std::uint64_t order_key) {
        if (!entries_.empty()) entries_.erase(order_key);
    }
    /// It is being handed over.
    void forget(std::uint64_t order_key, std::int64_t id) {
        if (entries_.empty()) return;
        const auto found = entries_.find(order_key);
        if (found != entries_.end() && found->second.id == id) entries_.erase(found);
    }

  private:
    struct Entry {
        Key128 fold;
        std::int64_t id;
    };
    struct Age {
        std::uint64_t order_key;
        std::int64_t id;
    };
    std::unordered_map<std::uint64_t, Entry> entries_;
    std::deque<Age> oldest_;
};

}  // namespace graphhook::store
