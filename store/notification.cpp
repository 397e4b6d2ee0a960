#include "store/notification.hpp"

#include <array>
#include <utility>

namespace graphhook::store {
namespace {

constexpr std::array<std::pair<DeliveryState, std::string_view>, 7> kStates{{
    {DeliveryState::Waiting, "waiting"},
    {DeliveryState::Leased, "leased"},
    {DeliveryState::Retrying, "retrying"},
    {DeliveryState::Behind, "behind"},
    {DeliveryState::Dead, "dead"},
    {DeliveryState::Done, "done"},
    {DeliveryState::Quarantined, "quarantined"},
}};

}  // namespace

std::string_view to_string(DeliveryState state) noexcept {
    for (const auto& [value, text] : kStates) {
        if (value == state) return text;
    }
    return "unknown";
}

std::optional<DeliveryState> delivery_state(std::string_view text) noexcept {
    for (const auto& [value, name] : kStates) {
        if (name == text) return value;
    }
    return {};
}

}  // namespace graphhook::store
