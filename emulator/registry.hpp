#pragma once

#include "emulator/rules.hpp"
#include "emulator/subscription.hpp"

#include <functional>
#include <map>
#include <set>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

namespace graphhook::emulator {

enum class Duplicates { Accept, Conflict };

/// All live subscriptions. One thread.
class Registry {
  public:
    struct Limits {
        Duplicates duplicates = Duplicates::Accept;
        std::size_t most = 1'000'000;
        /// Active subscriptions of one mailbox over all apps (protocol 4.1).
        std::size_t most_per_mailbox = 1'000;
        /// The other limits of protocol 4.1: of directory objects, Teams and the like.
        bool kind_limits = true;
    };
    explicit Registry(Limits limits) : limits_(limits) {}

    /// Why a draft cannot be added: 409 for a duplicate where these are refused, 403 over a limit.
    [[nodiscard]] std::optional<ApiError> refuses(const Subscription& draft) const;
    /// Gives the draft its id.
    SubscriptionPtr add(Subscription draft);
    /// By id in any case; null if it is not there.
    [[nodiscard]] SubscriptionPtr find(std::string_view id) const;
    /// As find, but only what this caller may change: its own app's in its tenant, with a user only
    /// that user's.
    [[nodiscard]] SubscriptionPtr find(std::string_view id, const Caller& caller) const;
    /// As find, but only what this caller may look at (protocol 5.2): what it may change, and with
    /// the delegated permission Subscription.Read.All what any app has for that user, for an
    /// administrator what any app has in the tenant.
    [[nodiscard]] SubscriptionPtr see(std::string_view id, const Caller& caller) const;
    bool remove(std::string_view id);
    /// Changes when it ends.
    void renew(Subscription& subscription, SystemTime expires);
    /// Who watches this (see watch_key), in order of creation.
    [[nodiscard]] std::span<const SubscriptionPtr> watching(
        std::string_view tenant, std::string_view key
    ) const;
    /// Removes and returns those whose time is over.
    std::vector<SubscriptionPtr> expire(SystemTime now);
    void clear();

    struct Page {
        std::vector<SubscriptionPtr> items;
        /// Where the next page starts; nothing if this was the last.
        std::optional<std::uint64_t> next;
    };
    /// What the caller may look at from `from` on, in order of creation.
    [[nodiscard]] Page list(const Caller& caller, std::uint64_t from, std::size_t limit) const;
    [[nodiscard]] const std::map<std::uint64_t, SubscriptionPtr>& all() const noexcept {
        return by_sequence_;
    }
    [[nodiscard]] std::size_t size() const noexcept { return by_sequence_.size(); }
    /// Grows with every subscription that comes or goes.
    [[nodiscard]] std::uint64_t version() const noexcept { return version_; }

  private:
    const Limits limits_;
    std::map<std::uint64_t, SubscriptionPtr> by_sequence_;
    std::unordered_map<std::string, std::uint64_t> by_id_;
    /// How many there are of what is limited, by the limit's key.
    std::unordered_map<std::string, std::size_t> counts_;
    std::unordered_map<std::string, std::vector<SubscriptionPtr>> watching_;
    /// By when they end.
    std::set<std::pair<SystemTime, std::uint64_t>> ends_;
    std::uint64_t last_ = 0;
    std::uint64_t version_ = 0;
};

}  // namespace graphhook::emulator
