#include "app/cli/apply_watch.hpp"

#include "app/api/subscription_views.hpp"
#include "subscriptions/plan/estimate.hpp"

#include <boost/json/object.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <tuple>

namespace graphhook::app {

ApplyWatch::Verdict ApplyWatch::take(
    const boost::json::array& progress, std::chrono::milliseconds now
) {
    const auto before = std::tie(left_, wanted_, standing_, parked_, failing_, expanding_);
    const auto remembered = std::tuple(left_, wanted_, standing_, parked_, failing_, expanding_);
    left_ = wanted_ = standing_ = parked_ = failing_ = 0;
    expanding_ = false;
    estimate_ = std::chrono::seconds(0);
    for (const auto& row : progress) {
        const auto number = [&row](const char* member) {
            return row.at(member).to_number<std::size_t>();
        };
        left_ += number("to_do");
        wanted_ += number("wanted");
        standing_ += number("standing");
        parked_ += number("parked");
        failing_ += number("failing");
        expanding_ = expanding_ || row.at("expanding").as_bool();
        // Tenants are worked on side by side.
        estimate_ = std::max(
            estimate_, std::chrono::seconds(row.at("estimate_seconds").to_number<std::int64_t>())
        );
    }
    most_ = std::max(most_, left_);
    if (!changed_at_ || before != remembered) changed_at_ = now;
    // Twice in a row, since what was just asked for may not be in the plan yet.
    quiet_ = left_ == 0 && !expanding_ ? quiet_ + 1 : 0;
    if (quiet_ >= 2) return Verdict::Done;
    return now - *changed_at_ >= kPatience ? Verdict::Stuck : Verdict::GoesOn;
}

std::string ApplyWatch::text() const {
    auto text = total() == 0 ? std::string("nothing to do now")
                             : fmt::format("{} of {} done", done(), total());
    if (failing_ > 0) text += fmt::format(", {} failing", failing_);
    if (parked_ > 0) text += fmt::format(", {} parked", parked_);
    if (expanding_) text += ", a collection is being read";
    if (left_ > 0) text += fmt::format(", {}", subscriptions::about(estimate_));
    return text;
}

}  // namespace graphhook::app
