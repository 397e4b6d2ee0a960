#include "store/notification.hpp"

#include <array>
#include <utility>

namespace graphhook::store {
namespace {

constexpr std::array<std::pair<DeliveryState, std::string_view>, 6> kStates{{
    {DeliveryState::Waiting, "waiting"},
    {DeliveryState::Leased, "leased"},
    {DeliveryState::Retrying, "retrying"},
    {DeliveryState::Behind, "behind"},
    {DeliveryState::Dead, "dead"},
    {DeliveryState::Done, "done"},
}};

}  // namespace

std::string_view to_string(Source source) noexcept {
    switch (source) {
        case Source::Notification:
            return "notification";
        case Source::Sweep:
            return "sweep";
        case Source::Poll:
            return "poll";
    }
    return "notification";
}

bool is_signal(const Stream& stream) noexcept {
    return stream.lane == Lane::Lifecycle &&
           (stream.change == "created" || stream.change == "updated" || stream.change == "deleted");
}

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
