#pragma once

#include "core/clock.hpp"
#include "subscriptions/plan/decide.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace graphhook::subscriptions {

/// Decides which removals may be done now: in an hour at most max(10, 5 %) of a tenant's
/// subscriptions, and of those of one configured name. What was removed is read off the records, so
/// a restart does not forget it. Pure. Everything is counted first, then asked once.
class Brake {
  public:
    Brake(SystemTime now, std::chrono::milliseconds remember_retired);

    /// Every target of the tenant, whatever it is. `approved`: a removal of it is under way.
    void count(const TargetView& target, bool approved = false);
    /// One that is due. `name` must live until judged; `tag` is the caller's.
    void propose(SystemTime since, std::string_view name, std::size_t tag);

    struct Held {
        std::size_t tag;
        SystemTime due;     ///< When the hour may take more.
        std::size_t quota;  ///< What the hour takes.
    };
    struct Verdict {
        std::vector<std::size_t> approved;  ///< Tags, those that wait longest first.
        std::vector<Held> held;
        std::size_t quota_left = 0;  ///< Of the tenant's hour, before these.
        std::size_t beyond = 0;      ///< Approved only as they were allowed.
    };
    /// `allowed`: removals that an operator lets pass beyond the quota.
    [[nodiscard]] Verdict judge(std::size_t allowed);

  private:
    struct Tally {
        std::size_t live = 0;
        std::vector<SystemTime> removed;  ///< Within the hour.
        [[nodiscard]] std::size_t quota() const noexcept;
        [[nodiscard]] bool has_room() const noexcept { return removed.size() < quota(); }
    };
    struct Proposal {
        SystemTime since;
        std::string_view name;
        std::size_t tag;
    };

    const SystemTime now_;
    const std::chrono::milliseconds remember_retired_;
    Tally tenant_;
    std::map<std::string, Tally, std::less<>> names_;
    std::vector<Proposal> proposals_;
};

}  // namespace graphhook::subscriptions
