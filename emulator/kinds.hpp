#pragma once

#include "core/error.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace graphhook::emulator {

enum class ChangeType : unsigned { Created = 1, Updated = 2, Deleted = 4 };

constexpr unsigned bit(ChangeType type) {
    return static_cast<unsigned>(type);
}
std::string_view to_string(ChangeType type) noexcept;
/// Case does not matter ("Created" is seen too).
std::optional<ChangeType> parse_change_type(std::string_view text) noexcept;
/// "created,updated": a mask of bits; nullopt for an empty list or an unknown word.
std::optional<unsigned> parse_change_types(std::string_view text);

/// How a notification of the kind looks (protocol 3).
enum class Shape {
    Outlook,    ///< id of its own; resourceData with type, odata.id, etag and id
    Entity,     ///< resourceData with type, odata.id and id
    Directory,  ///< as Entity, with organizationId, eventTime and sequenceNumber
    Folder,     ///< resourceData is null: something below changed
    TypeOnly,   ///< resourceData holds only its type
};

enum class IdStyle { Outlook, Guid, Number, Millis, Alert, Shift, Opaque, DriveItem };

/// Which lifecycle events besides reauthorizationRequired the kind sends (protocol 6.1).
enum class Lifecycle { None, Removed, RemovedAndMissed };

/// A row of the table of subscribable resources (protocol 4.1).
struct Kind {
    std::string_view name;
    std::string_view odata_type;
    unsigned changes;
    std::chrono::minutes longest_life;
    Shape shape;
    IdStyle ids;
    Lifecycle lifecycle = Lifecycle::None;
    /// A life over one hour needs a lifecycle URL.
    bool teams = false;
};

/// How long a subscription with resource data lives at most; 0: there is none (protocol 4.1, 7.2).
std::chrono::minutes rich_life(const Kind& kind) noexcept;

/// One form of path that leads to a kind. Patterns are in lower case: "{}" takes one segment, "{*}"
/// the rest (at least one segment), "name(*" any call of that function. Templates: {1}, {2}: what
/// the pattern took; {id}: the changed object; {path}: the path as subscribed.
struct Path {
    std::string_view kind;
    std::string_view pattern;
    std::string_view resource;
    std::string_view object;
    /// Application roles of which one is needed, separated by spaces (protocol 4.2); empty: none is
    /// documented.
    std::string_view roles;
    unsigned changes = 0;  ///< where this form takes fewer than the kind; 0: the kind's
    bool beta_only = false;
    bool needs_filter = false;
    bool needs_query_options = false;
};

std::span<const Kind> kinds() noexcept;
std::span<const Path> paths() noexcept;
const Kind* find_kind(std::string_view name) noexcept;

struct Recognised {
    const Kind* kind = nullptr;
    const Path* path = nullptr;
    /// What {1}, {2}, … stand for.
    std::vector<std::string> ids;
    /// Without leading slash and query.
    std::string text;
    /// Two resources with the same key see the same changes: lower case; the mailbox, not the
    /// folder.
    std::string key;
};

/// Reads a subscription's `resource` in any of its forms: with or without leading slash, keys as
/// segments or in parentheses, any case. Errc::NotFound: no kind has such a path. Errc::BadInput:
/// `me`, which a token without a user cannot mean, or a needed $filter is missing.
[[nodiscard]] Result<Recognised> recognise(std::string_view resource);

/// Which of the path's change types exist.
unsigned allowed_changes(const Recognised& recognised) noexcept;

/// Cuts a resource path at slashes outside quotes and parentheses; users('x') becomes two segments.
std::vector<std::string> path_segments(std::string_view path);
std::string lower_case(std::string_view text);

}  // namespace graphhook::emulator
