#pragma once

#include "receiver/intake.hpp"
#include "receiver/journal.hpp"
#include "subscriptions/manager.hpp"

#include <memory>

namespace graphhook::app {

/// The receiver's way into the store, on which the subscriptions are told what came in for whom and
/// when: a silent subscription is a gap that nobody else would notice.
class ArrivalJournal final : public receiver::Journal {
  public:
    /// Both must outlive it.
    ArrivalJournal(store::Store& store, subscriptions::SubscriptionManager& subscriptions)
        : journal_(receiver::make_journal(store)), subscriptions_(subscriptions) {}

    void append(
        std::vector<store::Item> items, SystemTime received_at, Completion<store::Appended> done
    ) override {
        const store::Stream* last = nullptr;
        for (const auto& item : items) {
            // Those of one POST mostly have the stream in common.
            if (item.stream.get() == last) continue;
            last = item.stream.get();
            subscriptions_.note_arrival(last->subscription, received_at);
        }
        journal_->append(std::move(items), received_at, std::move(done));
    }
    [[nodiscard]] std::shared_ptr<const store::KnownSubscriptions> known() const override {
        return journal_->known();
    }
    void ask(
        std::vector<store::Store::Query> queries, Completion<std::vector<store::KnownPtr>> done
    ) override {
        journal_->ask(std::move(queries), std::move(done));
    }
    void keep_refused(store::RefusedBody body) override { journal_->keep_refused(std::move(body)); }

  private:
    std::unique_ptr<receiver::Journal> journal_;
    subscriptions::SubscriptionManager& subscriptions_;
};

/// An item said that its subscription ends before what Graph's API replied: look sooner.
class ExpiryRelay final : public receiver::ExpiryHints {
  public:
    explicit ExpiryRelay(subscriptions::SubscriptionManager& subscriptions)
        : subscriptions_(subscriptions) {}
    void ends_earlier(const store::KnownPtr& subscription) override {
        // By how much does not matter: Graph itself will be asked.
        subscriptions_.expiry_seen(subscription->graph_id, SystemTime{});
    }

  private:
    subscriptions::SubscriptionManager& subscriptions_;
};

}  // namespace graphhook::app
