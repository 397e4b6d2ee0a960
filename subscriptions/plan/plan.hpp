#pragma once

#include "core/clock.hpp"
#include "store/subscription.hpp"
#include "subscriptions/graph/graph.hpp"
#include "subscriptions/options.hpp"
#include "subscriptions/plan/record.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace graphhook::subscriptions {

/// What is to be done about one subscription.
enum class Action : std::uint8_t {
    Keep,       ///< Nothing now; `due` says when.
    Wait,       ///< Wanted and not there: it failed, and is tried again when `due`.
    List,       ///< Ask Graph for all: nothing may be created before it is known what is there.
    Create,     ///< A new record, its client state stored, then the request.
    Replace,    ///< As Create; the old one stays until the new one stands.
    Retry,      ///< A create that is known to have failed, with the same client state.
    TryParked,  ///< An element that was refused for itself: once more, daily.
    Adopt,      ///< A create without an answer that happened: `graph_id` is ours.
    TakeOver,   ///< Another receiver's, whose client state we were given.
    Redirect,   ///< PATCH the notification URL and the expiry.
    Renew,      ///< PATCH a later expiry.
    MoveKey,    ///< PATCH a later expiry and the certificate that resource data is encrypted with.
    Reauthorize,     ///< Same expiry, fresh authorization.
    Check,           ///< GET it: it may be gone.
    Learn,           ///< Graph's list says another expiry: believe it.
    Recreate,        ///< Gone or expired: retire the record, create anew with a new client state.
    Retire,          ///< Nothing at Graph to remove: only its notifications stay known for a while.
    MarkRemoval,     ///< No longer wanted: the grace begins.
    Unmark,          ///< Wanted again within the grace.
    Remove,          ///< DELETE, then retire.
    HoldBack,        ///< Would be removed, but too many were within the hour.
    RetireReplaced,  ///< DELETE what a newer one replaced, then retire.
    DeleteLeftover,  ///< DELETE what is retired here and still lives at Graph.
    Forget,          ///< Known long enough, or never at Graph: erase the record.
};
std::string_view to_string(Action action) noexcept;
/// In an operator's words: "create", "renew", "replace", "adopt", "delete", "list", "keep",
/// "wait", "check", or "note" for what happens only here.
std::string_view verb_of(Action action) noexcept;
/// What is performed first, ascending.
[[nodiscard]] int rank_of(Action action) noexcept;

struct Step {
    Action action = Action::Keep;
    std::string name;         ///< Configured name.
    std::string element;      ///< Of a template.
    std::int64_t record = 0;  ///< 0: Create, Replace, TakeOver, List.
    std::string graph_id;
    SystemTime expires_at;  ///< Learn, TakeOver: what Graph says.
    SystemTime due;         ///< Keep, Wait, HoldBack: when there is something to do.
    std::string reason;     ///< For the operator.
};

/// At Graph, with our URL, and not known to the store: shown, never touched.
struct Orphan {
    std::string graph_id;
    std::string resource;
    std::string changes;
    SystemTime expires_at;
};

/// Graph's list, whole, as of `taken_at`.
struct Listing {
    SystemTime taken_at;
    std::vector<GraphSubscription> subscriptions;
};

/// Everything that a plan depends on, of one tenant.
struct Situation {
    /// Of a template, the elements that the records know are wanted.
    std::vector<WantedSubscription> wanted;
    std::vector<store::SubscriptionRecord> records;
    std::map<std::int64_t, Memory> memory;  ///< By record.
    std::optional<Listing> listing;
    /// When an id that the store does not know was first seen in a list.
    std::map<std::string, SystemTime> first_seen;
    /// Ids of which an answer proved that they are not ours, although they look like it.
    std::map<std::string, SystemTime> foreign;
    SystemTime list_not_before;  ///< After a list that failed.
    SystemTime now;
    std::string notification_url;
    std::string lifecycle_url;
    std::chrono::milliseconds removal_grace{};
    std::chrono::milliseconds remember_retired{};
    /// What resource data is to be encrypted with; empty: there is no certificate.
    std::string certificate_id;
    SystemTime certificate_ends;
    std::size_t allow_delete = 0;  ///< Removals beyond the hour's quota that an operator allowed.
};

struct Plan {
    /// In the order in which to perform them; Wait, Keep and HoldBack last, and of Keep only the
    /// first kKeepRows.
    std::vector<Step> steps;
    std::size_t kept = 0;  ///< All steps of Keep, shown or not.
    std::vector<Orphan> orphans;
    std::size_t held_back = 0;
    std::size_t quota_left = 0;  ///< Removals that this hour still takes, without what is allowed.
    std::optional<SystemTime> next;  ///< The earliest `due`.
};
inline constexpr std::size_t kKeepRows = 1'000;

/// Decides, performs nothing: the same answer for the same situation.
[[nodiscard]] Plan make_plan(const Situation& situation);

/// The life to ask for: as configured, else the kind's; never under Graph's minimum.
[[nodiscard]] std::chrono::minutes life_of(const WantedSubscription& wanted);
/// As configured, else recognised, else "unknown".
[[nodiscard]] std::string kind_of(const WantedSubscription& wanted);
/// "created,updated"
[[nodiscard]] std::string changes_of(const WantedSubscription& wanted);

/// Whether two ids of Graph's are the same: in any case of letters.
[[nodiscard]] std::string id_key(std::string_view graph_id);

/// What the granted life was, as far as can be told.
[[nodiscard]] std::chrono::milliseconds granted_life(const Record& record);

/// At most this many removals an hour of a tenant or template with `live` subscriptions.
[[nodiscard]] std::size_t removal_quota(std::size_t live) noexcept;

}  // namespace graphhook::subscriptions
