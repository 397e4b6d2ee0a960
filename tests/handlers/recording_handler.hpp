#pragma once

#include "handlers/handler.hpp"

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace graphhook::handlers {

/// Remembers what it was given and answers as it is told; shared by a test and its handler.
class Recorder {
  public:
    using Answer = std::function<Outcome(const Delivery&)>;

    explicit Recorder(Answer answer = [](const Delivery&) { return Outcome::done(); })
        : answer_(std::move(answer)) {}

    std::vector<Outcome> handle(std::span<const Delivery> batch) {
        std::unique_lock lock(mutex_);
        sizes_.push_back(batch.size());
        std::vector<Outcome> outcomes;
        for (const auto& delivery : batch) {
            seen_.push_back(delivery);
            outcomes.push_back(answer_(delivery));
        }
        changed_.notify_all();
        ++inside_;
        most_inside_ = std::max(most_inside_, inside_);
        changed_.wait(lock, [&] { return !held_; });
        --inside_;
        return outcomes;
    }

    void answer_with(Answer answer) {
        const std::lock_guard lock(mutex_);
        answer_ = std::move(answer);
    }
    /// Handlers stay inside until let_go().
    void hold() {
        const std::lock_guard lock(mutex_);
        held_ = true;
    }
    void let_go() {
        const std::lock_guard lock(mutex_);
        held_ = false;
        changed_.notify_all();
    }
    bool wait_for_inside(std::size_t count) {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, kWatchdog, [&] { return inside_ >= count; });
    }
    bool wait_for_seen(std::size_t count) {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, kWatchdog, [&] { return seen_.size() >= count; });
    }
    std::vector<Delivery> seen() {
        const std::lock_guard lock(mutex_);
        return seen_;
    }
    std::vector<std::string> ids() {
        std::vector<std::string> list;
        for (const auto& delivery : seen()) list.push_back(delivery.id);
        return list;
    }
    std::vector<std::size_t> sizes() {
        const std::lock_guard lock(mutex_);
        return sizes_;
    }
    std::size_t most_inside() {
        const std::lock_guard lock(mutex_);
        return most_inside_;
    }

  private:
    static constexpr std::chrono::seconds kWatchdog{20};
    std::mutex mutex_;
    std::condition_variable changed_;
    Answer answer_;
    std::vector<Delivery> seen_;
    std::vector<std::size_t> sizes_;
    std::size_t inside_ = 0, most_inside_ = 0;
    bool held_ = false;
};

class RecordingHandler final : public Handler {
  public:
    RecordingHandler(std::shared_ptr<Recorder> recorder, std::size_t limit, bool wants_data = false)
        : recorder_(std::move(recorder)), limit_(limit), wants_data_(wants_data) {}
    std::size_t batch_limit() const override { return limit_; }
    bool wants_data() const override { return wants_data_; }
    std::vector<Outcome> handle(std::span<const Delivery> batch, std::stop_token) override {
        return recorder_->handle(batch);
    }

  private:
    const std::shared_ptr<Recorder> recorder_;
    const std::size_t limit_;
    const bool wants_data_;
};

}  // namespace graphhook::handlers
