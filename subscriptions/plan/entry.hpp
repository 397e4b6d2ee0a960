#pragma once

#include "subscriptions/options.hpp"
#include "subscriptions/plan/record.hpp"

#include <chrono>
#include <memory>
#include <optional>
#include <string>

namespace graphhook::subscriptions {

/// A configured subscription as decisions need it: recognised once, shared by all its targets.
struct Entry {
    TextPtr name;
    TextPtr resource;  ///< As configured; of a template with its variables.
    std::string kind;
    std::string changes;  ///< "created,updated"
    std::chrono::minutes life{0};
    store::Sync sync = store::Sync::None;
    bool is_template = false;
    bool polled = false;  ///< Nothing is subscribed.
    bool swept = false;   ///< Swept or polled: the sweeper is told of its targets.
    bool beta = false;
    bool immutable_ids = false;
    bool resource_data = false;
    std::string query_options;
    /// Of another receiver's subscription that is to be taken over.
    std::optional<Sha256> taken_over;

    /// Whether both say the same.
    [[nodiscard]] bool same(const Entry& other) const;
};
using EntryPtr = std::shared_ptr<const Entry>;

[[nodiscard]] EntryPtr make_entry(const WantedSubscription& wanted);
/// For the target kCollection, of what collection_watch() says.
[[nodiscard]] EntryPtr make_collection_entry(const WantedSubscription& watch);

}  // namespace graphhook::subscriptions
