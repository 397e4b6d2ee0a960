#pragma once

#include "core/clock.hpp"
#include "core/work_pool.hpp"
#include "subscriptions/graph/graph_data.hpp"
#include "subscriptions/metrics.hpp"
#include "subscriptions/options.hpp"

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace graphhook::subscriptions {

/// One element of a template's collection.
struct Element {
    std::string id;        ///< Graph's.
    std::string resource;  ///< What is watched for it: the template's, variables filled in.
    auto operator<=>(const Element&) const = default;
};

/// A collection, read from its first page to its last: the only thing that may let elements go.
struct Expansion {
    std::string name;               ///< Of the template.
    std::vector<Element> elements;  ///< Sorted by id, each once.
    std::size_t skipped = 0;  ///< Not what the template is for (a device, a group within a group).
    SystemTime began_at;
};

struct TemplateStatus {
    std::string name;
    std::string collection;
    std::optional<SystemTime> expanded_at;  ///< The last complete one began then.
    std::optional<SystemTime> next_at;
    std::size_t elements = 0, skipped = 0;
    bool running = false;
    std::uint32_t failures = 0;
    std::string last_error;
};

/// Reads the collections that one tenant's templates stand for: at the start, every
/// `expand_every`, and soon after a change of the collection was told (at most once a minute, and
/// less often where reading takes longer than six seconds). What can not be read to its end changes
/// nothing.
///
/// A page that fails is asked for again: as Graph's Retry-After says; where Graph is out of reach,
/// after 1 to 60 s; where it declines, after a minute up to an hour. After throttling and the like
/// the reading goes on at that page, for up to 30 minutes; after anything else it begins anew. What
/// every request of the tenant would meet holds all of its templates.
///
/// Threads: `step` from one thread at a time, never blocked by Graph; everything else from any.
class Expander {
  public:
    struct Parts {
        GraphData& data;
        Clock& clock;
        Metrics& metrics;
        WorkPool& pool;
        /// A complete expansion; called on a thread of the pool.
        std::function<void(Expansion)> expanded;
        /// Called from any thread when `step` has something to do.
        std::function<void()> wake;
    };
    /// What is in `parts` must outlive it; `pool` must be stopped before it goes.
    Expander(Tenant tenant, Parts parts);
    ~Expander();

    /// The tenant's entries; those that are no templates are passed over.
    void set_options(const SubscriptionsOptions& options);
    /// The collection changed, or an operator wants it: soon. False: no such template.
    bool want(const std::string& name, bool at_once = false);
    /// The credential's files are others than those that were refused: what failed is read again.
    void credential_mended();
    /// Begins what is due, as far as the pool is free; says when there will be something to do.
    SystemTime step();

    [[nodiscard]] std::vector<TemplateStatus> status() const;

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

/// `resource` with {id} and {userPrincipalName} filled in, each percent-encoded as a path segment
/// needs it. A name that begins with a GUID becomes "AAD-UPN:…" where the resource lies in a
/// mailbox, as Outlook wants it. Errc::BadInput: a variable that there is not, or one that the
/// element does not have or that does not fit into a path. Pure.
[[nodiscard]] Result<std::string> render(
    const std::string& resource, const std::string& id, const std::string& user_principal_name
);

/// The subscription that tells when a template's collection changes, for element kCollection: same
/// name and tenant, resource and changes (updated, deleted) as Graph takes them, no handlers. For
/// `users`, `groups`, and `members` or `transitiveMembers` of a group, where those of groups within
/// the group are not told. Nothing: Graph has none for such a collection. In both cases reading it
/// again every `expand_every` finds the rest. Pure.
[[nodiscard]] std::optional<WantedSubscription> collection_watch(const WantedSubscription& entry);

}  // namespace graphhook::subscriptions
