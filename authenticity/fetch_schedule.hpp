#pragma once

#include "authenticity/key_set.hpp"
#include "core/clock.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

namespace graphhook::authenticity {

/// When a key set is fetched: at once, then daily; after a failure with growing patience; for a key
/// that is not there at once, but not again for it within five minutes. A clock that was set back
/// delays nothing. Pure but for what it remembers; threads: the owner's.
class FetchSchedule {
  public:
    /// The authority is part of the spread, so that a fleet does not ask all at one moment.
    FetchSchedule(std::string_view login, Version version);

    /// When the next fetch is due; not later than a day from `now`.
    [[nodiscard]] SystemTime due(SystemTime now) const;
    /// A token named a key that is not there.
    void key_wanted() { wanted_ = true; }
    /// A fetch is about to be made: whatever was wanted before, it may bring.
    void began(SystemTime now);
    void succeeded(SystemTime now, bool clock_doubtful);
    /// What came are the first keys of all: who wanted some before wanted these, and the next key
    /// that is wanted is fetched at once.
    void first_came();
    void failed(SystemTime now);

  private:
    void set(SystemTime now, std::chrono::microseconds wait);
    /// Of `wait`, between nothing and its `part`-th.
    [[nodiscard]] std::chrono::microseconds spread(
        std::chrono::microseconds wait, int part, SystemTime now
    ) const;

    const std::uint64_t seed_;
    std::uint32_t failures_ = 0;
    bool wanted_ = false;
    std::optional<SystemTime> fetched_for_key_;  ///< When a fetch began because of one.
    std::optional<SystemTime> set_at_;           ///< Never: due at once.
    SystemTime due_;
};

}  // namespace graphhook::authenticity
