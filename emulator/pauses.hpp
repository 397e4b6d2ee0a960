#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>

#include <set>

namespace graphhook::emulator {

/// Waits that all end early when we stop. One thread; outlives the coroutines that wait.
class Pauses {
  public:
    [[nodiscard]] boost::asio::awaitable<void> pause(boost::asio::steady_timer::duration time);
    void stop();
    [[nodiscard]] bool stopping() const noexcept { return stopping_; }

  private:
    std::set<boost::asio::steady_timer*> timers_;
    bool stopping_ = false;
};

}  // namespace graphhook::emulator
