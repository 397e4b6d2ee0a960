#pragma once

#include "core/clock.hpp"
#include "core/error.hpp"
#include "store/metrics.hpp"
#include "store/options.hpp"
#include "store/sqlite/checkpointer.hpp"
#include "store/sqlite/reader.hpp"
#include "store/sqlite/retention.hpp"
#include "store/sqlite/round.hpp"
#include "store/sqlite/sql.hpp"
#include "store/sqlite/tables.hpp"
#include "store/store.hpp"

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace graphhook::store {

/// The thread that owns the writing connection.
///
/// Operation: it takes everything that was asked for since it last looked, does all of it in one
/// transaction, commits, and answers everybody with one hand-over a thread. Between rounds it keeps
/// house in small steps. Concurrency: the public functions are for any thread. Limitations: a job
/// must not block, and must be small: what is long goes in slices (`post_slices`).
class Writer {
  public:
    /// `error` is set when nothing can be done any more: answer with it.
    using Job = UniqueFunction<void(Tables&, Round&, const Error* error)>;
    /// One slice; true when it was the last. With `error`, the last in any case.
    using Slices = UniqueFunction<bool(Tables&, Round&, const Error* error)>;

    struct Paths {
        std::string database;
    };
    Writer(
        Paths paths, StoreOptions options, std::unique_ptr<Connection> connection,
        std::unique_ptr<Tables> tables, std::unique_ptr<Connection> for_checkpoints, Reader& reader,
        Clock& clock, Metrics& metrics
    );
    ~Writer();
    Writer(const Writer&) = delete;
    Writer& operator=(const Writer&) = delete;

    /// Does what was asked for, then ends its thread.
    void finish();
    void append(AppendCall call);
    void post(Job job);
    void post_slices(Slices slices);
    [[nodiscard]] std::shared_ptr<const KnownSubscriptions> known() const {
        return tables_->subscriptions.known();
    }
    /// For jobs.
    [[nodiscard]] StoreStats stats();
    /// For jobs: why appends are refused now; empty: they are not.
    [[nodiscard]] const std::string& refusing() const noexcept { return refusing_; }

  private:
    struct Taken {
        std::vector<AppendCall> appends;
        std::vector<Job> jobs;
        std::vector<Slices> slices;
    };
    void run();
    bool take(Taken& taken);
    void round(Taken& taken);
    void commit(std::vector<AppendCall>& appends);
    void without_room(std::vector<AppendCall>& appends, const SqlError& error);
    void refuse_appends(std::vector<AppendCall>& appends);
    void refuse_taken(Taken& taken);
    void fail_all(Error error);
    void tick();
    void look_at_room();
    void tell_of_dropped();
    void checkpoint();
    [[nodiscard]] std::uint64_t wal_bytes() const;

    // constant after construction
    const Paths paths_;
    const StoreOptions options_;
    Clock& clock_;
    Metrics& metrics_;

    // the thread's own
    std::unique_ptr<Connection> connection_;
    std::unique_ptr<Tables> tables_;
    Reader& reader_;
    Checkpointer checkpointer_;
    Retention retention_;
    Round round_;
    std::deque<Slices> slices_;
    std::optional<Error> failed_;
    std::string refusing_;
    bool full_ = false;  ///< The last commit found no room; cleared by the next tick.
    bool tick_due_ = true;
    bool busy_ = false;  ///< There is more to do at once.
    std::uint64_t interrupted_ = 0;
    SteadyTime last_tick_;
    int next_try_pages_ = 0;  ///< Of the WAL: no checkpoint of ours below this.
    unsigned ticks_ = 0;      ///< Since the last checkpoint for being time.
    std::uint64_t free_bytes_ = 0;
    Quarantine::Dropped dropped_;  ///< Not told of yet.
    std::optional<SteadyTime> told_of_dropped_;

    std::mutex mutex_;
    std::condition_variable wake_;
    // guarded by mutex_
    Taken waiting_;
    bool sleeping_ = false;
    bool stopping_ = false;

    std::thread thread_;
};

}  // namespace graphhook::store
