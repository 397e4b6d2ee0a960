#pragma once

#include "store/sqlite/sql.hpp"

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

namespace graphhook::store {

/// Copies the WAL into the database file beside the writer: the many pages and the long fsync are
/// this thread's; what the writer has to finish itself is small. Threads: the writer's.
class Checkpointer {
  public:
    explicit Checkpointer(std::unique_ptr<Connection> connection);
    ~Checkpointer();
    Checkpointer(const Checkpointer&) = delete;
    Checkpointer& operator=(const Checkpointer&) = delete;

    /// Begins unless it is at it.
    void nudge();
    /// False while it is at it: then the writer must not checkpoint itself.
    [[nodiscard]] bool idle() const;
    /// Until it is idle.
    void wait();
    /// WAL pages that were in the database file, and durable there, when it last ended.
    [[nodiscard]] int written() const noexcept { return written_; }
    /// The WAL starts anew.
    void restarted() noexcept { written_ = 0; }
    /// What it died of, other than a full disk.
    [[nodiscard]] std::optional<std::string> failure() const;

  private:
    void run();

    std::unique_ptr<Connection> connection_;
    std::atomic<int> written_{0};
    mutable std::mutex mutex_;
    std::condition_variable wake_, idle_;
    // guarded by mutex_
    bool asked_ = false;
    bool stopping_ = false;
    std::optional<std::string> failure_;

    std::thread thread_;
};

}  // namespace graphhook::store
