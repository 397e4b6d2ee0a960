#include "core/work_pool.hpp"

#include "core/log.hpp"

#include <exception>
#include <system_error>
#include <utility>

namespace graphhook {

WorkPool::WorkPool(std::size_t most, std::function<void()> freed)
    : most_(most == 0 ? 1 : most), freed_(std::move(freed)) {
}

WorkPool::~WorkPool() {
    stop();
}

void WorkPool::run(Work work) {
    const std::lock_guard lock(mutex_);
    if (stopped_) return;
    waiting_.push_back(std::move(work));
    if (asleep_ >= waiting_.size() || threads_.size() >= most_) {
        wake_.notify_one();
        return;
    }
    try {
        threads_.emplace_back([this](const std::stop_token& stop) { serve(stop); });
    } catch (const std::system_error& error) {
        if (threads_.empty()) {
            waiting_.pop_back();
            throw;
        }
        log().warn("no thread for more work at once: {}", error.what());
    }
}

std::size_t WorkPool::free() const {
    const std::lock_guard lock(mutex_);
    const std::size_t busy = running_ + waiting_.size();
    return stopped_ || busy >= most_ ? 0 : most_ - busy;
}

void WorkPool::wait_idle() {
    std::unique_lock lock(mutex_);
    idle_.wait(lock, [this] { return running_ == 0 && waiting_.empty(); });
}

void WorkPool::stop() {
    std::vector<std::jthread> threads;
    std::deque<Work> dropped;
    {
        const std::lock_guard lock(mutex_);
        stopped_ = true;
        dropped.swap(waiting_);
        threads.swap(threads_);
    }
    for (auto& thread : threads) thread.request_stop();
    dropped.clear();  // without the lock: what it holds may ask us something at its end
    threads.clear();  // joins
    idle_.notify_all();
}

void WorkPool::serve(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    while (true) {
        ++asleep_;
        const bool work_is_there = wake_.wait(lock, stop, [this] { return !waiting_.empty(); });
        --asleep_;
        if (!work_is_there || stop.stop_requested()) return;
        Work work = std::move(waiting_.front());
        waiting_.pop_front();
        ++running_;
        lock.unlock();
        try {
            work(stop);
        } catch (const std::exception& error) {
            log().critical("a piece of work went wrong: {}", error.what());
        }
        work = Work();
        lock.lock();
        --running_;
        if (running_ == 0 && waiting_.empty()) idle_.notify_all();
        if (freed_ && !stop.stop_requested()) {
            lock.unlock();
            freed_();
            lock.lock();
        }
    }
}

}  // namespace graphhook
