#include "subscriptions/plan/plan.hpp"

#include "core/time_text.hpp"
#include "subscriptions/plan/planner.hpp"
#include "subscriptions/target.hpp"
#include "subscriptions/templates/expander.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace graphhook::subscriptions {
namespace {

using store::SubscriptionState;

std::string reason_of(const Todo& todo) {
    if (todo.why != kUntilRenewal) return std::string(todo.why);
    return fmt::format("renewal at {}", to_text(std::chrono::floor<std::chrono::seconds>(todo.at)));
}

const Record* record_of(const TargetView& target, std::int64_t number) {
    for (const Record& record : target.records) {
        if (record.record == number) return &record;
    }
    return nullptr;
}

}  // namespace

Planner::Planner(const Surroundings& around, std::size_t allow_delete)
    : around_(around), allow_delete_(allow_delete), brake_(around.now, around.remember_retired) {
}

void Planner::wake_at(SystemTime due) {
    if (!plan_.next || due < *plan_.next) plan_.next = due;
}

void Planner::add(const TargetView& target, bool approved) {
    brake_.count(target, approved);
    const Decision decision = decide(target, around_);
    if (list_.empty()) list_ = decision.list;
    if (decision.due) wake_at(*decision.due);
    for (const Todo& todo : decision.todos) {
        if (approved && decision.removal != 0 && todo.record == decision.removal) continue;
        add_step(target, todo);
    }
    if (decision.removal == 0) return;
    const Record* record = record_of(target, decision.removal);
    if (approved) {
        add_step(target, {Action::Remove, record->record, {}, {}, "no longer wanted"});
        return;
    }
    brake_.propose(decision.removal_since, target.name, removals_.size());
    removals_.push_back({target, record->record, record->graph_id, record->expires_at});
}

void Planner::add_step(const TargetView& target, const Todo& todo) {
    if (todo.action == Action::Keep && ++plan_.kept > kKeepRows) return;
    Step step;
    step.action = todo.action;
    step.name = target.name;
    step.element = target.element;
    step.record = todo.record;
    step.graph_id = todo.graph_id;
    step.reason = reason_of(todo);
    SystemTime urgency{};
    if (const Record* record = record_of(target, todo.record); record != nullptr) {
        if (step.graph_id.empty()) step.graph_id = record->graph_id;
        if (rank_of(todo.action) == rank_of(Action::Renew)) urgency = record->expires_at;
    }
    if (todo.action == Action::Keep || todo.action == Action::Wait)
        step.due = todo.at;
    else
        step.expires_at = todo.at;
    plan_.steps.push_back(std::move(step));
    urgency_.push_back(urgency);
}

void Planner::removals() {
    const Brake::Verdict verdict = brake_.judge(allow_delete_);
    plan_.quota_left = verdict.quota_left;
    std::set<std::int64_t> going;
    for (const std::size_t tag : verdict.approved) going.insert(removals_[tag].record);
    if (!going.empty()) {
        // What would be done to keep it alive is pointless when it goes now.
        std::size_t kept = 0;
        for (std::size_t i = 0; i < plan_.steps.size(); ++i) {
            if (going.contains(plan_.steps[i].record)) {
                if (plan_.steps[i].action == Action::Keep) --plan_.kept;
                continue;
            }
            if (kept != i) {
                plan_.steps[kept] = std::move(plan_.steps[i]);
                urgency_[kept] = urgency_[i];
            }
            ++kept;
        }
        plan_.steps.resize(kept);
        urgency_.resize(kept);
    }
    for (const std::size_t tag : verdict.approved) {
        const Removal& removal = removals_[tag];
        add_step(removal.target, {Action::Remove, removal.record, {}, {}, "no longer wanted"});
    }
    for (const Brake::Held& held : verdict.held) {
        const Removal& removal = removals_[held.tag];
        const std::string why =
            fmt::format("more than {} removals within an hour need an operator's word", held.quota);
        add_step(removal.target, {Action::HoldBack, removal.record, {}, {}, why});
        plan_.steps.back().due = held.due;
        wake_at(held.due);
        ++plan_.held_back;
    }
}

void Planner::orphans() {
    if (around_.strangers == nullptr) return;
    std::set<std::string> claimed;
    for (const Step& step : plan_.steps) {
        const bool claims = step.action == Action::Adopt || step.action == Action::TakeOver ||
                            step.action == Action::DeleteLeftover;
        if (claims) claimed.insert(id_key(step.graph_id));
    }
    for (const auto& [key, there] : around_.strangers->all()) {
        if (there.notification_url != around_.notification_url || there.expires_at <= around_.now ||
            claimed.contains(key) || around_.known(there.id))
            continue;
        plan_.orphans.push_back({there.id, there.resource, there.changes, there.expires_at});
    }
}

/// By rank; what is renewed by what is left of its life; else as decided.
void Planner::sort() {
    std::vector<std::tuple<int, SystemTime, std::size_t>> order;
    order.reserve(plan_.steps.size());
    for (std::size_t i = 0; i < plan_.steps.size(); ++i)
        order.emplace_back(rank_of(plan_.steps[i].action), urgency_[i], i);
    std::ranges::sort(order);
    std::vector<Step> sorted;
    sorted.reserve(order.size());
    for (const auto& entry : order) sorted.push_back(std::move(plan_.steps[std::get<2>(entry)]));
    plan_.steps = std::move(sorted);
}

Plan Planner::finish() {
    removals();
    orphans();
    const bool needed = !list_.empty() || !around_.listed_at;
    if (needed && around_.now < around_.list_not_before) {
        wake_at(around_.list_not_before);
    } else if (needed) {
        Step step;
        step.action = Action::List;
        step.reason = list_.empty() ? "what is at Graph is not known yet" : list_;
        plan_.steps.push_back(std::move(step));
        urgency_.emplace_back();
    }
    sort();
    return std::move(plan_);
}

Plan make_plan(const Situation& s) {
    struct Target {
        EntryPtr entry;
        TextPtr resource;
        std::vector<Record> records;
    };
    Interner interner;
    Strangers strangers;
    std::map<std::string, std::map<std::string, Target>> targets;  // by name and element
    std::set<std::string> known;
    std::map<std::string, EntryPtr> templates;
    for (const auto& wanted : s.wanted) {
        const EntryPtr entry = make_entry(wanted);
        if (entry->is_template) {
            templates.emplace(wanted.name, entry);
            if (const auto watch = collection_watch(wanted); watch && !entry->polled) {
                Target& target = targets[wanted.name][std::string(kCollection)];
                target.entry = make_collection_entry(*watch);
                target.resource = target.entry->resource;
            }
        } else if (!entry->polled) {
            Target& target = targets[wanted.name][""];
            target.entry = entry;
            target.resource = entry->resource;
        }
    }
    std::map<std::string, const GraphSubscription*> listed;
    if (s.listing) {
        for (const auto& there : s.listing->subscriptions) listed.emplace(id_key(there.id), &there);
    }
    for (const auto& record : s.records) {
        Target& target = targets[record.name][record.element];
        Record& held = target.records.emplace_back();
        pack(record, interner, held);
        if (const auto memory = s.memory.find(record.record); memory != s.memory.end())
            held.memory = memory->second;
        if (const auto found = templates.find(record.name);
            found != templates.end() && !found->second->polled && !record.element.empty() &&
            record.element != kCollection && record.state != SubscriptionState::Retired) {
            target.entry = found->second;
            target.resource = held.resource;
        }
        if (record.graph_id.empty()) continue;
        const std::string key = id_key(record.graph_id);
        known.insert(key);
        if (const auto there = listed.find(key); there != listed.end()) {
            held.memory.listed = 1;
            held.memory.listed_expiry = there->second->expires_at;
        }
    }
    for (const auto& [key, there] : listed) {
        if (known.contains(key)) continue;
        const auto seen = s.first_seen.find(key);
        strangers.put(*there, 1, seen == s.first_seen.end() ? s.listing->taken_at : seen->second);
        if (s.foreign.contains(key)) strangers.set_foreign(key);
    }

    Surroundings around;
    around.now = s.now;
    around.notification_url = s.notification_url;
    around.lifecycle_url = s.lifecycle_url;
    if (s.listing) {
        around.listed_at = s.listing->taken_at;
        around.list_number = 1;
    }
    around.list_not_before = s.list_not_before;
    around.remember_retired = s.remember_retired;
    around.certificate_id = s.certificate_id;
    around.certificate_ends = s.certificate_ends;
    around.certificate_number = s.certificate_id.empty() ? 0 : 1;
    around.strangers = &strangers;
    around.known = [&known](std::string_view id) { return known.contains(id_key(id)); };

    Planner planner(around, s.allow_delete);
    for (const auto& [name, elements] : targets) {
        for (const auto& [element, target] : elements) {
            planner.add({name, element, target.entry.get(), target.resource.get(), target.records});
        }
    }
    return planner.finish();
}

}  // namespace graphhook::subscriptions
