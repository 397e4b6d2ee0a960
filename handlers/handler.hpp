#pragma once

// The public interface for handlers: what a handler is given and what it answers. Depends on the
// standard library alone.

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

namespace graphhook::handlers {

/// A notification on its way to one handler.
struct Delivery {
    std::string id;  ///< The notification's number, decimal; the same on every attempt: the
                     ///< idempotency key.
    std::uint32_t attempt = 1;  ///< From 1.
    bool replayed = false;      ///< An operator asked for it again.
    bool lifecycle = false;     ///< `change` is then the lifecycle event.
    /// How we learned of it: "notification" (Graph told us), "sweep" (Graph was asked again, and
    /// had not told us), "poll" (Graph is asked regularly, as it tells nobody).
    std::string source = "notification";
    std::string subscription;  ///< Configured name.
    std::string tenant;        ///< Configured name.
    std::string kind;          ///< "message", "event", "contact", "drive", …
    std::string change;        ///< "created", "updated", "deleted", …
    std::string resource;      ///< As Graph sent it.
    std::chrono::sys_time<std::chrono::microseconds> received_at;
    std::string item;  ///< The item as JSON, without its clientState and encryptedContent.
    /// The changed resource itself as JSON, as Graph sent it along, decrypted; empty unless the
    /// handler wants it and the subscription has `resource_data`. Wiped when `handle` returns: keep
    /// a copy only where content may be kept.
    std::string data;
};

/// What became of one delivery.
struct Outcome {
    enum class Kind : std::uint8_t { Done, RetryAfter, Dead };
    /// Whose fault a retry is. Only an answer about the item itself uses up attempts.
    enum class Blame : std::uint8_t {
        Item,
        Target,
        /// Whom the delivery is for takes no more now, by a limit of their own: it waits, uses up
        /// nothing, and the target goes on being asked for all others.
        Recipient,
    };

    Kind kind = Kind::Done;
    Blame blame = Blame::Item;
    /// RetryAfter: at least this long; absent: as the retry policy says.
    std::optional<std::chrono::milliseconds> delay;
    std::string reason;  ///< RetryAfter, Dead: one line for the operator; no content, no secret.
    /// What the target answered by which an operator can find it there (ids, a location), as a JSON
    /// object; kept with the delivery until the notification goes. Empty: nothing. No content, no
    /// secret; at most 2,000 bytes, a longer one is not kept.
    std::string receipt = {};

    static Outcome done() { return {}; }
    static Outcome retry_item(std::string why, std::optional<std::chrono::milliseconds> wait = {}) {
        return {Kind::RetryAfter, Blame::Item, wait, std::move(why), {}};
    }
    static Outcome retry_target(
        std::string why, std::optional<std::chrono::milliseconds> wait = {}
    ) {
        return {Kind::RetryAfter, Blame::Target, wait, std::move(why), {}};
    }
    static Outcome retry_recipient(
        std::string why, std::optional<std::chrono::milliseconds> wait = {}
    ) {
        return {Kind::RetryAfter, Blame::Recipient, wait, std::move(why), {}};
    }
    static Outcome dead(std::string why) {
        return {Kind::Dead, Blame::Item, {}, std::move(why), {}};
    }
};

/// What a user plugs in.
///
/// Deliveries of one resource (same subscription, same resource) come in order of arrival, one at a
/// time: no two of them are in one batch or in two batches at once. Each comes at least once, and
/// nearly always exactly once: `Delivery::id` tells. Threads: `handle` is called on threads of the
/// dispatcher, never the network's, and may block; with `workers` above 1, by several at once.
class Handler {
  public:
    virtual ~Handler() = default;
    /// The most deliveries it wants at once.
    [[nodiscard]] virtual std::size_t batch_limit() const { return 1; }
    /// Whether it wants `Delivery::data`: what nobody wants is not decrypted.
    [[nodiscard]] virtual bool wants_data() const { return false; }
    /// Answers one outcome for each delivery, in their order; a missing one, or an exception,
    /// counts as a retry blamed on the target. `stop`: the service is stopping and will not wait
    /// much longer.
    [[nodiscard]] virtual std::vector<Outcome> handle(
        std::span<const Delivery> batch, std::stop_token stop
    ) = 0;
};

}  // namespace graphhook::handlers
