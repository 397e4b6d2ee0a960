#include "emulator/health.hpp"

#include <algorithm>

namespace graphhook::emulator {

std::int64_t EndpointHealth::slot_of(SteadyPoint now) const {
    const auto width = std::max<Span>(limits_.window / kSlots, Span(1));
    return now.time_since_epoch() / width;
}

EndpointHealth::Counts EndpointHealth::sum(SteadyPoint now) const {
    Counts total;
    const auto current = slot_of(now);
    for (const Counts& counts : slots_) {
        if (counts.slot < 0 || current - counts.slot >= kSlots) continue;
        total.all += counts.all;
        total.slow += counts.slow;
        total.too_slow += counts.too_slow;
    }
    return total;
}

void EndpointHealth::record(Reply reply, SteadyPoint now) {
    const auto slot = slot_of(now);
    Counts& counts = slots_[static_cast<std::size_t>(slot % kSlots)];
    if (counts.slot != slot) counts = Counts{slot, 0, 0, 0};
    ++counts.all;
    if (reply != Reply::InTime) ++counts.slow;
    if (reply == Reply::TooSlow) ++counts.too_slow;
}

Health EndpointHealth::state(SteadyPoint now) {
    if (dropping_ && now < dropping_until_) return Health::Dropping;
    if (dropping_) {
        // The time is over: what comes now is the probe, and only its replies decide.
        dropping_ = false;
        slow_ = false;
        slots_.fill(Counts{});
    }
    const Counts counts = sum(now);
    if (counts.all >= limits_.fewest) {
        const auto all = static_cast<double>(counts.all);
        if (static_cast<double>(counts.too_slow) > limits_.drop_share * all) {
            dropping_ = true;
            dropping_until_ = now + limits_.drop_for;
            return Health::Dropping;
        }
        slow_ = static_cast<double>(counts.slow) > limits_.slow_share * all;
    }
    return slow_ ? Health::Slow : Health::Normal;
}

bool EndpointHealth::forgotten(SteadyPoint now) {
    return state(now) == Health::Normal && sum(now).all == 0;
}

}  // namespace graphhook::emulator
