#pragma once

#include <memory>
#include <type_traits>
#include <utility>

namespace graphhook {

template <class Signature>
class UniqueFunction;

/// std::move_only_function of C++23: holds a callable that may itself only be moved.
template <class R, class... Args>
class UniqueFunction<R(Args...)> {
  public:
    UniqueFunction() = default;

    template <class F>
        requires(!std::is_same_v<std::decay_t<F>, UniqueFunction> && std::is_invocable_r_v<R, std::decay_t<F>&, Args...>)
    UniqueFunction(F&& function)  // implicit, as with std::function
        : callable_(std::make_unique<Holder<std::decay_t<F>>>(std::forward<F>(function))) {}

    explicit operator bool() const noexcept { return callable_ != nullptr; }

    R operator()(Args... args) { return callable_->call(std::forward<Args>(args)...); }

  private:
    struct Callable {
        virtual ~Callable() = default;
        virtual R call(Args... args) = 0;
    };
    template <class F>
    struct Holder final : Callable {
        explicit Holder(F value) : function(std::move(value)) {}
        R call(Args... args) override { return function(std::forward<Args>(args)...); }
        F function;
    };
    std::unique_ptr<Callable> callable_;
};

}  // namespace graphhook
