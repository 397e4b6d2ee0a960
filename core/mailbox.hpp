#pragma once

#include "core/error.hpp"
#include "core/unique_function.hpp"

#include <future>
#include <memory>
#include <unordered_map>
#include <vector>

namespace boost::asio {
class io_context;
}

namespace graphhook {

using Task = UniqueFunction<void()>;

/// Where one thread takes in work from others. Several tasks posted together cost one wake-up.
/// Threads: any. The tasks run in the order in which they were posted.
class Mailbox {
  public:
    virtual ~Mailbox() = default;
    virtual void post(std::vector<Task> tasks) = 0;
};

/// A mailbox emptied by the thread that runs `io`, which must outlive it.
std::unique_ptr<Mailbox> make_mailbox(boost::asio::io_context& io);

/// What an asynchronous call does when it is over: `call` runs on the thread behind `home`, or,
/// without one, on the thread that finished the work, which it must not keep.
template <class T>
struct Completion {
    Mailbox* home = nullptr;
    UniqueFunction<void(Result<T>)> call;
};

/// Gathers what many completions have to say, then delivers it with one hand-over a thread.
class Handover {
  public:
    template <class T>
    void add(Completion<T> completion, Result<T> result) {
        Mailbox* home = completion.home;
        tasks_[home].push_back([call = std::move(completion.call),
                                result = std::move(result)]() mutable { call(std::move(result)); });
    }
    /// Empties itself; completions without a home run here and now.
    void deliver();

  private:
    std::unordered_map<Mailbox*, std::vector<Task>> tasks_;
};

/// For threads that may block: `auto rows = wait_for<Rows>([&](Completion<Rows> done) {
/// store.list(query, std::move(done)); });` Never on a network thread, nor on the thread that
/// completes.
template <class T, class Start>
[[nodiscard]] Result<T> wait_for(Start&& start) {
    // Shared: the completing thread may still be inside set_value when this one goes on.
    auto promise = std::make_shared<std::promise<Result<T>>>();
    auto future = promise->get_future();
    start(Completion<T>{nullptr, [promise](Result<T> result) {
                            promise->set_value(std::move(result));
                        }});
    return future.get();
}

}  // namespace graphhook
