#include "handlers/verdict.hpp"

#include <algorithm>

namespace graphhook::handlers {
namespace {

bool blames_target(const Outcome& outcome) {
    return outcome.kind == Outcome::Kind::RetryAfter && outcome.blame == Outcome::Blame::Target;
}

Became became(const Outcome& outcome, store::SettleAs as) {
    switch (as) {
        case store::SettleAs::Done:
            return Became::Done;
        case store::SettleAs::Quarantine:
            return Became::Quarantined;
        case store::SettleAs::Dead:
            return Became::Dead;
        case store::SettleAs::Release:
            return Became::Released;
        case store::SettleAs::Retry:
            break;
    }
    switch (outcome.blame) {
        case Outcome::Blame::Target:
            return Became::RetryTarget;
        case Outcome::Blame::Recipient:
            return Became::RetryRecipient;
        case Outcome::Blame::Item:
            break;
    }
    return Became::RetryItem;
}

}  // namespace

std::string_view to_string(Became became) noexcept {
    switch (became) {
        case Became::Done:
            return "done";
        case Became::RetryItem:
            return "retry_item";
        case Became::RetryTarget:
            return "retry_target";
        case Became::RetryRecipient:
            return "retry_recipient";
        case Became::Dead:
            return "dead";
        case Became::Released:
            return "released";
        case Became::Waits:
            return "waits";
        case Became::Quarantined:
            return "quarantined";
    }
    return "unknown";
}

Verdict judge(
    std::span<const Ticket> tickets, std::vector<Outcome> outcomes, const RetryOptions& options,
    CircuitBreaker& breaker, const Moment& moment
) {
    if (outcomes.size() != tickets.size()) {
        outcomes.resize(
            tickets.size(), Outcome::retry_target("the handler gave no outcome for this delivery")
        );
    }
    Verdict verdict;
    CircuitBreaker::Batch batch;
    batch.probe = moment.probe;
    for (const auto& outcome : outcomes) {
        if (!blames_target(outcome)) {
            ++batch.healthy;
            continue;
        }
        if (batch.failed++ == 0) verdict.reason = outcome.reason;
        if (outcome.delay)
            batch.asked = std::max(batch.asked.value_or(*outcome.delay), *outcome.delay);
    }
    auto advice = CircuitBreaker::Advice::Release;
    if (!moment.stopping || batch.failed == 0) {
        advice = breaker.record(batch, moment.steady, moment.random());
    }
    RetryOptions soon = options;
    soon.longest = std::min(options.longest, breaker.options().longest);

    verdict.settlements.reserve(tickets.size());
    for (std::size_t i = 0; i < tickets.size(); ++i) {
        const auto& outcome = outcomes[i];
        const bool failed = blames_target(outcome);
        if (outcome.kind == Outcome::Kind::Done) {
            verdict.settlements.push_back(decide(outcome, tickets[i], options, moment.system, 0));
        } else if (failed && advice == CircuitBreaker::Advice::Release) {
            verdict.settlements.push_back(give_back(tickets[i], moment.system));
        } else {
            const bool probe = failed && advice == CircuitBreaker::Advice::RetrySoon;
            verdict.settlements.push_back(
                decide(outcome, tickets[i], probe ? soon : options, moment.system, moment.random())
            );
        }
        ++verdict.counts[static_cast<std::size_t>(became(outcome, verdict.settlements.back().as))];
    }
    return verdict;
}

}  // namespace graphhook::handlers
