#include "emulator/user_notifications/endpoint_api.hpp"

#include "core/log.hpp"
#include "emulator/control_call.hpp"
#include "emulator/identity/scopes.hpp"
#include "emulator/url.hpp"

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>

namespace graphhook::emulator {

using boost::json::object;

/// "endpoints/{id}/notifications/{notification}", "endpoints/{id}/feed" and what is shorter.
struct EndpointApi::Route {
    bool user = false;  ///< below /me/
    std::string kind;
    std::string id;
    std::string part;
    std::string notification;
    bool good = false;
};

namespace {

constexpr std::string_view kRoot = "/emulator/user-notifications/";
constexpr std::string_view kUserScopes =
    "UserActivity.ReadWrite.CreatedByApp Notifications.ReadWrite.CreatedByApp";
constexpr std::uint64_t kUsualPage = 1'000;
constexpr std::uint64_t kMostInPage = 10'000;
/// A receiver of UNSIDs takes an expiry up to a year ahead.
constexpr std::int64_t kLongestLifeSeconds = 366LL * 86'400;
constexpr std::size_t kLongestText = 256;

Response no_such_control() {
    return refuse(404, "notFound", "there is no such control");
}

std::string next_segment(std::string_view& path) {
    const auto slash = path.find('/');
    std::string segment(path.substr(0, slash));
    path = slash == std::string_view::npos ? std::string_view{} : path.substr(slash + 1);
    return segment;
}

/// A text of the body; empty if it is absent.
Result<std::string> text_in(const object& body, std::string_view name) {
    const auto* value = body.if_contains(name);
    if (value == nullptr || value->is_null()) return std::string{};
    if (!value->is_string() || value->as_string().size() > kLongestText)
        return fail(Errc::BadInput, fmt::format("{} must be text", name));
    return std::string(value->as_string());
}

Result<std::optional<std::chrono::seconds>> life_in(const object& body) {
    const auto* value = body.if_contains("lifeSeconds");
    if (value == nullptr || value->is_null()) return std::optional<std::chrono::seconds>{};
    boost::system::error_code error;
    const auto seconds = value->to_number<std::int64_t>(error);
    if (error || seconds < 1 || seconds > kLongestLifeSeconds)
        return fail(
            Errc::BadInput, "lifeSeconds must be a whole number of seconds, a year at most"
        );
    return std::optional(std::chrono::seconds(seconds));
}

Result<void> only(const object& body, std::initializer_list<std::string_view> names) {
    for (const auto& entry : body) {
        const std::string_view name(entry.key());
        if (std::find(names.begin(), names.end(), name) == names.end())
            return fail(Errc::BadInput, fmt::format("there is no {} here", name.substr(0, 64)));
    }
    return {};
}

/// What both ways of registering say of the endpoint itself.
Result<UserNotifications::NewEndpoint> read_endpoint(const object& body) {
    UserNotifications::NewEndpoint made;
    const auto platform = text_in(body, "platform");
    if (!platform) return platform.error();
    const auto known = parse_platform(*platform);
    if (!known) return fail(Errc::BadInput, "platform must be windows, ios, android or webpush");
    made.platform = *known;
    auto name = text_in(body, "name");
    if (!name) return name.error();
    made.name = std::move(*name);
    const auto life = life_in(body);
    if (!life) return life.error();
    made.life = *life;
    auto app = text_in(body, "appId");
    if (!app) return app.error();
    made.owner.app = std::move(*app);
    return made;
}

/// The request's JSON object; empty for a request without a body.
Result<object> body_of(const Request& request) {
    if (request.method != "POST" && request.method != "PATCH") return object{};
    // A page in a browser cannot send this type to us unasked.
    if (!request.header("content-type").starts_with("application/json"))
        return fail(Errc::BadInput, "Content-Type must be application/json");
    boost::system::error_code error;
    auto body = boost::json::parse(request.body.empty() ? "{}" : request.body, error);
    if (error || !body.is_object()) return fail(Errc::BadInput, "the body must be a JSON object");
    return std::move(body.as_object());
}

}  // namespace

Response EndpointApi::handle(const Request& request) {
    auto path = request.path();
    path.remove_prefix(std::min(path.size(), kRoot.size()));
    Route route;
    if (path.starts_with("me/")) {
        route.user = true;
        path.remove_prefix(3);
    }
    route.kind = next_segment(path);
    route.id = lower_text(next_segment(path));
    route.part = next_segment(path);
    route.notification = lower_text(next_segment(path));
    route.good = path.empty() &&
                 (route.part.empty() || (route.part == "feed" && route.notification.empty()) ||
                  (route.part == "notifications" && !route.notification.empty()));
    if (route.user) return for_user(request, route);
    return for_anyone(request, route);
}

Response EndpointApi::unauthenticated(std::string_view code, std::string_view message) const {
    auto response = refuse(401, code, message);
    response.headers.emplace_back("WWW-Authenticate", R"(Bearer realm="", error="invalid_token")");
    return response;
}

Response EndpointApi::for_user(const Request& request, const Route& route) {
    constexpr std::string_view kBearer = "Bearer ";
    const auto authorization = request.header("authorization");
    if (!authorization.starts_with(kBearer))
        return unauthenticated("InvalidAuthenticationToken", "Access token is empty.");
    const auto token = identity_.read_token(authorization.substr(kBearer.size()));
    if (!token.caller || !token.challenge.empty()) {
        return unauthenticated(
            "InvalidAuthenticationToken", "Access token has expired or is not yet valid."
        );
    }
    const Caller& caller = *token.caller;
    if (!caller.delegated || !caller.has_one_of(kUserScopes)) {
        return refuse(
            403, "Forbidden",
            "A signed-in user's token with UserActivity.ReadWrite.CreatedByApp or "
            "Notifications.ReadWrite.CreatedByApp is needed."
        );
    }
    const auto kind = request.method == "GET" ? UserLimits::Kind::Read : UserLimits::Kind::Write;
    const auto wait = service_.limits().ask(
        UserNotifications::limit_key(caller.tenant, caller.user), kind, clock_.steady_now()
    );
    if (wait) {
        auto response = refuse(406, "NotAcceptable", "There were too many requests.");
        response.headers.emplace_back("Retry-After", fmt::format("{}", wait->count()));
        return response;
    }
    if (!route.good || route.kind != "endpoints") return no_such_control();
    const auto body = body_of(request);
    if (!body) return refuse(body.error());
    if (route.id.empty()) {
        if (request.method == "GET") return ok({{"endpoints", service_.endpoints(&caller)}});
        if (request.method == "POST") return register_for(caller, *body);
        return no_such_control();
    }
    // Another's endpoint is none.
    if (!service_.is_endpoint_of(route.id, caller))
        return refuse(404, "notFound", "there is no such endpoint");
    return on_endpoint(request, route, *body, true);
}

Response EndpointApi::for_anyone(const Request& request, const Route& route) {
    if (!route.good) return no_such_control();
    const auto body = body_of(request);
    if (!body) return refuse(body.error());
    const bool get = request.method == "GET";
    if (route.kind == "received" && get && route.id.empty()) {
        const auto limit =
            std::clamp<std::uint64_t>(query_number(request, "limit", kUsualPage), 1, kMostInPage);
        return ok(service_.received().page(query_number(request, "after", 0), limit));
    }
    if (route.kind == "apps" && route.id.empty()) return apps(request, *body);
    if (route.kind == "blocked" && route.id.empty()) return blocked(request, *body);
    if (route.kind != "endpoints") return no_such_control();
    if (!route.id.empty()) return on_endpoint(request, route, *body, false);
    if (get) return ok({{"endpoints", service_.endpoints()}});
    if (request.method == "POST") return register_any(*body);
    return no_such_control();
}

Response EndpointApi::register_for(const Caller& caller, const object& body) {
    if (auto known = only(body, {"platform", "name", "lifeSeconds", "appId"}); !known)
        return refuse(known.error());
    auto wanted = read_endpoint(body);
    if (!wanted) return refuse(wanted.error());
    std::string app = std::move(wanted->owner.app);
    if (app.empty()) app = caller.app;
    wanted->owner = {std::move(app), caller.tenant, caller.user, caller.user_name, caller.personal};
    wanted->client = caller.app;
    const auto added = service_.add_endpoint(std::move(*wanted));
    return added ? ok(*added, 201) : refuse(added.error());
}

Response EndpointApi::register_any(const object& body) {
    if (auto known =
            only(body, {"platform", "name", "lifeSeconds", "appId", "clientId", "tenant", "user"});
        !known)
        return refuse(known.error());
    auto wanted = read_endpoint(body);
    if (!wanted) return refuse(wanted.error());
    const auto tenant = text_in(body, "tenant");
    const auto name = text_in(body, "user");
    const auto client = text_in(body, "clientId");
    for (const auto* read : {&tenant, &name, &client}) {
        if (!*read) return refuse(read->error());
    }
    if (wanted->owner.app.empty() || name->empty())
        return refuse(400, "badInput", "say appId and user");
    wanted->client = client->empty() ? wanted->owner.app : *client;
    if (const auto user = identity_.user_for(*name, *tenant)) {
        wanted->owner.tenant = user->tenant;
        wanted->owner.user = user->id;
        wanted->owner.user_name = user->name;
        wanted->owner.personal = user->personal;
    } else if (user.error().code == Errc::NotFound && !tenant->empty()) {
        // An id that nobody told us of: data has users that never sign in.
        wanted->owner.tenant = *tenant;
        wanted->owner.user = lower_text(*name);
    } else {
        return refuse(user.error());
    }
    const auto added = service_.add_endpoint(std::move(*wanted));
    return added ? ok(*added, 201) : refuse(added.error());
}

Response EndpointApi::on_endpoint(
    const Request& request, const Route& route, const object& body, bool user
) {
    UserFeed* const feed = service_.feed_of(route.id);
    if (feed == nullptr) return refuse(404, "notFound", "there is no such endpoint");
    const auto now = clock_.system_now();
    const auto& method = request.method;
    if (route.part == "feed" && method == "GET") {
        // Tests may look at what an endpoint had got before its subscription was over.
        if (user && !service_.live(route.id))
            return refuse(410, "expired", "the endpoint's subscription is over; register it again");
        const auto limit =
            std::clamp<std::uint64_t>(query_number(request, "limit", kUsualPage), 1, kMostInPage);
        const auto page = feed->read(route.id, query_number(request, "after", 0), limit, now);
        return page ? ok(*page) : refuse(page.error());
    }
    if (route.part == "notifications" && method == "PATCH") {
        const auto act = read_user_act(body);
        if (!act) return refuse(act.error());
        const auto done = feed->act(route.id, route.notification, *act, now);
        return done ? ok({{"id", route.notification}}) : refuse(done.error());
    }
    if (route.part == "notifications" && method == "DELETE") {
        const auto done = feed->erase(route.id, route.notification, now);
        return done ? ok({{"id", route.notification}}) : refuse(done.error());
    }
    if (!route.part.empty()) return no_such_control();
    if (method == "PATCH") {
        if (auto known = only(body, {"lifeSeconds"}); !known) return refuse(known.error());
        const auto life = life_in(body);
        if (!life) return refuse(life.error());
        const auto renewed = service_.renew_endpoint(route.id, *life);
        return renewed ? ok(*renewed) : refuse(renewed.error());
    }
    if (method == "DELETE") {
        const auto removed = service_.remove_endpoint(route.id);
        return removed ? ok({{"endpointId", route.id}}) : refuse(removed.error());
    }
    return no_such_control();
}

Response EndpointApi::apps(const Request& request, const object& body) {
    if (request.method == "POST") {
        if (auto put = service_.apps().put(body); !put) return refuse(put.error());
    } else if (request.method != "GET") {
        return no_such_control();
    }
    return ok({{"apps", service_.apps().to_json()}});
}

/// {"appId":"…","blocked":true}
Response EndpointApi::blocked(const Request& request, const object& body) {
    if (request.method == "POST") {
        if (auto known = only(body, {"appId", "blocked"}); !known) return refuse(known.error());
        const auto app = text_in(body, "appId");
        if (!app) return refuse(app.error());
        const auto* block = body.if_contains("blocked");
        if (app->empty() || block == nullptr || !block->is_bool())
            return refuse(400, "badInput", "say appId, and blocked true or false");
        if (block->as_bool()) {
            service_.apps().block(*app);
        } else if (!service_.apps().unblock(*app)) {
            return refuse(404, "notFound", "the app is not blocked");
        }
        log().info("app {} app={}", block->as_bool() ? "blocked" : "unblocked", for_log(*app));
    } else if (request.method != "GET") {
        return no_such_control();
    }
    return ok({{"blocked", service_.apps().blocked_to_json()}});
}

}  // namespace graphhook::emulator
