#pragma once

#include "core/error.hpp"
#include "subscriptions/options.hpp"
#include "subscriptions/sync/filter.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace graphhook::subscriptions {

/// What asking again can find of a kind.
enum class Resync : std::uint8_t {
    Full,       ///< Whatever was created, updated or deleted.
    Window,     ///< The same, within a span of time around now.
    NoDeletes,  ///< Not what was deleted.
    None,       ///< Nothing: there is nothing to ask.
};
/// "full", "window", "no-deletes", "none"
[[nodiscard]] std::string_view to_string(Resync resync) noexcept;

/// Something that has to be known of Graph before asking, such as a user's object id.
struct Lookup {
    std::string token;  ///< What stands for it in paths: "{oid}".
    std::string path;   ///< Of the object whose `id` it is.
    std::string
        instead;  ///< What is taken where Graph does not let us look; empty: nothing will do.
};

/// How the changes of one resource are asked for. Facts: Microsoft's pages as read on 2026-11-21.
struct Way {
    enum class How : std::uint8_t {
        None,
        Delta,     ///< One delta query.
        Folders,   ///< A delta query for each folder, and one for the folders themselves.
        Calendar,  ///< A delta query within a window of time that slides.
        Since,     ///< A list, from a time on.
        Compare,   ///< The whole list, compared with the last.
        One,       ///< One object, compared with how it was.
    };
    How how = How::None;
    Resync resync = Resync::None;
    std::string path;          ///< What is asked; "{folder}" is filled in, as are the lookups.
    std::string folders;       ///< What enumerates the folders.
    std::string first_folder;  ///< Instead of `path`, for the folder that is not enumerated.
    std::string confirm;   ///< An object that is said to be removed may only have left the window.
    std::string options;   ///< Of the query, encoded, joined by '&'.
    std::string baseline;  ///< The option that brings a link for "now" without any data.
    std::string time;      ///< Since: the property that is compared.
    std::string order;     ///< Since: whether Graph wants it sorted: the $orderby.
    std::string created = "createdDateTime";
    std::string modified = "lastModifiedDateTime";
    std::string gone;  ///< The property that is not null once the object is deleted.
    std::string item;  ///< The resource of what is found, in Graph's spelling.
    std::string type;  ///< Its @odata.type.
    std::vector<std::string> prefer;
    /// Notifications of it only say that something changed: what is found is told exactly, whatever
    /// changes are wanted.
    bool exact = false;
    bool created_is_updated =
        false;             ///< Graph tells of creation, and of a soft delete, as `updated`.
    bool guessed = false;  ///< Nothing is known of it: Since, and Compare if refused.
    std::chrono::minutes overlap{15};  ///< Since: how much further back is asked.
    std::optional<Filter> filter;      ///< Applied to what was fetched.
    std::string sent_filter;           ///< Since: goes with the request.
    std::vector<Lookup> lookups;
    std::string why;  ///< What can not be found, and why; for a human.
};

/// How `resource` (rendered, in any of Graph's spellings) is asked again for `entry`. A kind that
/// nothing is known of can only be polled. `delegated`: whether a signed-in user asks. Pure.
[[nodiscard]] Way way_of(
    const WantedSubscription& entry, std::string_view resource, bool delegated
);

/// Whether the query options of a resource that is to be swept or polled can be kept to.
/// Errc::BadInput: no, and why. Pure.
[[nodiscard]] Result<void> can_filter(std::string_view resource);

// --- for the catalog: of a kind by its name (of its most capable form); an unknown one has none

[[nodiscard]] Resync resync_of(std::string_view kind) noexcept;
/// Silent for longer than this, it is swept; zero: the daily sweep will do.
[[nodiscard]] std::chrono::milliseconds usual_silence(std::string_view kind) noexcept;
/// Whether its notifications only say that something changed somewhere: they are signals to sweep.
[[nodiscard]] bool only_signals(std::string_view kind) noexcept;

/// One line of the table, for documentation and its test.
struct WayRow {
    std::string_view kind, pattern;
    Resync resync;
    std::string_view why;
};
[[nodiscard]] std::vector<WayRow> all_ways();

}  // namespace graphhook::subscriptions
