#pragma once

#include "core/clock.hpp"
#include "subscriptions/plan/entry.hpp"
#include "subscriptions/plan/plan.hpp"
#include "subscriptions/plan/record.hpp"
#include "subscriptions/plan/strangers.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace graphhook::subscriptions {

/// What holds for all targets of a tenant.
struct Surroundings {
    SystemTime now;
    std::string notification_url, lifecycle_url;
    std::optional<SystemTime> listed_at;  ///< The last complete list was begun then.
    std::uint32_t list_number = 0;        ///< Of that list.
    SystemTime list_not_before;           ///< After a list that failed.
    std::chrono::milliseconds remember_retired{};
    /// The certificate that resource data is to be encrypted with; empty: there is none, so nothing
    /// with resource data is created or moved.
    std::string certificate_id;
    SystemTime certificate_ends;           ///< From then on it is as if there were none.
    std::uint16_t certificate_number = 0;  ///< Another one for each certificate; not 0.
    const Strangers* strangers = nullptr;
    /// Whether that id of Graph's is a record's.
    std::function<bool(std::string_view)> known;
};

/// One target: what is wanted of it, and what is there.
struct TargetView {
    std::string_view name, element;
    const Entry* entry = nullptr;           ///< nullptr: it is not wanted.
    const std::string* resource = nullptr;  ///< As wanted.
    std::span<const Record> records;
    // For a plan that is shown:
    bool under_way = false;   ///< What was decided of it is being done.
    SystemTime held_until{};  ///< Until then its template is held, and nothing of it is created.
    /// What its times are spread by, so that the elements of a template are spread, too.
    [[nodiscard]] std::string spread() const;
};

/// A step, before it is shown to anybody.
struct Todo {
    Action action = Action::Keep;
    std::int64_t record = 0;
    std::string graph_id;  ///< Where it is not the record's own.
    SystemTime at;         ///< Keep, Wait: when; Learn, TakeOver: the expiry.
    std::string_view why;  ///< Static, or the record's last error.
};
/// The `why` of what waits for its renewal.
inline constexpr std::string_view kUntilRenewal = "until its renewal";

struct Decision {
    std::vector<Todo> todos;
    std::optional<SystemTime> due;  ///< The earliest time of a Keep, or of something to forget.
    std::string_view list;          ///< Why a newer list is needed; empty: none is.
    std::int64_t removal = 0;  ///< The record whose removal is due, if the brake allows; 0: none.
    SystemTime removal_since;  ///< The end of its grace.
};

/// From when on a GET tells whether Graph took the certificate of the last PATCH.
[[nodiscard]] SystemTime key_settled_at(SystemTime touched_at, const Memory& memory);

/// What is to be done about one target. Pure. What creates is decided whether or not Graph's list
/// is known; it must wait for it, if `Decision::list` says so and a list may be asked for.
[[nodiscard]] Decision decide(const TargetView& target, const Surroundings& around);

}  // namespace graphhook::subscriptions
