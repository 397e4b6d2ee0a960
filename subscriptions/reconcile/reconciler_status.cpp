// Reconciler: what others tell it and ask it.
#include "core/log.hpp"
#include "subscriptions/plan/estimate.hpp"
#include "subscriptions/plan/planner.hpp"
#include "subscriptions/reconcile/reconciler.hpp"

#include <algorithm>
#include <tuple>

namespace graphhook::subscriptions {
namespace {

using store::SubscriptionState;
using namespace std::chrono_literals;

/// What is tried again within this is worth waiting for.
constexpr auto kShortly = 30s;

std::optional<SystemTime> if_set(SystemTime at) {
    if (at == SystemTime{}) return std::nullopt;
    return at;
}

std::string_view state_of(const Record& record) {
    if (record.state == SubscriptionState::Active)
        return record.forget_at == SystemTime{} ? "active" : "leaving";
    return to_string(record.state);
}

}  // namespace

Result<std::monostate> Reconciler::take(const LifecycleEvent& event) {
    const auto name = lifecycle_name(event.event);
    parts_.metrics.lifecycle(name);
    std::optional<TargetKey> missed;
    {
        const std::lock_guard lock(mutex_);
        around_.now = parts_.clock.system_now();
        const auto [target, record] = targets_.by_graph_id(event.graph_id);
        switch (judge(event, record)) {
            case LifecycleAction::Reauthorize:
                // The first of those that are not answered yet says how long Graph has waited.
                if (record->memory.wants_reauthorize <= record->touched_at)
                    record->memory.wants_reauthorize = event.received_at;
                place(*target);
                break;
            case LifecycleAction::Recreate:
                log().warn("graph removed a subscription: name={} tenant={}", event.name, tenant_);
                record->memory.gone = true;
                place(*target);
                break;
            case LifecycleAction::Missed:
                log().warn(
                    "graph could not deliver some changes: name={} tenant={}", event.name, tenant_
                );
                missed = target != nullptr ? target->key() : TargetKey{event.name, {}};
                break;
            case LifecycleAction::Nothing:
                if (name == "unknown") {
                    log().warn(
                        "a lifecycle event that we do not know: name={} event={}", event.name,
                        for_log(event.event, 80)
                    );
                }
                break;
        }
    }
    if (missed && parts_.missed) {
        const auto wanted = parts_.missed(*missed, "missed");
        if (!wanted && wanted.error().code != Errc::NotFound) return wanted.error();
    }
    parts_.wake();
    return std::monostate{};
}

std::optional<TargetKey> Reconciler::whose(std::string_view graph_id) const {
    const std::lock_guard lock(mutex_);
    const auto hit = targets_.by_graph_id(graph_id);
    if (hit.target == nullptr) return std::nullopt;
    return hit.target->key();
}

bool Reconciler::expiry_seen(std::string_view graph_id, SystemTime expires_at) {
    const std::unique_lock lock(mutex_, std::try_to_lock);
    if (!lock) return false;
    const auto [target, record] = targets_.by_graph_id(graph_id);
    if (record == nullptr || record->state != SubscriptionState::Active) return false;
    // Minutes apart are roundings and clocks; and one check an hour is enough.
    if (expires_at >= record->expires_at - 5min) return false;
    around_.now = parts_.clock.system_now();
    Memory& memory = record->memory;
    if (memory.wants_check || memory.checked_at + 1h > around_.now) return false;
    memory.wants_check = true;
    place(*target);
    return true;
}

void Reconciler::credential_mended() {
    const std::lock_guard lock(mutex_);
    refused_until_ = {};
    credential_failures_ = 0;
}

void Reconciler::apply(std::size_t allow_delete) {
    const std::lock_guard lock(mutex_);
    around_.now = parts_.clock.system_now();
    refused_until_ = {};
    allow_delete_ = allow_delete;
    brake_dirty_ = true;
    list_wanted_ = true;
    for (auto& [name, family] : families_) family.held_until = {};
    targets_.each([](Target& target) {
        for (Record& record : target.records) {
            const Memory& m = record.memory;
            const bool answered = m.tried_at != SystemTime{} && !m.was_uncertain;
            const bool known_end =
                record.state != SubscriptionState::Creating || m.refused || answered;
            if (known_end) record.attempt_at = {};
        }
    });
    place_all();
}

Result<std::monostate> Reconciler::renew(const std::string& name) {
    const std::lock_guard lock(mutex_);
    around_.now = parts_.clock.system_now();
    refused_until_ = {};
    std::vector<Target*> found;
    targets_.each_of(name, [&](Target& target) {
        for (Record& record : target.records) {
            if (record.state != SubscriptionState::Active) continue;
            record.memory.wants_renewal = true;
            record.attempt_at = {};
            found.push_back(&target);
        }
    });
    if (found.empty()) return fail(Errc::NotFound, "no active subscription of that name: " + name);
    for (Target* target : found) place(*target);
    return std::monostate{};
}

Result<std::monostate> Reconciler::remove(const std::string& name_or_id) {
    const std::lock_guard lock(mutex_);
    around_.now = parts_.clock.system_now();
    const auto refuse = [](const std::string& name) {
        return fail(Errc::Conflict, name + " is still configured: it would be created again");
    };
    if (entries_.contains(name_or_id)) return refuse(name_or_id);
    std::vector<Target*> found;
    targets_.each_of(name_or_id, [&](Target& target) {
        if (target.serving() != nullptr) found.push_back(&target);
    });
    const auto hit = targets_.by_graph_id(name_or_id);
    if (hit.record != nullptr && hit.record->state == SubscriptionState::Active) {
        if (hit.target->subscribes()) return refuse(*hit.target->name);
        found.push_back(hit.target);
    }
    for (Target* target : found) {
        target->ordered = true;
        place(*target);
    }
    if (!found.empty()) return std::monostate{};
    const Stranger* there = strangers_.find(name_or_id);
    if (there == nullptr || there->notification_url != around_.notification_url)
        return fail(Errc::NotFound, "no such subscription: " + name_or_id);
    orphans_to_delete_.push_back(there->id);
    return std::monostate{};
}

TargetView Reconciler::shown(const Target& target) const {
    TargetView view = target.view();
    view.under_way = target.place == Target::Place::UnderWay;
    if (target.subscribes() && target.entry->is_template) {
        const auto found = families_.find(*target.name);
        if (found != families_.end()) view.held_until = found->second.held_until;
    }
    return view;
}

Plan Reconciler::preview(std::size_t allow_delete) const {
    const std::lock_guard lock(mutex_);
    return preview_locked(allow_delete);
}

Plan Reconciler::preview_locked(std::size_t allow_delete) const {
    Surroundings around = around_;
    around.now = parts_.clock.system_now();
    Planner planner(around, std::max(allow_delete, allow_delete_));
    targets_.each([&](const Target& target) { planner.add(shown(target), target.approved); });
    return planner.finish();
}

Reconciler::Progress Reconciler::progress() const {
    Progress progress;
    WorkAhead ahead;
    const std::lock_guard lock(mutex_);
    Surroundings around = around_;
    around.now = parts_.clock.system_now();
    targets_.each([&](const Target& target) {
        const TargetView view = shown(target);
        const Decision decision = decide(view, around);
        bool due = false;
        for (const Todo& todo : decision.todos) {
            WorkAhead::Kind kind{};
            const std::string_view verb = verb_of(todo.action);
            const bool soon = verb == "wait" && todo.at <= around.now + kShortly;
            if (verb == "create" || soon)
                kind = WorkAhead::Kind::Create;
            else if (verb == "replace")
                kind = WorkAhead::Kind::Replace;
            else if (verb == "renew" || verb == "adopt" || verb == "check")
                kind = WorkAhead::Kind::Renew;
            else if (verb == "delete")
                kind = WorkAhead::Kind::Delete;
            else
                continue;
            due = true;
            ++progress.to_do;
            const std::string* resource = view.resource;
            if (resource == nullptr && !target.records.empty())
                resource = target.records.front().resource.get();
            ahead.add(kind, resource == nullptr ? std::string() : mailbox_of(*resource));
        }
        bool parked = false;
        bool fails = false;
        for (const Record& record : target.records) {
            parked = parked || record.state == SubscriptionState::Parked;
            fails = fails || (record.live() && record.failures > 0);
        }
        if (fails) ++progress.failing;
        if (!target.subscribes()) return;
        ++progress.wanted;
        if (parked)
            ++progress.parked;
        else if (!due && target.serving() != nullptr)
            ++progress.standing;
    });
    progress.estimate = ahead.lasts();
    return progress;
}

TenantStatus Reconciler::status() const {
    const std::lock_guard lock(mutex_);
    const Plan plan = preview_locked(0);
    TenantStatus status;
    status.name = tenant_;
    status.last_error = tenant_error_;
    const auto until = std::max(blocked_until_, refused_until_);
    if (until > parts_.clock.system_now()) status.waits_until = until;
    status.listed_at = around_.listed_at;
    status.orphans = plan.orphans;
    status.held_back = plan.held_back;
    targets_.each([&](const Target& target) {
        bool live = false;
        for (const Record& record : target.records) {
            SubscriptionStatus line;
            line.name = *target.name;
            line.element = target.element;
            line.tenant = tenant_;
            line.state = state_of(record);
            line.kind = record.shape->kind;
            line.resource = *record.resource;
            line.changes = record.shape->changes;
            line.certificate_id = record.shape->certificate_id;
            line.graph_id = record.graph_id;
            line.created_at = if_set(record.created_at);
            line.expires_at = if_set(record.expires_at);
            line.touched_at = if_set(record.touched_at);
            line.next_try = if_set(record.attempt_at);
            line.failures = record.failures;
            line.last_error = record.last_error();
            if (record.state == SubscriptionState::Active)
                line.removal_at = if_set(record.forget_at);
            live = live || record.state != SubscriptionState::Retired;
            status.subscriptions.push_back(std::move(line));
        }
        if (live || target.entry == nullptr) return;
        SubscriptionStatus line;
        line.name = *target.name;
        line.element = target.element;
        line.tenant = tenant_;
        line.state = target.entry->polled ? "polled" : "planned";
        line.kind = target.entry->kind;
        line.resource = *target.resource;
        line.changes = target.entry->changes;
        status.subscriptions.push_back(std::move(line));
    });
    std::ranges::sort(status.subscriptions, [](const auto& a, const auto& b) {
        return std::tie(a.name, a.element, a.created_at) <
               std::tie(b.name, b.element, b.created_at);
    });
    return status;
}

void Reconciler::publish() {
    const std::lock_guard lock(mutex_);
    publish_locked();
}

void Reconciler::publish_locked() {
    std::map<std::string_view, SystemTime> expiry;
    std::size_t orphans = 0;
    targets_.each([&](const Target& target) {
        for (const Record& record : target.records) {
            if (record.state != SubscriptionState::Active) continue;
            const auto [at, fresh] = expiry.emplace(*target.name, record.expires_at);
            if (!fresh) at->second = std::min(at->second, record.expires_at);
        }
    });
    const SystemTime now = parts_.clock.system_now();
    for (const auto& [key, there] : strangers_.all()) {
        if (there.notification_url == around_.notification_url && there.expires_at > now) ++orphans;
    }
    const auto count_of = [this](SubscriptionState state) {
        const auto found = counts_.find(state);
        return found == counts_.end() ? 0 : found->second;
    };
    for (const auto state :
         {SubscriptionState::Creating, SubscriptionState::Active, SubscriptionState::Retired,
          SubscriptionState::Parked})
        parts_.metrics.set_count(tenant_, to_string(state), count_of(state));
    parts_.metrics.set_failing(tenant_, failing_);
    parts_.metrics.set_orphans(tenant_, orphans);
    parts_.metrics.set_held_back(tenant_, held_back_);
    for (const auto& [name, entry] : entries_) {
        if (!entry->is_template) continue;
        std::size_t elements = 0;
        targets_.each_of(name, [&](const Target& target) {
            if (target.entry != nullptr && target.element != kCollection) ++elements;
        });
        const auto found = families_.find(name);
        parts_.metrics.set_elements(
            name, elements, found == families_.end() ? 0 : found->second.parked
        );
    }
    for (const auto& name : shown_) {
        if (!expiry.contains(name)) parts_.metrics.forget(name);
    }
    shown_.clear();
    for (const auto& [name, at] : expiry) {
        parts_.metrics.set_expiry(std::string(name), at);
        shown_.emplace(name);
    }
}

}  // namespace graphhook::subscriptions
