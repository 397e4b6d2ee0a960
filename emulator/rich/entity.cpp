#include "emulator/rich/entity.hpp"

#include "core/time_text.hpp"
#include "emulator/data/query.hpp"
#include "emulator/data/render.hpp"

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include <array>

namespace graphhook::emulator {
namespace {

namespace json = boost::json;

/// What the members below are made of.
struct Source {
    const Subscription& subscription;
    const Change& change;
    std::string id;
    std::string at;
};

/// "chats('x')/messages('1')" is in "chats('x')/messages", "Users/a/Messages/1" in
/// "Users/a/Messages".
std::string_view collection_of(std::string_view resource) {
    return resource.substr(0, resource.ends_with(')') ? resource.rfind('(') : resource.rfind('/'));
}

/// Adds what is not there yet.
void add(json::object& out, json::object members) {
    for (auto& member : members) {
        if (!out.contains(member.key())) out[member.key()] = std::move(member.value());
    }
}

json::object address(std::string_view name) {
    return {
        {"emailAddress",
         {{"name", name}, {"address", fmt::format("{}{}", lower_case(name), kUserDomain)}}}
    };
}

json::object body_of(const Change& change) {
    return {
        {"contentType", "html"},
        {"content", fmt::format("<html><body><p>As of change {}</p></body></html>", change.number)}
    };
}

json::object user_of(const Source& source) {
    return {
        {"id", guid_of(fmt::format("author of {}", source.change.object))},
        {"displayName", "Somebody"},
        {"userIdentityType", "aadUser"},
        {"tenantId", source.subscription.tenant},
    };
}

void add_message(json::object& out, const Source& source) {
    add(out, {
                 {"body", body_of(source.change)},
                 {"sender", address("Somebody")},
                 {"from", address("Somebody")},
                 {"toRecipients", json::array{address("Support")}},
                 {"ccRecipients", json::array{}},
                 {"subject", fmt::format("Message {}", source.change.object)},
                 {"receivedDateTime", source.at},
                 {"sentDateTime", source.at},
                 {"createdDateTime", source.at},
                 {"lastModifiedDateTime", source.at},
                 {"conversationId", fmt::format("AAQkADemulated{:012}", source.change.object)},
                 {"internetMessageId", fmt::format("<{}@emulated.example>", source.change.object)},
                 {"isDraft", false},
                 {"isRead", false},
                 {"hasAttachments", false},
                 {"categories", json::array{}},
             });
}

void add_event(json::object& out, const Source& source) {
    add(out, {
                 {"subject", fmt::format("Event {}", source.change.object)},
                 {"body", body_of(source.change)},
                 {"organizer", address("Somebody")},
                 {"attendees", json::array{}},
                 {"location", {{"displayName", "Room 1"}}},
                 {"isAllDay", false},
                 {"isCancelled", false},
                 {"showAs", "busy"},
                 {"createdDateTime", source.at},
                 {"lastModifiedDateTime", source.at},
             });
}

void add_contact(json::object& out, const Source& source) {
    const auto name = fmt::format("Contact {}", source.change.object);
    add(out, {
                 {"displayName", name},
                 {"givenName", "Contact"},
                 {"surname", fmt::format("{}", source.change.object)},
                 {"emailAddresses",
                  json::array{json::object{
                      {"name", name},
                      {"address", fmt::format("contact{}{}", source.change.object, kUserDomain)}
                  }}},
                 {"mobilePhone", nullptr},
                 {"createdDateTime", source.at},
                 {"lastModifiedDateTime", source.at},
             });
}

/// As documented for chat messages; what the data says of one is less (protocol 3.11).
void add_chat_message(json::object& out, const Source& source) {
    const bool deleted = source.change.type == ChangeType::Deleted;
    const auto& resource = source.subscription.resource;
    json::object made{
        {"replyToId", nullptr},
        {"etag", fmt::format("{}", source.change.number)},
        {"messageType", "message"},
        {"createdDateTime", source.at},
        {"lastModifiedDateTime", source.at},
        {"lastEditedDateTime", nullptr},
        {"deletedDateTime", nullptr},
        {"subject", nullptr},
        {"summary", nullptr},
        {"importance", "normal"},
        {"locale", "en-us"},
        {"from", {{"application", nullptr}, {"device", nullptr}, {"user", user_of(source)}}},
        {"body",
         deleted ? json::object{{"contentType", "text"}, {"content", ""}} : body_of(source.change)},
        {"attachments", json::array{}},
        {"mentions", json::array{}},
        {"reactions", json::array{}},
    };
    if (deleted) made["deletedDateTime"] = source.at;
    if (resource.path->resource.starts_with("teams")) {
        const bool one = resource.ids.size() == 2;
        made["channelIdentity"] = {
            {"teamId", one ? resource.ids[0] : "d29828b8-0000-4000-8000-07da6982f0f0"},
            {"channelId", one ? resource.ids[1] : "19:general@thread.tacv2"}
        };
    } else {
        made["chatId"] = resource.path->pattern == "chats/{}/messages"
                             ? resource.ids[0]
                             : "19:emulated@unq.gbl.spaces";
    }
    add(out, std::move(made));
}

void add_meeting_event(json::object& out, const Source& source) {
    constexpr std::array<std::string_view, 3> kEvents{"callStarted", "rosterUpdated", "callEnded"};
    const auto event = kEvents.at(static_cast<std::size_t>(source.change.number % kEvents.size()));
    out["eventType"] = event;
    out["eventDateTime"] = source.at;
    out["state"] = event == "callEnded" ? "terminated" : "active";
    if (event == "rosterUpdated")
        out["participants@delta"] = json::array{json::object{
            {"id", guid_of(source.id)}, {"info", {{"identity", {{"user", user_of(source)}}}}}
        }};
}

void add_interaction(json::object& out, const Source& source) {
    add(out, {
                 {"sessionId", "19:emulated@thread.v2"},
                 {"requestId", guid_of(source.id)},
                 {"appClass", "IPM.SkypeTeams.Message.Copilot.Teams"},
                 {"interactionType", "userPrompt"},
                 {"conversationType", "appchat"},
                 {"createdDateTime", source.at},
                 {"locale", "en-us"},
                 {"body", body_of(source.change)},
                 {"from", {{"user", user_of(source)}}},
                 {"attachments", json::array{}},
                 {"links", json::array{}},
                 {"contexts", json::array{}},
             });
}

void add_call_artifact(json::object& out, const Source& source, std::string_view content) {
    add(out, {
                 {"meetingId", "MSo1N2Y5emulated"},
                 {"callId", guid_of("call of " + source.id)},
                 {"contentCorrelationId", guid_of("content of " + source.id)},
                 {"meetingOrganizer", {{"user", user_of(source)}}},
                 {"createdDateTime", source.at},
                 {"endDateTime", source.at},
             });
    out[content] = fmt::format("https://graph.microsoft.com/v1.0/{}/content", source.id);
}

void complete(json::object& out, const Source& source) {
    const auto kind = source.subscription.resource.kind->name;
    if (kind == "message") return add_message(out, source);
    if (kind == "event") return add_event(out, source);
    if (kind == "contact") return add_contact(out, source);
    if (kind == "chatMessage") return add_chat_message(out, source);
    if (kind == "onlineMeeting") return add_meeting_event(out, source);
    if (kind == "aiInteraction") return add_interaction(out, source);
    if (kind == "callTranscript") return add_call_artifact(out, source, "transcriptContentUrl");
    if (kind == "callRecording") return add_call_artifact(out, source, "recordingContentUrl");
    if (kind == "chat")
        return add(
            out, {{"topic", fmt::format("Chat {}", source.change.object)},
                  {"chatType", "group"},
                  {"createdDateTime", source.at},
                  {"lastUpdatedDateTime", source.at},
                  {"tenantId", source.subscription.tenant}}
        );
    if (kind == "channel")
        return add(
            out, {{"displayName", fmt::format("Channel {}", source.change.object)},
                  {"description", nullptr},
                  {"membershipType", "standard"},
                  {"createdDateTime", source.at},
                  {"tenantId", source.subscription.tenant}}
        );
    if (kind == "team")
        return add(
            out, {{"displayName", fmt::format("Team {}", source.change.object)},
                  {"description", nullptr},
                  {"visibility", "private"},
                  {"isArchived", false},
                  {"createdDateTime", source.at},
                  {"tenantId", source.subscription.tenant}}
        );
    if (kind == "conversationMember")
        return add(
            out, {{"@odata.type", "#microsoft.graph.aadUserConversationMember"},
                  {"roles", json::array{"owner"}},
                  {"displayName", fmt::format("User {}", source.change.object)},
                  {"userId", guid_of(fmt::format("member {}", source.change.object))},
                  {"email", fmt::format("user{}{}", source.change.object, kUserDomain)},
                  {"tenantId", source.subscription.tenant}}
        );
    if (kind == "presence") {
        out["@odata.id"] = fmt::format("users/{}/presence", source.id);
        out["@odata.type"] = "#microsoft.graph.presence";
        add(out, {{"availability", "Busy"}, {"activity", "InAMeeting"}});
    }
}

}  // namespace

std::string entity_text(
    World& world, const Landing& landing, const Subscription& subscription, const Change& change
) {
    const Recognised& resource = subscription.resource;
    const auto identity = identity_of(resource, change);
    const Source source{subscription, change, identity.object_id, to_text(change.at)};
    json::object out;
    out["@odata.context"] = fmt::format(
        "https://graph.microsoft.com/v1.0/$metadata#{}/$entity", collection_of(identity.resource)
    );
    const auto kind = resource.kind->name;
    if (change.type == ChangeType::Deleted && kind != "chatMessage") {
        if (!identity.etag.empty()) out["@odata.etag"] = identity.etag;
        out["id"] = identity.object_id;
        return json::serialize(out);
    }
    const Tenant& tenant = world.tenant(subscription.tenant);
    const Collection* const collection = tenant.find(landing.key);
    const Object* const object = collection == nullptr ? nullptr : collection->find(change.object);
    // A meeting's events and deleted chat messages are no objects there.
    if (object != nullptr && !object->removed && kind != "onlineMeeting") {
        for (auto& member : render(tenant, *collection, *object))
            out[member.key()] = std::move(member.value());
    }
    out["id"] = identity.object_id;
    complete(out, source);
    select(out, subscription.select);
    return json::serialize(out);
}

}  // namespace graphhook::emulator
