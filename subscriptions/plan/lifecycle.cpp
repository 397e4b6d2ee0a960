#include "subscriptions/plan/lifecycle.hpp"

#include "core/text.hpp"

#include <algorithm>
#include <array>

namespace graphhook::subscriptions {
namespace {

constexpr std::string_view kReauthorize = "reauthorizationRequired";
constexpr std::string_view kRemoved = "subscriptionRemoved";
constexpr std::string_view kMissed = "missed";

}  // namespace

std::string_view lifecycle_name(std::string_view event) noexcept {
    for (const std::string_view known : std::array{kReauthorize, kRemoved, kMissed}) {
        if (same_letters(event, known)) return known;
    }
    return "unknown";
}

LifecycleAction judge(const LifecycleEvent& event, const Record* record) {
    const std::string_view name = lifecycle_name(event.event);
    if (name == kMissed) return LifecycleAction::Missed;
    if (record == nullptr || record->state == store::SubscriptionState::Retired)
        return LifecycleAction::Nothing;
    if (name == kReauthorize) {
        return event.received_at > record->touched_at ? LifecycleAction::Reauthorize
                                                      : LifecycleAction::Nothing;
    }
    if (name == kRemoved) return LifecycleAction::Recreate;
    return LifecycleAction::Nothing;
}

}  // namespace graphhook::subscriptions
