#include "emulator/user_notifications/user_limits.hpp"

#include <algorithm>

namespace graphhook::emulator {
namespace {

using std::chrono::seconds;

constexpr seconds kSoon{300};
constexpr seconds kDay{86'400};
constexpr Quota kReadSoon{kSoon, 400};
constexpr Quota kReadDay{kDay, 12'000};
constexpr Quota kWriteSoon{kSoon, 100};
constexpr Quota kWriteDay{kDay, 8'000};

}  // namespace

std::optional<seconds> UserLimits::ask(const std::string& user, Kind kind, SteadyTime now) {
    if (users_.size() >= tidy_at_) tidy(now);
    User& of = users_[user];
    Windows& windows = kind == Kind::Read ? of.read : of.write;
    const Quota& soon = kind == Kind::Read ? kReadSoon : kWriteSoon;
    const Quota& day = kind == Kind::Read ? kReadDay : kWriteDay;
    std::optional<std::chrono::microseconds> longest;
    if (enforce_) longest = std::max(windows.soon.wait(soon, now), windows.day.wait(day, now));
    windows.soon.count(soon, !longest, now);
    windows.day.count(day, !longest, now);
    if (!longest) return std::nullopt;
    ++refused_;
    return std::max(seconds(1), std::chrono::ceil<seconds>(*longest));
}

void UserLimits::tidy(SteadyTime now) {
    std::erase_if(users_, [now](const auto& one) {
        return one.second.read.day.idle(kReadDay, now) && one.second.write.day.idle(kWriteDay, now);
    });
    tidy_at_ = std::max<std::size_t>(10'000, 2 * users_.size());
}

boost::json::object UserLimits::to_json() const {
    return {{"enforced", enforce_}, {"users", users_.size()}, {"refused", refused_}};
}

void UserLimits::clear() {
    users_.clear();
    refused_ = 0;
}

}  // namespace graphhook::emulator
