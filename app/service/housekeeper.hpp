#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace graphhook::app {

/// A thread for what may take long and must not overlap: reloads, and the stop. Runs what it is
/// given, one after the other. Threads: any. The destructor waits for what was posted.
class Housekeeper {
  public:
    Housekeeper() : thread_([this](const std::stop_token& stop) { run(stop); }) {}

    void post(std::function<void()> job) {
        const std::lock_guard lock(mutex_);
        jobs_.push_back(std::move(job));
        wake_.notify_one();
    }

  private:
    void run(const std::stop_token& stop) {
        for (;;) {
            std::unique_lock lock(mutex_);
            if (!wake_.wait(lock, stop, [this] { return !jobs_.empty(); })) return;
            const auto job = std::move(jobs_.front());
            jobs_.pop_front();
            lock.unlock();
            job();
        }
    }

    std::mutex mutex_;
    std::condition_variable_any wake_;
    std::deque<std::function<void()>> jobs_;
    std::jthread thread_;
};

}  // namespace graphhook::app
