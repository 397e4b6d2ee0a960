#pragma once

#include "handlers/opener.hpp"

#include <condition_variable>
#include <functional>
#include <mutex>
#include <vector>

namespace graphhook::handlers {

inline Opened proved(std::string data = {}) {
    Opened opened;
    opened.data = std::move(data);
    return opened;
}
inline Opened waits(
    std::string reason, std::chrono::milliseconds again_in = std::chrono::seconds(15)
) {
    Opened opened;
    opened.is = Opened::Is::Waits;
    opened.reason = std::move(reason);
    opened.detail = "so it is";
    opened.again_in = again_in;
    return opened;
}
inline Opened disproved(std::string reason, std::string detail) {
    Opened opened;
    opened.is = Opened::Is::False;
    opened.reason = std::move(reason);
    opened.detail = std::move(detail);
    return opened;
}

/// Answers as it is told, remembers what it was asked, and can be held up until its stop token.
class FakeOpener final : public Opener {
  public:
    using Answer = std::function<Opened(const store::Delivery&)>;
    struct Asked {
        std::vector<std::int64_t> ids;
        bool decrypt = false;
    };

    explicit FakeOpener(Answer answer = [](const auto&) { return proved(); })
        : answer_(std::move(answer)) {}

    std::vector<Opened> open(
        std::span<const store::Delivery> batch, bool decrypt, std::stop_token stop
    ) override {
        std::unique_lock lock(mutex_);
        Asked asked;
        asked.decrypt = decrypt;
        std::vector<Opened> answers;
        for (const auto& delivery : batch) {
            asked.ids.push_back(delivery.id.value);
            if (answers.size() < most_) answers.push_back(answer_(delivery));
        }
        asked_.push_back(std::move(asked));
        ++inside_;
        changed_.notify_all();
        {
            const std::stop_callback on_stop(stop, [this] {
                const std::lock_guard stopped(stop_mutex_);
                changed_by_stop_.notify_all();
            });
            lock.unlock();
            std::unique_lock held(stop_mutex_);
            changed_by_stop_.wait(held, [&] { return !held_ || stop.stop_requested(); });
        }
        lock.lock();
        --inside_;
        changed_.notify_all();
        if (stop.stop_requested()) answers.assign(batch.size(), waits("stopped"));
        return answers;
    }

    void answer_with(Answer answer) {
        const std::lock_guard lock(mutex_);
        answer_ = std::move(answer);
    }
    /// Gives at most so many answers.
    void answer_at_most(std::size_t most) {
        const std::lock_guard lock(mutex_);
        most_ = most;
    }
    void hold() {
        const std::lock_guard lock(stop_mutex_);
        held_ = true;
    }
    void let_go() {
        const std::lock_guard lock(stop_mutex_);
        held_ = false;
        changed_by_stop_.notify_all();
    }
    bool wait_for_inside(std::size_t count) {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, kWatchdog, [&] { return inside_ == count; });
    }
    bool wait_for_asked(std::size_t count) {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, kWatchdog, [&] { return asked_.size() >= count; });
    }
    std::vector<Asked> asked() {
        const std::lock_guard lock(mutex_);
        return asked_;
    }

  private:
    static constexpr std::chrono::seconds kWatchdog{20};
    std::mutex mutex_, stop_mutex_;
    std::condition_variable changed_, changed_by_stop_;
    Answer answer_;
    std::vector<Asked> asked_;
    std::size_t most_ = std::size_t(-1), inside_ = 0;
    bool held_ = false;
};

}  // namespace graphhook::handlers
