#include "handlers/user_notification/timed_access.hpp"

#include "core/time_text.hpp"

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>

namespace graphhook::handlers {
namespace {

using std::chrono::milliseconds;

/// A stop token that is also stopped when a time has passed. Its thread ends with it.
class Alarm {
  public:
    Alarm(std::stop_token outer, milliseconds after)
        : forward_(std::move(outer), [this] { source_.request_stop(); }),
          thread_([this, after](const std::stop_token& over) { wait(over, after); }) {}

    [[nodiscard]] std::stop_token token() const { return source_.get_token(); }
    [[nodiscard]] bool rang() {
        const std::lock_guard lock(mutex_);
        return rang_;
    }

  private:
    void wait(const std::stop_token& over, milliseconds after) {
        std::unique_lock lock(mutex_);
        changed_.wait_for(lock, over, after, [] { return false; });
        if (over.stop_requested()) return;
        rang_ = true;
        lock.unlock();
        source_.request_stop();
    }

    std::stop_source source_;
    std::stop_callback<std::function<void()>> forward_;
    std::mutex mutex_;
    std::condition_variable_any changed_;
    bool rang_ = false;  // guarded by mutex_
    std::jthread thread_;
};

/// Does `step` within the time.
template <class Step>
auto within(milliseconds timeout, const std::stop_token& stop, const Step& step) {
    Alarm alarm(stop, timeout);
    auto result = step(alarm.token());
    if (result.has_error() && result.error().code == Errc::Aborted && alarm.rang() &&
        !stop.stop_requested()) {
        result = fail(Errc::Unreachable, "no answer within " + duration_text(timeout));
    }
    return result;
}

}  // namespace

TimedAccess::TimedAccess(std::shared_ptr<NotificationAccess> access, milliseconds timeout)
    : access_(std::move(access)), timeout_(timeout), http_(access_->http(), timeout) {
}

Result<Secret> TimedAccess::token(std::stop_token stop) {
    return within(timeout_, stop, [this](std::stop_token until) {
        return access_->token(std::move(until));
    });
}

Result<HttpResponse> TimedAccess::TimedHttp::send(
    const HttpRequest& request, std::stop_token stop
) {
    return within(timeout_, stop, [&](std::stop_token until) {
        return http_.send(request, std::move(until));
    });
}

}  // namespace graphhook::handlers
