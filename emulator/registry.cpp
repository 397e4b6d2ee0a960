#include "emulator/registry.hpp"

#include "emulator/data/shelf.hpp"
#include "emulator/limits.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

namespace graphhook::emulator {
namespace {

std::string lower(std::string_view text) {
    std::string out(text);
    std::transform(out.begin(), out.end(), out.begin(), [](unsigned char c) {
        return static_cast<char>(std::tolower(c));
    });
    return out;
}

bool may_change(const Subscription& subscription, const Caller& caller) {
    return subscription.app == caller.app && subscription.tenant == caller.tenant &&
           (!caller.delegated || subscription.user == caller.user);
}

bool may_see(const Subscription& subscription, const Caller& caller) {
    if (may_change(subscription, caller)) return true;
    return caller.delegated && subscription.tenant == caller.tenant &&
           caller.was_given("Subscription.Read.All") &&
           (caller.admin ? !subscription.user.empty() : subscription.user == caller.user);
}

std::string watching_key(std::string_view tenant, std::string_view key) {
    return fmt::format("{}\n{}", tenant, key);
}

}  // namespace

std::optional<ApiError> Registry::refuses(const Subscription& draft) const {
    if (limits_.duplicates == Duplicates::Conflict) {
        for (const auto& [sequence, other] : by_sequence_) {
            if (other->app == draft.app && other->tenant == draft.tenant &&
                other->changes == draft.changes &&
                lower(other->resource_text) == lower(draft.resource_text)) {
                return ApiError{
                    409, "Conflict",
                    fmt::format(
                        "Subscription Id {} already exists for the requested combination", other->id
                    )
                };
            }
        }
    }
    if (by_sequence_.size() >= limits_.most) {
        return ApiError{
            403, "Forbidden", fmt::format("The limit of {} subscriptions is reached.", limits_.most)
        };
    }
    for (const Limit& limit : limits_of(draft, limits_.most_per_mailbox, limits_.kind_limits)) {
        const auto found = counts_.find(limit.key);
        if (found == counts_.end() || found->second < limit.most) continue;
        if (limit.conflict) {
            return ApiError{
                409, "ExtensionError",
                "Operation: Create; Exception: [Status Code: Conflict; Reason: A subscripton "
                "already exists. It must be deleted before a another can be made.]"
            };
        }
        return ApiError{
            403, "Forbidden", fmt::format("The limit of {} {} is reached.", limit.most, limit.of)
        };
    }
    return std::nullopt;
}

SubscriptionPtr Registry::add(Subscription draft) {
    auto subscription = std::make_shared<Subscription>(std::move(draft));
    subscription->id = random_guid();
    subscription->sequence = ++last_;
    by_id_.emplace(subscription->id, subscription->sequence);
    by_sequence_.emplace(subscription->sequence, subscription);
    for (const Limit& limit :
         limits_of(*subscription, limits_.most_per_mailbox, limits_.kind_limits))
        ++counts_[limit.key];
    watching_[watching_key(subscription->tenant, watch_key(subscription->resource))].push_back(
        subscription
    );
    ends_.emplace(subscription->expires, subscription->sequence);
    ++version_;
    return subscription;
}

SubscriptionPtr Registry::find(std::string_view id) const {
    const auto it = by_id_.find(lower(id));
    return it == by_id_.end() ? nullptr : by_sequence_.at(it->second);
}

SubscriptionPtr Registry::find(std::string_view id, const Caller& caller) const {
    auto found = find(id);
    return found && may_change(*found, caller) ? found : nullptr;
}

SubscriptionPtr Registry::see(std::string_view id, const Caller& caller) const {
    auto found = find(id);
    return found && may_see(*found, caller) ? found : nullptr;
}

bool Registry::remove(std::string_view id) {
    const auto it = by_id_.find(lower(id));
    if (it == by_id_.end()) return false;
    const auto entry = by_sequence_.find(it->second);
    const SubscriptionPtr subscription = entry->second;
    for (const Limit& limit :
         limits_of(*subscription, limits_.most_per_mailbox, limits_.kind_limits)) {
        if (--counts_[limit.key] == 0) counts_.erase(limit.key);
    }
    const auto watchers =
        watching_.find(watching_key(subscription->tenant, watch_key(subscription->resource)));
    std::erase(watchers->second, subscription);
    if (watchers->second.empty()) watching_.erase(watchers);
    ends_.erase({subscription->expires, subscription->sequence});
    by_sequence_.erase(entry);
    by_id_.erase(it);
    ++version_;
    return true;
}

std::vector<SubscriptionPtr> Registry::expire(SystemTime now) {
    std::vector<SubscriptionPtr> over;
    while (!ends_.empty() && ends_.begin()->first <= now) {
        const auto sequence = ends_.begin()->second;
        ends_.erase(ends_.begin());
        const auto found = by_sequence_.find(sequence);
        if (found == by_sequence_.end()) continue;
        if (found->second->expires > now) {
            ends_.emplace(found->second->expires, sequence);
        } else {
            over.push_back(found->second);
        }
    }
    for (const auto& subscription : over) remove(subscription->id);
    return over;
}

void Registry::renew(Subscription& subscription, SystemTime expires) {
    // One that is gone meanwhile is only somebody's copy.
    if (ends_.erase({subscription.expires, subscription.sequence}) > 0)
        ends_.emplace(expires, subscription.sequence);
    subscription.expires = expires;
}

std::span<const SubscriptionPtr> Registry::watching(std::string_view tenant, std::string_view key)
    const {
    const auto found = watching_.find(watching_key(tenant, key));
    if (found == watching_.end()) return {};
    return found->second;
}

void Registry::clear() {
    by_sequence_.clear();
    by_id_.clear();
    counts_.clear();
    watching_.clear();
    ends_.clear();
    ++version_;
}

Registry::Page Registry::list(const Caller& caller, std::uint64_t from, std::size_t limit) const {
    Page page;
    for (auto it = by_sequence_.lower_bound(from); it != by_sequence_.end(); ++it) {
        if (!may_see(*it->second, caller)) continue;
        if (page.items.size() == limit) {
            page.next = it->first;
            break;
        }
        page.items.push_back(it->second);
    }
    return page;
}

}  // namespace graphhook::emulator
