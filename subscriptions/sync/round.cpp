// What all rounds have in common: beginning, asking, handing over, storing, ending.
#include "subscriptions/sync/round.hpp"

#include "core/http_client.hpp"
#include "core/log.hpp"

#include <boost/json/object.hpp>

#include <algorithm>
#include <utility>

namespace graphhook::subscriptions {
namespace {

namespace json = boost::json;

constexpr auto kBackPressure = std::chrono::seconds(5);
constexpr std::size_t kMostAtOnce = 200;

Halt failed(GraphError error) {
    Halt halt;
    halt.kind = error.next == Next::Aborted ? Halt::Kind::Stopped : Halt::Kind::Failed;
    halt.error = std::move(error);
    return halt;
}

Halt paused(SystemTime until) {
    Halt halt;
    halt.until = until;
    return halt;
}

Halt not_stored(Error error) {
    Halt halt;
    halt.kind = error.code == Errc::Aborted ? Halt::Kind::Stopped : Halt::Kind::NotStored;
    halt.stored = std::move(error);
    return halt;
}

bool has_id(const json::value& element) {
    const auto* object = element.if_object();
    const auto* id = object == nullptr ? nullptr : object->if_contains("id");
    return id != nullptr && (id->is_number() || (id->is_string() && !id->get_string().empty()));
}

/// A call that Quota counts while it lasts.
class Counted {
  public:
    Counted(Quota& quota, const std::string& mailbox) : quota_(quota), mailbox_(mailbox) {}
    ~Counted() { quota_.end(mailbox_); }
    Counted(const Counted&) = delete;
    Counted& operator=(const Counted&) = delete;

  private:
    Quota& quota_;
    const std::string& mailbox_;
};

}  // namespace

std::optional<Halt> Round::run(const std::stop_token& stop) {
    stop_ = stop;
    auto marks = parts_.table.watermarks({job_.to.tenant, job_.to.name, job_.to.element});
    if (!marks) return not_stored(marks.error());
    for (auto& mark : *marks) {
        std::string part = mark.part;
        marks_.emplace(std::move(part), std::move(mark));
    }
    state_ = parts_.host.state();
    if (auto halt = begin()) return halt;
    if (auto halt = look_up()) return halt;
    switch (job_.way.how) {
        case Way::How::None:
            break;
        case Way::How::Delta: {
            DeltaPart part;
            part.first = request(filled(job_.way.path));
            if (!job_.way.baseline.empty())
                part.first_of_now = request(filled(job_.way.path), job_.way.baseline);
            if (auto halt = delta(part)) return halt;
            break;
        }
        case Way::How::Folders:
            return sweep_folders();
        case Way::How::Calendar:
            if (auto halt = sweep_calendar()) return halt;
            break;
        case Way::How::Since: {
            const auto how = marks_.find(kHow);
            return how != marks_.end() ? compare() : since();
        }
        case Way::How::Compare:
            return compare();
        case Way::How::One:
            return one();
    }
    return finish({}, {});
}

Round::Step Round::begin() {
    store::SyncChange change;
    if (state_.resource != job_.target.resource) {
        // It is about something else now: what was known is worthless.
        marks_.clear();
        change.erase_parts = true;
        state_.baseline_at = state_.swept_at = SystemTime{};
    } else if (const auto open = marks_.find(kRound); open != marks_.end()) {
        began_ = open->second.taken_at;
        job_.reason = open->second.link;
        parts_.host.begun(began_);
        return std::nullopt;
    }
    began_ = std::max(parts_.clock.system_now(), state_.wanted_at);
    began_ = std::max(began_, state_.swept_at + std::chrono::microseconds(1));
    for (const auto& [part, mark] : marks_)
        began_ = std::max(began_, mark.taken_at + std::chrono::microseconds(1));
    parts_.host.begun(began_);
    change.put.push_back({std::string(kRound), job_.reason, began_, true});
    marks_[std::string(kRound)] = change.put.back();
    auto stored = parts_.host.commit(
        [&](store::SyncState& state) {
            if (state.resource != job_.target.resource) {
                state.resource = job_.target.resource;
                state.baseline_at = state.swept_at = SystemTime{};
                state.found = 0;
            }
            if (state.wanted_at == SystemTime{}) state.reason = job_.reason;
            state.wanted_at = std::max(state.wanted_at, began_);
        },
        std::move(change)
    );
    if (!stored) return not_stored(stored.error());
    state_ = parts_.host.state();
    return std::nullopt;
}

Round::Step Round::look_up() {
    for (const Lookup& lookup : job_.way.lookups) {
        const std::string part = "~" + lookup.token.substr(1, lookup.token.size() - 2);
        if (const auto known = marks_.find(part); known != marks_.end()) {
            tokens_[lookup.token] = known->second.link;
            continue;
        }
        json::object object;
        std::string id;
        if (auto halt = look(lookup.path, object)) {
            const bool refused =
                halt->kind == Halt::Kind::Failed &&
                (halt->error.next == Next::Refused || halt->error.next == Next::NotFound);
            if (!refused || lookup.instead.empty()) return halt;
            id = lookup.instead;
        } else if (const auto* value = object.if_contains("id");
                   value != nullptr && value->is_string() && !value->get_string().empty()) {
            id = std::string(value->get_string());
        } else {
            GraphError error;
            error.next = Next::Garbled;
            error.message = "an object without an id";
            return failed(std::move(error));
        }
        tokens_[lookup.token] = id;
        store::SyncChange change;
        change.put.push_back({part, id, began_, false});
        if (auto halt = commit(std::move(change))) return halt;
    }
    return std::nullopt;
}

Round::Step Round::finish(
    std::vector<store::Watermark> put, const std::vector<std::string>& erase
) {
    store::SyncChange change;
    change.put = std::move(put);
    change.erase = erase;
    change.erase.emplace_back(kRound);
    const std::uint64_t found = std::exchange(new_found_, 0);
    auto stored = parts_.host.commit(
        [&](store::SyncState& state) {
            state.found += found;
            // What could be read was read; the next round is a whole one again.
            if (refused_) return;
            state.swept_at = began_;
            if (state.baseline_at == SystemTime{}) state.baseline_at = began_;
            if (state.wanted_at <= began_) {
                state.wanted_at = SystemTime{};
                state.reason.clear();
            }
            state.attempt_at = SystemTime{};
            state.failures = 0;
            state.last_error.clear();
        },
        std::move(change)
    );
    if (!stored) return not_stored(stored.error());
    if (refused_) return failed(*refused_);
    return std::nullopt;
}

Reading Round::first_reading() const {
    if (!is_baseline()) return Reading::Changes;
    return job_.entry->initial_all ? Reading::All : Reading::Baseline;
}

ReadingOf Round::reading_of(Reading reading) const {
    return {job_.way, reading, state_.swept_at, job_.changes, tokens_};
}

std::string Round::filled(std::string text) const {
    for (const auto& [token, value] : tokens_) {
        const std::string encoded = percent_encode(value);
        for (auto at = text.find(token); at != std::string::npos;
             at = text.find(token, at + encoded.size()))
            text.replace(at, token.size(), encoded);
    }
    return text;
}

std::string Round::request(std::string path, std::string_view more) const {
    std::string options = filled(job_.way.options);
    if (!more.empty()) options += (options.empty() ? "" : "&") + std::string(more);
    if (!options.empty()) path += "?" + options;
    return path;
}

bool Round::is_over(std::string_view part) const {
    const auto mark = marks_.find(part);
    return mark != marks_.end() && !mark->second.partial && mark->second.taken_at >= began_;
}

Round::Step Round::ask(const std::string& target, DataPage& page) {
    if (stop_.stop_requested()) return Halt{Halt::Kind::Stopped, {}, {}, {}};
    const SystemTime wait = parts_.quota.begin(CallClass::Data, job_.to.tenant, job_.mailbox);
    if (wait != SystemTime{}) return paused(wait);
    const Counted counted(parts_.quota, job_.mailbox);
    DataRequest what;
    what.target = target;
    what.api = job_.entry->beta ? Api::Beta : Api::V1;
    what.prefer = job_.way.prefer;
    what.operation =
        job_.to.source == store::Source::Poll
            ? "poll"
            : (job_.way.how == Way::How::Since || job_.way.how == Way::How::Compare ? "page"
                                                                                    : "delta");
    auto got = parts_.data.page(what, stop_);
    if (!got) return failed(got.error());
    if (!std::ranges::all_of(got->value, has_id)) {
        // The link behind it would lead past what it was about.
        GraphError error;
        error.next = Next::Garbled;
        error.message = "a page with an element without an id";
        error.request_id = got->request_id;
        return failed(std::move(error));
    }
    ++pages_;
    page = std::move(*got);
    return std::nullopt;
}

Round::Step Round::look(const std::string& target, json::object& object) {
    if (stop_.stop_requested()) return Halt{Halt::Kind::Stopped, {}, {}, {}};
    const SystemTime wait = parts_.quota.begin(CallClass::Data, job_.to.tenant, job_.mailbox);
    if (wait != SystemTime{}) return paused(wait);
    const Counted counted(parts_.quota, job_.mailbox);
    DataRequest what;
    what.target = target;
    what.api = job_.entry->beta ? Api::Beta : Api::V1;
    what.prefer = job_.way.prefer;
    what.operation = "read";
    auto got = parts_.data.object(what, stop_);
    if (!got) return failed(got.error());
    object = std::move(*got);
    return std::nullopt;
}

Round::Step Round::hand_over(
    std::vector<Finding> found, std::string_view request_text, Reading reading
) {
    if (reading == Reading::Baseline) return std::nullopt;
    const std::string round =
        std::to_string(began_.time_since_epoch().count()) + " " + std::string(request_text);
    std::vector<store::Item> items;
    for (Finding& finding : found) {
        std::string told = told_as(finding.change, job_.way, job_.changes);
        // Everything there is, as created: who does not want that word wants the other.
        if (told.empty() && reading == Reading::All)
            told = told_as("updated", job_.way, job_.changes);
        if (told.empty()) continue;
        finding.change = std::move(told);
        items.push_back(to_item(finding, job_.way, job_.to, round));
    }
    for (std::size_t at = 0; at < items.size(); at += kMostAtOnce) {
        const std::size_t end = std::min(at + kMostAtOnce, items.size());
        std::vector<store::Item> some(
            std::make_move_iterator(items.begin() + static_cast<std::ptrdiff_t>(at)),
            std::make_move_iterator(items.begin() + static_cast<std::ptrdiff_t>(end))
        );
        auto appended = parts_.table.append(std::move(some));
        if (!appended) {
            const Errc code = appended.error().code;
            if (code == Errc::Full || code == Errc::Busy)
                return paused(parts_.clock.system_now() + kBackPressure);
            return not_stored(appended.error());
        }
        found_ += appended->stored;
        // A signal told of it, if not by name.
        const bool told = job_.to.source == store::Source::Poll || job_.reason == "signal";
        if (!told && reading != Reading::All) {
            new_found_ += appended->stored;
            if (appended->stored != 0) parts_.metrics.sweep_found(job_.to.kind, appended->stored);
        }
    }
    return std::nullopt;
}

Round::Step Round::hand_over_removed(const std::vector<std::string>& ids, Reading reading) {
    for (std::size_t at = 0; at < ids.size(); at += kMostAtOnce) {
        std::vector<Finding> found;
        for (std::size_t i = at; i < std::min(at + kMostAtOnce, ids.size()); ++i)
            found.push_back(removed(ids[i], reading_of(reading)));
        if (auto halt = hand_over(std::move(found), "gone", reading)) return halt;
    }
    return std::nullopt;
}

Round::Step Round::commit(store::SyncChange change) {
    for (const auto& part : change.erase) marks_.erase(part);
    for (const auto& mark : change.put) marks_[mark.part] = mark;
    const std::uint64_t found = std::exchange(new_found_, 0);
    auto stored = parts_.host.commit(
        [&](store::SyncState& state) { state.found += found; }, std::move(change)
    );
    if (!stored) return not_stored(stored.error());
    return std::nullopt;
}

Round::Step Round::rest() const {
    if (stop_.stop_requested()) return Halt{Halt::Kind::Stopped, {}, {}, {}};
    if (parts_.host.give_way()) return paused(parts_.clock.system_now());
    return std::nullopt;
}

std::uint64_t Round::next_number(std::string_view what) const {
    const auto parts = numbered_parts(marks_, what);
    if (parts.empty()) return 1;
    return std::stoull(parts.back().substr(what.size() + 1)) + 1;
}

}  // namespace graphhook::subscriptions
