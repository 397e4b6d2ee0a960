#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <mutex>

namespace graphhook::receiver {

/// What Graph measures of us: the share of replies that took too long, over a rolling window. Its
/// own figures (page of 2026-04-22): over 10 % slower than 3 s in 10 minutes, and it delays; over
/// 15 % slower than 10 s, and it drops.
struct ReplyThresholds {
    std::chrono::milliseconds slow{3'000};
    std::chrono::milliseconds drop{10'000};
    std::chrono::seconds window{600};
};

/// Threads: any. Precise to a sixtieth of the window.
class ReplyWindow {
  public:
    explicit ReplyWindow(ReplyThresholds thresholds = {}) : thresholds_(thresholds) {}
    using Time = std::chrono::steady_clock::time_point;

    void record(Time now, std::chrono::nanoseconds took);
    struct Ratios {
        double slow = 0, drop = 0;
    };
    /// 0 where there was no reply.
    [[nodiscard]] Ratios ratios(Time now) const;

  private:
    static constexpr std::size_t kSlots = 60;
    struct Slot {
        std::int64_t number = -1;
        std::uint64_t all = 0, slow = 0, drop = 0;
    };
    [[nodiscard]] std::int64_t number_of(Time now) const;

    const ReplyThresholds thresholds_;
    mutable std::mutex mutex_;
    std::array<Slot, kSlots> slots_;
};

}  // namespace graphhook::receiver
