#pragma once

#include "emulator/data/world.hpp"
#include "emulator/notification.hpp"
#include "emulator/subscription.hpp"

#include <string>

namespace graphhook::emulator {

/// The changed resource as JSON: what is encrypted for a subscriber (protocol 3.11 to 3.16). What
/// the data holds of the object, completed in the shape of its kind, cut to what the subscription
/// selects. Of a deleted object there is its id, and of a deleted chat message its marker.
[[nodiscard]] std::string entity_text(
    World& world, const Landing& landing, const Subscription& subscription, const Change& change
);

}  // namespace graphhook::emulator
