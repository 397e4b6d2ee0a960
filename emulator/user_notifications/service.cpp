#include "emulator/user_notifications/service.hpp"

#include "core/log.hpp"
#include "core/time_text.hpp"
#include "emulator/identity/scopes.hpp"
#include "emulator/subscription.hpp"
#include "emulator/url.hpp"
#include "emulator/user_notifications/evaluation.hpp"

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include <algorithm>

namespace graphhook::emulator {
namespace {

using boost::json::object;

constexpr std::string_view kType =
    "application/"
    "json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8";

std::string key_of(const FeedOwner& owner) {
    return fmt::format(
        "{} {} {}", lower_text(owner.app), lower_text(owner.tenant), lower_text(owner.user)
    );
}

ApiError not_authorized() {
    return {
        403, "Forbidden",
        "The caller is not authorized to notify the user or to act on the user's "
        "behalf."
    };
}

/// What the table of replies has for a status (protocol 10.6).
ApiError error_of(int status) {
    switch (status) {
        case 400:
            return {400, "BadRequest", "The payload is invalid."};
        case 401:
            return {
                401, "InvalidDataTypes", "The request body contains invalid activity data types."
            };
        case 403:
            return {403, "Forbidden", "The caller is blocked."};
        case 405:
            return {405, "MethodNotAllowed", "The HTTP method is not supported."};
        case 406:
            return {406, "NotAcceptable", "The service is busy, or there were too many requests."};
        case 415:
            return {415, "UnsupportedMediaType", "Content-Encoding must be gzip or deflate."};
        default:
            return {
                status, status == 503 ? "ServiceUnavailable" : "UnknownError",
                "An emulated failure."
            };
    }
}

/// protocol 10.7.
std::string reply_body(
    std::string_view base, const FeedOwner& owner, const PostedNotification& said,
    const UserFeed::Stored& stored
) {
    object json;
    json["@odata.context"] = fmt::format(
        "{}/beta/$metadata#users('{}')/notifications/$entity", base,
        form_encode(owner.user_name.empty() ? owner.user : owner.user_name)
    );
    json["displayTimeToLive"] = nullptr;
    if (said.display_for) json["displayTimeToLive"] = std::max(0, *said.display_for - 1);
    json["expirationDateTime"] = to_text(stored.expires);
    json["groupName"] = nullptr;
    if (said.group) json["groupName"] = *said.group;
    json["id"] = stored.id;
    json["priority"] = said.priority;
    if (said.priority.empty()) json["priority"] = said.visual ? "High" : "None";
    object payload;
    if (said.visual) {
        object visual{{"title", said.visual->title}};
        if (said.visual->body) visual["body"] = *said.visual->body;
        payload["visualContent"] = std::move(visual);
    }
    json["payload"] = std::move(payload);
    return boost::json::serialize(json);
}

}  // namespace

bool UserNotifications::serves(std::string_view path) noexcept {
    if (path.ends_with('/')) path.remove_suffix(1);
    return same_text(path, "/beta/me/notifications");
}

std::string UserNotifications::limit_key(std::string_view tenant, std::string_view user) {
    return lower_text(tenant) + " " + lower_text(user);
}

Response UserNotifications::refuse(const ApiError& error, const RequestIds& ids) const {
    auto response = json_response(error.status, error_body(error, ids, clock_.system_now()));
    if (error.status == 405) response.headers.emplace_back("Allow", "POST");
    return response;
}

std::optional<Response> UserNotifications::refuse_method(
    const Request& request, const RequestIds& ids
) const {
    if (request.method == "POST") return std::nullopt;
    return refuse(error_of(405), ids);
}

Result<UserNotifications::Feed*> UserNotifications::feed_for(const FeedOwner& owner) {
    auto key = key_of(owner);
    if (const auto found = feeds_.find(key); found != feeds_.end()) return found->second.get();
    if (feeds_.size() >= options_.most_feeds)
        return fail(Errc::Full, "there are too many users with notifications");
    auto made = std::make_unique<Feed>();
    made->owner = owner;
    made->unsid = random_guid();
    Feed* const feed = made.get();
    by_unsid_[feed->unsid] = feed;
    feeds_.emplace(std::move(key), std::move(made));
    return feed;
}

ApiResult<UserNotifications::Feed*> UserNotifications::own_feed(const Caller& caller) {
    auto feed =
        feed_for({caller.app, caller.tenant, caller.user, caller.user_name, caller.personal});
    if (!feed) return ApiError{503, "ServiceUnavailable", feed.error().detail};
    return *feed;
}

ApiResult<UserNotifications::Feed*> UserNotifications::recipient(
    const Request& request, const Caller& caller
) {
    const auto unsid = request.header("x-uns-id");
    if (caller.delegated && !caller.has_one_of(kNotifyScope)) return not_authorized();
    if (caller.delegated && unsid.empty()) return own_feed(caller);
    const auto found = by_unsid_.find(lower_text(unsid));
    if (found == by_unsid_.end()) return not_authorized();
    const FeedOwner& owner = found->second->owner;
    const bool in_tenant = same_text(owner.tenant, caller.tenant) || owner.personal;
    if (!same_text(owner.app, caller.app) || !in_tenant) return not_authorized();
    if (caller.delegated && !same_text(owner.user, caller.user)) return not_authorized();
    if (found->second->unsid_expires <= clock_.system_now()) return not_authorized();
    return found->second;
}

Response UserNotifications::post(
    const Request& request, const Caller& caller, const RequestIds& ids
) {
    return take(request, caller, ids, 201);
}

Response UserNotifications::take(
    const Request& request, const Caller& caller, const RequestIds& ids, int status
) {
    const auto now = clock_.system_now();
    const auto refused = [&](const ApiError& error) {
        auto response = refuse(error, ids);
        received_.add(request, caller, response, 0, now);
        return response;
    };
    auto said = evaluate_post(request, caller, apps_, options_.rules, now);
    if (!said) return refused(said.error());
    const auto to = recipient(request, caller);
    if (!to) return refused(to.error());
    Feed& feed = **to;
    const auto wait = limits_.ask(
        limit_key(feed.owner.tenant, feed.owner.user), UserLimits::Kind::Write, clock_.steady_now()
    );
    if (wait) {
        auto response =
            refuse({406, "NotAcceptable", "There were too many requests about this user."}, ids);
        response.headers.emplace_back("Retry-After", fmt::format("{}", wait->count()));
        received_.add(request, caller, response, 0, now);
        return response;
    }
    const auto stored = feed.feed.put(*said, random_guid(), now);
    log().info(
        "user notification {} id={} endpoints={}", stored.replaced ? "replaced" : "stored",
        stored.id, stored.endpoints
    );
    Response response(
        status, std::string(kType), reply_body(request.base, feed.owner, *said, stored)
    );
    response.headers.emplace_back("Cache-Control", "private");
    response.headers.emplace_back(
        "Location", fmt::format("{}/beta/me/activities/{}", request.base, stored.id)
    );
    response.headers.emplace_back("OData-Version", "4.0");
    received_.add(request, caller, response, stored.endpoints, now);
    return response;
}

Response UserNotifications::faulty_post(
    const Request& request, const Caller& caller, const RequestIds& ids, const Fault& fault
) {
    if (fault.status == 200) {
        return take(request, caller, ids, 200);
    }
    auto error = error_of(fault.status);
    if (!fault.code.empty()) error.code = fault.code;
    auto response = refuse(error, ids);
    if (fault.retry_after) {
        response.headers.emplace_back("Retry-After", fmt::format("{}", fault.retry_after->count()));
    }
    received_.add(request, caller, response, 0, clock_.system_now());
    return response;
}

Result<object> UserNotifications::add_endpoint(NewEndpoint wanted) {
    if (!apps_.has_platform(wanted.owner.app, wanted.platform))
        return fail(Errc::BadInput, "the app is not registered for this platform");
    const auto now = clock_.system_now();
    const auto found = feed_for(wanted.owner);
    if (!found) return found.error();
    Feed& feed = **found;
    if (!wanted.owner.user_name.empty()) feed.owner.user_name = wanted.owner.user_name;
    FeedEndpoint endpoint;
    endpoint.id = random_guid();
    endpoint.platform = wanted.platform;
    endpoint.name = std::move(wanted.name);
    endpoint.client = std::move(wanted.client);
    endpoint.expires = now + wanted.life.value_or(options_.usual_life);
    const auto id = endpoint.id;
    const auto before = feed.feed.endpoints().size();
    if (auto added = feed.feed.add(std::move(endpoint), now); !added) return added.error();
    by_endpoint_[id] = &feed;
    if (feed.feed.endpoints().size() <= before) {
        // Some that were over made room.
        std::erase_if(by_endpoint_, [&feed](const auto& one) {
            return one.second == &feed && feed.feed.find(one.first) == nullptr;
        });
    }
    const FeedEndpoint& added = *feed.feed.find(id);
    feed.unsid_expires = std::max(feed.unsid_expires, added.expires);
    log().info("endpoint registered id={} platform={}", id, to_string(added.platform));
    return to_json(feed, added);
}

UserNotifications::Feed* UserNotifications::find_endpoint(std::string_view id) const {
    const auto found = by_endpoint_.find(lower_text(id));
    if (found == by_endpoint_.end() || found->second->feed.find(found->first) == nullptr)
        return nullptr;
    return found->second;
}

Result<object> UserNotifications::renew_endpoint(
    std::string_view id, std::optional<std::chrono::seconds> life
) {
    Feed* const feed = find_endpoint(id);
    if (feed == nullptr) return fail(Errc::NotFound, "there is no such endpoint");
    const auto now = clock_.system_now();
    const auto key = lower_text(id);
    const auto expires = now + life.value_or(options_.usual_life);
    if (auto renewed = feed->feed.renew(key, expires, now); !renewed) return renewed.error();
    feed->unsid_expires = std::max(feed->unsid_expires, expires);
    return to_json(*feed, *feed->feed.find(key));
}

Result<void> UserNotifications::remove_endpoint(std::string_view id) {
    Feed* const feed = find_endpoint(id);
    const auto key = lower_text(id);
    if (feed == nullptr || !feed->feed.remove(key))
        return fail(Errc::NotFound, "there is no such endpoint");
    by_endpoint_.erase(key);
    log().info("endpoint removed id={}", key);
    return {};
}

bool UserNotifications::is_endpoint_of(std::string_view id, const Caller& caller) const {
    const Feed* const feed = find_endpoint(id);
    if (feed == nullptr || !caller.delegated) return false;
    return same_text(feed->owner.tenant, caller.tenant) &&
           same_text(feed->owner.user, caller.user) &&
           same_text(feed->feed.find(lower_text(id))->client, caller.app);
}

UserFeed* UserNotifications::feed_of(std::string_view endpoint) const {
    Feed* const feed = find_endpoint(endpoint);
    return feed == nullptr ? nullptr : &feed->feed;
}

bool UserNotifications::live(std::string_view endpoint) const {
    const auto* feed = feed_of(endpoint);
    return feed != nullptr && feed->find(lower_text(endpoint))->live(clock_.system_now());
}

object UserNotifications::to_json(const Feed& feed, const FeedEndpoint& endpoint) const {
    object json;
    json["endpointId"] = endpoint.id;
    json["userNotificationSubscriptionId"] = feed.unsid;
    json["expirationDateTime"] =
        to_text(std::chrono::floor<std::chrono::seconds>(endpoint.expires));
    json["platform"] = to_string(endpoint.platform);
    json["name"] = endpoint.name;
    json["appId"] = feed.owner.app;
    json["clientId"] = endpoint.client;
    json["tenantId"] = feed.owner.tenant;
    json["userId"] = feed.owner.user;
    json["userPrincipalName"] = nullptr;
    if (!feed.owner.user_name.empty()) json["userPrincipalName"] = feed.owner.user_name;
    json["live"] = endpoint.live(clock_.system_now());
    return json;
}

boost::json::array UserNotifications::endpoints(const Caller* caller) const {
    boost::json::array list;
    for (const auto& [key, feed] : feeds_) {
        for (const auto& [id, endpoint] : feed->feed.endpoints()) {
            if (caller == nullptr || is_endpoint_of(id, *caller))
                list.push_back(to_json(*feed, endpoint));
        }
    }
    return list;
}

object UserNotifications::to_json() const {
    std::map<Platform, std::uint64_t> live;
    std::uint64_t stored = 0;
    const auto now = clock_.system_now();
    for (const auto& [key, feed] : feeds_) {
        stored += feed->feed.size(now);
        for (const auto& [id, endpoint] : feed->feed.endpoints()) {
            if (endpoint.live(now)) ++live[endpoint.platform];
        }
    }
    object endpoints;
    for (const auto platform : kPlatforms) endpoints[to_string(platform)] = live[platform];
    return {
        {"received", received_.count()},
        {"byStatus", received_.by_status()},
        {"stored", stored},
        {"liveEndpoints", std::move(endpoints)},
        {"limits", limits_.to_json()}
    };
}

void UserNotifications::clear(bool keep) {
    received_.clear();
    limits_.clear();
    apps_.unblock_all();
    for (const auto& [key, feed] : feeds_) feed->feed.forget_notifications();
    if (keep) return;
    apps_.clear();
    by_endpoint_.clear();
    by_unsid_.clear();
    feeds_.clear();
}

}  // namespace graphhook::emulator
