// Rounds over lists: from a time on, or compared with how they were.
#include "core/http_client.hpp"
#include "core/log.hpp"
#include "core/time_text.hpp"
#include "subscriptions/sync/round.hpp"

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>
#include <utility>

namespace graphhook::subscriptions {
namespace {

namespace json = boost::json;

/// The properties of no consequence that Graph adds to an object differ from answer to answer.
std::string state_or_print(const json::object& object, const Finding& finding) {
    if (!finding.state.empty()) return finding.state;
    json::object plain;
    for (const auto& [key, value] : object) {
        if (!std::string_view(key).starts_with("@odata.")) plain[key] = value;
    }
    return json::serialize(plain);
}

std::string id_of(const json::value& value) {
    if (!value.is_object()) return {};
    const auto* id = value.get_object().if_contains("id");
    if (id == nullptr) return {};
    if (id->is_string()) return std::string(id->get_string());
    return id->is_int64() ? std::to_string(id->get_int64()) : std::string();
}

}  // namespace

Round::Step Round::since() {
    const Way& way = job_.way;
    if (const auto old = marks_.find(kSeen); old != marks_.end()) seen_.read(old->second.link);
    for (const auto& part : numbered_parts(marks_, kSeen)) seen_.read(marks_[part].link);
    // A watermark that is over is of an earlier round.
    if (const auto mark = marks_.find("");
        mark == marks_.end() || (!mark->second.partial && !is_over(""))) {
        const Reading reading = first_reading();
        std::string filter = way.sent_filter;
        if (reading != Reading::All) {
            const SystemTime from = (is_baseline() ? began_ : state_.swept_at) - way.overlap;
            const std::string time =
                way.time + " ge " + to_text(std::chrono::floor<std::chrono::seconds>(from));
            filter = filter.empty() ? time : "(" + filter + ") and " + time;
        }
        std::string options;
        if (!filter.empty()) options = "$filter=" + percent_encode(filter);
        if (!way.order.empty())
            options += (options.empty() ? "" : "&") + ("$orderby=" + percent_encode(way.order));
        store::Watermark first;
        first.link = link_text({reading, request(filled(way.path), options)});
        first.partial = true;
        marks_[""] = std::move(first);
    }
    bool asked = false;
    while (!is_over("")) {
        const Place place = place_of(marks_[""]);
        const SystemTime sent = std::max(parts_.clock.system_now(), began_);
        DataPage page;
        if (auto halt = ask(place.link, page)) {
            const bool refused = halt->kind == Halt::Kind::Failed &&
                                 halt->error.next == Next::Refused && halt->error.status == 400;
            if (!way.guessed || asked || !refused) return halt;
            // It cannot be asked by time: compared from now on.
            log().info(
                "the list is compared, as Graph refuses to be asked by {} tenant={} "
                "subscription={}",
                way.time, job_.to.tenant, job_.to.name
            );
            store::SyncChange change;
            change.put.push_back({std::string(kHow), "compare", began_, false});
            change.erase.emplace_back("");
            if (auto stored = commit(std::move(change))) return stored;
            return compare();
        }
        asked = true;
        if (auto halt = since_page(place, page, sent)) return halt;
        if (!is_over("")) {
            if (auto halt = rest()) return halt;
        }
    }
    return finish(
        {{std::string(kSeen), seen_.write(began_ - way.overlap), began_, false}},
        numbered_parts(marks_, kSeen)
    );
}

Round::Step Round::since_page(const Place& place, const DataPage& page, SystemTime sent) {
    // Of a baseline, too, what was seen is remembered: the next round asks for it again.
    const Reading as = place.reading == Reading::Baseline ? Reading::Changes : place.reading;
    auto found = findings(page.value, reading_of(as));
    const auto state_text = [](const Finding& finding) {
        return finding.removed ? "removed"
                               : (finding.state.empty() ? to_hex(finding.print) : finding.state);
    };
    std::erase_if(found, [&](const Finding& finding) {
        return seen_.has(finding.id, state_text(finding));
    });
    Seen fresh;
    for (const Finding& finding : found) {
        // Without a time it cannot be said to lie before the overlap.
        const SystemTime at = finding.asked_time == SystemTime{} ? began_ : finding.asked_time;
        seen_.add(finding.id, state_text(finding), at);
        fresh.add(finding.id, state_text(finding), at);
    }
    if (auto halt = hand_over(std::move(found), place.link, place.reading)) return halt;
    const bool last = page.next_link.empty();
    store::SyncChange change;
    if (std::string text = fresh.write(began_ - job_.way.overlap); !text.empty())
        change.put.push_back({numbered(kSeen, next_number(kSeen)), std::move(text), began_, false});
    change.put.push_back(
        {"", last ? to_text(began_) : link_text({place.reading, page.next_link}), sent, !last}
    );
    return commit(std::move(change));
}

Round::Step Round::compare() {
    if (const auto known = marks_.find(kKnown); known != marks_.end())
        known_.read(known->second.link);
    for (const auto& part : numbered_parts(marks_, kList)) listed_.read(marks_[part].link);
    if (const auto mark = marks_.find("");
        mark == marks_.end() || (!mark->second.partial && !is_over(""))) {
        std::string options;
        if (job_.way.guessed && !job_.way.sent_filter.empty())
            options = "$filter=" + percent_encode(job_.way.sent_filter);
        store::Watermark first;
        first.link = link_text({first_reading(), request(filled(job_.way.path), options)});
        first.partial = true;
        marks_[""] = std::move(first);
    }
    while (!is_over("")) {
        const Place place = place_of(marks_[""]);
        const SystemTime sent = std::max(parts_.clock.system_now(), began_);
        DataPage page;
        if (auto halt = ask(place.link, page)) return halt;
        if (auto halt = compare_page(place, page, sent)) return halt;
        if (!is_over("")) {
            if (auto halt = rest()) return halt;
        }
    }
    return finish_compare();
}

Round::Step Round::compare_page(const Place& place, const DataPage& page, SystemTime sent) {
    const ReadingOf of = reading_of(place.reading);
    std::vector<Finding> found;
    Known fresh;
    for (const json::value& value : page.value) {
        const std::string id = id_of(value);
        if (id.empty()) continue;
        const json::object& object = value.get_object();
        if (job_.way.filter && !job_.way.filter->passes(object)) continue;
        Finding finding = finding_of(object, of);
        const std::string state = state_or_print(object, finding);
        // Beyond the bound nothing is compared: whether it changed could not be told.
        if (!listed_.add(id, state)) continue;
        fresh.add(id, state);
        const Known::Was was = known_.was(id, state);
        if (was == Known::Was::Same) continue;
        finding.change = was == Known::Was::Absent ? "created" : "updated";
        finding.removed = false;
        found.push_back(std::move(finding));
    }
    if (auto halt = hand_over(std::move(found), place.link, place.reading)) return halt;
    const bool last = page.next_link.empty();
    store::SyncChange change;
    if (std::string text = fresh.write(); !text.empty())
        change.put.push_back({numbered(kList, next_number(kList)), std::move(text), began_, false});
    change.put.push_back(
        {"", last ? std::string() : link_text({place.reading, page.next_link}), sent, !last}
    );
    return commit(std::move(change));
}

Round::Step Round::finish_compare() {
    if (listed_.full()) {
        log().warn(
            "a list is longer than what is compared tenant={} subscription={} objects={}",
            job_.to.tenant, job_.to.name, Known::kMost
        );
    } else if (auto halt = hand_over_removed(known_.without(listed_), Reading::Changes)) {
        return halt;
    }
    return finish(
        {{std::string(kKnown), listed_.write(), began_, false}}, numbered_parts(marks_, kList)
    );
}

Round::Step Round::one() {
    if (const auto known = marks_.find(kKnown); known != marks_.end())
        known_.read(known->second.link);
    json::object object;
    if (auto halt = look(request(filled(job_.way.path)), object)) {
        const bool gone = halt->kind == Halt::Kind::Failed && halt->error.next == Next::NotFound;
        if (!gone || is_baseline()) return halt;
        return finish_compare();
    }
    const std::string id = id_of(json::value(object));
    if (id.empty()) {
        Halt halt;
        halt.kind = Halt::Kind::Failed;
        halt.error.next = Next::Garbled;
        halt.error.message = "an object without an id";
        return halt;
    }
    const Reading reading = first_reading();
    Finding finding = finding_of(object, reading_of(reading));
    const std::string state = state_or_print(object, finding);
    listed_.add(id, state);
    const Known::Was was = known_.was(id, state);
    if (was != Known::Was::Same) {
        finding.change = was == Known::Was::Absent ? "created" : "updated";
        finding.removed = false;
        std::vector<Finding> found;
        found.push_back(std::move(finding));
        if (auto halt = hand_over(std::move(found), "one", reading)) return halt;
    }
    return finish_compare();
}

}  // namespace graphhook::subscriptions
