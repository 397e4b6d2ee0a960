#include "handlers/retry_policy.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace graphhook::handlers {
namespace {

using std::chrono::milliseconds;

/// What the store would refuse anyway.
constexpr std::size_t kMostReceipt = 2'000;

std::string receipt_of(const Outcome& outcome) {
    return outcome.receipt.size() <= kMostReceipt ? outcome.receipt : std::string();
}

store::Settlement retry_at(
    const Outcome& outcome, const Ticket& ticket, std::uint32_t used, milliseconds wait,
    SystemTime now
) {
    return {
        ticket.id,
        ticket.attempt,
        store::SettleAs::Retry,
        used,
        now + std::max(wait, outcome.delay.value_or(milliseconds(0))),
        outcome.reason,
        receipt_of(outcome)
    };
}

store::Settlement bury(
    const Outcome& outcome, const Ticket& ticket, std::uint32_t used, SystemTime now,
    std::string reason
) {
    return {ticket.id, ticket.attempt,    store::SettleAs::Dead, used,
            now,       std::move(reason), receipt_of(outcome)};
}

}  // namespace

milliseconds back_off(std::uint32_t tries, const RetryOptions& options, double random) {
    auto wait = std::min(options.first, options.longest);
    for (std::uint32_t i = 1; i < tries && wait < options.longest; ++i) {
        wait = std::min(wait * 2, options.longest);
    }
    return milliseconds(static_cast<milliseconds::rep>(static_cast<double>(wait.count()) * random));
}

store::Settlement decide(
    const Outcome& outcome, const Ticket& ticket, const RetryOptions& options, SystemTime now,
    double random
) {
    if (outcome.kind == Outcome::Kind::Done) {
        return {ticket.id, ticket.attempt,     store::SettleAs::Done, ticket.used, now,
                {},        receipt_of(outcome)};
    }
    if (outcome.kind == Outcome::Kind::Dead) {
        return bury(outcome, ticket, ticket.used + 1, now, outcome.reason);
    }
    if (outcome.blame == Outcome::Blame::Item) {
        const std::uint32_t used = ticket.used + 1;
        if (used >= options.attempts) {
            return bury(
                outcome, ticket, used, now,
                fmt::format("{}; given up after {} attempts", outcome.reason, used)
            );
        }
        return retry_at(outcome, ticket, used, back_off(used, options, random), now);
    }
    if (now - ticket.received_at > options.max_age && ticket.attempt >= kLeastTries) {
        return bury(
            outcome, ticket, ticket.used, now,
            fmt::format("{}; older than max_age, tried {} times", outcome.reason, ticket.attempt)
        );
    }
    return retry_at(outcome, ticket, ticket.used, back_off(ticket.attempt, options, random), now);
}

store::Settlement give_back(const Ticket& ticket, SystemTime now) {
    return {ticket.id, ticket.attempt, store::SettleAs::Release, ticket.used, now, {}, {}};
}

}  // namespace graphhook::handlers
