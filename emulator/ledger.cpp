#include "emulator/ledger.hpp"

#include "core/digest.hpp"
#include "core/time_text.hpp"
#include "emulator/object_id.hpp"

#include <boost/json/array.hpp>

#include <algorithm>

namespace graphhook::emulator {

std::string_view to_string(ItemState state) noexcept {
    switch (state) {
        case ItemState::Waiting:
            return "waiting";
        case ItemState::Accepted:
            return "accepted";
        case ItemState::Failed:
            return "failed";
        case ItemState::Dropped:
            return "dropped";
        case ItemState::Lost:
            return "lost";
    }
    return "";
}

void Ledger::add(
    const Change& change, std::shared_ptr<const ChangedResource> where,
    const std::vector<SubscriptionPtr>& subscriptions
) {
    if (most_ == 0) return;
    if (entries_.size() == most_) entries_.pop_front();
    Entry entry;
    entry.change = change;
    entry.where = std::move(where);
    entry.items.reserve(subscriptions.size());
    for (const auto& subscription : subscriptions)
        entry.items.push_back(Item{.subscription = subscription, .settled_at = {}});
    entries_.push_back(std::move(entry));
}

std::deque<Ledger::Entry>::const_iterator Ledger::first_after(std::uint64_t number) const {
    return std::upper_bound(
        entries_.begin(), entries_.end(), number,
        [](std::uint64_t wanted, const Entry& entry) { return wanted < entry.change.number; }
    );
}

Ledger::Item* Ledger::find(std::uint64_t change, const Subscription& subscription) {
    const auto found = first_after(change - 1);
    if (found == entries_.end() || found->change.number != change) return nullptr;
    Entry& entry = entries_[static_cast<std::size_t>(found - entries_.begin())];
    for (Item& item : entry.items) {
        if (item.subscription.get() == &subscription) return &item;
    }
    return nullptr;
}

void Ledger::remember(std::uint64_t change, const Subscription& subscription, Data data) {
    if (Item* const item = find(change, subscription)) item->data = std::move(data);
}

void Ledger::settle(
    std::uint64_t change, const Subscription& subscription, ItemState state, int attempts,
    SystemTime now
) {
    Item* const item = find(change, subscription);
    if (item == nullptr) return;
    item->state = state;
    item->attempts = attempts;
    item->settled_at = now;
}

boost::json::object Ledger::page(std::uint64_t after, std::size_t limit, bool plaintext) const {
    boost::json::array changes;
    boost::json::object json;
    auto it = first_after(after);
    for (; it != entries_.end() && changes.size() < limit; ++it) {
        const Change& change = it->change;
        const Recognised& resource = it->where->resource;
        const auto identity = identity_of(resource, change);
        boost::json::object entry;
        entry["number"] = change.number;
        entry["at"] = to_text(change.at);
        entry["kind"] = resource.kind->name;
        const auto shown = shown_type(resource, change);
        entry["change"] = to_string(shown);
        if (shown != change.type) entry["happened"] = to_string(change.type);
        entry["tenantId"] = it->where->tenant;
        entry["resource"] = identity.resource;
        const auto shape = resource.kind->shape;
        // A drive's notification does not say which item it was; who compares wants to know.
        if (shape == Shape::Folder || shape == Shape::TypeOnly) {
            entry["item"] =
                change.name.empty() ? object_id(resource.kind->ids, change.object) : change.name;
        } else {
            entry["id"] = identity.object_id;
        }
        if (change.member != 0) entry["member"] = object_id(IdStyle::Guid, change.member);
        if (!identity.etag.empty()) entry["etag"] = identity.etag;
        if (identity.sequence_number != 0) entry["sequenceNumber"] = identity.sequence_number;
        boost::json::array items;
        for (const Item& item : it->items) {
            boost::json::object one;
            one["subscriptionId"] = item.subscription->id;
            one["state"] = to_string(item.state);
            if (item.state != ItemState::Waiting) {
                one["attempts"] = item.attempts;
                one["at"] = to_text(item.settled_at);
            }
            if (item.data.plaintext) {
                one["plaintextSha256"] = to_hex(sha256(*item.data.plaintext));
                if (plaintext) one["plaintext"] = *item.data.plaintext;
            }
            if (item.data.forgery != nullptr) {
                one["forgery"] = item.data.forgery->name;
                one["verdict"] = to_string(item.data.forgery->verdict);
            }
            items.push_back(std::move(one));
        }
        entry["items"] = std::move(items);
        changes.push_back(std::move(entry));
    }
    if (it != entries_.end() && it != entries_.begin()) json["next"] = std::prev(it)->change.number;
    json["changes"] = std::move(changes);
    return json;
}

}  // namespace graphhook::emulator
