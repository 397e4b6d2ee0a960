#pragma once

#include "core/clock.hpp"
#include "emulator/notification.hpp"
#include "emulator/rich/forgery.hpp"
#include "emulator/subscription.hpp"

#include <boost/json/object.hpp>

#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

namespace graphhook::emulator {

enum class ItemState {
    Waiting,
    Accepted,
    Failed,   ///< given up
    Dropped,  ///< the endpoint is too slow
    Lost,     ///< never sent: the subscription was paused, or a fault wanted it so
};
std::string_view to_string(ItemState state) noexcept;

/// Where changes happen; shared by all of one job to one resource.
struct ChangedResource {
    std::string tenant;
    Recognised resource;
};

/// Every change made, and what became of its notifications; the newest `most` of them. One thread.
class Ledger {
  public:
    explicit Ledger(std::size_t most) : most_(most) {}

    /// Numbers must rise. Does nothing with `most` zero. `subscriptions` are those notified; none
    /// for a silent change.
    void add(
        const Change& change, std::shared_ptr<const ChangedResource> where,
        const std::vector<SubscriptionPtr>& subscriptions
    );
    /// What was encrypted for a subscriber, and what was forged of it.
    struct Data {
        std::shared_ptr<const std::string> plaintext = {};
        const ForgeryKind* forgery = nullptr;
    };
    /// Of one notification; does nothing if the change is no longer kept.
    void remember(std::uint64_t change, const Subscription& subscription, Data data);
    /// Does nothing if the change is no longer kept.
    void settle(
        std::uint64_t change, const Subscription& subscription, ItemState state, int attempts,
        SystemTime now
    );
    void clear() { entries_.clear(); }
    [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }

    /// {"changes":[…],"next":N}: changes with a number over `after`, at most `limit`; `next` (to
    /// ask `after` it) only if there may be more. Resource data as SHA-256, with `plaintext` also
    /// as it was encrypted.
    [[nodiscard]] boost::json::object page(
        std::uint64_t after, std::size_t limit, bool plaintext = false
    ) const;

  private:
    struct Item {
        SubscriptionPtr subscription;
        ItemState state = ItemState::Waiting;
        int attempts = 0;
        SystemTime settled_at;
        Data data = {};
    };
    [[nodiscard]] Item* find(std::uint64_t change, const Subscription& subscription);
    struct Entry {
        Change change;
        std::shared_ptr<const ChangedResource> where;
        std::vector<Item> items;
    };
    [[nodiscard]] std::deque<Entry>::const_iterator first_after(std::uint64_t number) const;

    const std::size_t most_;
    std::deque<Entry> entries_;
};

}  // namespace graphhook::emulator
