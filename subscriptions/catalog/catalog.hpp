#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace graphhook::subscriptions {

/// Change types, as bits.
enum Change : std::uint8_t { kCreated = 1, kUpdated = 2, kDeleted = 4 };
/// "created", "updated", "deleted" in any case of letters; 0 for anything else.
[[nodiscard]] std::uint8_t change_bit(std::string_view text) noexcept;

/// Lifecycle events that Graph may send beyond `reauthorizationRequired`, as bits.
enum LifecycleBit : std::uint8_t { kMayBeRemoved = 1, kMayMiss = 2 };

/// What makes a kind impossible or conditional for this release.
enum class Needs : std::uint8_t {
    Nothing,
    FilterOrId,    ///< The bare collection is refused by Graph.
    ResourceData,  ///< Only rich notifications exist.
    QueryOptions,  ///< `notificationQueryOptions` is required.
};

/// One kind of thing that Graph tells changes of. Facts from Microsoft's pages as read on
/// 2026-11-21.
struct Kind {
    std::string_view name;  ///< As in metrics, routes and `kind:`.
    /// Paths in lower case, one form a blank: "users/*" also stands for "me", "*" is one id, a last
    /// "**" any number of further segments.
    std::string_view paths;
    std::uint8_t changes = 0;              ///< Allowed change types.
    std::chrono::minutes longest{0};       ///< Graph's limit; what we ask for is `ask_life`.
    std::chrono::minutes longest_rich{0};  ///< With resource data; 0: Graph has no such form.
    std::uint8_t lifecycle = 0;            ///< Lifecycle events beyond reauthorizationRequired.
    bool lifecycle_url_needed = false;     ///< Graph refuses lives over 1 h without the URL.
    bool outlook = false;                  ///< Knows immutable ids.
    bool beta = false;                     ///< Only in /beta.
    Needs needs = Needs::Nothing;
};

[[nodiscard]] std::span<const Kind> catalog() noexcept;

/// By its name, exactly. nullptr: none of that name.
[[nodiscard]] const Kind* kind_named(std::string_view name) noexcept;

/// By the resource, in any of Graph's spellings: leading slash, base URL and version, letter case,
/// `Users('x')`, query options. nullptr: not in the catalog, which is no error.
[[nodiscard]] const Kind* recognise(std::string_view resource);

/// How well `resource` fits the best of `paths` (written as Kind::paths): its number of wildcards,
/// fewer is better. Nothing: it fits none.
[[nodiscard]] std::optional<std::size_t> fit(std::string_view resource, std::string_view paths);

/// One spelling for a resource: lower case, no base URL, version or leading slash, `users/x` for
/// `Users('x')`. Query options stay, as they are part of what is subscribed.
[[nodiscard]] std::string comparable(std::string_view resource);

/// Whether the path begins with `me`, which an app-only token cannot use.
[[nodiscard]] bool is_about_me(std::string_view resource);

/// Whether its query says which properties ($select), without which Graph sends no resource data of
/// Outlook's kinds.
[[nodiscard]] bool selects(std::string_view resource);

/// Whether "created,updated" and "updated,created" say the same, in any case of letters.
[[nodiscard]] bool same_changes(std::string_view a, std::string_view b);

/// Graph's limit on lives of that kind; `rich`: with resource data. 0: it has no such form.
[[nodiscard]] std::chrono::minutes longest_life(const Kind& kind, bool rich) noexcept;

/// The life to ask for: Graph's limit less five minutes for clocks that differ; a careful day for a
/// kind that is not in the catalog.
[[nodiscard]] std::chrono::minutes ask_life(const Kind* kind, bool rich = false) noexcept;

/// Graph raises anything shorter to this.
inline constexpr std::chrono::minutes kShortestLife{45};

}  // namespace graphhook::subscriptions
