#pragma once

#include "core/clock.hpp"
#include "subscriptions/graph/graph_data.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace graphhook::subscriptions::test {

/// Two faces of time, moved apart or together.
class TwoFacedClock final : public Clock {
  public:
    [[nodiscard]] SystemTime system_now() const override {
        const std::lock_guard lock(mutex_);
        return system_;
    }
    [[nodiscard]] SteadyTime steady_now() const override {
        const std::lock_guard lock(mutex_);
        return steady_;
    }
    void advance(std::chrono::microseconds by) {
        const std::lock_guard lock(mutex_);
        system_ += by;
        steady_ += by;
    }
    void set_wall_clock(std::chrono::microseconds by) {
        const std::lock_guard lock(mutex_);
        system_ += by;
    }
    void turn_back_steady(std::chrono::microseconds by) {
        const std::lock_guard lock(mutex_);
        steady_ -= by;
    }

  private:
    mutable std::mutex mutex_;
    /// 2026-11-21T08:00:00Z
    SystemTime system_{std::chrono::seconds(1'795'248'000)};
    SteadyTime steady_{std::chrono::hours(1'000)};
};

/// Collections by path, cut into pages; what was asked for is remembered.
class FakeData final : public GraphData {
  public:
    using Page = GraphResult<DataPage>;

    Page page(const DataRequest& request, std::stop_token stop) override {
        std::function<Page(const DataRequest&, const std::stop_token&)> answer;
        {
            const std::lock_guard lock(mutex_);
            asked_.push_back(request);
            answer = answer_;
        }
        changed_.notify_all();
        return answer(request, stop);
    }
    GraphResult<boost::json::object> object(const DataRequest&, std::stop_token) override {
        return GraphError{.next = Next::NotFound, .status = 404};
    }

    void answer(std::function<Page(const DataRequest&, const std::stop_token&)> how) {
        const std::lock_guard lock(mutex_);
        answer_ = std::move(how);
    }
    [[nodiscard]] std::vector<DataRequest> asked() const {
        const std::lock_guard lock(mutex_);
        return asked_;
    }
    [[nodiscard]] std::size_t count() const { return asked().size(); }
    /// Waits until so many were asked for; false after ten seconds.
    bool wait_for(std::size_t count) {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, std::chrono::seconds(10), [&] {
            return asked_.size() >= count;
        });
    }

  private:
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::function<Page(const DataRequest&, const std::stop_token&)> answer_;
    std::vector<DataRequest> asked_;
};

}  // namespace graphhook::subscriptions::test
