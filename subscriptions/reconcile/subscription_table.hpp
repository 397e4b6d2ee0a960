#pragma once

#include "core/error.hpp"
#include "core/mailbox.hpp"
#include "store/store.hpp"
#include "store/subscription.hpp"

#include <cstdint>
#include <utility>
#include <variant>
#include <vector>

namespace graphhook::subscriptions {

/// What this room needs of the store: its records, durable when a call returns. Threads: any; calls
/// block.
class SubscriptionTable {
  public:
    virtual ~SubscriptionTable() = default;
    [[nodiscard]] virtual Result<std::vector<store::SubscriptionRecord>> load() = 0;
    /// Inserts (record == 0) or replaces; says the record's number.
    [[nodiscard]] virtual Result<std::int64_t> put(const store::SubscriptionRecord& record) = 0;
    [[nodiscard]] virtual Result<std::monostate> erase(std::int64_t record) = 0;
};

/// The table in the real store, which must outlive it.
class StoreSubscriptionTable final : public SubscriptionTable {
  public:
    explicit StoreSubscriptionTable(store::Store& store) : store_(store) {}

    Result<std::vector<store::SubscriptionRecord>> load() override {
        using Records = std::vector<store::SubscriptionRecord>;
        return wait_for<Records>([this](Completion<Records> done) {
            store_.subscriptions(std::move(done));
        });
    }
    Result<std::int64_t> put(const store::SubscriptionRecord& record) override {
        return wait_for<std::int64_t>([&](Completion<std::int64_t> done) {
            store_.put_subscription(record, std::move(done));
        });
    }
    Result<std::monostate> erase(std::int64_t record) override {
        return wait_for<std::monostate>([&](Completion<std::monostate> done) {
            store_.erase_subscription(record, std::move(done));
        });
    }

  private:
    store::Store& store_;
};

}  // namespace graphhook::subscriptions
