#pragma once

#include "subscriptions/graph/quota.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

namespace graphhook::subscriptions {

/// What an estimate is made with.
struct WorkPace {
    std::size_t requests = 8;  ///< Under way at once (Tenant::requests).
    /// Measured averages, where there are any. A create takes long, as Graph calls us back.
    std::chrono::milliseconds create{1'500};
    std::chrono::milliseconds other{300};
    /// Writes that the quota lets through; fewer, where tenants share an application.
    double writes_a_second = Quota::calls_a_second(CallClass::Write);
};

/// How long it takes to do a number of things at Graph, without doing them. Nothing is said of
/// throttling by others, nor of failures. Threads: one at a time.
class WorkAhead {
  public:
    enum class Kind : std::uint8_t {
        Create,
        Renew,
        Delete,
        Replace,  ///< Create, then delete.
    };
    /// `mailbox`: what mailbox_of() says; empty: none.
    void add(Kind kind, std::string_view mailbox, std::size_t times = 1);

    [[nodiscard]] std::size_t requests() const noexcept;
    /// The longest of three: all of it with so many at once, all of it at the quota's pace, and
    /// what lies in the busiest mailbox with the four at once that a mailbox takes.
    [[nodiscard]] std::chrono::milliseconds lasts(const WorkPace& pace = {}) const;

  private:
    struct Requests {
        std::uint32_t creates = 0, others = 0;
    };
    [[nodiscard]] static double seconds(const Requests& requests, const WorkPace& pace) noexcept;

    Requests all_;
    /// By hash, as there may be a hundred thousand; two that share one make it a little longer.
    std::unordered_map<std::size_t, Requests> mailboxes_;
};

/// "no time", "a few seconds", "about 40 seconds", "about 7 minutes", "about 2.5 hours",
/// "about 3 days"; never less than it is.
[[nodiscard]] std::string about(std::chrono::milliseconds time);

}  // namespace graphhook::subscriptions
