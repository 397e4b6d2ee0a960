#include "subscriptions/plan/strangers.hpp"

#include "subscriptions/catalog/catalog.hpp"
#include "subscriptions/plan/plan.hpp"

namespace graphhook::subscriptions {

std::string certificate_of(const GraphSubscription& there) {
    if (there.certificate_id.empty() && there.include_resource_data == true) return "?";
    return there.certificate_id;
}

void Strangers::put(const GraphSubscription& seen, std::uint32_t list, SystemTime began) {
    const std::string key = id_key(seen.id);
    auto [at, fresh] = by_id_.try_emplace(key);
    Stranger& stranger = at->second;
    if (fresh || stranger.resource != seen.resource) {
        if (!fresh) {
            std::erase_if(by_resource_, [&](const auto& entry) { return entry.second == key; });
        }
        by_resource_.emplace(comparable(seen.resource), key);
    }
    if (fresh) stranger.first_seen = began;
    stranger.id = seen.id;
    stranger.resource = seen.resource;
    stranger.changes = seen.changes;
    stranger.notification_url = seen.notification_url;
    stranger.lifecycle_url = seen.lifecycle_url;
    stranger.certificate_id = certificate_of(seen);
    stranger.expires_at = seen.expires_at;
    stranger.listed = list;
    stranger.foreign = foreign_.contains(key);
}

void Strangers::end_list(std::uint32_t list) {
    for (auto at = by_id_.begin(); at != by_id_.end();) {
        const auto next = std::next(at);
        if (at->second.listed < list) erase(at);
        at = next;
    }
}

void Strangers::erase(std::string_view graph_id) {
    const auto at = by_id_.find(id_key(graph_id));
    if (at != by_id_.end()) erase(at);
}

void Strangers::erase(ById::iterator at) {
    auto [first, last] = by_resource_.equal_range(comparable(at->second.resource));
    while (first != last) {
        const auto next = std::next(first);
        if (first->second == at->first) by_resource_.erase(first);
        first = next;
    }
    by_id_.erase(at);
}

void Strangers::set_foreign(std::string_view graph_id) {
    const std::string key = id_key(graph_id);
    foreign_.insert(key);
    if (const auto at = by_id_.find(key); at != by_id_.end()) at->second.foreign = true;
}

const Stranger* Strangers::find(std::string_view graph_id) const {
    const auto at = by_id_.find(id_key(graph_id));
    return at == by_id_.end() ? nullptr : &at->second;
}

std::vector<const Stranger*> Strangers::like(std::string_view resource, std::string_view changes)
    const {
    std::vector<const Stranger*> some;
    if (by_id_.empty()) return some;
    const auto [first, last] = by_resource_.equal_range(comparable(resource));
    for (auto at = first; at != last; ++at) {
        const Stranger& stranger = by_id_.at(at->second);
        if (same_changes(stranger.changes, changes)) some.push_back(&stranger);
    }
    return some;
}

}  // namespace graphhook::subscriptions
