#include "store/sqlite/writer.hpp"

#include "core/log.hpp"
#include "store/sqlite/file_lock.hpp"
#include "store/sqlite/schema.hpp"

#include <algorithm>
#include <chrono>
#include <exception>
#include <utility>

namespace graphhook::store {
namespace {

using std::chrono::steady_clock;

constexpr std::chrono::milliseconds kTick{1'000};
/// While the disk is full: how often to try again.
constexpr std::chrono::milliseconds kAgain{200};
/// More appends than this wait: Errc::Busy.
constexpr std::size_t kMostWaiting = 100'000;
constexpr std::uint64_t kSqlitePage = 4096;
/// Pages that the writer copies itself.
constexpr int kLittle = 256;
constexpr unsigned kTicksBetweenCheckpoints = 10;
constexpr std::chrono::minutes kTellAgain{10};

}  // namespace

Writer::Writer(
    Paths paths, StoreOptions options, std::unique_ptr<Connection> connection,
    std::unique_ptr<Tables> tables, std::unique_ptr<Connection> for_checkpoints, Reader& reader,
    Clock& clock, Metrics& metrics
)
    : paths_(std::move(paths)),
      options_(std::move(options)),
      clock_(clock),
      metrics_(metrics),
      connection_(std::move(connection)),
      tables_(std::move(tables)),
      reader_(reader),
      checkpointer_(std::move(for_checkpoints)),
      retention_(options_, *connection_),
      last_tick_(clock.steady_now()) {
    look_at_room();
    thread_ = std::thread([this] { run(); });
}

Writer::~Writer() {
    finish();
}

void Writer::finish() {
    if (!thread_.joinable()) return;
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    wake_.notify_one();
    thread_.join();
}

void Writer::append(AppendCall call) {
    {
        std::unique_lock lock(mutex_);
        if (waiting_.appends.size() < kMostWaiting) {
            waiting_.appends.push_back(std::move(call));
            const bool wake = std::exchange(sleeping_, false);
            lock.unlock();
            if (wake) wake_.notify_one();
            return;
        }
    }
    Handover handover;
    handover.add<Appended>(
        std::move(call.done), fail(Errc::Busy, "too many appends wait for the disk")
    );
    handover.deliver();
}

void Writer::post(Job job) {
    bool wake = false;
    {
        const std::lock_guard lock(mutex_);
        waiting_.jobs.push_back(std::move(job));
        wake = std::exchange(sleeping_, false);
    }
    if (wake) wake_.notify_one();
}

void Writer::post_slices(Slices slices) {
    bool wake = false;
    {
        const std::lock_guard lock(mutex_);
        waiting_.slices.push_back(std::move(slices));
        wake = std::exchange(sleeping_, false);
    }
    if (wake) wake_.notify_one();
}

/// False: nothing is left to do, ever.
bool Writer::take(Taken& taken) {
    const auto until =
        busy_ ? std::chrono::nanoseconds(0) : tables_->dispatch.until_next_timer(kTick);
    std::unique_lock lock(mutex_);
    const auto something = [this] {
        return stopping_ || !waiting_.appends.empty() || !waiting_.jobs.empty() ||
               !waiting_.slices.empty();
    };
    if (until.count() > 0 && !something()) {
        sleeping_ = true;
        if (!wake_.wait_for(lock, until, something) && until >= kTick) tick_due_ = true;
        sleeping_ = false;
    }
    taken = std::exchange(waiting_, {});
    return !(
        stopping_ && taken.appends.empty() && taken.jobs.empty() && taken.slices.empty() &&
        slices_.empty()
    );
}

void Writer::run() {
    Taken taken;
    while (take(taken)) {
        for (Slices& slices : taken.slices) slices_.push_back(std::move(slices));
        try {
            round(taken);
        } catch (const SqlError& error) {
            fail_all(to_error(error, paths_.database));
        } catch (const std::exception& error) {
            fail_all({Errc::Failed, error.what()});
        }
        // Rounds that fail half-way: what they took is answered all the same.
        if (failed_) refuse_taken(taken);
    }
}

void Writer::refuse_taken(Taken& taken) {
    const Error& error = *failed_;
    for (AppendCall& call : std::exchange(taken.appends, {})) {
        if (call.done.call) round_.answer<Appended>(std::move(call.done), error);
    }
    for (Job& job : std::exchange(taken.jobs, {})) {
        if (job) job(*tables_, round_, &error);
    }
    for (Slices& slices : std::exchange(slices_, {})) slices(*tables_, round_, &error);
    round_.deliver(&error);
}

void Writer::fail_all(Error error) {
    if (failed_) return;
    failed_ = std::move(error);
    // Whatever may lie below, the promise ends here: nothing more is acknowledged.
    failed_->code = Errc::Failed;
    log().error("the store failed and takes nothing more error=\"{}\"", for_log(failed_->detail));
    try {
        tables_->writes.rollback();
    } catch (const SqlError& ignored) {
        log().debug("rolling back: {}", ignored.what());
    }
    round_.deliver(&*failed_);
    if (options_.on_failed) options_.on_failed(*failed_);
}

void Writer::round(Taken& taken) {
    if (failed_) return;
    busy_ = false;
    Dispatch& dispatch = tables_->dispatch;
    dispatch.run_timers();
    for (Job& job : taken.jobs) std::exchange(job, {})(*tables_, round_, nullptr);
    if (!slices_.empty()) {
        Slices slices = std::move(slices_.front());
        slices_.pop_front();
        if (!slices(*tables_, round_, nullptr)) slices_.push_back(std::move(slices));
        busy_ = !slices_.empty();
    }
    const bool tick_now =
        std::exchange(tick_due_, false) || clock_.steady_now() - last_tick_ >= kTick;
    if (tick_now) tick();
    if (taken.appends.empty() && retention_.step(*tables_)) busy_ = true;
    if (!refusing_.empty()) {
        refuse_appends(taken.appends);
    } else {
        tables_->journal.plan(taken.appends);
    }
    dispatch.flush_cursors(tick_now);
    commit(taken.appends);
    round_.deliver(nullptr);
    for (const auto& tell : dispatch.take_wakeups()) tell();
    checkpoint();
}

void Writer::refuse_appends(std::vector<AppendCall>& appends) {
    metrics_.refused_appends(appends.size());
    for (AppendCall& call : std::exchange(appends, {})) {
        round_.answer<Appended>(std::move(call.done), fail(Errc::Full, refusing_));
    }
}

void Writer::commit(std::vector<AppendCall>& appends) {
    const auto begin = steady_clock::now();
    const bool any = tables_->writes.any() || tables_->journal.planned() != 0;
    const std::uint64_t planned = tables_->journal.planned();
    try {
        tables_->journal.write();
        tables_->writes.commit();
    } catch (const SqlError& error) {
        if (!error.full()) throw;
        without_room(appends, error);
        return;
    }
    if (any) metrics_.committed(steady_clock::now() - begin, planned);
    tables_->journal.committed();
    tables_->subscriptions.publish();
    Appended sum;
    for (AppendCall& call : appends) {
        sum.repeated += call.result.repeated;
        sum.folded += call.result.folded;
        round_.answer<Appended>(std::move(call.done), call.result);
    }
    metrics_.repeated(sum.repeated);
    metrics_.folded(sum.folded);
}

/// SQLite found no room and changed nothing. The appends are refused; all else, which memory
/// already has, must become durable before anybody hears of it: tried until there is room.
void Writer::without_room(std::vector<AppendCall>& appends, const SqlError& error) {
    log().warn("the disk is full, notifications are refused error=\"{}\"", error.what());
    tables_->writes.rollback();
    tables_->journal.discard();
    refusing_ = "the disk is full";
    full_ = true;
    const auto refuse_now = [this](std::vector<AppendCall>& calls) {
        Round meanwhile = std::exchange(round_, {});
        refuse_appends(calls);
        round_.deliver(nullptr);
        round_ = std::move(meanwhile);
    };
    refuse_now(appends);
    while (true) {
        try {
            tables_->writes.redo();
            tables_->subscriptions.publish();
            return;
        } catch (const SqlError& again) {
            if (!again.full()) throw;
            tables_->writes.rollback();
        }
        std::vector<AppendCall> more;
        {
            std::unique_lock lock(mutex_);
            wake_.wait_for(lock, kAgain, [this] { return stopping_; });
            if (stopping_) throw SqlError(error);
            more = std::exchange(waiting_.appends, {});
        }
        refuse_now(more);
    }
}

void Writer::tick() {
    last_tick_ = clock_.steady_now();
    full_ = false;
    next_try_pages_ = 0;
    ++ticks_;
    look_at_room();
    tables_->repeats.forget_before(clock_.system_now());
    tables_->versions.forget_before(clock_.system_now());
    tables_->subscriptions.forget();
    tables_->dispatch.advance_idle();
    tables_->quarantine.tidy(clock_.system_now());
    tables_->unsids.tidy(clock_.system_now());
    tell_of_dropped();
    retention_.tick(*tables_);
    const std::uint64_t interrupted = reader_.interrupted();
    if (interrupted != interrupted_) {
        metrics_.interrupted_readers(interrupted - std::exchange(interrupted_, interrupted));
    }
    metrics_.refresh(stats(), clock_.system_now());
}

/// Counted at once, written to the log once in a while: a flood of forgeries must not be one there.
void Writer::tell_of_dropped() {
    const Quarantine::Dropped now = tables_->quarantine.take_dropped();
    metrics_.quarantine_dropped(now.items, now.age, now.bytes);
    dropped_.items += now.items;
    dropped_.age += now.age;
    dropped_.bytes += now.bytes;
    if (dropped_.sum() == 0 || (told_of_dropped_ && last_tick_ - *told_of_dropped_ < kTellAgain))
        return;
    told_of_dropped_ = last_tick_;
    log().warn(
        "the quarantine stayed within its bounds too_many={} too_old={} store_too_large={}",
        dropped_.items, dropped_.age, dropped_.bytes
    );
    dropped_ = {};
}

void Writer::look_at_room() {
    free_bytes_ = free_bytes_at(paths_.database);
    const std::uint64_t waiting = tables_->dispatch.most_waiting();
    const std::string before = std::exchange(refusing_, "");
    if (full_) {
        refusing_ = "the disk is full";
    } else if (free_bytes_ < options_.reserve) {
        refusing_ = "free space is below the reserve";
    } else if (waiting >= options_.max_waiting) {
        refusing_ = "too many notifications wait";
    } else if (wal_bytes() >= options_.wal_bytes) {
        refusing_ =
            "the WAL cannot be written back: a reader from outside holds it, or the disk is full";
    }
    if (refusing_ != before) {
        if (refusing_.empty()) {
            log().info("notifications are taken again");
        } else {
            log().warn("notifications are refused reason=\"{}\"", refusing_);
        }
    }
}

std::uint64_t Writer::wal_bytes() const {
    return static_cast<std::uint64_t>(connection_->wal_pages()) * (kSqlitePage + 24);
}

/// The bulk is copied beside us, from an eighth of the limit on. From three eighths on we finish
/// it, once what came meanwhile is little: with all of it copied the next commit starts the WAL
/// from its beginning. Everybody waits for the fsync of that, so it must not come often. Above five
/// eighths it is not put off any more, and readers are sent away for it.
void Writer::checkpoint() {
    if (const auto failure = checkpointer_.failure()) {
        throw std::runtime_error("writing back the WAL failed: " + *failure);
    }
    const std::uint64_t size = wal_bytes();
    if (size < options_.wal_bytes / 8 * 3) {
        // Now and then all the same: what a quiet store has in its WAL is read at its next start.
        const bool is_time = ticks_ >= kTicksBetweenCheckpoints;
        if (is_time) ticks_ = 0;
        const int most_left = is_time ? 0 : kLittle;
        const bool wanted = is_time || size >= options_.wal_bytes / 8;
        if (wanted && connection_->wal_pages() - checkpointer_.written() > most_left)
            checkpointer_.nudge();
        return;
    }
    const auto begin = steady_clock::now();
    const bool urgent = size >= options_.wal_bytes / 8 * 5;
    if (!checkpointer_.idle()) {
        // Near the limit it is waited for; else it may take its time.
        if (size < options_.wal_bytes / 4 * 3) return;
        checkpointer_.wait();
    }
    const int left = connection_->wal_pages() - checkpointer_.written();
    if (left > kLittle && !urgent) {
        checkpointer_.nudge();
        return;
    }
    // Somebody from outside was in the way: not at every commit again.
    if (connection_->wal_pages() < next_try_pages_) return;
    try {
        std::optional<Reader::Pause> pause;
        if (urgent) pause.emplace(reader_);
        // Restarting takes the lock that readers from outside hold: not waited for.
        const auto result = connection_->checkpoint(
            urgent ? Connection::CheckpointMode::Restart : Connection::CheckpointMode::Passive
        );
        if (!result.busy && result.written == result.in_log) {
            connection_->restart_wal();
            checkpointer_.restarted();
            next_try_pages_ = 0;
        } else if (urgent) {
            next_try_pages_ = connection_->wal_pages() + kLittle;
        }
    } catch (const SqlError& error) {
        if (!error.full()) throw;
    }
    metrics_.checkpointed(steady_clock::now() - begin);
    if (wal_bytes() >= options_.wal_bytes) look_at_room();
}

StoreStats Writer::stats() {
    StoreStats stats;
    stats.handlers = tables_->dispatch.stats();
    stats.free_bytes = free_bytes_;
    stats.database_bytes = file_bytes(paths_.database);
    stats.wal_bytes = file_bytes(paths_.database + "-wal");
    stats.notifications = tables_->journal.total() - retention_.deleted();
    stats.repeat_keys = tables_->repeats.size();
    stats.refusing = refusing_;
    stats.quarantined = tables_->quarantine.counts();
    stats.oldest_notification = tables_->pages.oldest();
    stats.unsids = tables_->unsids.live(clock_.system_now());
    return stats;
}

}  // namespace graphhook::store
