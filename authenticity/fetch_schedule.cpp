#include "authenticity/fetch_schedule.hpp"

#include "core/digest.hpp"

#include <algorithm>
#include <string>

namespace graphhook::authenticity {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr hours kDay{24};
constexpr minutes kBetweenKeys{5};
/// While our clock is in doubt, what waits for it should not wait for tomorrow.
constexpr minutes kInDoubt{15};
constexpr seconds kFirstPatience{30};
constexpr minutes kLongestPatience{15};

}  // namespace

FetchSchedule::FetchSchedule(std::string_view login, Version version)
    : seed_(first64(sha256(std::string(login) + '\n' + std::to_string(static_cast<int>(version))))
      ) {
}

SystemTime FetchSchedule::due(SystemTime now) const {
    if (!set_at_ || now < *set_at_) return now;
    SystemTime next = due_;
    if (wanted_) {
        const bool may_at_once = !fetched_for_key_ || now < *fetched_for_key_;
        next = std::min(next, may_at_once ? now : *fetched_for_key_ + kBetweenKeys);
    }
    return next;
}

void FetchSchedule::began(SystemTime now) {
    if (wanted_) fetched_for_key_ = now;
    wanted_ = false;
}

void FetchSchedule::succeeded(SystemTime now, bool clock_doubtful) {
    failures_ = 0;
    const microseconds wait = clock_doubtful ? microseconds(kInDoubt) : microseconds(kDay);
    set(now, wait - spread(wait, 12, now));
}

void FetchSchedule::first_came() {
    wanted_ = false;
    fetched_for_key_.reset();
}

void FetchSchedule::failed(SystemTime now) {
    failures_ = std::min<std::uint32_t>(failures_ + 1, 10);
    const auto doubled = microseconds(kFirstPatience) * (std::int64_t{1} << (failures_ - 1));
    const auto wait = std::min<microseconds>(doubled, kLongestPatience);
    set(now, wait - spread(wait, 5, now));
}

void FetchSchedule::set(SystemTime now, microseconds wait) {
    set_at_ = now;
    due_ = now + wait;
}

microseconds FetchSchedule::spread(microseconds wait, int part, SystemTime now) const {
    const auto time = static_cast<std::uint64_t>(now.time_since_epoch().count());
    const auto number = first64(sha256(std::to_string(seed_ ^ time)));
    return microseconds(
        static_cast<std::int64_t>(number % static_cast<std::uint64_t>(wait.count() / part))
    );
}

}  // namespace graphhook::authenticity
