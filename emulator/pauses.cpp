#include "emulator/pauses.hpp"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace graphhook::emulator {

namespace asio = boost::asio;

asio::awaitable<void> Pauses::pause(asio::steady_timer::duration time) {
    if (stopping_) co_return;
    const auto executor = co_await asio::this_coro::executor;
    asio::steady_timer timer(executor, time);
    timers_.insert(&timer);
    boost::system::error_code error;
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, error));
    timers_.erase(&timer);
}

void Pauses::stop() {
    stopping_ = true;
    for (auto* timer : timers_) timer->cancel();
}

}  // namespace graphhook::emulator
