#include "receiver/reply_window.hpp"

namespace graphhook::receiver {

std::int64_t ReplyWindow::number_of(Time now) const {
    const auto slot =
        std::chrono::nanoseconds(thresholds_.window) / static_cast<std::int64_t>(kSlots);
    return now.time_since_epoch() / slot;
}

void ReplyWindow::record(Time now, std::chrono::nanoseconds took) {
    const auto number = number_of(now);
    const std::lock_guard lock(mutex_);
    Slot& slot = slots_[static_cast<std::size_t>(number) % kSlots];
    if (slot.number != number) slot = Slot{number, 0, 0, 0};
    ++slot.all;
    if (took > thresholds_.slow) ++slot.slow;
    if (took > thresholds_.drop) ++slot.drop;
}

ReplyWindow::Ratios ReplyWindow::ratios(Time now) const {
    const auto newest = number_of(now);
    std::uint64_t all = 0;
    std::uint64_t slow = 0;
    std::uint64_t drop = 0;
    const std::lock_guard lock(mutex_);
    for (const Slot& slot : slots_) {
        if (slot.number < 0 || slot.number + static_cast<std::int64_t>(kSlots) <= newest) continue;
        all += slot.all;
        slow += slot.slow;
        drop += slot.drop;
    }
    if (all == 0) return {};
    return {
        static_cast<double>(slow) / static_cast<double>(all),
        static_cast<double>(drop) / static_cast<double>(all)
    };
}

}  // namespace graphhook::receiver
