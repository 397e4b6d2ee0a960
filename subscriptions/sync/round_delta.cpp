// Rounds by delta queries: one, one for each folder, one within a window of time.
#include "core/http_client.hpp"
#include "core/log.hpp"
#include "core/time_text.hpp"
#include "subscriptions/sync/round.hpp"

#include <boost/json/object.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <unordered_set>
#include <utility>

namespace graphhook::subscriptions {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;

// The window of a calendar, and how far it may lag behind the time before it is made anew.
constexpr auto kBehind = 30 * 24h;
constexpr auto kAhead = 180 * 24h;
constexpr auto kSlide = 7 * 24h;
/// Ids that are remembered as being somewhere, in one round; what is removed beyond is handed over.
constexpr std::size_t kMostLive = 200'000;

Halt garbled(std::string message, std::string request_id) {
    Halt halt;
    halt.kind = Halt::Kind::Failed;
    halt.error.next = Next::Garbled;
    halt.error.message = std::move(message);
    halt.error.request_id = std::move(request_id);
    return halt;
}

std::string id_of(const json::value& value) {
    if (!value.is_object()) return {};
    const auto* id = value.get_object().if_contains("id");
    return id != nullptr && id->is_string() ? std::string(id->get_string()) : std::string();
}

bool is_removed(const json::value& value) {
    return value.is_object() && value.get_object().contains("@removed");
}

/// A folder that only shows what is elsewhere.
bool is_search_folder(const json::value& value) {
    const auto* type = value.get_object().if_contains("@odata.type");
    return type != nullptr && type->is_string() &&
           std::string_view(type->get_string()).ends_with("mailSearchFolder");
}

}  // namespace

Round::Step Round::delta(const DeltaPart& part) {
    if (!marks_.contains(part.part)) {
        const Reading reading = first_reading();
        const bool for_now = reading == Reading::Baseline && !part.first_of_now.empty();
        store::Watermark mark;
        mark.part = part.part;
        mark.partial = true;
        mark.link = link_text(
            {reading == Reading::Changes ? Reading::Anew : reading,
             for_now ? part.first_of_now : part.first}
        );
        marks_[part.part] = std::move(mark);
    }
    while (!is_over(part.part)) {
        const Place place = place_of(marks_[part.part]);
        const SystemTime sent = std::max(parts_.clock.system_now(), began_);
        DataPage page;
        Step halt = ask(place.link, page);
        if (!halt) {
            halt = delta_page(part, place, std::move(page), sent);
            if (!halt && !is_over(part.part)) halt = rest();
        } else if (halt->kind == Halt::Kind::Failed && halt->error.next == Next::Resync) {
            halt = resync(part, place, halt->error);
        }
        if (!halt) continue;
        if (!part.may_be_gone || halt->kind != Halt::Kind::Failed) return halt;
        if (halt->error.next == Next::NotFound) {
            store::SyncChange change;
            change.erase.push_back(part.part);
            return commit(std::move(change));
        }
        if (halt->error.next != Next::Refused) return halt;
        // One folder of many: the others are read first.
        log().warn(
            "a folder cannot be swept tenant={} subscription={} error=\"{}\"", job_.to.tenant,
            job_.to.name, to_string(halt->error)
        );
        refused_ = halt->error;
        return std::nullopt;
    }
    return std::nullopt;
}

Round::Step Round::delta_page(
    const DeltaPart& part, const Place& place, DataPage page, SystemTime sent
) {
    if (page.next_link.empty() && page.delta_link.empty())
        return garbled("a last page of a delta query without a deltaLink", page.request_id);
    store::SyncChange change;
    if (part.folders) {
        take_folders(page.value, change);
    } else {
        auto found = findings(page.value, reading_of(place.reading));
        if (job_.way.how == Way::How::Folders && place.reading != Reading::Baseline)
            hold_back(page.value, found, change);
        if (!job_.way.confirm.empty()) {
            if (auto halt = confirm(found)) return halt;
        }
        if (auto halt = hand_over(std::move(found), place.link, place.reading)) return halt;
    }
    const bool last = page.next_link.empty();
    change.put.push_back(
        {part.part, last ? std::move(page.delta_link) : link_text({place.reading, page.next_link}),
         sent, !last}
    );
    return commit(std::move(change));
}

Round::Step Round::resync(const DeltaPart& part, const Place& place, const GraphError& error) {
    const std::string first = error.location.empty() ? part.first : error.location;
    if (place.reading == Reading::Anew && (place.link == first || place.link == part.first)) {
        Halt halt;
        halt.kind = Halt::Kind::Failed;
        halt.error = error;
        halt.error.next = Next::Refused;
        return halt;
    }
    parts_.metrics.sweep("restarted");
    log().warn(
        "sweep begins anew, as Graph forgot where it was tenant={} subscription={} error=\"{}\"",
        job_.to.tenant, job_.to.name, to_string(error)
    );
    Reading reading = Reading::Anew;
    // Where nothing was handed over yet, the first reading begins again as what it was.
    if (is_baseline()) reading = first_reading();
    const bool for_now = reading == Reading::Baseline && !part.first_of_now.empty();
    store::SyncChange change;
    change.put.push_back(
        {part.part, link_text({reading, for_now ? part.first_of_now : first}), SystemTime{}, true}
    );
    if (for_now && place.link == part.first_of_now) {
        Halt halt;
        halt.kind = Halt::Kind::Failed;
        halt.error = error;
        halt.error.next = Next::Refused;
        return halt;
    }
    return commit(std::move(change));
}

void Round::take_folders(const json::array& page, store::SyncChange& change) {
    std::set<std::string> taken;
    for (std::size_t i = page.size(); i-- > 0;) {
        const json::value& folder = page[i];
        const std::string id = id_of(folder);
        if (!is_folder(id) || !taken.insert(id).second) continue;
        if (is_removed(folder)) {
            if (marks_.contains(id)) change.erase.push_back(id);
            continue;
        }
        if (marks_.contains(id) || is_search_folder(folder)) continue;
        std::string path = job_.way.path;
        if (const auto at = path.find("{folder}"); at != std::string::npos)
            path.replace(at, 8, percent_encode(id));
        const Reading reading = is_baseline() ? first_reading() : Reading::Fresh;
        change.put.push_back({id, link_text({reading, request(std::move(path))}), {}, true});
    }
}

void Round::hold_back(
    const json::array& page, std::vector<Finding>& found, store::SyncChange& change
) {
    std::string gone;
    for (const Finding& finding : found) {
        if (finding.removed && finding.id.find('\n') == std::string::npos)
            gone += finding.id + "\n";
    }
    std::erase_if(found, [](const Finding& finding) { return finding.removed; });
    std::string live;
    for (const auto& value : page) {
        if (const std::string id = id_of(value); !id.empty() && !is_removed(value))
            live += hash_text(id) + "\n";
    }
    constexpr std::size_t kLine = 17;
    std::size_t remembered = 0;
    for (const auto& part : numbered_parts(marks_, kLive)) remembered += marks_[part].link.size();
    if (!gone.empty())
        change.put.push_back({numbered(kGone, next_number(kGone)), std::move(gone), began_, false});
    if (!live.empty() && remembered / kLine < kMostLive)
        change.put.push_back({numbered(kLive, next_number(kLive)), std::move(live), began_, false});
}

Round::Step Round::sweep_folders() {
    DeltaPart folders;
    folders.part = kFolders;
    // Few properties, and the type, which tells search folders.
    folders.first = filled(job_.way.folders) + "?$select=id";
    folders.folders = true;
    if (auto halt = delta(folders)) return halt;
    if (!job_.way.first_folder.empty()) {
        DeltaPart first;
        first.part = kFirstFolder;
        first.first = request(filled(job_.way.first_folder));
        if (auto halt = delta(first)) return halt;
    }
    std::vector<std::string> ids;
    for (const auto& [part, mark] : marks_) {
        if (is_folder(part)) ids.push_back(part);
    }
    for (const std::string& id : ids) {
        DeltaPart folder;
        folder.part = id;
        std::string path = filled(job_.way.path);
        if (const auto at = path.find("{folder}"); at != std::string::npos)
            path.replace(at, 8, percent_encode(id));
        folder.first = request(std::move(path));
        folder.may_be_gone = true;
        if (auto halt = delta(folder)) return halt;
    }
    // What is in another folder now was moved, and was handed over from there; the rest is gone.
    std::unordered_set<std::string> live;
    auto erase = numbered_parts(marks_, kLive);
    for (const auto& part : erase) {
        const std::string& text = marks_[part].link;
        for (std::size_t at = 0; at + 16 <= text.size(); at += 17) live.insert(text.substr(at, 16));
    }
    std::vector<std::string> gone;
    std::unordered_set<std::string> known;
    for (auto& part : numbered_parts(marks_, kGone)) {
        const std::string_view text = marks_[part].link;
        for (std::size_t at = 0; at < text.size();) {
            const auto end = std::min(text.find('\n', at), text.size());
            std::string id(text.substr(at, end - at));
            at = end + 1;
            if (!live.contains(hash_text(id)) && known.insert(id).second)
                gone.push_back(std::move(id));
        }
        erase.push_back(std::move(part));
    }
    if (auto halt = hand_over_removed(gone, Reading::Changes)) return halt;
    return finish({}, erase);
}

Round::Step Round::sweep_calendar() {
    const auto window_of = [&](SystemTime from) {
        return fmt::format(
            "startDateTime={}&endDateTime={}", to_text(from), to_text(from + kBehind + kAhead)
        );
    };
    // Whole seconds: a link is shown and compared.
    const SystemTime fresh = std::chrono::floor<std::chrono::seconds>(began_) - kBehind;
    SystemTime from = fresh;
    const auto window = marks_.find(kWindow);
    if (window != marks_.end()) {
        if (const auto stored = parse_time(window->second.link)) from = *stored;
    } else {
        store::SyncChange change;
        change.put.push_back({std::string(kWindow), to_text(from), began_, false});
        if (auto halt = commit(std::move(change))) return halt;
    }
    DeltaPart part;
    part.first = request(filled(job_.way.path), window_of(from));
    if (auto halt = delta(part)) return halt;
    if (fresh - from < kSlide) return std::nullopt;

    // The old window was read to its end just now, so that nothing falls between; what the new one
    // holds beyond it counts where it changed since the last round.
    part.first = request(filled(job_.way.path), window_of(fresh));
    store::SyncChange change;
    change.put.push_back({std::string(kWindow), to_text(fresh), began_, false});
    change.put.push_back({"", link_text({Reading::Anew, part.first}), SystemTime{}, true});
    if (auto halt = commit(std::move(change))) return halt;
    return delta(part);
}

Round::Step Round::confirm(std::vector<Finding>& found) {
    for (Finding& finding : found) {
        if (!finding.removed) continue;
        std::string path = filled(job_.way.confirm);
        if (const auto at = path.find("{id}"); at != std::string::npos)
            path.replace(at, 4, percent_encode(finding.id));
        json::object object;
        if (auto halt = look(path, object)) {
            if (halt->kind == Halt::Kind::Failed && halt->error.next == Next::NotFound) continue;
            return halt;
        }
        // It is there: moved out of the window.
        if (!object.contains("id")) object["id"] = finding.id;
        finding = finding_of(object, reading_of(Reading::Changes));
    }
    return std::nullopt;
}

}  // namespace graphhook::subscriptions
