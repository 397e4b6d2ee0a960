#include "subscriptions/sync/sweep_target.hpp"

#include "subscriptions/catalog/catalog.hpp"

#include <utility>

namespace graphhook::subscriptions {
namespace {

std::optional<SystemTime> when(SystemTime at) {
    if (at == SystemTime{}) return std::nullopt;
    return at;
}

}  // namespace

void SweptTarget::set_entry(std::shared_ptr<const WantedSubscription> now, bool asked_by_user) {
    entry = std::move(now);
    delegated = asked_by_user;
    possible = way().how != Way::How::None;
}

NextRound SweptTarget::next() const {
    Rhythm rhythm;
    rhythm.polled = entry->way == WantedSubscription::Way::Poll;
    rhythm.every = rhythm.polled ? entry->poll_every : entry->sweep_every;
    const std::string own = seed();
    rhythm.seed = own;
    // Of another resource nothing is known yet.
    if (state.resource != target.resource) {
        store::SyncState none;
        none.attempt_at = state.resource.empty() ? state.attempt_at : SystemTime{};
        return next_round(none, rhythm);
    }
    return next_round(state, rhythm);
}

RoundJob SweptTarget::job(const Tenant& tenant) const {
    const bool polled = entry->way == WantedSubscription::Way::Poll;
    RoundJob job;
    job.target = target;
    job.way = way();
    job.entry = entry;
    job.to.tenant = tenant.name;
    job.to.tenant_id = tenant.tenant_id;
    job.to.name = target.key.name;
    job.to.element = target.key.element;
    job.to.kind = target.kind;
    job.to.graph_id = target.graph_id;
    job.to.source = polled ? store::Source::Poll : store::Source::Sweep;
    for (const auto& change : entry->changes)
        job.changes = static_cast<std::uint8_t>(job.changes | change_bit(change));
    job.mailbox = mailbox_of(target.resource);
    const NextRound round = next();
    job.reason = round.reason.empty() ? state.reason : std::string(round.reason);
    return job;
}

SweepStatus SweptTarget::status(SystemTime now) const {
    SweepStatus status;
    status.key = target.key;
    status.resource = target.resource;
    status.baseline_at = when(state.baseline_at);
    status.swept_at = when(state.swept_at);
    status.wanted_at = when(state.wanted_at);
    status.failures = state.failures;
    status.last_error = state.last_error;
    status.found = state.found;
    if (!possible) {
        status.state = "impossible";
        status.reason = way().why;
        return status;
    }
    const NextRound round = next();
    status.reason = state.wanted_at != SystemTime{} ? state.reason : std::string();
    if (!running) status.next_at = std::max(round.at, not_before);
    if (running) {
        status.state = "running";
    } else if (state.failures != 0) {
        status.state = "failing";
    } else {
        status.state = *status.next_at <= now ? "due" : "waiting";
    }
    return status;
}

std::chrono::milliseconds silence_of(const WantedSubscription& entry) {
    if (entry.silence) return *entry.silence;
    if (entry.way == WantedSubscription::Way::Poll) return std::chrono::milliseconds{0};
    if (!entry.kind.empty()) return usual_silence(entry.kind);
    const Kind* kind = recognise(entry.resource);
    return kind == nullptr ? std::chrono::milliseconds{0} : usual_silence(kind->name);
}

}  // namespace graphhook::subscriptions
