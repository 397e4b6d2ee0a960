#include "store/sqlite/repeat_window.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace graphhook::store {
namespace {

/// Spreads a hash over `size` places without a division.
std::size_t start_of(std::uint64_t hash, std::size_t size) noexcept {
    __extension__ using Wide = unsigned __int128;
    return static_cast<std::size_t>((static_cast<Wide>(hash) * size) >> 64);
}

}  // namespace

RepeatWindow::RepeatWindow(std::chrono::microseconds window, std::uint64_t most_keys)
    : window_(window),
      most_in_generation_(
          std::max<std::size_t>(1, static_cast<std::size_t>(most_keys / kGenerations))
      ) {
}

RepeatWindow::Slot RepeatWindow::slot_of(const Key128& key) noexcept {
    Slot slot;
    std::memcpy(&slot.place, key.data(), 8);
    std::memcpy(&slot.seen, key.data() + 8, 8);
    if (slot.seen <= kRevoked) slot.seen = kRevoked + 1;
    return slot;
}

const RepeatWindow::Slot* RepeatWindow::find(
    const Generation& generation, std::uint64_t place
) noexcept {
    const auto& slots = generation.slots;
    if (slots.empty()) return nullptr;
    std::size_t at = start_of(place, slots.size());
    while (slots[at].seen != kEmpty) {
        if (slots[at].place == place) return &slots[at];
        if (++at == slots.size()) at = 0;
    }
    return nullptr;
}

const RepeatWindow::Slot* RepeatWindow::find(std::uint64_t place) const noexcept {
    for (auto generation = generations_.rbegin(); generation != generations_.rend(); ++generation) {
        if (const Slot* const slot = find(*generation, place)) return slot;
    }
    return nullptr;
}

void RepeatWindow::put(std::vector<Slot>& slots, const Slot& slot) noexcept {
    std::size_t at = start_of(slot.place, slots.size());
    while (slots[at].seen != kEmpty) {
        if (++at == slots.size()) at = 0;
    }
    slots[at] = slot;
}

void RepeatWindow::insert(Generation& generation, const Slot& slot) {
    if (const Slot* const old = find(generation, slot.place)) {
        const_cast<Slot*>(old)->seen = slot.seen;
        return;
    }
    if ((generation.used + 1) * 4 > generation.slots.size() * 3) {
        std::vector<Slot> larger(std::max<std::size_t>(64, generation.slots.size() * 3 / 2));
        for (const Slot& old : generation.slots) {
            if (old.seen != kEmpty) put(larger, old);
        }
        generation.slots = std::move(larger);
    }
    put(generation.slots, slot);
    ++generation.used;
}

bool RepeatWindow::contains(const Key128& key) const noexcept {
    const Slot slot = slot_of(key);
    const Slot* const last = find(slot.place);
    return last != nullptr && last->seen == slot.seen;
}

bool RepeatWindow::holds(std::uint64_t place) const noexcept {
    return find(place) != nullptr;
}

void RepeatWindow::revoke(std::uint64_t place) noexcept {
    if (const Slot* const last = find(place)) const_cast<Slot*>(last)->seen = kRevoked;
}

void RepeatWindow::insert(const Key128& key, SystemTime at) {
    if (generations_.empty() || generations_.back().used >= most_in_generation_ ||
        at - generations_.back().first >= window_ / static_cast<int>(kGenerations)) {
        generations_.push_back({{}, 0, at, at});
        if (generations_.size() > kGenerations + 1) generations_.pop_front();
        while (size() > most_in_generation_ * kGenerations) generations_.pop_front();
    }
    Generation& newest = generations_.back();
    insert(newest, slot_of(key));
    newest.last = std::max(newest.last, at);
}

void RepeatWindow::forget_before(SystemTime now) {
    while (!generations_.empty() && now - generations_.front().last > window_) {
        generations_.pop_front();
    }
}

std::uint64_t RepeatWindow::size() const noexcept {
    std::uint64_t sum = 0;
    for (const auto& generation : generations_) sum += generation.used;
    return sum;
}

}  // namespace graphhook::store
