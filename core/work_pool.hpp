#pragma once

#include "core/unique_function.hpp"

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

namespace graphhook {

/// A few threads for work that blocks: calls outward, mostly. A thread is started when there is
/// work and none is free, and stays. Threads: any.
class WorkPool {
  public:
    using Work = UniqueFunction<void(const std::stop_token&)>;
    /// At most `most` pieces of work at once; more wait in order. `freed` is called, on a thread of
    /// the pool, whenever a piece of work is over and `free` says so.
    explicit WorkPool(std::size_t most, std::function<void()> freed = {});
    /// As `stop`.
    ~WorkPool();
    WorkPool(const WorkPool&) = delete;
    WorkPool& operator=(const WorkPool&) = delete;

    /// An exception out of `work` is logged and goes no further. After `stop` nothing is taken.
    /// Where the system has no thread to give, work waits for those there are; throws
    /// std::system_error where there are none.
    void run(Work work);
    /// How many more would start at once.
    [[nodiscard]] std::size_t free() const;
    /// Waits until nothing runs and nothing waits.
    void wait_idle();
    /// Asks what runs to end, drops what waits, and waits for the threads: not to be called from
    /// work, nor by two at once.
    void stop();

  private:
    void serve(const std::stop_token& stop);

    const std::size_t most_;
    const std::function<void()> freed_;
    mutable std::mutex mutex_;
    std::condition_variable_any wake_, idle_;
    std::deque<Work> waiting_;           // guarded by mutex_
    std::size_t running_ = 0;            // guarded by mutex_
    std::size_t asleep_ = 0;             // guarded by mutex_
    bool stopped_ = false;               // guarded by mutex_
    std::vector<std::jthread> threads_;  // guarded by mutex_
};

}  // namespace graphhook
