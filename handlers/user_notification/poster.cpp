#include "handlers/user_notification/poster.hpp"

#include "core/log.hpp"
#include "core/text.hpp"
#include "handlers/user_notification/coding.hpp"
#include "handlers/user_notification/reply.hpp"
#include "store/unsid.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace graphhook::handlers {
namespace {

constexpr std::string_view kPath = "/beta/me/notifications/";
constexpr std::size_t kGuidSize = 36;

std::string url_of(const NotificationAccess& access, const PostOptions& options) {
    if (!options.url.empty()) return options.url;
    auto url = access.graph();
    while (url.ends_with('/')) url.pop_back();
    return url.append(kPath);
}

/// What must not come back in a reason: all that a template may have filled, and what is secret.
std::vector<std::string_view> contents_of(
    const UserNotification& notification, std::string_view unsid, const Secret& token
) {
    std::vector<std::string_view> contents{
        notification.app_notification_id, notification.group_name, unsid, token.reveal()
    };
    const auto add = [&contents](const VisualContent& content) {
        contents.emplace_back(content.title);
        if (content.body) contents.emplace_back(*content.body);
    };
    if (notification.raw_content) contents.emplace_back(*notification.raw_content);
    if (notification.visual_content) add(*notification.visual_content);
    if (notification.fallback) add(notification.fallback->content);
    return contents;
}

HttpRequest request_of(
    const UserNotification& notification, std::string_view unsid, const NotificationAccess& access,
    const PostOptions& options
) {
    HttpRequest request;
    request.method = "POST";
    request.url = url_of(access, options);
    request.headers.emplace_back("Content-Type", "application/json");
    if (const auto coding = to_string(options.coding); !coding.empty())
        request.headers.emplace_back("Content-Encoding", coding);
    if (!unsid.empty()) request.headers.emplace_back("X-UNS-ID", unsid);
    request.body = coded(to_json(notification, options.wrapped), options.coding);
    request.timeout = options.timeout;
    return request;
}

std::string no_token(const Error& error) {
    // Most token sources say so themselves.
    const bool said = error.detail.find("no token") != std::string::npos;
    return (said ? "" : "no token: ") + for_log(to_string(error), 500);
}

}  // namespace

Outcome post_notification(
    const UserNotification& notification, std::string_view unsid, NotificationAccess& access,
    const PostOptions& options, const NewGuid& new_guid, SystemTime now, const std::stop_token& stop
) {
    if (const auto problems = check(notification, now, options.most_content_bytes);
        !problems.empty()) {
        return Outcome::dead(to_text(problems));
    }
    if (unsid.empty() && !access.delegated())
        return Outcome::dead("no_unsid: X-UNS-ID is required with an app's own token");
    if (!unsid.empty() && !store::is_unsid(unsid))
        return Outcome::dead("no_unsid: the UNSID has characters that none has");

    const auto prepared = request_of(notification, unsid, access, options);
    Outcome refused;
    Secret first;
    for (const bool again : {false, true}) {
        if (stop.stop_requested()) return Outcome::retry_target("stopped before it was posted");
        auto token = access.token(stop);
        if (token.has_error()) return Outcome::retry_target(no_token(token.error()));
        // The same one would be refused again.
        if (again && token->equals(first.reveal())) return refused;
        auto request = prepared;
        request.bearer = *token;
        auto guid = new_guid();
        request.headers.emplace_back("client-request-id", guid);
        auto response = access.http().send(request, stop);
        if (response.has_error())
            return Outcome::retry_target(for_log(to_string(response.error()), 500));
        // What the service logs it under, even where it does not say so.
        if (!response->header("client-request-id"))
            response->headers.emplace_back("client-request-id", std::move(guid));
        auto step = next_step(*response, contents_of(notification, unsid, *token), now);
        if (!step.new_token) return std::move(step.outcome);
        // After the second, too: a later attempt begins with another token.
        access.refused(*token, step.claims);
        refused = std::move(step.outcome);
        first = std::move(*token);
    }
    return refused;
}

std::optional<std::string> user_of_resource(std::string_view resource) {
    constexpr std::string_view kUsers = "users";
    if (resource.starts_with('/')) resource.remove_prefix(1);
    if (!same_letters(resource.substr(0, kUsers.size()), kUsers)) return std::nullopt;
    resource.remove_prefix(kUsers.size());
    std::string_view id;
    std::string_view rest;
    if (resource.starts_with('/')) {
        id = resource.substr(1, kGuidSize);
        rest = resource.substr(1 + id.size());
    } else if (resource.starts_with("('")) {
        id = resource.substr(2, kGuidSize);
        rest = resource.substr(2 + id.size());
        if (!rest.starts_with("')")) return std::nullopt;
        rest.remove_prefix(2);
    }
    if (!is_guid(id) || !(rest.empty() || rest.front() == '/' || rest.front() == '?'))
        return std::nullopt;
    return lowered(id);
}

}  // namespace graphhook::handlers
