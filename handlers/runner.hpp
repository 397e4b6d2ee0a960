#pragma once

#include "core/log.hpp"
#include "handlers/circuit_breaker.hpp"
#include "handlers/delivery_source.hpp"
#include "handlers/handler.hpp"
#include "handlers/metrics.hpp"
#include "handlers/opener.hpp"
#include "handlers/options.hpp"
#include "handlers/retry_policy.hpp"

#include <array>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

namespace graphhook::handlers {

/// What all runners of a dispatcher share. Must outlive them, but for threads that were abandoned.
struct RunnerContext {
    DeliverySource& source;
    Clock& clock;
    std::function<double()> random;     ///< 0 <= r < 1; from any thread.
    std::function<void()> wake_timer;   ///< Something is due earlier than tick() had said.
    const std::atomic<bool>& in_haste;  ///< Nothing is waited for any more.
    Opener* opener = nullptr;           ///< nullptr: what has to be proved waits.
};

struct RunnerSetup {
    std::string name;
    std::unique_ptr<Handler> handler;
    RetryOptions retry;
    CircuitBreakerOptions breaker;
    std::uint32_t workers = 1;
    std::chrono::milliseconds time_limit{45'000};
};

/// One handler at work: leases ahead, hands batches to the handler on threads of its own, settles.
///
/// Operation. Deliveries are leased in chunks into `ready`, from which the workers take their
/// batches: at most one chunk is asked for at a time, when less is ready than all workers could
/// take. Leases are asked for from whichever thread finds that they are wanted (a worker, the
/// store's thread in on_work, the timer), so that a busy pipeline costs one wake-up a batch or
/// none. A settlement is sent and not waited for; a crash before it is durable hands the batch over
/// again.
///
/// A batch that holds rich deliveries is opened first, on the same thread: what is not proved is
/// settled then and there, the others go to the handler in their order. Opening and handling have
/// the time limit each for itself: what opening lacks in time is no fault of the target.
///
/// Concurrency. All functions from any thread. The source is never called with the lock held.
///
/// Limitations. A handler that never returns cannot be ended: after its time limit its deliveries
/// are settled for it and its late answer is ignored, but its thread stays occupied; at the end it
/// is left behind, and the handler object with it. An opener is always waited for: it ends soon
/// after it was told to stop.
class Runner : public std::enable_shared_from_this<Runner> {
  public:
    Runner(RunnerContext context, RunnerSetup setup, Metrics::OfHandler metrics);
    ~Runner();
    Runner(const Runner&) = delete;
    Runner& operator=(const Runner&) = delete;

    /// Once attached to the source.
    void start();
    /// There may be something to lease.
    void on_work();
    /// Does what is due: extends leases, ends what is over its time limit, asks again. Says when it
    /// wants to be called next.
    [[nodiscard]] SteadyTime tick();

    /// No more leases; what is ready but not begun is given back.
    void begin_stop();
    /// Waits until nothing runs and all is settled, at most until then, and in haste not at all if
    /// `haste_counts`; true if so.
    bool wait_idle(SteadyTime until, bool haste_counts = true);
    /// Tells running handlers that nobody will wait much longer.
    void ask_to_stop();
    /// Gives back what still runs, ends the threads and leaves those behind that are stuck in a
    /// handler. The context is not touched afterwards.
    void close();

    [[nodiscard]] const std::string& name() const noexcept { return name_; }

  private:
    struct Ready {
        store::Delivery delivery;
        SteadyTime leased_at;
        bool probe = false;
        [[nodiscard]] Ticket ticket() const {
            return {delivery.id,          delivery.attempt, delivery.used,
                    delivery.received_at, leased_at,        delivery.proof != nullptr};
        }
    };
    struct Batch {
        std::vector<Ticket> tickets;  ///< What is not settled yet.
        SteadyTime started;           ///< The opening, then the handing over.
        bool probe = false;
        bool opening = false;       ///< The handler has not been called yet.
        bool given_up = false;      ///< Settled already; what its handler says is ignored.
        bool told_to_stop = false;  ///< What fails from now on fails because of us.
        std::stop_source stop;
    };
    struct Worker {
        std::thread thread;
        bool in_handler = false;  ///< Or in the opener, before it.
        bool in_opener = false;
    };
    using Lock = std::unique_lock<std::mutex>;

    void work(Worker& self);
    std::shared_ptr<Batch> take_batch(std::vector<Ready>& taken);
    /// Has the rich ones proved and settles what is not to be handed over. False: nothing is left.
    bool open(
        Worker& self, const std::shared_ptr<Batch>& batch, std::vector<Ready>& taken,
        std::vector<Delivery>& deliveries
    );
    /// Of those that are not handed over: the settlement, counted and logged.
    store::Settlement settle_one(
        const Ticket& ticket, const Opened& opened, SteadyTime now,
        std::array<std::size_t, kBecameCount>& counts
    );
    std::vector<store::Settlement> give_up_opening(Batch& batch, SteadyTime now);
    /// Calls the handler; afterwards nothing decrypted is left in `deliveries`.
    std::vector<Outcome> hand_over(Batch& batch, std::vector<Delivery>& deliveries);
    void note_dead(const store::Settlement& settlement, SteadyTime now);
    std::optional<store::LeaseRequest> wanted_lease(SteadyTime now);
    void send_lease(store::LeaseRequest request);
    void leased(Result<std::vector<store::Delivery>> result);
    void add_ready(Ready one);
    void send_settlements(std::vector<store::Settlement> settlements);
    void settled(const Result<std::size_t>& result, bool gave_back);
    void note_settled(const Result<std::size_t>& result);
    /// Judges, counts, and notes what the breaker made of it; gives back what is ready if it
    /// opened.
    std::vector<store::Settlement> conclude(
        const Batch& batch, std::vector<Outcome> outcomes, SteadyTime now
    );
    void give_back_ready(std::vector<store::Settlement>& into);
    void note_circuit(const std::string& reason);
    void wake_workers();
    [[nodiscard]] bool idle() const;

    // Constant after construction.
    const RunnerContext context_;
    const std::string name_;
    const std::unique_ptr<Handler> handler_;
    const RetryOptions retry_;
    const std::chrono::milliseconds time_limit_, hold_;
    const std::size_t batch_limit_, workers_wanted_;
    const bool wants_data_;
    const SteadyTime attached_at_;

    // With their own protection.
    Metrics::OfHandler metrics_;
    LogLimiter dead_lines_, store_lines_, false_lines_;
    LogLimiter waiting_lines_{std::chrono::minutes(1)};

    // Guarded by mutex_.
    std::mutex mutex_;
    std::condition_variable ready_changed_, became_idle_;
    CircuitBreaker breaker_;
    std::deque<Ready> ready_;
    std::list<std::shared_ptr<Batch>> running_;
    std::list<Worker> workers_;
    std::size_t waiting_workers_ = 0;
    std::size_t calling_ = 0;   ///< Threads inside the source.
    std::size_t settling_ = 0;  ///< Settlements not yet completed.
    bool leasing_ = false, lease_is_probe_ = false;
    bool more_ = true;  ///< There may be something to lease.
    bool circuit_shown_ = false, stopping_ = false, closed_ = false;
    SteadyTime ask_again_at_{}, sweep_at_{};
};

}  // namespace graphhook::handlers
