#pragma once

#include <boost/json/object.hpp>

#include <array>
#include <chrono>
#include <cstdint>

namespace graphhook::emulator {

/// Times in classes an eighth of a power of two wide: quantiles are right to about 12 %.
class TimeHistogram {
  public:
    void add(std::chrono::microseconds time) noexcept;
    /// The upper end of the class that holds the quantile; zero without any times.
    [[nodiscard]] std::chrono::microseconds quantile(double q) const noexcept;
    [[nodiscard]] std::uint64_t count() const noexcept { return count_; }

  private:
    static constexpr std::size_t kClasses = 8 * 40;
    std::array<std::uint64_t, kClasses> classes_{};
    std::uint64_t count_ = 0;
};

/// What the emulator did since its start or the last reset.
struct Stats {
    std::uint64_t changes_made = 0;
    std::uint64_t items_made = 0;      ///< notifications due for them
    std::uint64_t lifecycle_made = 0;  ///< lifecycle notifications
    std::uint64_t posts_sent = 0;      ///< POSTs of notifications, retries included
    std::uint64_t items_posted = 0;    ///< the items in them, retries included
    std::uint64_t posts_accepted = 0;  ///< answered 2xx in time
    std::uint64_t items_accepted = 0;
    std::uint64_t posts_refused = 0;  ///< answered otherwise
    std::uint64_t posts_timed_out = 0;
    std::uint64_t posts_unreachable = 0;
    std::uint64_t posts_retried = 0;
    std::uint64_t posts_repeated = 0;  ///< the fault "duplicate"
    std::uint64_t items_failed = 0;    ///< given up after the last retry
    std::uint64_t items_dropped = 0;   ///< in the drop state
    std::uint64_t items_lost = 0;      ///< while the subscription was paused
    std::uint64_t items_forged = 0;    ///< the faults that put in something wrong
    std::uint64_t rich_genuine = 0;    ///< items with resource data, as they should be
    std::uint64_t rich_forged = 0;     ///< and with a forgery
    std::uint64_t rich_genuine_accepted = 0;
    std::uint64_t rich_forged_accepted = 0;
    std::uint64_t key_set_requests = 0;
    std::uint64_t foreign_key_requests = 0;  ///< of the key set that a forged jku names
    std::uint64_t handshakes = 0;
    std::uint64_t handshakes_failed = 0;
    std::uint64_t tokens_issued = 0;
    std::uint64_t tokens_refused = 0;
    std::uint64_t api_requests = 0;
    std::uint64_t faults_struck = 0;
    TimeHistogram reply_time;  ///< of POSTs of notifications that got any answer

    [[nodiscard]] boost::json::object to_json() const;
};

}  // namespace graphhook::emulator
