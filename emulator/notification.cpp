#include "emulator/notification.hpp"

#include "core/time_text.hpp"
#include "emulator/object_id.hpp"

#include <fmt/format.h>

#include <iterator>

namespace graphhook::emulator {
namespace {

/// {1}, {2}: what the path's pattern took; {id}: the object; {path}: the path as subscribed.
std::string fill(std::string_view pattern, const Recognised& resource, std::string_view id) {
    std::string out;
    while (!pattern.empty()) {
        const auto open = pattern.find('{');
        out += pattern.substr(0, open);
        if (open == std::string_view::npos) break;
        const auto close = pattern.find('}', open);
        const auto name = pattern.substr(open + 1, close - open - 1);
        if (name == "id") {
            out += id;
        } else if (name == "path") {
            out += resource.text;
        } else {
            out += resource.ids[static_cast<std::size_t>(name[0] - '1')];
        }
        pattern.remove_prefix(close + 1);
    }
    return out;
}

void add(std::string& out, std::string_view name, std::string_view value) {
    if (out.back() != '{') out += ',';
    out += '"';
    out += name;
    out += "\":";
    append_json_string(out, value);
}

/// What every item starts with (protocol 3.1).
void add_common(std::string& out, const Subscription& subscription, Forgery forgery) {
    add(out, "subscriptionId", forgery == Forgery::Subscription ? random_guid() : subscription.id);
    add(out, "subscriptionExpirationDateTime", graph_time(subscription.expires));
    if (forgery == Forgery::ClientState) {
        add(out, "clientState", "this-is-not-the-client-state-of-the-subscription");
    } else if (subscription.has_client_state) {
        add(out, "clientState", subscription.client_state.reveal());
    } else {
        out += R"(,"clientState":null)";
    }
    // Presence and meetings say it in another member when they carry resource data (protocol 3.13,
    // 3.16).
    const auto kind = subscription.resource.kind->name;
    const bool other = subscription.rich && (kind == "presence" || kind == "onlineMeeting");
    add(out, other ? "organizationId" : "tenantId", subscription.tenant);
}

void add_resource_data(
    std::string& out, const Subscription& subscription, const Change& change,
    const ObjectIdentity& identity
) {
    const Kind& kind = *subscription.resource.kind;
    if (kind.shape == Shape::Folder) {
        out += R"(,"resourceData":null)";
        return;
    }
    out += R"(,"resourceData":{)";
    add(out, "@odata.type", kind.odata_type);
    if (kind.shape != Shape::TypeOnly) {
        add(out, "@odata.id", identity.resource);
        if (!identity.etag.empty()) add(out, "@odata.etag", identity.etag);
        add(out, "id", identity.object_id);
    }
    if (kind.shape == Shape::Directory) {
        add(out, "organizationId", subscription.tenant);
        add(out, "eventTime", graph_time(change.at));
        fmt::format_to(
            std::back_inserter(out), R"(,"sequenceNumber":{})", identity.sequence_number
        );
        const auto pattern = subscription.resource.path->pattern;
        if (change.member != 0 || pattern.ends_with("/members") || pattern.ends_with("/owners")) {
            fmt::format_to(
                std::back_inserter(out), R"(,"{}@delta":[{{"id":"{}"{}}}])",
                pattern.ends_with("/owners") ? "owners" : "members",
                object_id(IdStyle::Guid, change.member != 0 ? change.member : change.object),
                change.type == ChangeType::Deleted ? R"(,"@removed":"deleted")" : ""
            );
        }
    }
    out += '}';
}

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
    out += '"';
    for (const char c : text) {
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (static_cast<unsigned char>(c) < 0x20) {
            fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned>(c));
        } else {
            out += c;
        }
    }
    out += '"';
}

std::string graph_time(SystemTime time) {
    const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
    const auto micros =
        std::chrono::duration_cast<std::chrono::microseconds>(time - seconds).count();
    return fmt::format("{}.{:06}0Z", to_text(seconds).substr(0, 19), micros);
}

std::uint64_t dotnet_ticks(SystemTime time) noexcept {
    return 621'355'968'000'000'000ULL +
           static_cast<std::uint64_t>(time.time_since_epoch().count()) * 10;
}

ChangeType shown_type(const Recognised& resource, const Change& change) {
    const Kind& kind = *resource.kind;
    if (kind.shape == Shape::Folder || kind.shape == Shape::TypeOnly) return ChangeType::Updated;
    if (kind.shape != Shape::Directory) return change.type;
    if (change.member != 0 || change.soft || change.type == ChangeType::Created)
        return ChangeType::Updated;
    return change.type;
}

ObjectIdentity identity_of(const Recognised& resource, const Change& change) {
    const Kind& kind = *resource.kind;
    ObjectIdentity identity;
    const auto id = change.name.empty() ? object_id(kind.ids, change.object) : change.name;
    identity.resource = fill(resource.path->resource, resource, id);
    identity.object_id = fill(resource.path->object, resource, id);
    if (kind.shape == Shape::Outlook) {
        identity.etag = outlook_etag(change.number);
        identity.notification_id = fmt::format("lsgTZMr9{:012}", change.number);
    }
    if (kind.shape == Shape::Directory) identity.sequence_number = dotnet_ticks(change.at);
    return identity;
}

std::string change_item(const Subscription& subscription, const Change& change, Forgery forgery) {
    const auto identity = identity_of(subscription.resource, change);
    std::string out = "{";
    out.reserve(1024);
    if (!identity.notification_id.empty()) {
        // Each subscription's notification of the same change has an id of its own.
        add(out, "id", fmt::format("{}{:06x}", identity.notification_id, subscription.sequence));
    }
    add_common(out, subscription, forgery);
    add(out, "changeType", to_string(shown_type(subscription.resource, change)));
    add(out, "resource", identity.resource);
    add_resource_data(out, subscription, change, identity);
    out += '}';
    return out;
}

std::string_view to_string(LifecycleEvent event) noexcept {
    switch (event) {
        case LifecycleEvent::Missed:
            return "missed";
        case LifecycleEvent::SubscriptionRemoved:
            return "subscriptionRemoved";
        case LifecycleEvent::ReauthorizationRequired:
            return "reauthorizationRequired";
    }
    return "";
}

std::optional<LifecycleEvent> parse_lifecycle_event(std::string_view text) noexcept {
    for (const auto event :
         {LifecycleEvent::Missed, LifecycleEvent::SubscriptionRemoved,
          LifecycleEvent::ReauthorizationRequired}) {
        if (text == to_string(event)) return event;
    }
    return std::nullopt;
}

std::string lifecycle_item(
    const Subscription& subscription, LifecycleEvent event, Forgery forgery
) {
    std::string out = "{";
    add_common(out, subscription, forgery);
    add(out, "lifecycleEvent", to_string(event));
    out += '}';
    return out;
}

}  // namespace graphhook::emulator
