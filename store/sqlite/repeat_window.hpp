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
/// A key's first half names a place, the second what was seen there last: only that counts. Where
/// the first half is an order key (see Item::identity), "created, deleted, created" is no repeat;
/// where it is part of a hash, every key has a place of its own.
///
/// Eight generations, each an open-addressing set of 16-byte keys: what is too old goes by whole
/// generations, no key carries a time, and growing copies an eighth at most. Threads: one.
class RepeatWindow {
  public:
    RepeatWindow(std::chrono::microseconds window, std::uint64_t most_keys);

    [[nodiscard]] bool contains(const Key128& key) const noexcept;
    /// Is there anything at the place of that first half?
    [[nodiscard]] bool holds(std::uint64_t place) const noexcept;
    /// Replaces what was seen at its place. Times must not fall.
    void insert(const Key128& key, SystemTime at);
    /// Something else was seen at that place: what it holds counts no more.
    void revoke(std::uint64_t place) noexcept;
    /// Lets go of generations whose newest key is older than the window.
    void forget_before(SystemTime now);
    [[nodiscard]] std::uint64_t size() const noexcept;

  private:
    static constexpr std::size_t kGenerations = 8;

    static constexpr std::uint64_t kEmpty = 0;
    static constexpr std::uint64_t kRevoked = 1;
    struct Slot {
        std::uint64_t place = 0;
        std::uint64_t seen = kEmpty;
    };
    struct Generation {
        std::vector<Slot> slots;
        std::size_t used = 0;
        SystemTime first, last;
    };
    static Slot slot_of(const Key128& key) noexcept;
    static const Slot* find(const Generation& generation, std::uint64_t place) noexcept;
    /// The newest of that place.
    const Slot* find(std::uint64_t place) const noexcept;
    static void insert(Generation& generation, const Slot& slot);
    static void put(std::vector<Slot>& slots, const Slot& slot) noexcept;

    const std::chrono::microseconds window_;
    const std::size_t most_in_generation_;
    std::deque<Generation> generations_;  // the oldest first
};

}  // namespace graphhook::store
