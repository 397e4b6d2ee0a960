#pragma once

#include "app/service/proving.hpp"
#include "authenticity/keyring.hpp"
#include "authenticity/reason.hpp"
#include "core/clock.hpp"
#include "core/secret.hpp"
#include "receiver/judge.hpp"
#include "receiver/options.hpp"
#include "receiver/payload.hpp"
#include "store/subscription.hpp"

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace graphhook::app {

/// What a body is judged by.
struct InspectFacts {
    std::string body;
    SystemTime received_at;
    receiver::Limits limits;
    std::vector<ProvenTenant> tenants;
    receiver::TenantIds tenant_ids;
    /// nullptr: there is no store to ask, so subscriptions and client states are not checked.
    std::shared_ptr<const store::KnownSubscriptions> known;
    authenticity::KeySetsPtr sets;  ///< Never nullptr.
    authenticity::Keyring keyring;
    /// The keys were given by hand: one that is not the item's by name is tried all the same.
    bool try_any_key = false;
    struct Handler {
        std::string name;
        std::function<bool(const store::Stream&)> accepts;
        bool wants_data = false;
    };
    std::vector<Handler> handlers;
    /// What is missing for judging better, a sentence each.
    std::vector<std::string> notes;
};

/// A validation token, as far as it may be shown: what it says of itself is not to be believed
/// unless `reason` is None.
struct InspectedToken {
    std::string algorithm, kid, version, tenant_id, audience, issuer;
    std::optional<SystemTime> not_before, expires;
    authenticity::Reason reason = authenticity::Reason::None;
};

struct InspectedItem {
    // As the item says.
    std::string subscription_id, resource, change;
    bool lifecycle = false;
    bool rich = false;

    std::optional<receiver::Refusal> refused;
    std::optional<bool> known;               ///< Absent: not checked.
    std::string subscription, kind, tenant;  ///< Configured names; empty: not known here.
    enum class State : std::uint8_t { NotChecked, Right, Wrong, Absent };
    State client_state = State::NotChecked;

    // Of a rich one that is not refused.
    std::optional<authenticity::Reason> proof;
    std::string proof_detail;
    std::string certificate_id, thumbprint;
    std::string key;          ///< Id of the private key that was tried; empty: there is none.
    bool key_by_name = true;  ///< False: tried though its names are others.
    std::optional<authenticity::Reason> content;  ///< None: decrypted.
    Secret data;

    struct Route {
        std::string handler;
        bool data = false;
    };
    std::vector<Route> handlers;

    bool good = false;
    std::string outcome;  ///< A sentence.
};

/// What would be done with a body.
struct Inspection {
    SystemTime received_at;
    std::size_t bytes = 0;
    unsigned status = 202;  ///< The reply.
    std::string reply;      ///< Why that.
    std::vector<InspectedToken> tokens;
    authenticity::Reason tokens_reason = authenticity::Reason::None;  ///< Of none at all, or null.
    std::vector<InspectedItem> items;
    std::vector<std::string> notes;
    /// There are items; each is accepted, and the rich ones are proved and decrypted.
    bool good = false;
};

/// Goes through intake's steps, the opener's and the routes', with their own functions. Touches
/// nothing outside `facts`.
[[nodiscard]] Inspection inspect_body(const InspectFacts& facts);

}  // namespace graphhook::app
