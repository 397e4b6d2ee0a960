#pragma once

#include "receiver/payload.hpp"
#include "store/store.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace graphhook::receiver {

/// Why an item is not ours. The texts are values of the label `reason`.
enum class Refusal : std::uint8_t {
    NotAnObject,
    NoSubscriptionId,
    ValidationMessage,  ///< What Graph puts into an event hub to try it: subscriptionId "NA".
    Ambiguous,
    UnknownSubscription,
    ClientState,
    ForeignTenant,
};
inline constexpr std::size_t kRefusals = 7;
[[nodiscard]] std::string_view to_string(Refusal refusal) noexcept;

/// What came of looking an item up. Exactly one holds: `known`, `refused`, or neither, and then the
/// store itself has yet to be asked.
struct LookedUp {
    store::KnownPtr known;
    std::optional<Refusal> refused;
};

using TenantIds = std::map<std::string, std::string>;

/// Is it ours, judging by the picture? Its subscription id comes first, then, for a newcomer, its
/// client state; and the client state must be the one of that subscription.
[[nodiscard]] LookedUp look_up(
    const PayloadItem& item, const store::KnownSubscriptions& picture, const TenantIds& tenant_ids
);

/// The same once the store was asked: nullptr is its word that it knows nothing of the item.
[[nodiscard]] LookedUp look_up_asked(
    const PayloadItem& item, store::KnownPtr answer, const TenantIds& tenant_ids
);

/// The validation tokens of one POST on their way to its rich items, which share them. What costs
/// is done when the first rich item that is ours asks for it. Threads: one at a time.
class PostTokens {
  public:
    PostTokens() = default;
    /// `text`: as PayloadParser::take_tokens() gave it; empty: the POST brought none.
    explicit PostTokens(std::string text) : text_(std::move(text)) {}

    [[nodiscard]] const store::TokensPtr& shared();
    /// SHA-256 of the text.
    [[nodiscard]] const Sha256& hash();

  private:
    std::string text_;  ///< Until it is shared.
    store::TokensPtr shared_;
    std::optional<Sha256> hash_;
};

/// Turns an item that is ours into what is stored; takes its texts. What identifies it and whether
/// it may fold: see design rules "Repeats" and "Folding" in docs/receiver.md.
///
/// A rich item is proved by its tokens, and that later: whoever knows a client state can bring one
/// here. So what is not proved must not stand in the way of what is:
/// - Its identity is made of what any item's is, and of its tokens and its encrypted content. A
///   forged copy that arrives first is then no original whose genuine "repeat" would be dropped; a
///   genuine one that comes again with other tokens is handed over twice.
/// - It never folds.
/// - It has no version: a forged one would keep a sweep from handing over that state. So a sweep
/// may
///   hand over once more what a rich item has told already.
[[nodiscard]] store::Item make_item(
    PayloadItem& item, const store::Known& known, PostTokens& tokens
);

/// True if the item says that its subscription ends clearly before what Graph's API replied.
[[nodiscard]] bool ends_earlier(const PayloadItem& item, const store::Known& known);

}  // namespace graphhook::receiver
