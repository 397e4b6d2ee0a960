#pragma once

#include "core/error.hpp"
#include "core/mailbox.hpp"

#include <utility>
#include <vector>

namespace graphhook::store {

/// What is to be said when the round's transaction is durable; or, where it failed, the error in
/// its place. Threads: the writer's.
class Round {
  public:
    template <class T>
    void answer(Completion<T> done, Result<T> result) {
        answers_.push_back([done = std::move(done), result = std::move(result)](
                               Handover& handover, const Error* error
                           ) mutable {
            handover.add<T>(
                std::move(done), error != nullptr ? Result<T>(*error) : std::move(result)
            );
        });
    }
    /// Something to do once it is durable.
    void then(UniqueFunction<void(const Error*)> task) { tasks_.push_back(std::move(task)); }

    /// One hand-over a thread.
    void deliver(const Error* error) {
        Handover handover;
        for (auto& answer : std::exchange(answers_, {})) answer(handover, error);
        for (auto& task : std::exchange(tasks_, {})) task(error);
        handover.deliver();
    }
    [[nodiscard]] bool empty() const noexcept { return answers_.empty() && tasks_.empty(); }

  private:
    std::vector<UniqueFunction<void(Handover&, const Error*)>> answers_;
    std::vector<UniqueFunction<void(const Error*)>> tasks_;
};

}  // namespace graphhook::store
