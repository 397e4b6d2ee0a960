#pragma once

#include "core/unique_function.hpp"
#include "store/sqlite/sql.hpp"

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>

namespace graphhook::store {

/// The thread that looks things up with a read-only connection, so that lists do not keep the
/// writer waiting.
///
/// Every step of a job is a read transaction of its own and short, because an open one pins the
/// WAL. The writer may stop the reader at any time: the step that runs is interrupted and starts
/// again later. Threads: any.
class Reader {
  public:
    /// One step; true when it was the last. Must not keep a Query open between steps, and must be
    /// fit to run again from its beginning when it throws an SqlError for being interrupted.
    using Job = UniqueFunction<bool(Connection&)>;

    explicit Reader(std::unique_ptr<Connection> connection);
    /// Ends after what was asked for is done.
    ~Reader();
    Reader(const Reader&) = delete;
    Reader& operator=(const Reader&) = delete;

    void post(Job job);

    /// While it lives, no read transaction is open: one that runs is interrupted.
    class Pause {
      public:
        explicit Pause(Reader& reader);
        ~Pause();
        Pause(const Pause&) = delete;
        Pause& operator=(const Pause&) = delete;

      private:
        Reader& reader_;
    };
    [[nodiscard]] std::uint64_t interrupted() const;

  private:
    void run();

    std::unique_ptr<Connection> connection_;
    mutable std::mutex mutex_;
    std::condition_variable wake_, idle_;
    // guarded by mutex_
    std::deque<Job> jobs_;
    bool reading_ = false;
    unsigned pauses_ = 0;
    std::uint64_t interrupted_ = 0;
    bool stopping_ = false;

    std::thread thread_;
};

}  // namespace graphhook::store
