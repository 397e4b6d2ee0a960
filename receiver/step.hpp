#pragma once

#include <coroutine>
#include <exception>
#include <optional>
#include <utility>

namespace graphhook::receiver {

/// A part of a coroutine that is a coroutine itself: starts when awaited, then hands its result and
/// the thread's attention straight back. Without executors, cancellation and type erasure, which
/// every request would pay for; a session's only waits are its own. Await it at once and exactly
/// once.
template <class T>
class [[nodiscard]] Step {
  public:
    struct promise_type {
        Step get_return_object() {
            return Step(std::coroutine_handle<promise_type>::from_promise(*this));
        }
        std::suspend_always initial_suspend() noexcept { return {}; }
        auto final_suspend() noexcept {
            struct Back {
                bool await_ready() noexcept { return false; }
                std::coroutine_handle<> await_suspend(std::coroutine_handle<promise_type> self
                ) noexcept {
                    return self.promise().caller;
                }
                void await_resume() noexcept {}
            };
            return Back{};
        }
        void return_value(T value) { result.emplace(std::move(value)); }
        void unhandled_exception() { exception = std::current_exception(); }

        std::coroutine_handle<> caller;
        std::optional<T> result;
        std::exception_ptr exception;
    };

    Step(const Step&) = delete;
    Step& operator=(const Step&) = delete;
    ~Step() { self_.destroy(); }

    bool await_ready() noexcept { return false; }
    std::coroutine_handle<> await_suspend(std::coroutine_handle<> caller) noexcept {
        self_.promise().caller = caller;
        return self_;
    }
    T await_resume() {
        if (self_.promise().exception) std::rethrow_exception(self_.promise().exception);
        return std::move(*self_.promise().result);
    }

  private:
    explicit Step(std::coroutine_handle<promise_type> self) : self_(self) {}
    std::coroutine_handle<promise_type> self_;
};

}  // namespace graphhook::receiver
