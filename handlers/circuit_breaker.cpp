#include "handlers/circuit_breaker.hpp"

#include <algorithm>

namespace graphhook::handlers {

using std::chrono::milliseconds;

CircuitBreaker::Admission CircuitBreaker::admission(SteadyTime now) {
    if (state_ == State::Closed) return {size_, false};
    if (state_ == State::Open) {
        if (now < until_) return {};
        state_ = State::HalfOpen;
        probing_ = false;
    }
    if (probing_) return {};
    return {1, true};
}

CircuitBreaker::Advice CircuitBreaker::record(const Batch& batch, SteadyTime now, double random) {
    if (batch.healthy > 0) {
        if (batch.probe && state_ == State::HalfOpen) {
            state_ = State::Closed;
            probing_ = false;
            openings_ = 0;
        }
        if (state_ == State::Closed) {
            failures_ = 0;
            size_ = std::min(batch_limit_, size_ * 2);
            if (batch.failed > 0 && batch.asked) open(now, random, batch.asked);
        }
        return Advice::Retry;
    }
    if (batch.failed == 0) return Advice::Retry;
    if (batch.probe && state_ == State::HalfOpen) {
        open(now, random, batch.asked);
        return Advice::RetrySoon;
    }
    if (state_ != State::Closed) return Advice::Release;
    size_ = 1;
    if (batch.failed > 1) {
        if (batch.asked) open(now, random, batch.asked);
        return Advice::Release;
    }
    ++failures_;
    if (batch.asked || failures_ >= options_.threshold) open(now, random, batch.asked);
    return Advice::Retry;
}

void CircuitBreaker::open(SteadyTime now, double random, std::optional<milliseconds> asked) {
    auto wait = std::min(options_.first, options_.longest);
    for (std::uint32_t i = 0; i < openings_ && wait < options_.longest; ++i) {
        wait = std::min(wait * 2, options_.longest);
    }
    const double half = static_cast<double>(wait.count()) / 2;
    wait = milliseconds(static_cast<milliseconds::rep>(half + half * random));
    if (asked) wait = std::max(wait, std::min(*asked, options_.longest_asked));
    state_ = State::Open;
    until_ = now + wait;
    probing_ = false;
    failures_ = 0;
    size_ = 1;
    ++openings_;
}

}  // namespace graphhook::handlers
