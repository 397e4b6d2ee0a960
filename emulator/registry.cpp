#include "emulator/registry.hpp"

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

/// Empty for what is not kept in a mailbox.
std::string mailbox_of(const Subscription& subscription) {
    if (subscription.resource.kind->shape != Shape::Outlook) return {};
    return subscription.tenant + "/" + subscription.resource.key;
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
    if (const auto mailbox = mailbox_of(draft); !mailbox.empty()) {
        const auto found = per_mailbox_.find(mailbox);
        if (found != per_mailbox_.end() && found->second >= limits_.most_per_mailbox) {
            return ApiError{
                403, "Forbidden",
                fmt::format(
                    "The limit of {} subscriptions per mailbox is reached.",
                    limits_.most_per_mailbox
                )
            };
        }
    }
    return std::nullopt;
}

SubscriptionPtr Registry::add(Subscription draft) {
    auto subscription = std::make_shared<Subscription>(std::move(draft));
    subscription->id = random_guid();
    subscription->sequence = ++last_;
    by_id_.emplace(subscription->id, subscription->sequence);
    by_sequence_.emplace(subscription->sequence, subscription);
    if (const auto mailbox = mailbox_of(*subscription); !mailbox.empty()) ++per_mailbox_[mailbox];
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
    if (const auto mailbox = mailbox_of(*entry->second); !mailbox.empty()) {
        if (--per_mailbox_[mailbox] == 0) per_mailbox_.erase(mailbox);
    }
    by_sequence_.erase(entry);
    by_id_.erase(it);
    ++version_;
    return true;
}

std::vector<SubscriptionPtr> Registry::expire(SystemTime now) {
    std::vector<SubscriptionPtr> over;
    for (const auto& [sequence, subscription] : by_sequence_) {
        if (subscription->expires <= now) over.push_back(subscription);
    }
    for (const auto& subscription : over) remove(subscription->id);
    return over;
}

void Registry::clear() {
    by_sequence_.clear();
    by_id_.clear();
    per_mailbox_.clear();
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
