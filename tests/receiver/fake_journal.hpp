#pragma once

#include "receiver/journal.hpp"

#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace graphhook::receiver {

inline constexpr std::string_view kSubscription = "6d0f6a0c-7a39-4f0e-8a53-2f7a0b5d1c11";
inline constexpr std::string_view kState = "k3H9-example-secret";
inline constexpr std::string_view kTenantId = "c0ffee00-0000-4000-8000-00000000c0de";

/// A record as the store would hold it: tenant "contoso", subscription "inbox", kind "message".
store::SubscriptionRecord known_record(
    std::string_view graph_id = kSubscription, std::string_view state = kState
);

/// A journal in memory that completes at once. What it shall answer can be set from outside.
/// Threads: any.
class FakeJournal final : public Journal {
  public:
    FakeJournal();

    void append(
        std::vector<store::Item> items, SystemTime received_at, Completion<store::Appended> done
    ) override;
    std::shared_ptr<const store::KnownSubscriptions> known() const override;
    void ask(
        std::vector<store::Store::Query> queries, Completion<std::vector<store::KnownPtr>> done
    ) override;
    void keep_refused(store::RefusedBody body) override;

    /// The picture, and beside it what only asking finds.
    void set_known(
        std::vector<store::SubscriptionRecord> in_picture,
        std::vector<store::SubscriptionRecord> only_stored = {}
    );
    /// Appends and questions are answered with this error, until nullopt.
    void fail_with(std::optional<Error> error);
    /// Appends are kept back until hold(false).
    void hold(bool held);

    [[nodiscard]] std::vector<store::Item> items() const;
    [[nodiscard]] std::vector<store::RefusedBody> refused_bodies() const;
    [[nodiscard]] std::size_t appends() const;
    [[nodiscard]] std::size_t questions() const;
    /// False: not so many within ten seconds.
    [[nodiscard]] bool wait_for_held(std::size_t count) const;

  private:
    struct Held {
        std::vector<store::Item> items;
        Completion<store::Appended> done;
    };
    static void complete(Completion<store::Appended> done, Result<store::Appended> result);

    mutable std::mutex mutex_;
    mutable std::condition_variable changed_;
    std::shared_ptr<const store::KnownSubscriptions> picture_;
    std::shared_ptr<const store::KnownSubscriptions> stored_;
    std::optional<Error> error_;
    bool hold_ = false;
    std::vector<Held> held_;
    std::vector<store::Item> items_;
    std::vector<store::RefusedBody> refused_;
    std::size_t appends_ = 0;
    std::size_t questions_ = 0;
};

}  // namespace graphhook::receiver
