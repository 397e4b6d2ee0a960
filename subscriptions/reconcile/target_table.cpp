#include "subscriptions/reconcile/target_table.hpp"

#include <algorithm>
#include <functional>

namespace graphhook::subscriptions {
namespace {

using store::SubscriptionState;

std::uint64_t hash_of(std::string_view graph_id) {
    return std::hash<std::string>()(id_key(graph_id));
}

}  // namespace

Lane lane_of(Action action) noexcept {
    switch (action) {
        case Action::Adopt:
            return Lane::Adopt;
        case Action::Renew:
        case Action::Redirect:
            return Lane::Renew;
        case Action::Reauthorize:
            return Lane::Reauthorize;
        case Action::Recreate:
            return Lane::Recreate;
        case Action::Create:
        case Action::Replace:
        case Action::Retry:
            return Lane::Create;
        case Action::MoveKey:
            return Lane::MoveKey;
        case Action::TryParked:
            return Lane::TryParked;
        case Action::Check:
            return Lane::Check;
        case Action::Remove:
        case Action::RetireReplaced:
        case Action::DeleteLeftover:
            return Lane::Delete;
        case Action::Keep:
        case Action::Wait:
        case Action::List:
        case Action::TakeOver:
        case Action::Learn:
        case Action::Retire:
        case Action::MarkRemoval:
        case Action::Unmark:
        case Action::HoldBack:
        case Action::Forget:
            return Lane::Note;
    }
    return Lane::Note;
}

Record* Target::find(std::int64_t number) {
    const auto found = std::ranges::find(records, number, &Record::record);
    return found == records.end() ? nullptr : &*found;
}

const Record* Target::serving() const {
    const Record* best = nullptr;
    for (const Record& record : records) {
        if (record.state == SubscriptionState::Active &&
            (best == nullptr || record.record > best->record))
            best = &record;
    }
    return best;
}

Target* TargetTable::find(std::string_view name, std::string_view element) const {
    const auto found = targets_.find(Key{name, element});
    return found == targets_.end() ? nullptr : found->get();
}

Target& TargetTable::get(const TextPtr& name, std::string_view element) {
    if (Target* there = find(*name, element); there != nullptr) return *there;
    auto target = std::make_unique<Target>();
    target->name = name;
    target->element = element;
    target->serial = ++serial_;
    return **targets_.insert(std::move(target)).first;
}

void TargetTable::erase(Target& target) {
    rest(target);
    for (const Record& record : target.records) unindex(target, record.graph_id);
    targets_.erase(targets_.find(Key{*target.name, target.element}));
}

TargetTable::Hit TargetTable::by_graph_id(std::string_view graph_id) const {
    Hit hit;
    if (graph_id.empty()) return hit;
    const std::string key = id_key(graph_id);
    const auto [first, last] = by_id_.equal_range(hash_of(graph_id));
    for (auto at = first; at != last; ++at) {
        for (Record& record : at->second->records) {
            if (id_key(record.graph_id) != key) continue;
            if (hit.record == nullptr || (hit.record->state == SubscriptionState::Retired &&
                                          record.state != SubscriptionState::Retired))
                hit = {at->second, &record};
        }
    }
    return hit;
}

void TargetTable::index(Target& target, std::string_view graph_id) {
    if (!graph_id.empty()) by_id_.emplace(hash_of(graph_id), &target);
}

void TargetTable::unindex(Target& target, std::string_view graph_id) {
    if (graph_id.empty()) return;
    const auto [first, last] = by_id_.equal_range(hash_of(graph_id));
    for (auto at = first; at != last; ++at) {
        if (at->second != &target) continue;
        by_id_.erase(at);
        return;
    }
}

void TargetTable::rest(Target& target) {
    const Turn turn{target.at, target.serial, &target};
    if (target.place == Target::Place::Waiting) waiting_.erase(turn);
    if (target.place == Target::Place::Ready)
        ready_[static_cast<std::size_t>(target.lane)].erase(turn);
    target.place = Target::Place::Rest;
}

void TargetTable::wait(Target& target, SystemTime until) {
    rest(target);
    target.place = Target::Place::Waiting;
    target.at = until;
    waiting_.emplace(until, target.serial, &target);
}

void TargetTable::ready(Target& target, Lane lane, SystemTime urgency) {
    rest(target);
    target.place = Target::Place::Ready;
    target.lane = lane;
    target.at = urgency;
    ready_[static_cast<std::size_t>(lane)].emplace(urgency, target.serial, &target);
}

void TargetTable::under_way(Target& target) {
    rest(target);
    target.place = Target::Place::UnderWay;
}

Target* TargetTable::due(SystemTime now) {
    if (waiting_.empty() || std::get<0>(*waiting_.begin()) > now) return nullptr;
    Target* target = std::get<2>(*waiting_.begin());
    rest(*target);
    return target;
}

std::optional<SystemTime> TargetTable::next_due() const {
    if (waiting_.empty()) return std::nullopt;
    return std::get<0>(*waiting_.begin());
}

Target* TargetTable::first(Lane lane) const {
    const auto& turns = ready_[static_cast<std::size_t>(lane)];
    return turns.empty() ? nullptr : std::get<2>(*turns.begin());
}

}  // namespace graphhook::subscriptions
