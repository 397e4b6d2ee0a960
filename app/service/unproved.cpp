#include "app/service/unproved.hpp"

#include "core/time_text.hpp"

#include <algorithm>
#include <utility>

namespace graphhook::app {
namespace {

/// What is due is not asked about in the same moment: others may be before it.
constexpr std::chrono::seconds kGrace{15};

}  // namespace

boost::json::object to_json(const UnprovedRow& row) {
    return {
        {"reason", row.reason},
        {"detail", row.detail},
        {"since", to_text(row.since)},
        {"last_at", to_text(row.last_at)},
    };
}

std::vector<handlers::Opened> UnprovedWatch::open(
    std::span<const store::Delivery> batch, bool decrypt, std::stop_token stop
) {
    auto answers = opener_.open(batch, decrypt, std::move(stop));
    const auto waits = [](const handlers::Opened& one) {
        return one.is == handlers::Opened::Is::Waits;
    };
    if (std::ranges::none_of(answers, waits)) return answers;
    const auto now = clock_.system_now();
    const auto steady_now = clock_.steady_now();
    const std::lock_guard lock(mutex_);
    forget_what_is_over(steady_now);
    for (const auto& answer : answers) {
        // What is given back at once does not wait.
        if (!waits(answer) || answer.again_in.count() <= 0) continue;
        const auto [at, is_new] = seen_.try_emplace(answer.reason);
        auto& [row, until] = at->second;
        if (is_new) row = {answer.reason, {}, now, now};
        row.detail = answer.detail;
        row.last_at = now;
        until = std::max(until, steady_now + answer.again_in + kGrace);
    }
    return answers;
}

std::vector<UnprovedRow> UnprovedWatch::rows() {
    const std::lock_guard lock(mutex_);
    forget_what_is_over(clock_.steady_now());
    std::vector<UnprovedRow> all;
    for (const auto& [reason, seen] : seen_) all.push_back(seen.row);
    return all;
}

void UnprovedWatch::forget_what_is_over(SteadyTime now) {
    std::erase_if(seen_, [now](const auto& one) { return one.second.until <= now; });
}

}  // namespace graphhook::app
