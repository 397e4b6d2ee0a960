#include "app/cli/rotation_watch.hpp"

#include <boost/json/object.hpp>
#include <fmt/format.h>

#include <algorithm>

namespace graphhook::app {

std::optional<UnfinishedRotation> unfinished_rotation(const boost::json::array& keys) {
    std::optional<UnfinishedRotation> most;
    for (const auto& row : keys) {
        if (row.at("state").as_string() != "in_use") continue;
        const auto count = row.at("subscriptions").to_number<std::size_t>();
        if (!most || count > most->subscriptions)
            most = UnfinishedRotation{std::string(row.at("id").as_string()), count};
    }
    return most;
}

RotationWatch::Verdict RotationWatch::take(
    const boost::json::array& keys, std::chrono::milliseconds now
) {
    const auto before = left_;
    left_ = 0;
    for (const auto& row : keys) {
        if (row.at("state").as_string() == "in_use")
            left_ += row.at("subscriptions").to_number<std::size_t>();
    }
    most_ = std::max(most_, left_);
    if (!changed_at_ || before != left_) changed_at_ = now;
    if (left_ == 0) return Verdict::Done;
    return now - *changed_at_ >= kPatience ? Verdict::Stuck : Verdict::GoesOn;
}

std::string RotationWatch::text() const {
    if (most_ == 0) return "no subscription has to be moved";
    return fmt::format("{} of {} subscriptions moved", done(), most_);
}

}  // namespace graphhook::app
