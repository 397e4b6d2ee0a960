#pragma once

#include "authenticity/keyring.hpp"
#include "authenticity/reason.hpp"
#include "authenticity/resource_data.hpp"
#include "core/secret.hpp"

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>
#include <variant>
#include <vector>

namespace graphhook::authenticity {

/// Threads that decrypt, and yield to those that answer Graph.
///
/// They run under SCHED_IDLE (sched(7)): whatever else wants the processor gets it at once, and
/// they still get about a third of a percent of one that is never idle. Beside nice 19, which gets
/// four times as much there, threads that wake up often were seen to wait longer. Where the system
/// refuses SCHED_IDLE they take nice 19, and a warning says so where it refuses both.
///
/// Callers take turns, job by job: one with a thousand jobs delays another by about one job a
/// thread.
///
/// Threads: any; a caller blocks until its jobs are done. Destroy it after all calls returned.
class DecryptionPool {
  public:
    struct Job {
        EncryptedContent content;
        EncryptionKeyPtr key;  ///< nullptr: Reason::NoPrivateKey.
    };
    /// Empty: not done, as `stop`, the time or a failing machine came in between; nothing is said
    /// of the item.
    using Outcome = std::optional<std::variant<Secret, Reason>>;

    /// 0: one for each processor this process may use. Throws std::system_error where the system
    /// has no threads to give.
    explicit DecryptionPool(std::size_t threads);
    ~DecryptionPool();
    DecryptionPool(const DecryptionPool&) = delete;
    DecryptionPool& operator=(const DecryptionPool&) = delete;

    /// One outcome for each job, in their order. After `stop` and after `at_most` (by the real
    /// clock) it returns within the time of the jobs that are being worked on: where intake takes
    /// the processor for long, some are done rather than none in time.
    [[nodiscard]] std::vector<Outcome> decrypt(
        std::vector<Job> jobs, const std::stop_token& stop,
        std::chrono::milliseconds at_most = std::chrono::hours(1)
    );

    [[nodiscard]] std::size_t threads() const noexcept { return threads_.size(); }

  private:
    /// One caller's jobs; lives on its stack.
    struct Batch {
        std::vector<Job> jobs;
        std::vector<Outcome> outcomes;
        std::size_t next = 0;     ///< The first job nobody took.
        std::size_t at_work = 0;  ///< Taken, not done.
        std::condition_variable done;
    };
    void serve(const std::stop_token& stop);

    std::mutex mutex_;
    std::condition_variable_any wake_;
    /// Those with jobs that nobody took; the front one is next. Batches' `next` and `at_work` and
    /// this are guarded by mutex_.
    std::deque<Batch*> waiting_;
    std::vector<std::jthread> threads_;  // last: they end before what they use
};

}  // namespace graphhook::authenticity
