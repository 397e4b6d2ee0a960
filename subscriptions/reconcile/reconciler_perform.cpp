// Reconciler: what keeps subscriptions alive, and how they end.
#include "core/log.hpp"
#include "core/time_text.hpp"
#include "subscriptions/catalog/catalog.hpp"
#include "subscriptions/plan/renewal.hpp"
#include "subscriptions/reconcile/reconciler.hpp"

#include <algorithm>

namespace graphhook::subscriptions {
namespace {

using store::SubscriptionState;
using namespace std::chrono_literals;

/// Graph asked for a reauthorization and had to wait longer: it may have paused meanwhile.
constexpr auto kPaused = 15min;

}  // namespace

void Reconciler::perform(Job& job, const std::stop_token& stop) {
    switch (job.action) {
        case Action::Create:
        case Action::Replace:
            log().info(
                "creating a subscription: name={} tenant={} because: {}", *job.target->name,
                tenant_, job.why
            );
            return create(job, false, stop);
        case Action::TryParked:
            return create(job, false, stop);
        case Action::TakeOver:
            return take_over(job);
        default:
            break;
    }
    if (job.record.record == 0) return;
    switch (job.action) {
        case Action::Retry:
            return attempt(job, false, stop);
        case Action::Adopt:
            return adopt(job, stop);
        case Action::Redirect:
            return redirect(job, stop);
        case Action::Renew:
            return renew(job, stop);
        case Action::MoveKey:
            return move_key(job, stop);
        case Action::Reauthorize:
            return reauthorize(job, stop);
        case Action::Check:
            return check(job, stop);
        case Action::Learn:
            if (job.entry != nullptr) {
                job.record.kind = job.entry->kind;
                job.record.sync = job.entry->sync;
            }
            job.record.expires_at = job.at;
            remember(job, [&](Memory& m) { m.checked_at = parts_.clock.system_now(); });
            save(job);
            return;
        case Action::Recreate:
            log().warn(
                "a subscription is created anew: name={} tenant={} because: {}", job.record.name,
                tenant_, job.why
            );
            retire(job);
            return create(job, true, stop);
        case Action::Retire:
            return retire(job);
        case Action::MarkRemoval:
        case Action::Unmark: {
            SystemTime at{};
            if (job.action == Action::MarkRemoval) {
                const std::lock_guard lock(mutex_);
                at = parts_.clock.system_now() + removal_grace_;
            }
            job.record.forget_at = at;
            save(job);
            return;
        }
        case Action::Remove:
        case Action::RetireReplaced:
            log().info(
                "removing a subscription: name={} tenant={} because: {}", job.record.name, tenant_,
                job.why
            );
            return remove(job, stop);
        case Action::DeleteLeftover:
            return delete_leftover(job, stop);
        case Action::Forget:
            return forget(job);
        default:
            return;
    }
}

void Reconciler::renew(Job& job, const std::stop_token& stop) {
    Stored& record = job.record;
    const SystemTime sent = parts_.clock.system_now();
    const auto reply = parts_.graph.renew(api_of(job), record.graph_id, sent + life_for(job), stop);
    if (!reply) {
        if (reply.error().next == Next::NotFound) return gone_at_graph(job, reply.error());
        if (learn_limit(job, reply.error())) {
            record.attempt_at = {};
            save(job);
            return;
        }
        // Without an answer it may have happened, and counts as a touch.
        if (reply.error().status == 0 && reply.error().uncertain) record.touched_at = sent;
        return failed(job, reply.error(), true);
    }
    const SystemTime asked = job.memory.wants_reauthorize;
    record.touched_at = sent;
    remember(job, [&](Memory& m) {
        m.wants_renewal = false;
        m.wants_check = false;
        if (m.wants_reauthorize <= sent) m.wants_reauthorize = {};
    });
    if (asked != SystemTime{} && sent - asked > kPaused) want_sweep(job, "gap");
    if (!record.certificate_id.empty() && !reply->certificate_id.empty())
        record.certificate_id = reply->certificate_id;
    granted(job, reply->expires_at, sent);
    note_success();
    parts_.metrics.renewal("renewed");
    log().info(
        "a subscription is renewed: name={} tenant={} expires={}", record.name, tenant_,
        to_text(record.expires_at)
    );
}

void Reconciler::reauthorize(Job& job, const std::stop_token& stop) {
    Stored& record = job.record;
    const SystemTime sent = parts_.clock.system_now();
    const auto reply = parts_.graph.reauthorize(api_of(job), record.graph_id, stop);
    if (!reply) {
        if (reply.error().next == Next::NotFound) return gone_at_graph(job, reply.error());
        if (reply.error().status == 0 && reply.error().uncertain) record.touched_at = sent;
        return failed(job, reply.error(), true);
    }
    remember(job, [&](Memory& m) {
        if (m.wants_reauthorize <= sent) m.wants_reauthorize = {};
    });
    {
        // The touch says nothing about the life any more.
        const std::lock_guard lock(mutex_);
        if (Record* mine = job.target->find(record.record); mine != nullptr)
            mine->memory.granted = granted_life(*mine);
    }
    record.touched_at = sent;
    record.failures = 0;
    record.last_error.clear();
    record.attempt_at = {};
    const SystemTime asked = job.memory.wants_reauthorize;
    if (asked != SystemTime{} && sent - asked > kPaused) want_sweep(job, "gap");
    save(job);
    note_success();
    parts_.metrics.renewal("reauthorized");
}

void Reconciler::check(Job& job, const std::stop_token& stop) {
    const auto reply = parts_.graph.get(api_of(job), job.record.graph_id, stop);
    if (!reply) {
        if (reply.error().next == Next::NotFound) return gone_at_graph(job, reply.error());
        return failed(job, reply.error(), false);
    }
    learn_key(job, *reply);
    remember(job, [&](Memory& m) {
        m.wants_check = false;
        m.checked_at = parts_.clock.system_now();
    });
    job.record.expires_at = reply->expires_at;
    job.record.failures = 0;
    job.record.last_error.clear();
    job.record.attempt_at = {};
    save(job);
    note_success();
}

void Reconciler::remove(Job& job, const std::stop_token& stop) {
    const auto reply = parts_.graph.remove(api_of(job), job.record.graph_id, stop);
    if (!reply) return failed(job, reply.error(), false);
    note_success();
    retire(job);
    const std::lock_guard lock(mutex_);
    job.target->approved = false;
    job.target->ordered = false;
}

void Reconciler::delete_leftover(Job& job, const std::stop_token& stop) {
    const auto reply = parts_.graph.remove(api_of(job), job.graph_id, stop);
    if (!reply && reply.error().next == Next::Aborted) return;
    log().info(
        "a leftover of ours is removed: name={} id={} {}", job.record.name,
        for_log(job.graph_id, 64), reply ? "done" : to_string(reply.error())
    );
    if (!reply) note_error(reply.error(), job.epoch);
    // The next list shows it again if it is still there.
    const std::lock_guard lock(mutex_);
    if (const auto hit = targets_.by_graph_id(job.graph_id); hit.record != nullptr)
        hit.record->memory.listed = 0;
    else
        strangers_.erase(job.graph_id);
}

void Reconciler::retire(Job& job) {
    Stored record = job.record;
    record.state = SubscriptionState::Retired;
    record.client_state = Secret();
    record.failures = 0;
    record.attempt_at = {};
    {
        const std::lock_guard lock(mutex_);
        record.forget_at = parts_.clock.system_now() + around_.remember_retired;
        if (Record* mine = job.target->find(record.record); mine != nullptr) mine->memory = {};
    }
    job.record = std::move(record);
    save(job);
}

void Reconciler::forget(Job& job) {
    if (const auto erased = parts_.table.erase(job.record.record); !erased)
        return store_refuses(erased.error());
    const std::lock_guard lock(mutex_);
    erase_record(*job.target, job.record.record);
}

}  // namespace graphhook::subscriptions
