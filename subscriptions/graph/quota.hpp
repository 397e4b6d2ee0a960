#pragma once

#include "core/clock.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

namespace graphhook::subscriptions {

/// What Graph counts apart.
enum class CallClass : std::uint8_t { Write, Reauthorize, Get, List, Data };

/// Keeps one application within Graph's quotas on the subscriptions API, over all its tenants, and
/// within what one mailbox takes at once.
///
/// Graph allows so many calls in 20 s (figures: Microsoft's throttling page of 2026-02): writes 500
/// for an application in a tenant and 2,000 over all tenants, reauthorize 1,000 and 4,000, reads by
/// id 500 and 2,000, lists 25 and 40; Outlook 4 at once for an application and mailbox. We use nine
/// tenths of each, evenly paced: no window of 20 s, wherever it begins, holds more than Graph
/// allows, not even one that begins before our own restart.
///
/// Nothing waits here: who may not begin is told when to ask again. Threads: any.
class Quota {
  public:
    explicit Quota(Clock& clock);

    /// May a call begin now? Zero: yes, it is counted, and `end` must be called when it is over.
    /// Else: ask again then (never earlier than now; for a busy mailbox, when one of its calls ends
    /// is as good). `mailbox`: what mailbox_of() says; empty: none.
    [[nodiscard]] SystemTime begin(
        CallClass what, std::string_view tenant, std::string_view mailbox
    );
    void end(std::string_view mailbox);

    /// What is let through in the long run for one application and tenant: for estimates.
    [[nodiscard]] static double calls_a_second(CallClass what) noexcept;

    /// Of mailboxes that are remembered now; bounded by those in use in the last minute.
    [[nodiscard]] std::size_t mailboxes() const;

  private:
    /// The theoretical arrival time of the generic cell rate algorithm: when the next call would
    /// begin if all kept the pace.
    struct Pace {
        SteadyTime next;
    };
    struct Mailbox {
        Pace pace;
        std::size_t under_way = 0;
    };
    using PaceByTenant = std::map<std::string, Pace, std::less<>>;
    void forget_idle(SteadyTime now);

    Clock& clock_;
    mutable std::mutex mutex_;
    std::array<PaceByTenant, 5> tenants_;                    // by class; guarded by mutex_
    std::array<Pace, 5> application_;                        // by class; guarded by mutex_
    std::map<std::string, Mailbox, std::less<>> mailboxes_;  // guarded by mutex_
    std::size_t forget_at_;                                  // guarded by mutex_
};

/// The mailbox that a resource lies in, in one spelling ("users/x", "me", and "groups/x" for what
/// lies in a group's); empty: in none. Pure.
[[nodiscard]] std::string mailbox_of(std::string_view resource);

}  // namespace graphhook::subscriptions
