#pragma once

#include "core/clock.hpp"
#include "core/digest.hpp"
#include "core/secret.hpp"
#include "store/subscription.hpp"

#include <chrono>
#include <compare>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>

namespace graphhook::subscriptions {

using TextPtr = std::shared_ptr<const std::string>;

/// What many records have in common, kept once for all of them.
struct Shape {
    std::string kind, changes, notification_url, lifecycle_url;
    store::Sync sync = store::Sync::None;
    std::string certificate_id;  ///< As in the record; empty: without resource data.
    auto operator<=>(const Shape&) const = default;
};
using ShapePtr = std::shared_ptr<const Shape>;

/// Gives equal things one place in memory. Threads: one.
class Interner {
  public:
    [[nodiscard]] ShapePtr shape(Shape shape);
    [[nodiscard]] TextPtr text(const std::string& text);

  private:
    std::map<Shape, ShapePtr> shapes_;
    std::map<std::string, TextPtr, std::less<>> texts_;
};

/// What is remembered of a record beside what the store holds. All of it may be lost: then it is
/// asked for or waited for again.
struct Memory {
    std::chrono::milliseconds granted{0};  ///< The life of the last grant; 0: not known.
    SystemTime wants_reauthorize;          ///< When Graph asked for it; zero: it did not.
    SystemTime checked_at;                 ///< The last GET that found it.
    SystemTime tried_at;                   ///< The last create was sent, in this process.
    SystemTime listed_expiry;              ///< As Graph's list says, if `listed`.
    std::uint32_t listed = 0;              ///< The number of the last list that showed it.
    bool gone = false;                     ///< Graph said so.
    bool wants_check = false;
    bool wants_renewal = false;  ///< An operator's word.
    bool refused = false;        ///< The last create's answer said that nothing was created.
    bool listed_before = false;  ///< Graph's list was known before that create.
    bool was_uncertain = false;  ///< A create of it had no answer: there may be one too many.
    bool in_the_way = false;     ///< Graph takes no other one beside it: it has to go first.
    bool proven = false;         ///< Taken over, and its client state was echoed.
    /// How often a GET did not show the certificate of that PATCH.
    std::uint8_t key_misses = 0;
    /// A PATCH led it to the certificate of that number (Surroundings), and no GET has shown that
    /// Graph took it; 0: none.
    std::uint16_t key_sent = 0;
};

/// A record as it is kept for each of a hundred thousand: what the store holds, without what its
/// target says (tenant, name, element), and what is remembered of it.
struct Record {
    std::int64_t record = 0;
    store::SubscriptionState state = store::SubscriptionState::Creating;
    std::uint32_t failures = 0;
    ShapePtr shape;
    TextPtr resource;
    std::string graph_id;
    Sha256 state_hash{};
    SystemTime created_at, expires_at, touched_at, attempt_at, forget_at;
    /// Most have neither.
    struct Rare {
        Secret client_state;
        std::string last_error;
    };
    std::shared_ptr<const Rare> rare;
    Memory memory;

    [[nodiscard]] bool live() const noexcept {
        return state != store::SubscriptionState::Retired &&
               state != store::SubscriptionState::Parked;
    }
    /// With resource data.
    [[nodiscard]] bool rich() const noexcept { return !shape->certificate_id.empty(); }
    [[nodiscard]] bool has_client_state() const noexcept {
        return rare != nullptr && !rare->client_state.empty();
    }
    [[nodiscard]] std::string_view last_error() const noexcept {
        return rare == nullptr ? std::string_view() : std::string_view(rare->last_error);
    }
};

/// From what the store holds; of `into` the memory stays.
void pack(const store::SubscriptionRecord& from, Interner& interner, Record& into);
[[nodiscard]] store::SubscriptionRecord unpack(
    const Record& record, std::string_view tenant, std::string_view name, std::string_view element
);

}  // namespace graphhook::subscriptions
