#include "authenticity/decryption_pool.hpp"

#include "core/log.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <exception>
#include <sched.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace graphhook::authenticity {
namespace {

std::size_t usable_processors() {
    ::cpu_set_t set;
    CPU_ZERO(&set);
    if (::sched_getaffinity(0, sizeof set, &set) != 0) return 1;
    return static_cast<std::size_t>(std::max(CPU_COUNT(&set), 1));
}

/// The calling thread; Linux keeps priorities by thread.
void yield_to_others() {
    const ::sched_param none{};
    if (::sched_setscheduler(0, SCHED_IDLE, &none) == 0) return;
    const int refused = errno;
    constexpr int kNicest = 19;
    if (::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), kNicest) == 0) return;
    static std::atomic<bool> said = false;
    if (said.exchange(true)) return;
    log().warn(
        "decryption cannot yield to intake: {}; where system calls are filtered, allow "
        "sched_setscheduler",
        std::system_category().message(refused)
    );
}

/// Signals are the main thread's.
void block_signals() {
    sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, nullptr);
}

DecryptionPool::Outcome outcome_of(const DecryptionPool::Job& job) {
    if (!job.key) return Reason::NoPrivateKey;
    try {
        return decrypt(job.content, *job.key);
    } catch (const std::exception& error) {
        log().error("decryption failed, and is tried again: {}", error.what());
        return std::nullopt;
    }
}

}  // namespace

DecryptionPool::DecryptionPool(std::size_t threads) {
    if (threads == 0) threads = usable_processors();
    threads_.reserve(threads);
    for (std::size_t i = 0; i < threads; ++i)
        threads_.emplace_back([this](const std::stop_token& stop) { serve(stop); });
}

DecryptionPool::~DecryptionPool() = default;

std::vector<DecryptionPool::Outcome> DecryptionPool::decrypt(
    std::vector<Job> jobs, const std::stop_token& stop, std::chrono::milliseconds at_most
) {
    Batch batch;
    batch.outcomes.resize(jobs.size());
    batch.jobs = std::move(jobs);
    if (batch.jobs.empty() || stop.stop_requested()) return std::move(batch.outcomes);
    {
        const std::lock_guard lock(mutex_);
        waiting_.push_back(&batch);
    }
    if (batch.jobs.size() == 1)
        wake_.notify_one();
    else
        wake_.notify_all();
    const std::stop_callback cut(stop, [this, &batch] {
        const std::lock_guard lock(mutex_);
        std::erase(waiting_, &batch);
        batch.next = batch.jobs.size();
        batch.done.notify_one();
    });
    std::unique_lock lock(mutex_);
    const auto is_done = [&batch] { return batch.next == batch.jobs.size() && batch.at_work == 0; };
    if (!batch.done.wait_for(lock, at_most, is_done)) {
        std::erase(waiting_, &batch);
        batch.next = batch.jobs.size();
        batch.done.wait(lock, is_done);
    }
    lock.unlock();  // before `cut` ends, which may have to wait for it
    return std::move(batch.outcomes);
}

void DecryptionPool::serve(const std::stop_token& stop) {
    block_signals();
    yield_to_others();
    std::unique_lock lock(mutex_);
    while (wake_.wait(lock, stop, [this] { return !waiting_.empty(); }) && !stop.stop_requested()) {
        Batch& batch = *waiting_.front();
        waiting_.pop_front();
        const std::size_t mine = batch.next++;
        ++batch.at_work;
        // To the end of the queue: the others' turn.
        if (batch.next < batch.jobs.size()) waiting_.push_back(&batch);
        lock.unlock();
        Outcome outcome = outcome_of(batch.jobs[mine]);
        batch.outcomes[mine] = std::move(outcome);
        lock.lock();
        --batch.at_work;
        // With the lock held: without it the caller might see the end, and its batch be gone.
        if (batch.at_work == 0 && batch.next == batch.jobs.size()) batch.done.notify_one();
    }
}

}  // namespace graphhook::authenticity
