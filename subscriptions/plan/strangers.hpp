#pragma once

#include "core/clock.hpp"
#include "subscriptions/graph/graph.hpp"

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace graphhook::subscriptions {

/// What a record holds of a subscription's certificate: its id, "?" where Graph tells only that
/// there is one, empty where there is no resource data or Graph tells nothing.
[[nodiscard]] std::string certificate_of(const GraphSubscription& there);

/// A subscription that Graph lists and the store does not know.
struct Stranger {
    std::string id, resource, changes, notification_url, lifecycle_url;
    std::string certificate_id;  ///< As certificate_of() says.
    SystemTime expires_at;
    SystemTime first_seen;     ///< When the first list that showed it was begun.
    std::uint32_t listed = 0;  ///< The number of the last list that showed it.
    bool foreign = false;      ///< An answer proved that it is not ours.
};

/// Those of one tenant that matter: what an unanswered create may have made, what could be taken
/// over, and orphans. Threads: one.
class Strangers {
  public:
    /// `list`: its number; `began`: when it was begun.
    void put(const GraphSubscription& seen, std::uint32_t list, SystemTime began);
    /// That list is complete: what it did not show is there no longer.
    void end_list(std::uint32_t list);
    void erase(std::string_view graph_id);
    /// However often it is listed again.
    void set_foreign(std::string_view graph_id);

    [[nodiscard]] const Stranger* find(std::string_view graph_id) const;
    /// Of that resource and those changes, in any spelling.
    [[nodiscard]] std::vector<const Stranger*> like(
        std::string_view resource, std::string_view changes
    ) const;
    [[nodiscard]] const std::map<std::string, Stranger>& all() const noexcept { return by_id_; }

  private:
    using ById = std::map<std::string, Stranger>;
    void erase(ById::iterator at);

    std::set<std::string> foreign_;                        ///< By id_key().
    ById by_id_;                                           ///< By id_key().
    std::multimap<std::string, std::string> by_resource_;  ///< comparable() to id_key().
};

}  // namespace graphhook::subscriptions
