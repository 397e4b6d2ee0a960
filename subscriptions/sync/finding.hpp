#pragma once

#include "core/clock.hpp"
#include "core/digest.hpp"
#include "store/notification.hpp"
#include "subscriptions/sync/way.hpp"

#include <boost/json/array.hpp>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace graphhook::subscriptions {

/// What the pages of one part are read for.
enum class Reading : std::uint8_t {
    Baseline,  ///< To know where we are: nothing of it is handed over.
    Changes,   ///< What changed since the last round.
    Anew,      ///< Everything there is, as Graph forgot where we were: what changed since counts.
    All,       ///< Everything there is, as created.
    Fresh,     ///< A folder that is new: everything in it.
};
/// "baseline", "changes", …
[[nodiscard]] std::string_view to_string(Reading reading) noexcept;

/// One object that changed, and nothing of its content.
struct Finding {
    std::string id;
    std::string change;  ///< "created", "updated", "deleted".
    bool removed = false;
    std::string resource;
    std::string etag;       ///< As Graph wrote it; empty where the kind has none.
    std::string state;      ///< What tells two states of it apart; empty: nothing does.
    Key128 print{};         ///< Hash of the object as it came.
    SystemTime asked_time;  ///< Way::time of it; zero: none.
};

/// What is known when a page is read.
struct ReadingOf {
    const Way& way;
    Reading reading = Reading::Changes;
    SystemTime since;          ///< When the last complete round began.
    std::uint8_t changes = 0;  ///< Wanted, as bits of Change.
    /// Values of {oid}, {drive}, …
    const std::map<std::string, std::string>& tokens;
};

/// What is to be handed over of a page, in its order; of an id that comes twice, the last. Objects
/// without an id, and what the way passes over (the root of a drive, single occurrences of a
/// series), are left out. Pure.
[[nodiscard]] std::vector<Finding> findings(const boost::json::array& page, const ReadingOf& of);

/// The same of one object, whatever `of.reading` says; for lists that are compared.
[[nodiscard]] Finding finding_of(const boost::json::object& object, const ReadingOf& of);
/// An object that is no longer there.
[[nodiscard]] Finding removed(std::string_view id, const ReadingOf& of);
/// Which of the wanted changes it is handed over as; empty: none. Pure.
[[nodiscard]] std::string told_as(std::string_view change, const Way& way, std::uint8_t wanted);

/// Whom the findings are for.
struct Addressee {
    std::string tenant, tenant_id, name, element, kind, graph_id;
    store::Source source = store::Source::Sweep;
};

/// The item that takes the notification's way: its shape is Graph's, without a client state and
/// without content. `round`: what tells this reading of this page from others, so that what is
/// appended again after a crash is a repeat. Pure.
[[nodiscard]] store::Item to_item(
    const Finding& finding, const Way& way, const Addressee& to, std::string_view round
);

}  // namespace graphhook::subscriptions
