#include "handlers/runner.hpp"

#include <algorithm>

// What passes between a runner and the store.

namespace graphhook::handlers {
namespace {

using std::chrono::milliseconds;

/// After a lease that the store refused.
constexpr milliseconds kAskAgain{1'000};
/// For small batches still so many are leased ahead for each worker.
constexpr std::size_t kLeastAhead = 8;

}  // namespace

// --- leasing

std::optional<store::LeaseRequest> Runner::wanted_lease(SteadyTime now) {
    if (stopping_ || leasing_ || !more_ || now < ask_again_at_) return std::nullopt;
    const auto admission = breaker_.admission(now);
    if (admission.batch == 0) return std::nullopt;
    std::size_t limit = 1;
    if (!admission.probe) {
        if (ready_.size() >= workers_wanted_ * admission.batch) return std::nullopt;
        limit = 2 * workers_wanted_ * std::max(admission.batch, kLeastAhead) - ready_.size();
    } else {
        breaker_.probe_started();
    }
    leasing_ = true;
    lease_is_probe_ = admission.probe;
    more_ = false;
    ++calling_;
    store::LeaseRequest request;
    request.handler = name_;
    request.limit = limit;
    request.hold = hold_;
    return request;
}

void Runner::send_lease(store::LeaseRequest request) {
    context_.source.lease(
        std::move(request),
        {nullptr,
         [self = weak_from_this()](Result<std::vector<store::Delivery>> result) {
             if (const auto runner = self.lock()) runner->leased(std::move(result));
         }}
    );
    const Lock lock(mutex_);
    --calling_;
    if (idle()) became_idle_.notify_all();
}

void Runner::leased(Result<std::vector<store::Delivery>> result) {
    std::vector<store::Settlement> back;
    std::optional<store::LeaseRequest> request;
    bool due_changed = false;
    {
        const Lock lock(mutex_);
        leasing_ = false;
        if (closed_) return;
        const bool probe = std::exchange(lease_is_probe_, false);
        const auto now = context_.clock.steady_now();
        if (result.has_error()) {
            more_ = true;
            ask_again_at_ = now + kAskAgain;
            due_changed = true;
            if (std::uint64_t kept_back = 0; store_lines_.allow(now, kept_back)) {
                log().warn(
                    "nothing could be leased handler={} error={}", name_, to_string(result.error())
                );
            }
            if (probe) breaker_.probe_lapsed();
        } else if (result->empty()) {
            if (probe) breaker_.probe_lapsed();
        } else {
            more_ = true;
            for (auto& delivery : *result) {
                add_ready({std::move(delivery), now, probe});
            }
            if (stopping_ || (breaker_.state() != CircuitBreaker::State::Closed && !probe)) {
                give_back_ready(back);
            } else {
                wake_workers();
            }
        }
        request = wanted_lease(now);
        if (!back.empty()) ++calling_, ++settling_;
        if (idle()) became_idle_.notify_all();
    }
    if (!back.empty()) send_settlements(std::move(back));
    if (request) send_lease(std::move(*request));
    if (due_changed) context_.wake_timer();
}

void Runner::add_ready(Ready one) {
    auto place = ready_.end();
    if (one.delivery.stream->lane == store::Lane::Lifecycle) {
        // The lane of its own goes all the way: never behind changes that were leased ahead.
        place = std::find_if(ready_.begin(), ready_.end(), [](const Ready& other) {
            return other.delivery.stream->lane != store::Lane::Lifecycle;
        });
    }
    ready_.insert(place, std::move(one));
}

void Runner::on_work() {
    std::optional<store::LeaseRequest> request;
    {
        const Lock lock(mutex_);
        if (stopping_) return;
        more_ = true;
        request = wanted_lease(context_.clock.steady_now());
    }
    if (request) send_lease(std::move(*request));
}

void Runner::wake_workers() {
    if (waiting_workers_ == 0) return;
    const bool one_is_enough = ready_.size() <= breaker_.batch_size();
    if (one_is_enough) {
        ready_changed_.notify_one();
    } else {
        ready_changed_.notify_all();
    }
}

void Runner::give_back_ready(std::vector<store::Settlement>& into) {
    const auto now = context_.clock.system_now();
    for (const auto& ready : ready_) {
        into.push_back(give_back(ready.ticket(), now));
        if (ready.probe) breaker_.probe_lapsed();
    }
    ready_.clear();
}

// --- settling

void Runner::send_settlements(std::vector<store::Settlement> settlements) {
    const bool gave_back =
        std::any_of(settlements.begin(), settlements.end(), [](const auto& settlement) {
            return settlement.as == store::SettleAs::Release;
        });
    context_.source.settle(
        name_, std::move(settlements),
        {nullptr,
         [self = weak_from_this(), gave_back](const Result<std::size_t>& result) {
             if (const auto runner = self.lock()) runner->settled(result, gave_back);
         }}
    );
    const Lock lock(mutex_);
    --calling_;
    if (idle()) became_idle_.notify_all();
}

void Runner::settled(const Result<std::size_t>& result, bool gave_back) {
    std::optional<store::LeaseRequest> request;
    {
        const Lock lock(mutex_);
        --settling_;
        if (!closed_) {
            note_settled(result);
            if (gave_back) {
                more_ = true;
                request = wanted_lease(context_.clock.steady_now());
            }
        }
        if (idle()) became_idle_.notify_all();
    }
    if (request) send_lease(std::move(*request));
}

void Runner::note_settled(const Result<std::size_t>& result) {
    const auto now = context_.clock.steady_now();
    std::uint64_t kept_back = 0;
    if (result.has_error()) {
        if (store_lines_.allow(now, kept_back)) {
            log().error(
                "outcomes could not be stored and are handed over again handler={} error={}", name_,
                to_string(result.error())
            );
        }
    } else if (*result > 0) {
        metrics_.refused(*result);
        if (store_lines_.allow(now, kept_back)) {
            log().warn(
                "outcomes of an older attempt were refused handler={} count={}", name_, *result
            );
        }
    }
}

}  // namespace graphhook::handlers
