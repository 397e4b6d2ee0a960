#pragma once

#include <atomic>
#include <cstdint>

namespace graphhook::receiver {

/// Bytes of bodies in flight over all connections. Threads: any.
class BodyBudget {
  public:
    /// A body's share; gives it back when it goes.
    class Share {
      public:
        Share() = default;
        Share(const Share&) = delete;
        Share& operator=(const Share&) = delete;
        ~Share() { release(); }

        /// Makes the share `bytes` large. False: over the limit, and the share is as before.
        [[nodiscard]] bool grow(BodyBudget& budget, std::uint64_t bytes, std::uint64_t limit) {
            if (bytes <= held_) return true;
            const auto more = bytes - held_;
            const auto before = budget.used_.fetch_add(more, std::memory_order_relaxed);
            if (before + more > limit) {
                budget.used_.fetch_sub(more, std::memory_order_relaxed);
                return false;
            }
            budget_ = &budget;
            held_ = bytes;
            return true;
        }
        void release() noexcept {
            if (held_ != 0) budget_->used_.fetch_sub(held_, std::memory_order_relaxed);
            held_ = 0;
        }

      private:
        BodyBudget* budget_ = nullptr;
        std::uint64_t held_ = 0;
    };
    [[nodiscard]] std::uint64_t used() const noexcept {
        return used_.load(std::memory_order_relaxed);
    }

  private:
    std::atomic<std::uint64_t> used_{0};
};

}  // namespace graphhook::receiver
