#pragma once

#include "core/clock.hpp"
#include "core/digest.hpp"

#include <chrono>
#include <cstdint>
#include <deque>
#include <vector>

namespace graphhook::store {

/// The identities of what was committed lately, bounded by time and by count, to recognise what
/// Graph sends again. Forgetting is always safe: a repeat is then handed over twice.
///
/// Eight generations, each an open-addressing set of 16-byte keys: what is too old goes by whole
/// generations, no key carries a time, and growing copies an eighth at most. Threads: one.
class RepeatWindow {
  public:
    RepeatWindow(std::chrono::microseconds window, std::uint64_t most_keys);

    [[nodiscard]] bool contains(const Key128& key) const noexcept;
    /// Times must not fall.
    void insert(const Key128& key, SystemTime at);
    /// Lets go of generations whose newest key is older than the window.
    void forget_before(SystemTime now);
    [[nodiscard]] std::uint64_t size() const noexcept;

  private:
    static constexpr std::size_t kGenerations = 8;

    struct Slot {
        std::uint64_t low = 0, high = 0;  // both zero: empty
    };
    struct Generation {
        std::vector<Slot> slots;
        std::size_t used = 0;
        SystemTime first, last;
    };
    static Slot slot_of(const Key128& key) noexcept;
    static bool contains(const Generation& generation, const Slot& slot) noexcept;
    static void insert(Generation& generation, const Slot& slot);
    static void place(std::vector<Slot>& slots, const Slot& slot) noexcept;

    const std::chrono::microseconds window_;
    const std::size_t most_in_generation_;
    std::deque<Generation> generations_;  // the oldest first
};

}  // namespace graphhook::store
