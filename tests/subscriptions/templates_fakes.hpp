#pragma once

#include "core/clock.hpp"
#include "subscriptions/graph/graph_data.hpp"
#include "tests/support/hand_clock.hpp"

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
class TwoFacedClock final : public graphhook::test::HandClock {
  public:
    TwoFacedClock()
        : HandClock(
              std::chrono::sys_days(std::chrono::year(2026) / 11 / 21) + std::chrono::hours(8)
          ) {}
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
