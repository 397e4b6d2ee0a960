#include "subscriptions/reconcile/reconciler.hpp"

#include "core/log.hpp"
#include "subscriptions/plan/brake.hpp"

#include <algorithm>

namespace graphhook::subscriptions {
namespace {

using store::SubscriptionState;
using namespace std::chrono_literals;

/// The store is in trouble: not everybody need find out again.
constexpr auto kStorePause = 5s;
/// After a create of which nobody knows what came of it.
constexpr auto kSettle = 15s;
/// Up to so many targets the gauges are brought up to date with every step.
constexpr std::size_t kFew = 1'000;

bool idle(Action action) {
    return action == Action::Keep || action == Action::Wait || action == Action::HoldBack;
}

}  // namespace

Reconciler::Reconciler(const Tenant& tenant, const SubscriptionsOptions& options, Parts parts)
    : tenant_(tenant.name),
      most_jobs_(std::max<std::size_t>(tenant.requests, 1)),
      parts_(std::move(parts)) {
    around_.strangers = &strangers_;
    around_.known = [this](std::string_view id) {
        return targets_.by_graph_id(id).target != nullptr;
    };
    const std::lock_guard lock(mutex_);
    (void)apply_options(options);
}

Reconciler::~Reconciler() = default;

bool Reconciler::set_options(const SubscriptionsOptions& options) {
    const std::lock_guard lock(mutex_);
    return apply_options(options);
}

bool Reconciler::apply_options(const SubscriptionsOptions& options) {
    std::map<std::string, EntryPtr, std::less<>> entries;
    std::map<std::string, EntryPtr, std::less<>> collections;
    for (const auto& wanted : options.wanted) {
        if (wanted.tenant != tenant_) continue;
        EntryPtr entry = make_entry(wanted);
        if (entry->is_template && !entry->polled) {
            if (const auto watch = collection_watch(wanted)) {
                EntryPtr about = make_collection_entry(*watch);
                const auto before = collections_.find(wanted.name);
                if (before != collections_.end() && before->second->same(*about))
                    about = before->second;
                collections.emplace(wanted.name, std::move(about));
            }
        }
        const auto before = entries_.find(wanted.name);
        if (before != entries_.end() && before->second->same(*entry)) entry = before->second;
        entries.emplace(wanted.name, std::move(entry));
    }
    // What may be taken over is not in the lists from before it was wanted.
    const bool take_over = std::ranges::any_of(entries, [this](const auto& entry) {
        const auto before = entries_.find(entry.first);
        return entry.second->taken_over &&
               (before == entries_.end() || before->second != entry.second);
    });
    if (take_over) {
        around_.listed_at.reset();
        if (list_run_) list_run_->outdated = true;
    }
    reconcile_every_ = options.reconcile_every;
    list_every_ = options.list_every;
    removal_grace_ = options.removal_grace;
    around_.remember_retired = options.remember_retired;
    const bool changed = entries != entries_ || collections != collections_ ||
                         around_.notification_url != options.notification_url ||
                         around_.lifecycle_url != options.lifecycle_url;
    if (!changed) return false;
    entries_ = std::move(entries);
    collections_ = std::move(collections);
    around_.notification_url = options.notification_url;
    around_.lifecycle_url = options.lifecycle_url;
    for (const auto& [name, entry] : entries_) {
        if (!entry->is_template) (void)targets_.get(entry->name, {});
    }
    for (const auto& [name, entry] : collections_) (void)targets_.get(entry->name, kCollection);
    targets_.each([this](Target& target) { rewant(target); });
    for (auto& [name, family] : families_) family.held_until = {};
    place_all();
    return true;
}

/// What is wanted of it, by the options and by what is known of its template's elements.
void Reconciler::rewant(Target& target) {
    const auto found = entries_.find(*target.name);
    const EntryPtr entry = found == entries_.end() ? nullptr : found->second;
    if (target.element == kCollection) {
        const auto about = collections_.find(*target.name);
        target.entry = about == collections_.end() ? nullptr : about->second;
        target.resource = target.entry == nullptr ? nullptr : target.entry->resource;
    } else if (entry == nullptr || entry->is_template == target.element.empty()) {
        target.entry = nullptr;
        target.resource = nullptr;
    } else if (!entry->is_template) {
        target.entry = entry;
        target.resource = entry->resource;
    } else if (target.entry != nullptr) {
        target.entry = entry;
    } else if (!families_[*target.name].expanded && !entry->polled) {
        // Known from before a restart: wanted until a complete expansion says otherwise.
        const auto known = std::ranges::find_if(target.records, [](const Record& record) {
            return record.state != SubscriptionState::Retired;
        });
        if (known != target.records.end()) {
            target.entry = entry;
            target.resource = known->resource;
        }
    }
    announce(target);
}

void Reconciler::take(const Expansion& expansion) {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(expansion.name);
    if (found == entries_.end() || !found->second->is_template) return;
    const EntryPtr entry = found->second;
    families_[expansion.name].expanded = true;
    around_.now = parts_.clock.system_now();
    std::set<std::string_view> there;
    for (const Element& element : expansion.elements) {
        if (element.id.empty() || element.id == kCollection) continue;
        there.insert(element.id);
        Target& target = targets_.get(entry->name, element.id);
        if (target.entry == entry && target.resource != nullptr &&
            *target.resource == element.resource)
            continue;
        target.entry = entry;
        const Record* serving = target.serving();
        target.resource = serving != nullptr && *serving->resource == element.resource
                              ? serving->resource
                              : std::make_shared<const std::string>(element.resource);
        announce(target);
        place(target);
    }
    std::vector<Target*> left;
    targets_.each_of(expansion.name, [&](Target& target) {
        if (target.entry == nullptr || target.element.empty() || target.element == kCollection)
            return;
        if (!there.contains(target.element)) left.push_back(&target);
    });
    for (Target* target : left) {
        target->entry = nullptr;
        target->resource = nullptr;
        place(*target);
    }
    if (!left.empty()) {
        log().info(
            "elements are no longer in the collection: name={} tenant={} count={}", expansion.name,
            tenant_, left.size()
        );
    }
    parts_.wake();
}

bool Reconciler::load() {
    look_at_certificate();
    {
        const std::lock_guard lock(mutex_);
        if (loaded_) return true;
    }
    auto records = parts_.table.load();
    const std::lock_guard lock(mutex_);
    around_.now = parts_.clock.system_now();
    if (!records) {
        tenant_error_ = "the store can not be read: " + to_string(records.error());
        blocked_until_ = around_.now + kStorePause;
        log().error("{}: tenant={}", tenant_error_, tenant_);
        return false;
    }
    for (Stored& record : *records) {
        if (record.tenant != tenant_) continue;
        const auto entry = entries_.find(record.name);
        const TextPtr name =
            entry != entries_.end() ? entry->second->name : interner_.text(record.name);
        Target& target = targets_.get(name, record.element);
        // Whatever was wrong may be mended: a restart is what an operator tries. Not at once, as
        // Graph may still be at a create of before.
        if (record.state == SubscriptionState::Creating)
            record.attempt_at = std::min<SystemTime>(record.attempt_at, around_.now + kSettle);
        if (record.sync != store::Sync::None) target.announced = true;
        set_record(target, record);
    }
    loaded_ = true;
    targets_.each([this](Target& target) { rewant(target); });
    place_all();
    return true;
}

SystemTime Reconciler::step() {
    if (!load()) return parts_.clock.system_now() + kStorePause;
    const std::lock_guard lock(mutex_);
    const SystemTime now = parts_.clock.system_now();
    around_.now = now;
    while (Target* target = targets_.due(now)) place(*target);
    if (brake_dirty_ || now >= brake_at_) brake(now);
    SystemTime next = start_work(now);
    if (targets_.size() <= kFew) publish_locked();
    next = std::min(next, now + reconcile_every_);
    if (now >= std::max(blocked_until_, refused_until_)) {
        if (const auto due = targets_.next_due()) next = std::min(next, *due);
        next = std::min(next, brake_at_);
        if (around_.listed_at && !list_run_)
            next =
                std::min(next, std::max(*around_.listed_at + list_every_, around_.list_not_before));
    }
    return next;
}

/// Decides anew about one, and puts it where it belongs. It may be gone then.
void Reconciler::place(Target& target) {
    if (target.place == Target::Place::UnderWay) return;  // decided when that is over
    if (target.records.empty() && target.entry == nullptr) {
        removable_.erase(&target);
        if (target.announced) let_go(target);
        targets_.erase(target);
        return;
    }
    if (!loaded_) return;
    if (target.entry == nullptr && target.announced &&
        std::ranges::none_of(target.records, &Record::live)) {
        let_go(target);
    }
    if (target.dirty) {
        targets_.ready(target, Lane::Note, {});
        return;
    }
    Decision decision = decide(target.view(), around_);
    if (!decision.list.empty()) list_needed_ = true;
    if (decision.removal != 0 && !target.approved && !target.ordered) {
        if (removable_.insert(&target).second) brake_dirty_ = true;
    } else {
        removable_.erase(&target);
    }
    if (const auto todo = choose(target, decision))
        targets_.ready(target, lane_of(todo->action), urgency_of(target, *todo));
    else if (decision.due)
        targets_.wait(target, *decision.due);
    else
        targets_.rest(target);
}

/// What comes first of what is decided; nothing: it only waits.
std::optional<Todo> Reconciler::choose(const Target& target, Decision& decision) const {
    const Record* serving = target.serving();
    if (target.ordered && serving != nullptr && !target.subscribes() &&
        around_.now >= serving->attempt_at)
        return Todo{Action::Remove, serving->record, {}, {}, "an operator's word"};
    if (decision.removal != 0 && target.approved)
        return Todo{Action::Remove, decision.removal, {}, {}, "no longer wanted"};
    Todo* best = nullptr;
    for (Todo& todo : decision.todos) {
        if (idle(todo.action)) continue;
        if (best == nullptr || rank_of(todo.action) < rank_of(best->action)) best = &todo;
    }
    if (best == nullptr) return std::nullopt;
    return std::move(*best);
}

/// Renewals by what is left of the life; creates by who was tried longest ago; removals by turn.
SystemTime Reconciler::urgency_of(const Target& target, const Todo& todo) const {
    for (const Record& record : target.records) {
        if (record.record != todo.record) continue;
        switch (lane_of(todo.action)) {
            case Lane::Renew:
            case Lane::Reauthorize:
            case Lane::Recreate:
            case Lane::MoveKey:
                return record.expires_at;
            case Lane::Create:
            case Lane::TryParked:
                return record.memory.tried_at;
            default:
                return {};
        }
    }
    return {};
}

void Reconciler::place_all() {
    std::vector<Target*> all;
    all.reserve(targets_.size());
    targets_.each([&](Target& target) { all.push_back(&target); });
    for (Target* target : all) place(*target);
}

void Reconciler::place_all_of(std::string_view name) {
    std::vector<Target*> all;
    targets_.each_of(name, [&](Target& target) { all.push_back(&target); });
    for (Target* target : all) place(*target);
}

void Reconciler::brake(SystemTime now) {
    brake_dirty_ = false;
    brake_at_ = SystemTime::max();
    held_back_ = 0;
    if (removable_.empty()) return;
    Brake brake(now, around_.remember_retired);
    targets_.each([&](const Target& target) { brake.count(target.view(), target.approved); });
    std::vector<Target*> all(removable_.begin(), removable_.end());
    std::ranges::sort(all, {}, &Target::serial);
    for (std::size_t i = 0; i < all.size(); ++i) {
        const Record* serving = all[i]->serving();
        const SystemTime since = serving == nullptr ? now : serving->forget_at;
        brake.propose(since, *all[i]->name, i);
    }
    const Brake::Verdict verdict = brake.judge(allow_delete_);
    allow_delete_ -= std::min(allow_delete_, verdict.beyond);
    for (const std::size_t i : verdict.approved) {
        all[i]->approved = true;
        place(*all[i]);
    }
    for (const Brake::Held& held : verdict.held) brake_at_ = std::min(brake_at_, held.due);
    held_back_ = verdict.held.size();
    brake_dirty_ = false;
    if (held_back_ > 0) {
        log().warn(
            "removals wait for an operator's word, being too many for an hour: tenant={} count={}",
            tenant_, held_back_
        );
    }
}

/// The sweeper learns of what is swept: that it is there, its resource, its subscription.
void Reconciler::announce(Target& target) {
    if (target.entry == nullptr || !target.entry->swept || target.element == kCollection) return;
    if (!loaded_ || !parts_.appeared) return;
    const Record* serving = target.serving();
    target.announced = true;
    parts_.appeared(
        {target.key(), *target.resource, target.entry->kind,
         serving == nullptr ? std::string() : serving->graph_id}
    );
}

/// The sweeper forgets it, which takes a write to the store each: in the pool.
void Reconciler::let_go(Target& target) {
    target.announced = false;
    if (!parts_.gone) return;
    let_go_.push_back(target.key());
    if (let_go_.size() > 1) return;  // one piece of work for all that come until it begins
    parts_.pool.run([this](const std::stop_token& stop) {
        std::vector<TargetKey> keys;
        {
            const std::lock_guard lock(mutex_);
            keys.swap(let_go_);
        }
        const auto is_back = [this](const TargetKey& key) {
            const Target* there = targets_.find(key.name, key.element);
            return there != nullptr && there->announced;
        };
        for (const TargetKey& key : keys) {
            if (stop.stop_requested()) return;
            {
                const std::lock_guard lock(mutex_);
                if (is_back(key)) continue;
            }
            parts_.gone(key);
            const std::lock_guard lock(mutex_);
            if (is_back(key)) announce(*targets_.find(key.name, key.element));
        }
    });
}

Reconciler::Family& Reconciler::family(const Target& target) {
    // Names hold no slash. What becomes of the collection's own says nothing of its elements.
    if (target.element == kCollection) return families_[*target.name + "/*"];
    return families_[*target.name];
}

void Reconciler::count(const Target& target, const Record& record, std::ptrdiff_t by) {
    const auto add = [by](std::size_t& number) {
        number = static_cast<std::size_t>(static_cast<std::ptrdiff_t>(number) + by);
    };
    add(counts_[record.state]);
    if (record.live() && record.failures > 0) add(failing_);
    if (record.state == SubscriptionState::Active) add(family(target).active);
    if (record.state == SubscriptionState::Parked) add(family(target).parked);
}

void Reconciler::set_record(Target& target, const Stored& record) {
    Record* mine = target.find(record.record);
    std::string id_before;
    if (mine == nullptr) {
        mine = &target.records.emplace_back();
    } else {
        count(target, *mine, -1);
        id_before = mine->graph_id;
    }
    pack(record, interner_, *mine);
    if (target.resource != nullptr && *target.resource == *mine->resource)
        mine->resource = target.resource;
    count(target, *mine, 1);
    if (id_before != mine->graph_id) {
        targets_.unindex(target, id_before);
        targets_.index(target, mine->graph_id);
        strangers_.erase(mine->graph_id);
        if (loaded_ && mine->state == SubscriptionState::Active) announce(target);
    }
}

void Reconciler::erase_record(Target& target, std::int64_t number) {
    const Record* mine = target.find(number);
    if (mine == nullptr) return;
    count(target, *mine, -1);
    targets_.unindex(target, mine->graph_id);
    std::erase_if(target.records, [number](const Record& record) {
        return record.record == number;
    });
}

}  // namespace graphhook::subscriptions
