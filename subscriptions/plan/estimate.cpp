#include "subscriptions/plan/estimate.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>

namespace graphhook::subscriptions {
namespace {

constexpr double kAtOnceInMailbox = 4;

double in_seconds(std::chrono::milliseconds time) {
    return static_cast<double>(std::max<std::int64_t>(time.count(), 0)) / 1'000.0;
}

}  // namespace

void WorkAhead::add(Kind kind, std::string_view mailbox, std::size_t times) {
    const auto count = static_cast<std::uint32_t>(std::min<std::size_t>(times, UINT32_MAX / 4));
    const auto into = [kind, count](Requests& requests) {
        if (kind == Kind::Create || kind == Kind::Replace) requests.creates += count;
        if (kind != Kind::Create) requests.others += count;
    };
    if (count == 0) return;
    into(all_);
    if (!mailbox.empty()) into(mailboxes_[std::hash<std::string_view>{}(mailbox)]);
}

std::size_t WorkAhead::requests() const noexcept {
    return std::size_t{all_.creates} + all_.others;
}

double WorkAhead::seconds(const Requests& requests, const WorkPace& pace) noexcept {
    return requests.creates * in_seconds(pace.create) + requests.others * in_seconds(pace.other);
}

std::chrono::milliseconds WorkAhead::lasts(const WorkPace& pace) const {
    if (requests() == 0) return std::chrono::milliseconds(0);
    const double at_once = static_cast<double>(std::max<std::size_t>(pace.requests, 1));
    double longest = seconds(all_, pace) / at_once;
    if (pace.writes_a_second > 0)
        longest = std::max(longest, static_cast<double>(requests()) / pace.writes_a_second);
    for (const auto& [mailbox, requests] : mailboxes_) {
        longest = std::max(longest, seconds(requests, pace) / std::min(at_once, kAtOnceInMailbox));
    }
    // However many at once: the last one takes its time too.
    longest = std::max(longest, in_seconds(all_.creates > 0 ? pace.create : pace.other));
    return std::chrono::milliseconds(static_cast<std::int64_t>(std::ceil(longest * 1'000.0)));
}

std::string about(std::chrono::milliseconds time) {
    const double seconds = in_seconds(time);
    if (seconds <= 0) return "no time";
    if (seconds <= 5) return "a few seconds";
    if (seconds <= 90)
        return fmt::format("about {} seconds", static_cast<int>(std::ceil(seconds / 10)) * 10);
    const double minutes = seconds / 60;
    if (minutes <= 90) return fmt::format("about {} minutes", static_cast<int>(std::ceil(minutes)));
    const double hours = minutes / 60;
    if (hours <= 48) return fmt::format("about {} hours", std::ceil(hours * 2) / 2);
    return fmt::format("about {} days", std::ceil(hours / 24));
}

}  // namespace graphhook::subscriptions
