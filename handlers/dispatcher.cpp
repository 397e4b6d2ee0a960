#include "handlers/dispatcher.hpp"

#include "handlers/block_signals.hpp"
#include "handlers/runner.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <random>
#include <thread>

namespace graphhook::handlers {
namespace {

double machine_random() {
    thread_local std::mt19937_64 engine{std::random_device{}()};
    return std::uniform_real_distribution<double>(0, 1)(engine);
}

/// How long the timer sleeps at most: clocks may be moved.
constexpr std::chrono::milliseconds kLongestSleep{60'000};

/// Even in haste a handler that is about to come back is not left behind.
constexpr std::chrono::milliseconds kVeryLast{200};

}  // namespace

struct Dispatcher::Impl {
    Impl(DeliverySource& source_in, Clock& clock_in, Metrics& metrics_in, DispatcherOptions given)
        : source(source_in), clock(clock_in), metrics(metrics_in), options(std::move(given)) {
        if (!options.random) options.random = machine_random;
        timer = std::thread([this] { run_timer(); });
    }

    std::vector<std::shared_ptr<Runner>> all() {
        const std::lock_guard lock(mutex);
        return runners;
    }

    SteadyTime tick_all() {
        auto next = clock.steady_now() + kLongestSleep;
        for (const auto& runner : all()) next = std::min(next, runner->tick());
        return next;
    }

    void run_timer() {
        block_signals();
        for (;;) {
            const auto next = tick_all();
            std::unique_lock lock(timer_mutex);
            const auto wait = std::max<SteadyTime::duration>(next - clock.steady_now(), {});
            timer_wake.wait_for(lock, wait, [&] { return timer_due || timer_ends; });
            timer_due = false;
            if (timer_ends) return;
        }
    }

    void wake_timer() {
        const std::lock_guard lock(timer_mutex);
        timer_due = true;
        timer_wake.notify_one();
    }

    void end_timer() {
        {
            const std::lock_guard lock(timer_mutex);
            timer_ends = true;
            timer_wake.notify_one();
        }
        if (timer.joinable()) timer.join();
    }

    /// Waits by the real clock: grace is promised to people, whatever a test's clock says.
    void finish(const std::vector<std::shared_ptr<Runner>>& list, std::chrono::milliseconds grace) {
        for (const auto& runner : list) runner->begin_stop();
        const auto until = std::chrono::steady_clock::now() + grace;
        bool all_idle = true;
        for (const auto& runner : list) all_idle = runner->wait_idle(until) && all_idle;
        if (!all_idle) {
            for (const auto& runner : list) runner->ask_to_stop();
            const auto last = std::chrono::steady_clock::now() + options.last_words;
            for (const auto& runner : list) (void)runner->wait_idle(last);
            const auto very_last = std::chrono::steady_clock::now() + kVeryLast;
            for (const auto& runner : list) (void)runner->wait_idle(very_last, false);
        }
        for (const auto& runner : list) runner->close();
    }

    DeliverySource& source;
    Clock& clock;
    Metrics& metrics;
    DispatcherOptions options;
    std::atomic<bool> in_haste{false};

    std::mutex mutex;
    std::vector<std::shared_ptr<Runner>> runners;  // guarded by mutex
    bool stopped = false;                          // guarded by mutex

    std::mutex timer_mutex;
    std::condition_variable timer_wake;
    bool timer_due = false, timer_ends = false;  // guarded by timer_mutex
    std::thread timer;
};

Dispatcher::Dispatcher(
    DeliverySource& source, Clock& clock, Metrics& metrics, DispatcherOptions options
)
    : impl_(std::make_unique<Impl>(source, clock, metrics, std::move(options))) {
}

Dispatcher::~Dispatcher() {
    stop_at_once();
    stop(std::chrono::milliseconds(0));
}

Result<void> Dispatcher::add(
    const std::string& name, std::unique_ptr<Handler> handler,
    std::function<bool(const store::Stream&)> accepts, RetryOptions retry, std::uint32_t workers,
    std::chrono::milliseconds time_limit
) {
    auto& impl = *impl_;
    RunnerContext context{impl.source,         impl.clock,
                          impl.options.random, [&impl] { impl.wake_timer(); },
                          impl.in_haste,       impl.options.opener};
    RunnerSetup setup{name, std::move(handler), retry, impl.options.breaker, workers, time_limit};
    auto runner =
        std::make_shared<Runner>(std::move(context), std::move(setup), impl.metrics.of(name));
    {
        const std::lock_guard lock(impl.mutex);
        if (impl.stopped) return fail(Errc::Aborted, "stopping");
        for (const auto& other : impl.runners) {
            if (other->name() == name) return fail(Errc::Conflict, "handler '" + name + "' exists");
        }
        impl.runners.push_back(runner);
    }
    store::Attachment attachment{name, std::move(accepts), [weak = std::weak_ptr(runner)] {
                                     if (const auto self = weak.lock()) self->on_work();
                                 }};
    const auto attached = wait_for<std::monostate>([&](Completion<std::monostate> done) {
        impl.source.attach(std::move(attachment), std::move(done));
    });
    if (attached.has_error()) {
        const std::lock_guard lock(impl.mutex);
        std::erase(impl.runners, runner);
        return attached.error();
    }
    runner->start();
    return {};
}

Result<void> Dispatcher::remove(const std::string& name, std::chrono::milliseconds grace) {
    auto& impl = *impl_;
    std::shared_ptr<Runner> runner;
    for (const auto& one : impl.all()) {
        if (one->name() == name) runner = one;
    }
    if (!runner) return fail(Errc::NotFound, "no handler '" + name + "'");
    impl.finish({runner}, grace);
    {
        const std::lock_guard lock(impl.mutex);
        std::erase(impl.runners, runner);
    }
    const auto detached = wait_for<std::monostate>([&](Completion<std::monostate> done) {
        impl.source.detach(name, std::move(done));
    });
    if (detached.has_error()) return detached.error();
    return {};
}

void Dispatcher::stop(std::chrono::milliseconds grace) {
    {
        const std::lock_guard lock(impl_->mutex);
        impl_->stopped = true;
    }
    impl_->finish(impl_->all(), grace);
    impl_->end_timer();
}

void Dispatcher::stop_at_once() {
    impl_->in_haste = true;
    {
        const std::lock_guard lock(impl_->mutex);
        impl_->stopped = true;
    }
    for (const auto& runner : impl_->all()) {
        runner->begin_stop();
        runner->ask_to_stop();
    }
}

void Dispatcher::tick() {
    (void)impl_->tick_all();
}

}  // namespace graphhook::handlers
