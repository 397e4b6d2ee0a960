#pragma once

#include "core/clock.hpp"
#include "core/digest.hpp"
#include "core/secret.hpp"
#include "store/notification.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace graphhook::store {

enum class SubscriptionState : std::uint8_t {
    Creating,  ///< Written before the request goes out; Graph may already know it and notify.
    Active,
    Retired,  ///< Replaced, removed or gone; its notifications stay known until `forget_at`.
};
std::string_view to_string(SubscriptionState state) noexcept;

/// One subscription at Graph that is, was or is about to be ours.
struct SubscriptionRecord {
    std::int64_t record = 0;  ///< Ours, given by the store; 0: not stored yet.
    SubscriptionState state = SubscriptionState::Creating;
    std::string name;    ///< Configured name of the wanted subscription.
    std::string tenant;  ///< Configured name.
    std::string kind;
    std::string resource;
    std::string changes;  ///< "created,updated"
    std::string notification_url;
    std::string lifecycle_url;
    std::string graph_id;  ///< Empty until Graph's reply was read.
    Sha256 state_hash{};   ///< SHA-256 of the client state.
    /// The client state itself, only while a create that needs it may still have to be sent; empty
    /// afterwards.
    Secret client_state;
    SystemTime created_at;
    SystemTime expires_at;  ///< What Graph's API replied, never what an item said.
    SystemTime touched_at;  ///< Last PATCH or reauthorize, whoever sent it.
    SystemTime attempt_at;  ///< Not before: the next try after a failure; zero: at once.
    std::uint32_t failures = 0;
    std::string last_error;
    SystemTime forget_at;  ///< Retired: known until then.
};

/// What intake must know of a subscription to accept an item.
struct Known {
    std::int64_t record = 0;
    SubscriptionState state = SubscriptionState::Creating;
    Sha256 state_hash{};
    std::string name, tenant, kind, resource, graph_id;
    SystemTime expires_at;
    /// Prebuilt for the usual changes and lifecycle events.
    StreamPtr created, updated, deleted;
};
using KnownPtr = std::shared_ptr<const Known>;

/// An immutable picture of what is known; a new one is published with every change.
class KnownSubscriptions {
  public:
    explicit KnownSubscriptions(const std::vector<SubscriptionRecord>& records);
    /// By Graph's id, in any case of letters. nullptr: not here (the store itself has yet to be
    /// asked).
    [[nodiscard]] KnownPtr by_id(std::string_view graph_id) const;
    /// A newcomer, whose id is not known yet, is known by its client state.
    [[nodiscard]] KnownPtr by_state(const Sha256& state_hash) const;
    [[nodiscard]] std::size_t size() const noexcept { return by_state_.size(); }

  private:
    std::unordered_map<std::string, KnownPtr> by_id_;
    std::map<Sha256, KnownPtr> by_state_;
};

KnownPtr make_known(const SubscriptionRecord& record);

}  // namespace graphhook::store
