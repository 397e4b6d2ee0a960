#include "subscriptions/reconcile/tenant_worker.hpp"

#include "core/log.hpp"
#include "core/time_text.hpp"
#include "subscriptions/catalog/catalog.hpp"
#include "subscriptions/plan/renewal.hpp"

#include <algorithm>

namespace graphhook::subscriptions {
namespace {

using store::SubscriptionState;
using namespace std::chrono_literals;

/// So many steps, then a look at what happened meanwhile.
constexpr std::size_t kBatch = 32;
/// The store is in trouble: not every step need find out again.
constexpr auto kStorePause = 5s;

bool idle(Action action) {
    return action == Action::Keep || action == Action::HoldBack;
}

std::optional<SystemTime> if_set(SystemTime at) {
    if (at == SystemTime{}) return std::nullopt;
    return at;
}

}  // namespace

TenantWorker::TenantWorker(std::string tenant, const SubscriptionsOptions& options, Parts parts)
    : tenant_(std::move(tenant)), parts_(std::move(parts)) {
    (void)set_options(options);
}

bool TenantWorker::set_options(const SubscriptionsOptions& options) {
    const std::lock_guard lock(mutex_);
    std::vector<WantedSubscription> mine;
    for (const auto& wanted : options.wanted) {
        if (wanted.tenant != tenant_) continue;
        mine.push_back(wanted);
        mine.back().kind = kind_of(wanted);  // recognised once, not in every plan
    }
    const auto text = [](const std::vector<WantedSubscription>& all) {
        std::string everything;
        for (const auto& w : all) {
            everything += w.name + '\n' + w.resource + '\n' + changes_of(w) + '\n' + kind_of(w) +
                          '\n' + std::to_string(life_of(w).count()) + (w.beta ? "b" : "") +
                          (w.immutable_ids ? "i" : "") + '\n';
        }
        return everything;
    };
    const bool changed = text(mine) != text(state_.wanted) ||
                         state_.notification_url != options.notification_url ||
                         state_.lifecycle_url != options.lifecycle_url;
    options_ = options;
    state_.wanted = std::move(mine);
    state_.notification_url = options.notification_url;
    state_.lifecycle_url = options.lifecycle_url;
    state_.removal_grace = options.removal_grace;
    state_.remember_retired = options.remember_retired;
    return changed;
}

bool TenantWorker::take(const LifecycleEvent& event) {
    const std::lock_guard lock(mutex_);
    const Record* about = nullptr;
    for (const auto& record : state_.records) {
        if (!record.graph_id.empty() && id_key(record.graph_id) == id_key(event.graph_id))
            about = &record;
    }
    const auto name = lifecycle_name(event.event);
    parts_.metrics.lifecycle(name);
    switch (judge(event, about)) {
        case LifecycleAction::Reauthorize:
            state_.memory[about->record].wants_reauthorize = event.received_at;
            return true;
        case LifecycleAction::Recreate:
            log().warn("graph removed a subscription: name={} tenant={}", event.name, tenant_);
            state_.memory[about->record].gone = true;
            return true;
        case LifecycleAction::Missed:
            log().warn(
                "graph could not deliver some changes: name={} tenant={}", event.name, tenant_
            );
            return false;
        case LifecycleAction::Nothing:
            if (name == "unknown") {
                log().warn(
                    "a lifecycle event that we do not know: name={} event={}", event.name,
                    for_log(event.event, 80)
                );
            }
            return false;
    }
    return false;
}

bool TenantWorker::expiry_seen(std::string_view graph_id, SystemTime expires_at) {
    const std::unique_lock lock(mutex_, std::try_to_lock);
    if (!lock) return false;
    for (const auto& record : state_.records) {
        if (record.state != SubscriptionState::Active ||
            id_key(record.graph_id) != id_key(graph_id))
            continue;
        // Minutes apart are roundings and clocks; and one check an hour is enough.
        if (expires_at >= record.expires_at - 5min) return false;
        Memory& memory = state_.memory[record.record];
        if (memory.wants_check || memory.checked_at + 1h > parts_.clock.system_now()) return false;
        memory.wants_check = true;
        return true;
    }
    return false;
}

void TenantWorker::allow_delete(std::size_t count) {
    const std::lock_guard lock(mutex_);
    state_.allow_delete = count;
    list_wanted_ = true;
}

Result<std::monostate> TenantWorker::renew(const std::string& name) {
    const std::lock_guard lock(mutex_);
    bool found = false;
    for (auto& record : state_.records) {
        if (record.name != name || record.state != SubscriptionState::Active) continue;
        state_.memory[record.record].wants_renewal = true;
        record.attempt_at = {};
        found = true;
    }
    if (!found) return fail(Errc::NotFound, "no active subscription of that name: " + name);
    return std::monostate{};
}

Result<std::monostate> TenantWorker::remove(const std::string& name_or_id) {
    const std::lock_guard lock(mutex_);
    for (const auto& wanted : state_.wanted) {
        if (wanted.name == name_or_id) {
            return fail(
                Errc::Conflict, name_or_id + " is still configured: it would be created again"
            );
        }
    }
    bool found = false;
    for (const auto& record : state_.records) {
        const bool meant =
            record.name == name_or_id || id_key(record.graph_id) == id_key(name_or_id);
        if (!meant || record.state != SubscriptionState::Active) continue;
        const bool still_wanted = std::ranges::any_of(state_.wanted, [&](const auto& wanted) {
            return wanted.name == record.name;
        });
        if (still_wanted) {
            return fail(
                Errc::Conflict, record.name + " is still configured: it would be created again"
            );
        }
        to_delete_.push_back(record.graph_id);
        found = true;
    }
    if (!found && state_.listing) {
        state_.now = parts_.clock.system_now();
        for (const auto& orphan : make_plan(state_).orphans) {
            if (id_key(orphan.graph_id) != id_key(name_or_id)) continue;
            to_delete_.push_back(orphan.graph_id);
            found = true;
        }
    }
    if (!found) return fail(Errc::NotFound, "no such subscription: " + name_or_id);
    return std::monostate{};
}

Plan TenantWorker::preview(std::size_t allow_delete) const {
    Situation situation;
    {
        const std::lock_guard lock(mutex_);
        situation = state_;
    }
    situation.now = parts_.clock.system_now();
    situation.allow_delete = std::max(situation.allow_delete, allow_delete);
    return make_plan(situation);
}

TenantStatus TenantWorker::status() const {
    const Plan plan = preview(0);
    const std::lock_guard lock(mutex_);
    TenantStatus status;
    status.name = tenant_;
    status.last_error = tenant_error_;
    if (blocked_until_ > parts_.clock.system_now()) status.waits_until = blocked_until_;
    if (state_.listing) status.listed_at = state_.listing->taken_at;
    status.orphans = plan.orphans;
    status.held_back = plan.held_back;
    std::set<std::string> live;
    for (const auto& record : state_.records) {
        SubscriptionStatus line;
        line.name = record.name;
        line.tenant = record.tenant;
        line.kind = record.kind;
        line.resource = record.resource;
        line.changes = record.changes;
        line.graph_id = record.graph_id;
        line.created_at = if_set(record.created_at);
        line.expires_at = if_set(record.expires_at);
        line.touched_at = if_set(record.touched_at);
        line.next_try = if_set(record.attempt_at);
        line.failures = record.failures;
        line.last_error = record.last_error;
        switch (record.state) {
            case SubscriptionState::Creating:
                line.state = "creating";
                break;
            case SubscriptionState::Active:
                line.state = record.forget_at == SystemTime{} ? "active" : "leaving";
                line.removal_at = if_set(record.forget_at);
                break;
            case SubscriptionState::Retired:
                line.state = "retired";
                break;
        }
        if (record.state != SubscriptionState::Retired) live.insert(record.name);
        status.subscriptions.push_back(std::move(line));
    }
    for (const auto& wanted : state_.wanted) {
        if (live.contains(wanted.name)) continue;
        SubscriptionStatus line;
        line.name = wanted.name;
        line.tenant = tenant_;
        line.state = "planned";
        line.kind = kind_of(wanted);
        line.resource = wanted.resource;
        line.changes = changes_of(wanted);
        status.subscriptions.push_back(std::move(line));
    }
    std::ranges::sort(status.subscriptions, [](const auto& a, const auto& b) {
        return std::tie(a.name, a.created_at) < std::tie(b.name, b.created_at);
    });
    return status;
}

bool TenantWorker::load(SystemTime now) {
    if (loaded_) return true;
    auto records = parts_.table.load();
    const std::lock_guard lock(mutex_);
    if (!records) {
        tenant_error_ = "the store can not be read: " + to_string(records.error());
        blocked_until_ = now + kStorePause;
        log().error("{}: tenant={}", tenant_error_, tenant_);
        return false;
    }
    std::erase_if(*records, [this](const Record& record) { return record.tenant != tenant_; });
    state_.records = std::move(*records);
    loaded_ = true;
    return true;
}

bool TenantWorker::flush() {
    while (!dirty_.empty()) {
        const auto record = find(*dirty_.begin());
        if (record && !parts_.table.put(*record)) return false;
        dirty_.erase(dirty_.begin());
    }
    return true;
}

Plan TenantWorker::plan_now() {
    const std::lock_guard lock(mutex_);
    state_.now = parts_.clock.system_now();
    const bool old = state_.listing && state_.now >= state_.listing->taken_at + options_.list_every;
    Plan plan = make_plan(state_);
    const bool listing = !plan.steps.empty() && plan.steps.front().action == Action::List;
    if ((old || list_wanted_) && !listing && state_.now >= state_.list_not_before) {
        Step step;
        step.action = Action::List;
        step.reason = list_wanted_ ? "asked for" : "the last list is old";
        plan.steps.insert(plan.steps.begin(), std::move(step));
    }
    return plan;
}

SystemTime TenantWorker::step(const std::stop_token& stop) {
    const SystemTime begin = parts_.clock.system_now();
    if (!load(begin)) return begin + kStorePause;
    if (!flush()) return begin + kStorePause;
    {
        const std::lock_guard lock(mutex_);
        if (begin < blocked_until_) return blocked_until_;
    }
    commands(stop);
    // Every failure sets a time before which it is not tried again, so this ends; the bound is for
    // the case that we are wrong.
    Plan plan = plan_now();
    std::size_t rounds = 64 + plan.steps.size();
    while (!stop.stop_requested() && rounds-- > 0) {
        std::size_t performed = 0;
        std::size_t removals = 0;
        for (const Step& step : plan.steps) {
            if (idle(step.action) || performed == kBatch || stop.stop_requested()) break;
            perform(step, stop);
            ++performed;
            if (step.action == Action::Remove && ++removals > plan.quota_left) {
                const std::lock_guard lock(mutex_);
                if (state_.allow_delete > 0) --state_.allow_delete;
            }
            {
                const std::lock_guard lock(mutex_);
                if (parts_.clock.system_now() < blocked_until_) break;
            }
            if (step.action == Action::List) break;  // it changes everything that follows
        }
        plan = plan_now();
        const std::lock_guard lock(mutex_);
        if (performed == 0 || state_.now < blocked_until_) break;
    }
    publish(plan);
    const std::lock_guard lock(mutex_);
    const SystemTime now = parts_.clock.system_now();
    if (now < blocked_until_) return blocked_until_;
    SystemTime next = now + options_.reconcile_every;
    if (plan.next) next = std::min(next, *plan.next);
    if (state_.listing) next = std::min(next, state_.listing->taken_at + options_.list_every);
    return std::max(next, now + (rounds == 0 ? 1000ms : 0ms));
}

void TenantWorker::publish(const Plan& plan) {
    const std::lock_guard lock(mutex_);
    std::size_t creating = 0;
    std::size_t active = 0;
    std::size_t retired = 0;
    std::size_t failing = 0;
    std::map<std::string, SystemTime> expiry;
    for (const auto& record : state_.records) {
        switch (record.state) {
            case SubscriptionState::Creating:
                ++creating;
                break;
            case SubscriptionState::Active: {
                ++active;
                const auto [at, fresh] = expiry.emplace(record.name, record.expires_at);
                if (!fresh) at->second = std::min(at->second, record.expires_at);
                break;
            }
            case SubscriptionState::Retired:
                ++retired;
                break;
        }
        if (record.state != SubscriptionState::Retired && record.failures > 0) ++failing;
    }
    parts_.metrics.set_count(tenant_, "creating", creating);
    parts_.metrics.set_count(tenant_, "active", active);
    parts_.metrics.set_count(tenant_, "retired", retired);
    parts_.metrics.set_failing(tenant_, failing);
    parts_.metrics.set_orphans(tenant_, plan.orphans.size());
    parts_.metrics.set_held_back(tenant_, plan.held_back);
    for (const auto& name : shown_) {
        if (!expiry.contains(name)) parts_.metrics.forget(name);
    }
    shown_.clear();
    for (const auto& [name, at] : expiry) {
        parts_.metrics.set_expiry(name, at);
        shown_.insert(name);
    }
}

}  // namespace graphhook::subscriptions
