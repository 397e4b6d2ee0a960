// TenantWorker: what its steps do. Each reads a copy of the record, asks Graph without holding the
// lock, and saves what came of it.
#include "core/log.hpp"
#include "core/time_text.hpp"
#include "subscriptions/catalog/catalog.hpp"
#include "subscriptions/plan/renewal.hpp"
#include "subscriptions/reconcile/tenant_worker.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace graphhook::subscriptions {
namespace {

using store::SubscriptionRecord;
using store::SubscriptionState;
using namespace std::chrono_literals;

/// A create without an answer: Graph may be at it still, so the list is asked a little later.
constexpr auto kSettle = 15s;

bool echoes_another(const GraphSubscription& reply, const SubscriptionRecord& record) {
    return reply.client_state && sha256(reply.client_state->reveal()) != record.state_hash;
}

}  // namespace

void TenantWorker::perform(const Step& step, const std::stop_token& stop) {
    if (step.action == Action::List) return list(stop);
    if (step.action == Action::Create || step.action == Action::Replace) {
        log().info(
            "creating a subscription: name={} tenant={} because: {}", step.name, tenant_,
            step.reason
        );
        if (const auto what = wanted(step.name)) create(*what, false, stop);
        return;
    }
    auto record = find(step.record);
    if (!record) return;  // an earlier step of the same round dealt with it
    switch (step.action) {
        case Action::Retry:
            if (const auto what = wanted(step.name)) attempt(*record, *what, false, stop);
            return;
        case Action::Adopt:
            return adopt(*record, step.graph_id, stop);
        case Action::Renew:
            return renew(*record, stop);
        case Action::Reauthorize:
            return reauthorize(*record, stop);
        case Action::Check:
            return check(*record, stop);
        case Action::Learn:
            if (const auto what = wanted(step.name)) record->kind = kind_of(*what);
            record->expires_at = step.expires_at;
            remember(step.record, [&](Memory& m) { m.checked_at = parts_.clock.system_now(); });
            save(*record);
            return;
        case Action::Recreate:
            log().warn(
                "a subscription is created anew: name={} tenant={} because: {}", step.name, tenant_,
                step.reason
            );
            retire(*record);
            if (const auto what = wanted(step.name)) create(*what, true, stop);
            return;
        case Action::Retire:
            return retire(*record);
        case Action::MarkRemoval:
        case Action::Unmark: {
            SystemTime at{};
            if (step.action == Action::MarkRemoval) {
                const std::lock_guard lock(mutex_);
                at = parts_.clock.system_now() + options_.removal_grace;
            }
            record->forget_at = at;
            save(*record);
            return;
        }
        case Action::Remove:
        case Action::RetireReplaced:
            log().info(
                "removing a subscription: name={} tenant={} because: {}", step.name, tenant_,
                step.reason
            );
            return remove(*record, stop);
        case Action::DeleteLeftover:
            return delete_leftover(step, stop);
        case Action::Forget:
            return forget(*record);
        case Action::List:
        case Action::Create:
        case Action::Replace:
        case Action::Keep:
        case Action::HoldBack:
            return;
    }
}

void TenantWorker::list(const std::stop_token& stop) {
    bool beta = false;
    {
        const std::lock_guard lock(mutex_);
        for (const auto& what : state_.wanted) beta = beta || what.beta;
    }
    const SystemTime began = parts_.clock.system_now();
    auto listed = parts_.graph.list(Api::V1, stop);
    if (listed && beta) {
        auto more = parts_.graph.list(Api::Beta, stop);
        if (more) {
            std::set<std::string> there;
            for (const auto& subscription : *listed) there.insert(id_key(subscription.id));
            for (auto& subscription : *more) {
                if (!there.contains(id_key(subscription.id)))
                    listed->push_back(std::move(subscription));
            }
        } else {
            listed = more.error();
        }
    }
    if (!listed) {
        if (listed.error().next == Next::Aborted) return;
        ++list_failures_;
        log().warn(
            "graph's list of subscriptions is not to be had: tenant={} {}", tenant_,
            to_string(listed.error())
        );
        note_error(listed.error());
        // Where the tenant waits as a whole, nothing is created before the list either.
        if (is_tenant_wide(listed.error())) return;
        const std::lock_guard lock(mutex_);
        state_.list_not_before =
            parts_.clock.system_now() + retry_after_failure(1h, list_failures_, tenant_);
        return;
    }
    list_failures_ = 0;
    note_success();
    const std::lock_guard lock(mutex_);
    list_wanted_ = false;
    state_.list_not_before = {};
    std::set<std::string> known;
    for (const auto& record : state_.records) known.insert(id_key(record.graph_id));
    std::map<std::string, SystemTime> first_seen;
    for (const auto& subscription : *listed) {
        const std::string key = id_key(subscription.id);
        if (known.contains(key)) continue;
        const auto before = state_.first_seen.find(key);
        first_seen.emplace(key, before == state_.first_seen.end() ? began : before->second);
    }
    state_.first_seen = std::move(first_seen);
    state_.listing = Listing{began, std::move(*listed)};
}

void TenantWorker::create(const WantedSubscription& what, bool again, const std::stop_token& stop) {
    Record record;
    record.state = SubscriptionState::Creating;
    record.name = what.name;
    record.tenant = tenant_;
    record.kind = kind_of(what);
    record.resource = what.resource;
    record.changes = changes_of(what);
    {
        const std::lock_guard lock(mutex_);
        record.notification_url = state_.notification_url;
        record.lifecycle_url = state_.lifecycle_url;
    }
    record.client_state = Secret(parts_.random(32));
    record.state_hash = sha256(record.client_state.reveal());
    record.created_at = parts_.clock.system_now();
    // Graph may notify before it replies: nothing goes out before the store knows the client state.
    const auto number = parts_.table.put(record);
    if (!number) {
        log().error(
            "a subscription can not be stored, so it is not created: name={} {}", what.name,
            to_string(number.error())
        );
        const std::lock_guard lock(mutex_);
        tenant_error_ = "the store refuses: " + to_string(number.error());
        blocked_until_ = parts_.clock.system_now() + 5s;
        return;
    }
    record.record = *number;
    {
        const std::lock_guard lock(mutex_);
        state_.records.push_back(record);
    }
    attempt(std::move(record), what, again, stop);
}

void TenantWorker::attempt(
    Record record, const WantedSubscription& what, bool again, const std::stop_token& stop
) {
    const SystemTime sent = parts_.clock.system_now();
    remember(record.record, [&](Memory& m) {
        m.tried_at = sent;
        m.refused = false;
        m.listed_before = state_.listing.has_value();
    });
    CreateRequest request;
    request.resource = what.resource;
    request.changes = record.changes;
    request.notification_url = record.notification_url;
    request.lifecycle_url = record.lifecycle_url;
    request.client_state = record.client_state;
    request.beta = what.beta;
    const Kind* kind = kind_named(record.kind);
    request.immutable_ids = what.immutable_ids && kind != nullptr && kind->outlook;
    request.expires_at = sent + life_for(record);
    auto reply = parts_.graph.create(request, stop);
    if (!reply && learn_limit(record, reply.error())) {
        request.expires_at = sent + life_for(record);
        reply = parts_.graph.create(request, stop);
    }
    if (reply && echoes_another(*reply, record)) {
        reply = GraphError{
            .next = Next::Garbled,
            .message = "an answer that echoes another client state",
            .uncertain = true
        };
    }
    if (!reply) {
        create_failed(std::move(record), what, reply.error(), stop);
        return;
    }
    record.state = SubscriptionState::Active;
    record.graph_id = reply->id;
    record.expires_at = reply->expires_at;
    record.client_state = Secret();
    record.failures = 0;
    record.last_error.clear();
    record.attempt_at = {};
    remember(record.record, [&](Memory& m) {
        m.granted = std::chrono::duration_cast<std::chrono::milliseconds>(reply->expires_at - sent);
    });
    save(record);
    note_success();
    if (again) parts_.metrics.renewal("recreated");
    log().info(
        "a subscription is created: name={} tenant={} id={} expires={}", record.name, tenant_,
        for_log(record.graph_id, 64), to_text(record.expires_at)
    );
}

void TenantWorker::create_failed(
    Record record, const WantedSubscription& what, const GraphError& error,
    const std::stop_token& stop
) {
    if (error.next == Next::Aborted) return;  // as it is stored: perhaps it happened
    const bool conflict = error.next == Next::Conflict;
    remember(record.record, [&](Memory& m) {
        m.refused = !error.uncertain && !conflict;
        m.was_uncertain = m.was_uncertain || error.uncertain;
    });
    const SystemTime now = parts_.clock.system_now();
    ++record.failures;
    record.last_error = to_string(error);
    std::optional<Record> in_the_way;
    if (conflict) {
        const std::lock_guard lock(mutex_);
        for (const auto& other : state_.records) {
            if (other.record != record.record && other.name == record.name &&
                other.state == SubscriptionState::Active &&
                comparable(other.resource) == comparable(record.resource) &&
                same_changes(other.changes, record.changes))
                in_the_way = other;
        }
        // Whose it is, the list says.
        list_wanted_ = true;
    }
    if (in_the_way) {
        // Graph takes no second one beside the one to be replaced: the old one has to go first.
        remember(record.record, [](Memory& m) { m.refused = true; });
        record.attempt_at = now;
        save(record);
        remove(*in_the_way, stop);
        return;
    }
    std::chrono::milliseconds wait{};
    switch (error.next) {
        case Next::Handshake:
            wait = retry_after_handshake(record.failures);
            break;
        case Next::Refused:
        case Next::NotFound:
        case Next::Conflict:
            wait = retry_after_refusal(record.failures, record.name);
            break;
        default:
            wait = retry_after_failure(life_of(what), record.failures, record.name);
            break;
    }
    if (error.uncertain)
        wait = std::max<std::chrono::milliseconds>(wait, kSettle);
    else if (is_tenant_wide(error))
        wait = {};  // it waits with its tenant
    record.attempt_at = now + wait;
    save(record);
    note_error(error);
    if (error.next == Next::Handshake && record.failures <= 3) {
        log().info(
            "graph can not reach us yet, it will be tried again: name={} tenant={}", record.name,
            tenant_
        );
    } else {
        log().warn(
            "a subscription could not be created: name={} tenant={} try={} next={} {}", record.name,
            tenant_, record.failures, to_text(record.attempt_at), record.last_error
        );
    }
}

void TenantWorker::adopt(Record record, const std::string& graph_id, const std::stop_token& stop) {
    const SystemTime sent = parts_.clock.system_now();
    const Api api = api_of(record);
    const auto reply = parts_.graph.renew(api, graph_id, sent + life_for(record), stop);
    if (!reply) {
        if (reply.error().next == Next::Aborted) return;
        if (reply.error().next == Next::NotFound) return unlist(graph_id);
        return failed(std::move(record), reply.error(), false);
    }
    if (echoes_another(*reply, record)) {
        log().warn(
            "a subscription like ours is another's and left alone: name={} id={}", record.name,
            for_log(graph_id, 64)
        );
        const std::lock_guard lock(mutex_);
        state_.foreign.emplace(id_key(graph_id), sent);
        return;
    }
    record.state = SubscriptionState::Active;
    record.graph_id = graph_id;
    record.expires_at = reply->expires_at;
    record.touched_at = sent;
    record.client_state = Secret();
    record.failures = 0;
    record.last_error.clear();
    record.attempt_at = {};
    remember(record.record, [&](Memory& m) {
        m.was_uncertain = true;
        m.granted = std::chrono::duration_cast<std::chrono::milliseconds>(reply->expires_at - sent);
    });
    save(record);
    note_success();
    log().info(
        "a subscription whose answer was lost is taken up: name={} id={}", record.name,
        for_log(graph_id, 64)
    );
}

void TenantWorker::renew(Record record, const std::stop_token& stop) {
    const SystemTime sent = parts_.clock.system_now();
    const Api api = api_of(record);
    auto reply = parts_.graph.renew(api, record.graph_id, sent + life_for(record), stop);
    if (!reply && learn_limit(record, reply.error()))
        reply = parts_.graph.renew(api, record.graph_id, sent + life_for(record), stop);
    if (!reply) {
        if (reply.error().next == Next::NotFound) return gone(record, reply.error());
        // Without an answer it may have happened, and counts as a touch.
        if (reply.error().status == 0 && reply.error().uncertain) record.touched_at = sent;
        return failed(std::move(record), reply.error(), true);
    }
    record.expires_at = reply->expires_at;
    record.touched_at = sent;
    record.failures = 0;
    record.last_error.clear();
    record.attempt_at = {};
    remember(record.record, [&](Memory& m) {
        m.granted = std::chrono::duration_cast<std::chrono::milliseconds>(reply->expires_at - sent);
        m.wants_renewal = false;
        m.wants_check = false;
        m.wants_reauthorize.reset();
    });
    save(record);
    note_success();
    parts_.metrics.renewal("renewed");
    log().info(
        "a subscription is renewed: name={} tenant={} expires={}", record.name, tenant_,
        to_text(record.expires_at)
    );
}

void TenantWorker::reauthorize(Record record, const std::stop_token& stop) {
    const SystemTime sent = parts_.clock.system_now();
    const auto reply = parts_.graph.reauthorize(api_of(record), record.graph_id, stop);
    if (!reply) {
        if (reply.error().next == Next::NotFound) return gone(record, reply.error());
        if (reply.error().status == 0 && reply.error().uncertain) record.touched_at = sent;
        return failed(std::move(record), reply.error(), true);
    }
    const auto granted = [&] {
        const std::lock_guard lock(mutex_);
        return granted_life(record, state_.memory[record.record]);
    }();
    record.touched_at = sent;
    record.failures = 0;
    record.last_error.clear();
    record.attempt_at = {};
    remember(record.record, [&](Memory& m) {
        m.granted = granted;  // the touch says nothing about the life any more
        m.wants_reauthorize.reset();
    });
    save(record);
    note_success();
    parts_.metrics.renewal("reauthorized");
}

void TenantWorker::check(Record record, const std::stop_token& stop) {
    const auto reply = parts_.graph.get(api_of(record), record.graph_id, stop);
    if (!reply) {
        if (reply.error().next == Next::NotFound) return gone(record, reply.error());
        return failed(std::move(record), reply.error(), false);
    }
    remember(record.record, [&](Memory& m) {
        m.wants_check = false;
        m.checked_at = parts_.clock.system_now();
    });
    record.expires_at = reply->expires_at;
    record.failures = 0;
    record.last_error.clear();
    record.attempt_at = {};
    save(record);
    note_success();
}

void TenantWorker::remove(Record record, const std::stop_token& stop) {
    const auto reply = parts_.graph.remove(api_of(record), record.graph_id, stop);
    if (!reply) return failed(std::move(record), reply.error(), false);
    note_success();
    unlist(record.graph_id);
    retire(std::move(record));
}

void TenantWorker::delete_leftover(const Step& step, const std::stop_token& stop) {
    const auto record = find(step.record);
    const Api api = record ? api_of(*record) : Api::V1;
    const auto reply = parts_.graph.remove(api, step.graph_id, stop);
    if (!reply && reply.error().next == Next::Aborted) return;
    log().info(
        "a leftover of ours is removed: name={} id={} {}", step.name, for_log(step.graph_id, 64),
        reply ? "done" : to_string(reply.error())
    );
    if (!reply) note_error(reply.error());
    unlist(step.graph_id);  // the next list shows it again if it is still there
}

void TenantWorker::commands(const std::stop_token& stop) {
    std::vector<std::string> ids;
    {
        const std::lock_guard lock(mutex_);
        ids.swap(to_delete_);
    }
    for (const std::string& id : ids) {
        std::optional<Record> known;
        {
            const std::lock_guard lock(mutex_);
            for (const auto& record : state_.records) {
                if (id_key(record.graph_id) == id_key(id)) known = record;
            }
        }
        log().info(
            "removing a subscription by an operator's word: tenant={} id={}", tenant_,
            for_log(id, 64)
        );
        if (known) {
            remove(*known, stop);
        } else if (const auto reply = parts_.graph.remove(Api::V1, id, stop); !reply) {
            note_error(reply.error());
        } else {
            unlist(id);
        }
    }
}

}  // namespace graphhook::subscriptions
