#pragma once

#include "core/clock.hpp"
#include "core/digest.hpp"
#include "core/secret.hpp"
#include "store/notification.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

namespace graphhook::store {

enum class SubscriptionState : std::uint8_t {
    Creating,  ///< Written before the request goes out; Graph may already know it and notify.
    Active,
    Retired,  ///< Replaced, removed or gone; its notifications stay known until `forget_at`.
    Parked,   ///< An element of a template that Graph refuses for itself: nothing is at Graph, and
              ///< intake knows nothing of it; tried again at `attempt_at`.
};
std::string_view to_string(SubscriptionState state) noexcept;

/// What its notifications mean beside being handed over.
enum class Sync : std::uint8_t {
    None,
    /// It is swept: the version of each item is remembered, so that a sweep knows what was handed
    /// over (see Item::version).
    Versions,
    /// They only say that something changed somewhere: they go to the subscriptions (on the lane of
    /// lifecycle notifications), which look what it was, and not to handlers.
    Signal,
};

/// One subscription at Graph that is, was or is about to be ours.
struct SubscriptionRecord {
    std::int64_t record = 0;  ///< Ours, given by the store; 0: not stored yet.
    SubscriptionState state = SubscriptionState::Creating;
    std::string name;    ///< Configured name of the wanted subscription.
    std::string tenant;  ///< Configured name.
    /// Of a template: Graph's id of the element that it is for, "*" for the one that watches the
    /// collection itself; empty otherwise.
    std::string element;
    std::string kind;
    Sync sync = Sync::None;
    std::string resource;
    std::string changes;  ///< "created,updated"
    /// encryptionCertificateId of a subscription with resource data; empty: without.
    std::string certificate_id;
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

/// What the subscriptions of one configured name have in common: of a template thousands do.
struct KnownFamily {
    std::string name, tenant, kind;
    Sync sync = Sync::None;
    /// Prebuilt for the usual changes (of Sync::Signal on the lane of lifecycle notifications) and
    /// for Graph's lifecycle events.
    StreamPtr created, updated, deleted, missed, removed, reauthorization;

    /// The prebuilt one, or another where Graph said something new. `change`: in lower case.
    [[nodiscard]] StreamPtr stream(std::string_view change, bool lifecycle) const;
};
using KnownFamilyPtr = std::shared_ptr<const KnownFamily>;

/// What intake must know of a subscription to accept an item, and no more: a hundred thousand of
/// them are held.
struct Known {
    std::int64_t record = 0;
    SubscriptionState state = SubscriptionState::Creating;
    Sha256 state_hash{};
    std::string graph_id;
    SystemTime expires_at;
    KnownFamilyPtr family;  ///< Never nullptr in a picture.
};
using KnownPtr = std::shared_ptr<const Known>;

/// Makes families, each once. Threads: one.
class KnownFamilies {
  public:
    [[nodiscard]] KnownFamilyPtr of(
        std::string_view tenant, std::string_view name, std::string_view kind, Sync sync
    );

  private:
    /// Where most records in a row are of one name, that is found without a search.
    KnownFamilyPtr last_;
    std::map<std::tuple<std::string, std::string, std::string, Sync>, KnownFamilyPtr> families_;
    std::size_t look_over_at_ = 1024;
};

/// An immutable picture of what is known; a new one is published with every change. It lies in
/// shards that the next picture shares where nothing changed, so that a change costs the same among
/// a hundred thousand subscriptions as among ten. Threads: any.
class KnownSubscriptions {
  public:
    /// Of all but the parked ones, of which nobody may know.
    explicit KnownSubscriptions(const std::vector<SubscriptionRecord>& records);
    /// By Graph's id, in any case of letters. nullptr: not here (the store itself has yet to be
    /// asked).
    [[nodiscard]] KnownPtr by_id(std::string_view graph_id) const;
    /// A newcomer, whose id is not known yet, is known by its client state.
    [[nodiscard]] KnownPtr by_state(const Sha256& state_hash) const;
    /// Of records.
    [[nodiscard]] std::size_t size() const noexcept { return size_; }

    /// The next picture. `before` is what this one says of the record (nullptr: nothing), `after`
    /// what the next is to say (nullptr: nothing).
    struct Change {
        KnownPtr before, after;
    };
    [[nodiscard]] std::shared_ptr<const KnownSubscriptions> with(const std::vector<Change>& changes
    ) const;

  private:
    struct Entry {
        std::uint64_t hash;
        KnownPtr known;
    };
    using Shard = std::vector<Entry>;
    using Shards = std::vector<std::shared_ptr<Shard>>;
    static void apply(Shards& shards, std::uint64_t hash, const Change& change);
    void apply(const std::vector<Change>& changes);

    Shards by_id_, by_state_;
    std::size_t size_ = 0;
};

KnownPtr make_known(const SubscriptionRecord& record, KnownFamilies& families);
/// With a family of its own.
KnownPtr make_known(const SubscriptionRecord& record);

}  // namespace graphhook::store
