#pragma once

#include <array>
#include <chrono>
#include <cstdint>

namespace graphhook::emulator {

using SteadyPoint = std::chrono::steady_clock::time_point;
using Span = std::chrono::steady_clock::duration;

/// When an endpoint counts as slow and when what it should get is dropped (protocol 2.6, text of
/// 2026-04).
struct HealthLimits {
    /// Over how long replies are counted.
    Span window = std::chrono::minutes(10);
    /// More than this share of replies beyond the first attempt's time: slow.
    double slow_share = 0.10;
    /// More than this share of replies beyond a retry's time: drop.
    double drop_share = 0.15;
    /// Fewer replies in the window than this decide nothing; also the size of the probe after a
    /// drop.
    std::uint64_t fewest = 10;
    /// How long notifications are dropped before the endpoint is probed again.
    Span drop_for = std::chrono::minutes(10);
};

enum class Health { Normal, Slow, Dropping };

/// How a reply came, or did not.
enum class Reply {
    InTime,
    Slow,    ///< beyond the first attempt's time
    TooSlow  ///< beyond a retry's time too
};

/// The replies of one endpoint in a sliding window, and what follows from them. Decides only: time
/// comes in as an argument and must not go back.
class EndpointHealth {
  public:
    explicit EndpointHealth(const HealthLimits& limits) : limits_(limits) {}

    void record(Reply reply, SteadyPoint now);
    /// What happens to a notification that is new now.
    [[nodiscard]] Health state(SteadyPoint now);
    /// No reply is left in the window and nothing is being dropped: the same as new.
    [[nodiscard]] bool forgotten(SteadyPoint now);

  private:
    static constexpr std::int64_t kSlots = 60;
    struct Counts {
        std::int64_t slot = -1;
        std::uint64_t all = 0;
        std::uint64_t slow = 0;
        std::uint64_t too_slow = 0;
    };
    [[nodiscard]] Counts sum(SteadyPoint now) const;
    [[nodiscard]] std::int64_t slot_of(SteadyPoint now) const;

    HealthLimits limits_;
    std::array<Counts, kSlots> slots_{};
    bool slow_ = false;
    bool dropping_ = false;
    SteadyPoint dropping_until_{};
};

}  // namespace graphhook::emulator
