#include "emulator/user_notifications/feed.hpp"

#include "core/time_text.hpp"

#include <boost/json/array.hpp>

#include <algorithm>
#include <utility>
#include <vector>

namespace graphhook::emulator {
namespace {

using boost::json::object;

constexpr std::size_t kMostEndpoints = 100;
constexpr std::size_t kMostNotifications = 10'000;
constexpr std::chrono::hours kTombstones{24};

constexpr std::array<std::pair<ReadState, std::string_view>, 2> kReadStates{{
    {ReadState::Unread, "Unread"},
    {ReadState::Read, "Read"},
}};
constexpr std::array<std::pair<UserAction, std::string_view>, 4> kUserActions{{
    {UserAction::NoInteraction, "NoInteraction"},
    {UserAction::Activated, "Activated"},
    {UserAction::Dismissed, "Dismissed"},
    {UserAction::Snoozed, "Snoozed"},
}};

template <class Table, class Value>
std::string_view name_in(const Table& table, Value value) {
    for (const auto& [known, name] : table) {
        if (known == value) return name;
    }
    return {};
}

/// The member's value in the table; nothing if it is absent.
template <class Value, std::size_t N>
Result<std::optional<Value>> value_in(
    const std::array<std::pair<Value, std::string_view>, N>& table, const object& json,
    std::string_view member
) {
    const auto* text = json.if_contains(member);
    if (text == nullptr) return std::optional<Value>{};
    for (const auto& [value, name] : table) {
        if (text->is_string() && text->as_string() == name) return std::optional<Value>(value);
    }
    return fail(Errc::BadInput, std::string(member) + " is none that is known");
}

boost::json::value or_null(const std::optional<std::string>& text) {
    return text ? boost::json::value(*text) : boost::json::value(nullptr);
}

boost::json::value visual_json(const std::optional<Visual>& visual) {
    if (!visual) return nullptr;
    object json{{"title", visual->title}};
    json["body"] = or_null(visual->body);
    return json;
}

bool untouched(const NotificationView& view) {
    return view.read == ReadState::Unread && view.action == UserAction::NoInteraction;
}

}  // namespace

Result<UserAct> read_user_act(const object& json) {
    for (const auto& entry : json) {
        if (entry.key() != "readState" && entry.key() != "userActionState")
            return fail(Errc::BadInput, "only readState and userActionState can be changed");
    }
    const auto read = value_in(kReadStates, json, "readState");
    if (!read) return read.error();
    const auto action = value_in(kUserActions, json, "userActionState");
    if (!action) return action.error();
    if (!*read && !*action) return fail(Errc::BadInput, "say readState or userActionState");
    return UserAct{*read, *action};
}

Result<void> UserFeed::add(FeedEndpoint endpoint, SystemTime now) {
    tidy(now);
    if (endpoints_.size() >= kMostEndpoints)
        std::erase_if(endpoints_, [now](const auto& one) { return !one.second.live(now); });
    if (endpoints_.size() >= kMostEndpoints)
        return fail(Errc::Full, "the user has too many endpoints");
    for (const auto& [order, entry] : entries_) {
        if (entry.deleted || !entry.said.is_for(endpoint.platform)) continue;
        tell(endpoint, entry, entry.changed);
        if (entry.said.fallback && endpoint.platform == Platform::Ios)
            note_due(entry.created + entry.said.fallback->delay);
    }
    auto id = endpoint.id;
    endpoints_.insert_or_assign(std::move(id), std::move(endpoint));
    return {};
}

Result<void> UserFeed::renew(std::string_view endpoint, SystemTime expires, SystemTime now) {
    const auto found = endpoints_.find(endpoint);
    if (found == endpoints_.end()) return fail(Errc::NotFound, "there is no such endpoint");
    if (!found->second.live(now))
        return fail(Errc::Refused, "the endpoint's subscription is over; register it again");
    found->second.expires = expires;
    return {};
}

bool UserFeed::remove(std::string_view endpoint) {
    const auto found = endpoints_.find(endpoint);
    if (found == endpoints_.end()) return false;
    endpoints_.erase(found);
    return true;
}

const FeedEndpoint* UserFeed::find(std::string_view endpoint) const {
    const auto found = endpoints_.find(endpoint);
    return found == endpoints_.end() ? nullptr : &found->second;
}

/// What the endpoint knows becomes what the notification is, save that nobody tells a browser what
/// others did.
void UserFeed::tell(FeedEndpoint& endpoint, const Entry& entry, SystemTime when) {
    NotificationView& view = endpoint.views[entry.id];
    view.number = ++number_;
    view.changed = when;
    view.deleted = entry.deleted.has_value();
    if (endpoint.platform != Platform::WebPush) {
        view.read = entry.read;
        view.action = entry.action;
    }
}

UserFeed::Entry* UserFeed::entry_of(std::string_view id) {
    const auto found = by_id_.find(id);
    return found == by_id_.end() ? nullptr : &entries_.at(found->second);
}

UserFeed::Entry* UserFeed::find_live(const PostedNotification& like) {
    if (!like.app_id || like.app_id->empty()) return nullptr;
    const auto found = by_app_id_.find(*like.app_id);
    if (found == by_app_id_.end()) return nullptr;
    Entry& entry = entries_.at(found->second);
    return entry.deleted ? nullptr : &entry;
}

UserFeed::Stored UserFeed::put(PostedNotification notification, std::string id, SystemTime now) {
    tidy(now);
    Stored stored;
    Entry* entry = find_live(notification);
    stored.replaced = entry != nullptr;
    if (entry != nullptr && entry->said == notification) {
        for (const auto& [name, endpoint] : endpoints_) {
            if (endpoint.live(now) && endpoint.views.contains(entry->id)) ++stored.endpoints;
        }
        stored.id = entry->id;
        stored.expires = entry->expires;
        return stored;
    }
    if (entry == nullptr) {
        if (entries_.size() >= kMostNotifications) forget(entries_.begin());
        const auto order = next_entry_++;
        entry = &entries_[order];
        entry->id = std::move(id);
        by_id_[entry->id] = order;
        if (notification.app_id && !notification.app_id->empty())
            by_app_id_[*notification.app_id] = order;
    }
    entry->said = std::move(notification);
    entry->created = now;
    entry->changed = now;
    entry->expires = entry->said.expires.value_or(now + kUsualLife);
    entry->read = ReadState::Unread;
    entry->action = UserAction::NoInteraction;
    note_due(entry->expires);
    if (entry->said.fallback) note_due(now + entry->said.fallback->delay);
    for (auto& [name, endpoint] : endpoints_) {
        if (!endpoint.live(now)) continue;
        const auto known = endpoint.views.find(entry->id);
        if (entry->said.is_for(endpoint.platform)) {
            if (known != endpoint.views.end()) known->second = NotificationView{};
            tell(endpoint, *entry, now);
            ++stored.endpoints;
        } else if (known != endpoint.views.end() && !known->second.deleted) {
            // No longer meant for this one.
            known->second.number = ++number_;
            known->second.changed = now;
            known->second.deleted = true;
        }
    }
    stored.id = entry->id;
    stored.expires = entry->expires;
    return stored;
}

Result<UserFeed::Found> UserFeed::find_view(
    std::string_view endpoint, std::string_view notification, SystemTime now
) {
    tidy(now);
    const auto found = endpoints_.find(endpoint);
    if (found == endpoints_.end()) return fail(Errc::NotFound, "there is no such endpoint");
    if (!found->second.live(now))
        return fail(Errc::Refused, "the endpoint's subscription is over; register it again");
    const auto view = found->second.views.find(notification);
    Entry* const entry = entry_of(notification);
    if (view == found->second.views.end() || entry == nullptr)
        return fail(Errc::NotFound, "there is no such notification");
    if (view->second.deleted) return fail(Errc::Conflict, "the notification is deleted");
    return Found{found->second, view->second, *entry};
}

Result<void> UserFeed::act(
    std::string_view endpoint, std::string_view notification, const UserAct& act, SystemTime now
) {
    auto found = find_view(endpoint, notification, now);
    if (!found) return found.error();
    auto& [own, view, entry] = *found;
    const auto read = act.read.value_or(view.read);
    const auto action = act.action.value_or(view.action);
    if (view.read == read && view.action == action) return {};
    view.read = read;
    view.action = action;
    view.changed = now;
    if (act.read) entry.read = *act.read;
    if (act.action) entry.action = *act.action;
    entry.changed = now;
    for (auto& [id, other] : endpoints_) {
        if (&other == &own || other.platform == Platform::WebPush || !other.live(now)) continue;
        const auto theirs = other.views.find(notification);
        if (theirs == other.views.end() || theirs->second.deleted) continue;
        if (theirs->second.read == entry.read && theirs->second.action == entry.action) continue;
        tell(other, entry, now);
    }
    return {};
}

Result<void> UserFeed::erase(
    std::string_view endpoint, std::string_view notification, SystemTime now
) {
    auto found = find_view(endpoint, notification, now);
    if (!found) return found.error();
    remove_entry(found->entry, now, now);
    return {};
}

void UserFeed::remove_entry(Entry& entry, SystemTime when, SystemTime now) {
    entry.deleted = when;
    entry.changed = when;
    note_due(when + kTombstones);
    for (auto& [id, endpoint] : endpoints_) {
        const auto view = endpoint.views.find(entry.id);
        if (view == endpoint.views.end() || view->second.deleted || !endpoint.live(now)) continue;
        view->second.number = ++number_;
        view->second.changed = when;
        view->second.deleted = true;
    }
}

void UserFeed::tidy_entry(Entry& entry, SystemTime now) {
    if (!entry.deleted && entry.expires <= now) remove_entry(entry, entry.expires, now);
    if (entry.deleted) {
        note_due(*entry.deleted + kTombstones);
        return;
    }
    note_due(entry.expires);
    if (!entry.said.fallback) return;
    const auto when = entry.created + entry.said.fallback->delay;
    if (when > now) return note_due(when);
    for (auto& [id, endpoint] : endpoints_) {
        if (endpoint.platform != Platform::Ios || !endpoint.live(now)) continue;
        const auto view = endpoint.views.find(entry.id);
        if (view == endpoint.views.end() || view->second.deleted || view->second.fell_back ||
            !untouched(view->second))
            continue;
        view->second.fell_back = true;
        view->second.number = ++number_;
        view->second.changed = when;
    }
}

void UserFeed::tidy(SystemTime now) {
    if (now < due_) return;
    due_ = SystemTime::max();
    for (auto it = entries_.begin(); it != entries_.end();) {
        Entry& entry = it->second;
        tidy_entry(entry, now);
        if (!entry.deleted || *entry.deleted + kTombstones > now) {
            ++it;
            continue;
        }
        it = forget(it);
    }
}

UserFeed::Entries::iterator UserFeed::forget(Entries::iterator entry) {
    for (auto& [id, endpoint] : endpoints_) endpoint.views.erase(entry->second.id);
    by_id_.erase(entry->second.id);
    if (const auto& app_id = entry->second.said.app_id) {
        const auto known = by_app_id_.find(*app_id);
        if (known != by_app_id_.end() && known->second == entry->first) by_app_id_.erase(known);
    }
    return entries_.erase(entry);
}

object UserFeed::to_json(const Entry& entry, const NotificationView& view) const {
    object json;
    json["number"] = view.number;
    json["id"] = entry.id;
    json["appNotificationId"] = or_null(entry.said.app_id);
    json["groupName"] = or_null(entry.said.group);
    json["status"] = view.deleted ? "Deleted" : "Active";
    json["readState"] = name_in(kReadStates, view.read);
    json["userActionState"] = name_in(kUserActions, view.action);
    json["content"] = view.deleted ? boost::json::value(nullptr) : or_null(entry.said.raw);
    if (view.deleted) {
        json["visualContent"] = nullptr;
    } else if (view.fell_back) {
        json["visualContent"] = visual_json(entry.said.fallback->content);
    } else {
        json["visualContent"] = visual_json(entry.said.visual);
    }
    // What is shown is always treated as High (protocol 10.5).
    if (entry.said.visual) {
        json["priority"] = "High";
    } else {
        json["priority"] = entry.said.priority.empty() ? "None" : entry.said.priority;
    }
    json["creationDateTime"] = to_text(entry.created);
    json["expirationDateTime"] = to_text(entry.expires);
    json["changeDateTime"] = to_text(view.changed);
    return json;
}

Result<object> UserFeed::read(
    std::string_view endpoint, std::uint64_t after, std::size_t limit, SystemTime now
) {
    tidy(now);
    const auto* found = find(endpoint);
    if (found == nullptr) return fail(Errc::NotFound, "there is no such endpoint");
    std::vector<std::pair<const std::string*, const NotificationView*>> changed;
    for (const auto& [id, view] : found->views) {
        if (view.number > after) changed.emplace_back(&id, &view);
    }
    std::sort(changed.begin(), changed.end(), [](const auto& a, const auto& b) {
        return a.second->number < b.second->number;
    });
    const bool more = changed.size() > limit;
    if (more) changed.resize(limit);
    boost::json::array list;
    for (const auto& [id, view] : changed) list.push_back(to_json(*entry_of(*id), *view));
    object json;
    json["notifications"] = std::move(list);
    json["cursor"] = changed.empty() ? after : changed.back().second->number;
    json["more"] = more;
    return json;
}

std::size_t UserFeed::size(SystemTime now) {
    tidy(now);
    return static_cast<std::size_t>(std::count_if(
        entries_.begin(), entries_.end(), [](const auto& one) { return !one.second.deleted; }
    ));
}

void UserFeed::forget_notifications() {
    for (auto& [id, endpoint] : endpoints_) endpoint.views.clear();
    entries_.clear();
    by_id_.clear();
    by_app_id_.clear();
    due_ = SystemTime::max();
}

}  // namespace graphhook::emulator
