// Reconciler: how subscriptions come to be. Each step works on a copy of the record, asks Graph
// without holding the lock, and saves what came of it.
#include "core/log.hpp"
#include "core/text.hpp"
#include "core/time_text.hpp"
#include "subscriptions/catalog/catalog.hpp"
#include "subscriptions/plan/renewal.hpp"
#include "subscriptions/reconcile/reconciler.hpp"

#include <algorithm>

namespace graphhook::subscriptions {
namespace {

using store::SubscriptionState;
using namespace std::chrono_literals;

/// A create without an answer: Graph may be at it still, so the list is asked a little later.
constexpr auto kSettle = 15s;

bool echoes_another(const GraphSubscription& reply, const store::SubscriptionRecord& record) {
    return reply.client_state && sha256(reply.client_state->reveal()) != record.state_hash;
}

/// There may be no more than there are: 403, and the message names the limit. For what Teams has
/// that is one for an application and a resource.
bool names_quota(const GraphError& error) {
    if (error.next != Next::Refused || error.status != 403) return false;
    const std::string message = lowered(error.message);
    const auto has = [&message](std::string_view word) {
        return message.find(word) != std::string::npos;
    };
    return (has("limit") && (has("reached") || has("exceeded"))) || has("quota") ||
           lowered(error.code) == "quotalimitreached";
}

}  // namespace

void Reconciler::create(Job& job, bool again, const std::stop_token& stop) {
    if (job.entry == nullptr || job.resource == nullptr) return;
    if (job.entry->resource_data && job.certificate == nullptr) return;  // it is gone again
    Stored record;
    // An element that was parked has its record already.
    if (job.action == Action::TryParked) record.record = job.record.record;
    record.state = SubscriptionState::Creating;
    record.name = *job.target->name;
    record.element = job.target->element;
    record.tenant = tenant_;
    record.kind = job.entry->kind;
    record.sync = job.entry->sync;
    record.resource = *job.resource;
    record.changes = job.entry->changes;
    if (job.entry->resource_data) record.certificate_id = job.certificate->id;
    {
        const std::lock_guard lock(mutex_);
        record.notification_url = around_.notification_url;
        record.lifecycle_url = around_.lifecycle_url;
    }
    record.client_state = Secret(random(32));
    record.state_hash = sha256(record.client_state.reveal());
    record.created_at = parts_.clock.system_now();
    record.failures = job.action == Action::TryParked ? job.record.failures : 0;
    // Graph may notify before it replies: nothing goes out before the store knows the client state.
    const auto number = parts_.table.put(record);
    if (!number) {
        log().error(
            "a subscription can not be stored, so it is not created: name={} {}", record.name,
            to_string(number.error())
        );
        store_refuses(number.error());
        return;
    }
    record.record = *number;
    job.record = std::move(record);
    job.memory = {};
    {
        const std::lock_guard lock(mutex_);
        set_record(*job.target, job.record);
        job.target->find(job.record.record)->memory = {};
    }
    attempt(job, again, stop);
}

void Reconciler::attempt(Job& job, bool again, const std::stop_token& stop) {
    if (job.entry == nullptr) return;
    Stored& record = job.record;
    if (!record.certificate_id.empty()) {
        if (job.certificate == nullptr) return;
        if (record.certificate_id != job.certificate->id) {
            // Another one than at the last try. Which keys are in use, the store knows beforehand.
            record.certificate_id = job.certificate->id;
            if (!save(job)) return;
        }
    }
    const SystemTime sent = parts_.clock.system_now();
    bool beside = false;  // one that serves until this one stands
    {
        const std::lock_guard lock(mutex_);
        Record* mine = job.target->find(record.record);
        mine->memory.tried_at = sent;
        mine->memory.refused = false;
        mine->memory.listed_before = around_.listed_at.has_value();
        beside = job.target->serving() != nullptr;
    }
    CreateRequest request;
    request.resource = record.resource;
    request.changes = record.changes;
    request.notification_url = record.notification_url;
    request.lifecycle_url = record.lifecycle_url;
    request.client_state = record.client_state;
    request.beta = job.entry->beta;
    request.immutable_ids = job.entry->immutable_ids;
    request.query_options = job.entry->query_options;
    if (!record.certificate_id.empty()) request.certificate = job.certificate;
    request.expires_at = sent + life_for(job);
    auto reply = parts_.graph.create(request, stop);
    if (!reply && learn_limit(job, reply.error())) {
        remember(job, [](Memory& m) { m.refused = true; });
        record.attempt_at = {};
        save(job);
        return;
    }
    if (reply && echoes_another(*reply, record)) {
        reply = GraphError{
            .next = Next::Garbled,
            .message = "an answer that echoes another client state",
            .uncertain = true
        };
    }
    if (!reply) {
        create_failed(job, reply.error());
        return;
    }
    record.state = SubscriptionState::Active;
    record.graph_id = reply->id;
    record.client_state = Secret();
    // What happened before it stood was not told; durable before the record says that it stands.
    if (!beside) want_sweep(job, "recreated");
    granted(job, reply->expires_at, sent);
    note_success();
    {
        const std::lock_guard lock(mutex_);
        Family& own = family(*job.target);
        own.refusals = 0;
        if (own.held_until != SystemTime{}) {
            own.held_until = {};
            own.probes = 0;
            place_all_of(*job.target->name);
        }
    }
    if (again) parts_.metrics.renewal("recreated");
    log().info(
        "a subscription is created: name={} tenant={} id={} expires={}", record.name, tenant_,
        for_log(record.graph_id, 64), to_text(record.expires_at)
    );
}

void Reconciler::create_failed(Job& job, const GraphError& error) {
    if (error.next == Next::Aborted) return;  // as it is stored: perhaps it happened
    Stored& record = job.record;
    const bool conflict = error.next == Next::Conflict;
    const SystemTime now = parts_.clock.system_now();
    ++record.failures;
    record.last_error = to_string(error);
    bool in_the_way = false;
    {
        const std::lock_guard lock(mutex_);
        Record* mine = job.target->find(record.record);
        mine->memory.refused = !error.uncertain && !conflict;
        mine->memory.was_uncertain = mine->memory.was_uncertain || error.uncertain;
        const bool full = names_quota(error);
        for (Record& other : job.target->records) {
            if ((!conflict && !full) || other.record == record.record ||
                other.state != SubscriptionState::Active ||
                comparable(*other.resource) != comparable(record.resource) ||
                (!full && !same_changes(other.shape->changes, record.changes)))
                continue;
            // Graph takes no second one beside the one to be replaced: the old one goes first, and
            // makes room.
            other.memory.in_the_way = true;
            mine->memory.refused = true;
            in_the_way = true;
        }
        // Whose it is, the list says.
        if (conflict && !in_the_way) list_wanted_ = true;
    }
    if (in_the_way) {
        record.attempt_at = now;
        save(job);
        return;
    }
    if (job.entry->is_template) {
        TemplateSoFar so_far;
        {
            const std::lock_guard lock(mutex_);
            Family& own = family(*job.target);
            if (error.next == Next::Refused || error.next == Next::NotFound) {
                own.refusals = same_letters(own.code, error.code) ? own.refusals + 1 : 1;
                own.code = error.code;
            }
            so_far = {own.active, own.refusals, own.probes};
        }
        const ParkVerdict verdict = judge_create(error, so_far, record.name, record.element);
        if (verdict.what != ParkVerdict::Do::Retry) {
            template_failed(job, verdict);
            return;
        }
    }
    std::chrono::milliseconds wait{};
    switch (error.next) {
        case Next::Handshake:
            wait = retry_after_handshake(record.failures);
            break;
        case Next::Refused:
        case Next::NotFound:
        case Next::Conflict:
            wait = retry_after_refusal(record.failures, record.name + record.element);
            break;
        default:
            wait =
                retry_after_failure(job.entry->life, record.failures, record.name + record.element);
            break;
    }
    if (error.uncertain)  // at first, only until Graph's list can be believed
        wait = record.failures == 1 ? kSettle : std::max<std::chrono::milliseconds>(wait, kSettle);
    else if (is_tenant_wide(error))
        wait = {};  // it waits with its tenant
    record.attempt_at = now + wait;
    save(job);
    note_error(error, job.epoch);
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

void Reconciler::template_failed(Job& job, const ParkVerdict& verdict) {
    Stored& record = job.record;
    const SystemTime now = parts_.clock.system_now();
    record.attempt_at = now + verdict.wait;
    record.last_error = verdict.text;
    const bool parks = verdict.what == ParkVerdict::Do::Park;
    if (parks) {
        record.state = SubscriptionState::Parked;
        record.client_state = Secret();
        record.certificate_id.clear();
        log().info(
            "an element is parked: name={} tenant={} element={} {}", record.name, tenant_,
            for_log(record.element, 64), record.last_error
        );
    } else {
        log().warn(
            "a template is held, one element is tried now and then: name={} tenant={} next={} {}",
            record.name, tenant_, to_text(record.attempt_at), record.last_error
        );
    }
    {
        const std::lock_guard lock(mutex_);
        Family& own = family(*job.target);
        if (!parks) {
            own.held_until = record.attempt_at;
            ++own.probes;
        } else if (own.held_until != SystemTime{}) {
            own.held_until = now;  // that told nothing of the others: the next one
        }
    }
    save(job);
}

void Reconciler::take_over(Job& job) {
    Stored record;
    {
        const std::lock_guard lock(mutex_);
        const Stranger* there = strangers_.find(job.graph_id);
        if (there == nullptr || job.entry == nullptr || !job.entry->taken_over) return;
        record.graph_id = there->id;
        record.resource = there->resource;
        record.notification_url = there->notification_url;
        record.lifecycle_url = there->lifecycle_url;
        record.certificate_id = there->certificate_id;
        record.expires_at = there->expires_at;
    }
    record.state = SubscriptionState::Active;
    record.name = *job.target->name;
    record.element = job.target->element;
    record.tenant = tenant_;
    record.kind = job.entry->kind;
    record.sync = job.entry->sync;
    record.changes = job.entry->changes;
    record.state_hash = *job.entry->taken_over;
    record.created_at = parts_.clock.system_now();
    // Its notifications are accepted from here on; only then may they be sent to us.
    const auto number = parts_.table.put(record);
    if (!number) return store_refuses(number.error());
    record.record = *number;
    log().info(
        "another receiver's subscription is taken over: name={} tenant={} id={}", record.name,
        tenant_, for_log(record.graph_id, 64)
    );
    const std::lock_guard lock(mutex_);
    set_record(*job.target, record);
}

void Reconciler::adopt(Job& job, const std::stop_token& stop) {
    Stored& record = job.record;
    const SystemTime sent = parts_.clock.system_now();
    const auto reply = parts_.graph.renew(api_of(job), job.graph_id, sent + life_for(job), stop);
    if (!reply) {
        if (reply.error().next == Next::NotFound) {
            const std::lock_guard lock(mutex_);
            strangers_.erase(job.graph_id);
            return;
        }
        return failed(job, reply.error(), false);
    }
    if (echoes_another(*reply, record)) {
        log().warn(
            "a subscription like ours is another's and left alone: name={} id={}", record.name,
            for_log(job.graph_id, 64)
        );
        const std::lock_guard lock(mutex_);
        strangers_.set_foreign(job.graph_id);
        return;
    }
    record.state = SubscriptionState::Active;
    record.graph_id = job.graph_id;
    record.touched_at = sent;
    record.client_state = Secret();
    // Of several tries with several certificates: which one it has, a GET says.
    const bool rich = !record.certificate_id.empty();
    remember(job, [rich](Memory& m) {
        m.was_uncertain = true;
        m.wants_check = m.wants_check || rich;
    });
    want_sweep(job, "recreated");
    granted(job, reply->expires_at, sent);
    note_success();
    log().info(
        "a subscription whose answer was lost is taken up: name={} id={}", record.name,
        for_log(job.graph_id, 64)
    );
}

void Reconciler::redirect(Job& job, const std::stop_token& stop) {
    Stored& record = job.record;
    const SystemTime sent = parts_.clock.system_now();
    const Api api = api_of(job);
    const bool others = job.entry != nullptr && job.entry->taken_over == record.state_hash;
    if (others && !job.memory.proven) {
        // A PATCH that changes nothing echoes the client state: is it what we were given?
        const auto reply = parts_.graph.renew(api, record.graph_id, record.expires_at, stop);
        if (!reply) {
            if (reply.error().next == Next::NotFound) return gone_at_graph(job, reply.error());
            return failed(job, reply.error(), false);
        }
        note_success();
        if (!echoes_another(*reply, record)) {
            return remember(job, [](Memory& m) { m.proven = true; });
        }
        log().warn(
            "a subscription has another client state than we were given, and is left alone: "
            "name={} id={}",
            record.name, for_log(record.graph_id, 64)
        );
        {
            const std::lock_guard lock(mutex_);
            strangers_.set_foreign(record.graph_id);
        }
        return forget(job);
    }
    std::string to;
    {
        const std::lock_guard lock(mutex_);
        to = around_.notification_url;
    }
    const CertificatePtr key = key_to_take_along(job);
    const auto reply =
        parts_.graph.redirect(api, record.graph_id, sent + life_for(job), to, key, stop);
    if (!reply) {
        if (reply.error().next == Next::NotFound) return gone_at_graph(job, reply.error());
        if (learn_limit(job, reply.error())) {
            record.attempt_at = {};
            save(job);
            return;
        }
        if (reply.error().status == 0 && reply.error().uncertain) record.touched_at = sent;
        return failed(job, reply.error(), true);
    }
    record.notification_url = to;
    record.touched_at = sent;
    remember(job, [](Memory& m) {
        m.wants_renewal = false;
        m.wants_check = false;
        m.wants_reauthorize = {};
    });
    if (key != nullptr) key_was_sent(job);
    granted(job, reply->expires_at, sent);
    note_success();
    parts_.metrics.renewal("renewed");
    log().info(
        "a subscription's notifications go to our URL now: name={} tenant={} id={}", record.name,
        tenant_, for_log(record.graph_id, 64)
    );
}

}  // namespace graphhook::subscriptions
