#pragma once

#include "core/clock.hpp"
#include "subscriptions/plan/plan.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace graphhook::subscriptions {

/// A lifecycle notification that was proved to be ours and stored.
struct LifecycleEvent {
    std::string graph_id;  ///< Of the subscription at Graph.
    std::string name;      ///< Configured name.
    std::string event;     ///< As Graph wrote it.
    SystemTime received_at;
};

/// What follows from one.
enum class LifecycleAction : std::uint8_t {
    Nothing,      ///< Answered already, about one that is retired, or of a name we do not know.
    Reauthorize,  ///< Reauthorize, or renew if its time has come.
    Recreate,
    Missed,  ///< Changes were not delivered; the subscription lives.
};

/// Decides what `event` asks for. Pure. `record`: whom it is about, nullptr if unknown.
///
/// Repeats collapse: what came before the last touch was answered by it, one that waits for the
/// spacing waits once, and a removed one is retired by its replacement, so a second event about it
/// finds nothing.
[[nodiscard]] LifecycleAction judge(const LifecycleEvent& event, const Record* record);

/// Graph's spelling of a known event, whatever the case of its letters; "unknown" for any other.
[[nodiscard]] std::string_view lifecycle_name(std::string_view event) noexcept;

}  // namespace graphhook::subscriptions
