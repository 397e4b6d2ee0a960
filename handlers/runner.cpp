#include "handlers/runner.hpp"

#include "handlers/block_signals.hpp"
#include "handlers/opening.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace graphhook::handlers {
namespace {

using std::chrono::milliseconds;

/// How much longer than its handler may run a lease is held.
constexpr milliseconds kLeaseMargin{15'000};

/// Of rich deliveries that are to be decrypted: what is ready is handed over while others are being
/// decrypted, and little is in memory at once.
constexpr std::size_t kMostDecrypted = 256;

/// It failed on the target before: handed over alone, it can not fail its neighbours.
bool goes_alone(const store::Delivery& delivery) {
    return delivery.attempt > delivery.used + 1;
}

}  // namespace

Runner::Runner(RunnerContext context, RunnerSetup setup, Metrics::OfHandler metrics)
    : context_(std::move(context)),
      name_(std::move(setup.name)),
      handler_(std::move(setup.handler)),
      retry_(setup.retry),
      time_limit_(setup.time_limit),
      hold_(setup.time_limit + kLeaseMargin),
      batch_limit_(std::max<std::size_t>(handler_->batch_limit(), 1)),
      workers_wanted_(std::max<std::size_t>(setup.workers, 1)),
      wants_data_(handler_->wants_data()),
      attached_at_(context_.clock.steady_now()),
      metrics_(metrics),
      breaker_(setup.breaker, batch_limit_) {
    metrics_.circuit_open(false);
    sweep_at_ = context_.clock.steady_now() + hold_ / 3;
}

Runner::~Runner() {
    close();
}

void Runner::start() {
    {
        const Lock lock(mutex_);
        if (stopping_) return;
        for (std::size_t i = 0; i < workers_wanted_; ++i) {
            auto& worker = workers_.emplace_back();
            worker.thread =
                std::thread([self = shared_from_this(), &worker] { self->work(worker); });
        }
    }
    on_work();
}

// --- handing over

std::shared_ptr<Runner::Batch> Runner::take_batch(std::vector<Ready>& taken) {
    auto batch = std::make_shared<Batch>();
    batch->probe = ready_.front().probe;
    std::size_t limit = 1;
    if (!batch->probe && !goes_alone(ready_.front().delivery)) {
        limit = std::clamp<std::size_t>(breaker_.batch_size(), 1, ready_.size());
        // What is ready is shared out when there are more hands for it.
        const std::size_t hands = waiting_workers_ + 1;
        limit = std::max<std::size_t>(std::min(limit, (ready_.size() + hands - 1) / hands), 1);
    }
    taken.reserve(limit);
    std::size_t to_decrypt = 0;
    do {
        if (wants_data_ && ready_.front().delivery.proof != nullptr) ++to_decrypt;
        taken.push_back(std::move(ready_.front()));
        ready_.pop_front();
    } while (taken.size() < limit && to_decrypt < kMostDecrypted && !ready_.front().probe &&
             !goes_alone(ready_.front().delivery));
    batch->tickets.reserve(taken.size());
    for (const auto& one : taken) {
        batch->tickets.push_back(one.ticket());
        if (batch->tickets.back().rich) batch->opening = true;
    }
    batch->started = context_.clock.steady_now();
    running_.push_back(batch);
    return batch;
}

void Runner::work(Worker& self) {
    block_signals();
    Lock lock(mutex_);
    for (;;) {
        ++waiting_workers_;
        ready_changed_.wait(lock, [&] { return stopping_ || !ready_.empty(); });
        --waiting_workers_;
        if (stopping_) return;
        std::vector<Ready> taken;
        const auto batch = take_batch(taken);
        auto request = wanted_lease(batch->started);
        const bool to_open = batch->opening;
        self.in_handler = true;
        self.in_opener = to_open;
        lock.unlock();

        if (request) send_lease(std::move(*request));
        std::vector<Delivery> deliveries;
        deliveries.reserve(taken.size());
        if (!to_open) {
            for (auto& one : taken) deliveries.push_back(to_delivery(std::move(one.delivery)));
        } else if (!open(self, batch, taken, deliveries)) {
            lock.lock();
            if (closed_) return;
            continue;
        }
        auto outcomes = hand_over(*batch, deliveries);

        lock.lock();
        self.in_handler = false;
        if (closed_) return;
        running_.remove(batch);
        if (batch->given_up) {
            log().warn("handler={} came back after its time limit; its answer is ignored", name_);
            continue;
        }
        const auto now = context_.clock.steady_now();
        auto settlements = conclude(*batch, std::move(outcomes), now);
        request = wanted_lease(now);
        ++calling_, ++settling_;
        lock.unlock();
        send_settlements(std::move(settlements));
        if (request) send_lease(std::move(*request));
        lock.lock();
    }
}

std::vector<Outcome> Runner::hand_over(Batch& batch, std::vector<Delivery>& deliveries) {
    std::vector<Outcome> outcomes;
    std::string trouble;
    try {
        outcomes = handler_->handle(deliveries, batch.stop.get_token());
    } catch (const std::exception& error) {
        trouble = for_log(error.what());
    } catch (...) {
        trouble = "an exception of an unknown type";
    }
    for (auto& delivery : deliveries) wipe(delivery.data);
    if (!trouble.empty()) {
        outcomes.assign(deliveries.size(), Outcome::retry_target("the handler threw: " + trouble));
    }
    return outcomes;
}

std::vector<store::Settlement> Runner::conclude(
    const Batch& batch, std::vector<Outcome> outcomes, SteadyTime now
) {
    const auto system_now = context_.clock.system_now();
    const Moment moment{system_now, now, context_.random, batch.probe, batch.told_to_stop};
    auto verdict = judge(batch.tickets, std::move(outcomes), retry_, breaker_, moment);
    metrics_.settled(verdict.counts);
    metrics_.handled_in(now - batch.started);
    std::vector<std::chrono::microseconds> lags;
    lags.reserve(batch.tickets.size());
    for (std::size_t i = 0; i < verdict.settlements.size(); ++i) {
        const auto& settlement = verdict.settlements[i];
        if (settlement.as == store::SettleAs::Done) {
            lags.push_back(system_now - batch.tickets[i].received_at);
        } else if (settlement.as == store::SettleAs::Dead) {
            note_dead(settlement, now);
        }
    }
    metrics_.lags(lags);
    note_circuit(verdict.reason);
    if (breaker_.state() == CircuitBreaker::State::Open) give_back_ready(verdict.settlements);
    return std::move(verdict.settlements);
}

void Runner::note_dead(const store::Settlement& settlement, SteadyTime now) {
    std::uint64_t kept_back = 0;
    if (!dead_lines_.allow(now, kept_back)) return;
    log().warn(
        "delivery is dead handler={} id={} attempts={} reason={} more_since_last={}", name_,
        settlement.id.value, settlement.attempt, for_log(settlement.reason), kept_back
    );
}

void Runner::note_circuit(const std::string& reason) {
    const bool open = breaker_.state() != CircuitBreaker::State::Closed;
    if (open) context_.wake_timer();
    if (open == circuit_shown_) return;
    circuit_shown_ = open;
    metrics_.circuit_open(open);
    if (open) {
        log().warn(
            "circuit opens, the target is left alone handler={} reason={}", name_, for_log(reason)
        );
    } else {
        log().info("circuit closes, the target works again handler={}", name_);
    }
}

// --- time

SteadyTime Runner::tick() {
    std::vector<store::Settlement> settlements;
    std::vector<store::NotificationId> extended;
    std::optional<store::LeaseRequest> request;
    SteadyTime next;
    {
        const Lock lock(mutex_);
        const auto now = context_.clock.steady_now();
        if (closed_) return now + hold_;
        for (const auto& batch : running_) {
            if (batch->given_up || now - batch->started < time_limit_) continue;
            batch->given_up = true;
            batch->stop.request_stop();
            if (batch->opening) {
                auto waiting = give_up_opening(*batch, now);
                settlements.insert(settlements.end(), waiting.begin(), waiting.end());
                continue;
            }
            log().error("handler={} did not answer within its time limit", name_);
            auto given_up = conclude(
                *batch,
                std::vector<Outcome>(
                    batch->tickets.size(),
                    Outcome::retry_target("the handler did not answer in time")
                ),
                now
            );
            settlements.insert(settlements.end(), given_up.begin(), given_up.end());
        }
        if (now >= sweep_at_) {
            sweep_at_ = now + hold_ / 3;
            const auto extend = [&](store::NotificationId id, SteadyTime& leased_at) {
                if (now - leased_at < hold_ / 4) return;
                leased_at = now;
                extended.push_back(id);
            };
            for (auto& ready : ready_) extend(ready.delivery.id, ready.leased_at);
            for (const auto& batch : running_) {
                if (batch->given_up) continue;
                for (auto& ticket : batch->tickets) extend(ticket.id, ticket.leased_at);
            }
        }
        request = wanted_lease(now);
        next = sweep_at_;
        for (const auto& batch : running_) {
            if (!batch->given_up) next = std::min(next, batch->started + time_limit_);
        }
        if (more_ && !leasing_ && !stopping_) {
            if (ask_again_at_ > now) next = std::min(next, ask_again_at_);
            if (breaker_.state() == CircuitBreaker::State::Open)
                next = std::min(next, breaker_.until());
        }
        if (!settlements.empty()) ++calling_, ++settling_;
        if (!extended.empty()) ++calling_;
    }
    if (!settlements.empty()) send_settlements(std::move(settlements));
    if (!extended.empty()) {
        context_.source.extend(name_, std::move(extended), hold_);
        const Lock lock(mutex_);
        --calling_;
        if (idle()) became_idle_.notify_all();
    }
    if (request) send_lease(std::move(*request));
    return next;
}

// --- stopping

bool Runner::idle() const {
    return !leasing_ && calling_ == 0 && settling_ == 0 &&
           std::all_of(running_.begin(), running_.end(), [](const auto& batch) {
               return batch->given_up;
           });
}

void Runner::begin_stop() {
    std::vector<store::Settlement> back;
    {
        const Lock lock(mutex_);
        stopping_ = true;
        give_back_ready(back);
        ready_changed_.notify_all();
        if (!back.empty()) ++calling_, ++settling_;
    }
    if (!back.empty()) send_settlements(std::move(back));
}

bool Runner::wait_idle(SteadyTime until, bool haste_counts) {
    Lock lock(mutex_);
    became_idle_.wait_until(lock, until, [&] {
        return idle() || (haste_counts && context_.in_haste.load());
    });
    return idle();
}

void Runner::ask_to_stop() {
    const Lock lock(mutex_);
    for (const auto& batch : running_) {
        batch->told_to_stop = true;
        batch->stop.request_stop();
    }
    became_idle_.notify_all();
}

void Runner::close() {
    std::list<Worker> workers;
    std::vector<store::Settlement> back;
    {
        Lock lock(mutex_);
        if (closed_) return;
        stopping_ = true;
        const auto now = context_.clock.system_now();
        for (const auto& batch : running_) {
            if (batch->given_up) continue;
            batch->given_up = true;
            batch->stop.request_stop();
            for (const auto& ticket : batch->tickets) back.push_back(give_back(ticket, now));
        }
        give_back_ready(back);
        if (!back.empty()) ++calling_, ++settling_;
    }
    if (!back.empty()) send_settlements(std::move(back));
    {
        Lock lock(mutex_);
        became_idle_.wait(lock, [&] { return calling_ == 0; });
        closed_ = true;
        metrics_.circuit_open(false);
        ready_changed_.notify_all();
        for (auto& worker : workers_) {
            if (worker.in_handler && !worker.in_opener) {
                log().error("handler={} is stuck and left behind", name_);
                worker.thread.detach();
            }
        }
        // The nodes stay where they are: a thread left behind still writes to its own.
        lock.unlock();
        for (auto& worker : workers_) {
            if (worker.thread.joinable()) worker.thread.join();
        }
    }
}

}  // namespace graphhook::handlers
