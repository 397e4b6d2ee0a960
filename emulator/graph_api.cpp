#include "emulator/graph_api.hpp"

#include "core/log.hpp"
#include "core/time_text.hpp"
#include "emulator/bad_replies.hpp"
#include "emulator/data/query.hpp"

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include <algorithm>

namespace graphhook::emulator {

namespace asio = boost::asio;

/// One call, once it is known who makes it and what it is about.
struct GraphApi::Call {
    Call() = default;
    RequestIds ids;
    Caller caller;
    ApiVersion version = ApiVersion::V1;
    std::string id;      ///< of the subscription; empty for the collection
    std::string action;  ///< "reauthorize" or empty
};

namespace {

constexpr std::string_view kType =
    "application/"
    "json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8";

std::string_view name_of(ApiVersion version) {
    return version == ApiVersion::V1 ? "v1.0" : "beta";
}

/// Reads "/v1.0/subscriptions/{id}/reauthorize" and its kin; nothing if there is no such resource.
struct Route {
    ApiVersion version = ApiVersion::V1;
    std::string id;
    std::string action;
};
std::optional<Route> route_of(std::string_view path) {
    Route route;
    if (path.starts_with("/v1.0/")) {
        path.remove_prefix(6);
    } else if (path.starts_with("/beta/")) {
        path.remove_prefix(6);
        route.version = ApiVersion::Beta;
    } else {
        return std::nullopt;
    }
    constexpr std::string_view kCollection = "subscriptions";
    if (!path.starts_with(kCollection)) return std::nullopt;
    path.remove_prefix(kCollection.size());
    if (path.empty() || path == "/") return route;
    if (path.starts_with("('")) {
        const auto end = path.find("')");
        if (end == std::string_view::npos) return std::nullopt;
        route.id = std::string(path.substr(2, end - 2));
        path.remove_prefix(end + 2);
    } else if (path.starts_with('/')) {
        const auto end = path.find('/', 1);
        route.id = std::string(path.substr(1, end == std::string_view::npos ? end : end - 1));
        path = end == std::string_view::npos ? std::string_view{} : path.substr(end);
    } else {
        return std::nullopt;
    }
    if (route.id.empty()) return std::nullopt;
    if (path.starts_with('/')) route.action = std::string(path.substr(1));
    if (!route.action.empty() && route.action != "reauthorize") return std::nullopt;
    return route;
}

/// What the caller chose to be found by; only what may stand in a header again.
std::string client_request_id(const Request& request) {
    const auto text = request.header("client-request-id");
    const bool sane =
        text.size() <= 128 &&
        std::all_of(text.begin(), text.end(), [](unsigned char c) { return c > 0x20 && c < 0x7f; });
    return sane ? std::string(text) : std::string{};
}

/// What a call of the subscriptions API counts as (protocol 5.10).
Operation operation_of(std::string_view method, const Route& route) {
    if (route.action == "reauthorize") return Operation::Reauthorize;
    if (method != "GET") return Operation::Write;
    return route.id.empty() ? Operation::List : Operation::Get;
}

/// "me" is the signed-in user; without one it stays, and is nowhere.
std::string without_me(std::string_view path, const Caller& caller) {
    const bool me = lower_case(path.substr(0, 2)) == "me" && (path.size() == 2 || path[2] == '/');
    if (!me || !caller.delegated) return std::string(path);
    return fmt::format("users/{}{}", caller.user, path.substr(2));
}

/// The mailbox that a path of data is in; empty for none.
std::string mailbox_of_path(std::string_view path) {
    const auto place = place_of(path);
    if (!place || !place->key.starts_with("users/")) return {};
    switch (place->shelf.type) {
        case Type::MailFolder:
        case Type::Message:
        case Type::Event:
        case Type::ContactFolder:
        case Type::Contact:
            return place->key.substr(6, place->key.find('/', 6) - 6);
        default:
            return {};
    }
}

/// The mailbox that somebody wants to subscribe to; empty for none. Says nothing of whether it may
/// be.
std::string mailbox_of_draft(const std::string& body) {
    boost::system::error_code error;
    const auto json = boost::json::parse(body, error);
    if (error || !json.is_object()) return {};
    const auto* resource = json.as_object().if_contains("resource");
    if (resource == nullptr || !resource->is_string()) return {};
    const auto known = recognise(std::string_view(resource->as_string()));
    if (!known || known->kind->shape != Shape::Outlook) return {};
    return canonical_user(known->ids.front());
}

ApiResult<boost::json::value> read_body(const Request& request) {
    auto type = request.header("content-type");
    type = type.substr(0, type.find(';'));
    if (type != "application/json") {
        return ApiError{415, "UnsupportedMediaType", "Content-Type must be application/json."};
    }
    boost::system::error_code error;
    auto body = boost::json::parse(request.body, error);
    if (error) return ApiError{400, "BadRequest", "Unable to read JSON request payload."};
    return body;
}

}  // namespace

bool GraphApi::serves(std::string_view path) {
    return path.starts_with("/v1.0/") || path.starts_with("/beta/");
}

RulePolicy GraphApi::policy() const {
    return RulePolicy{clock_.system_now(), options_.shortest_life, options_.insecure_http};
}

Response GraphApi::refuse(const Call& call, const ApiError& error) const {
    return json_response(error.status, error_body(error, call.ids, clock_.system_now()));
}

Response GraphApi::reply(
    int status, const Request& request, const Call& call, const Subscription& subscription,
    ClientStateIn client_state
) const {
    boost::json::object json;
    json["@odata.context"] =
        fmt::format("{}/{}/$metadata#subscriptions/$entity", request.base, name_of(call.version));
    for (auto& member : to_json(subscription, client_state))
        json[member.key()] = std::move(member.value());
    return {status, std::string(kType), boost::json::serialize(json)};
}

Response GraphApi::list(const Request& request, const Call& call) const {
    SyncToken at;
    if (const auto query = parse_form(request.query())) {
        for (const auto& [name, value] : *query) {
            if (name != "$skiptoken") continue;
            if (auto token = read_sync_token(value)) at = std::move(*token);
        }
    }
    const auto page = registry_.list(call.caller, at.position, options_.page_size);
    boost::json::object json;
    json["@odata.context"] =
        fmt::format("{}/{}/$metadata#subscriptions", request.base, name_of(call.version));
    boost::json::array items;
    for (const auto& subscription : page.items)
        items.push_back(to_json(*subscription, ClientStateIn::Null));
    json["value"] = std::move(items);
    if (page.next) {
        at.position = *page.next;
        ++at.page;
        json["@odata.nextLink"] = fmt::format(
            "{}/{}/subscriptions?$skiptoken={}", request.base, name_of(call.version), token_text(at)
        );
    }
    return {200, std::string(kType), boost::json::serialize(json)};
}

asio::awaitable<std::optional<ApiError>> GraphApi::handshakes(
    std::string url, std::string lifecycle_url
) {
    using asio::experimental::awaitable_operators::operator&&;
    if (lifecycle_url.empty()) co_return co_await prober_.probe(std::move(url));
    // Two requests, also if both are the same URL, and at the same time (protocol 1.1).
    auto [first, second] =
        co_await (prober_.probe(std::move(url)) && prober_.probe(std::move(lifecycle_url)));
    co_return first ? first : second;
}

asio::awaitable<Response> GraphApi::create(const Request& request, const Call& call) {
    const auto refused = [&](const ApiError& error) {
        return json_response(error.status, error_body(error, call.ids, clock_.system_now()));
    };
    const auto body = read_body(request);
    if (!body) co_return refused(body.error());
    auto draft = check_create(*body, call.caller, call.version, policy());
    if (!draft) co_return refused(draft.error());
    if (const auto error = world_.refuses_subscription(draft->tenant, draft->resource))
        co_return refused(*error);
    if (const auto error = registry_.refuses(*draft)) co_return refused(*error);
    const auto failed = co_await handshakes(draft->notification_url, draft->lifecycle_url);
    if (failed) co_return refused(*failed);
    // Somebody else may have been first while we waited.
    if (const auto error = registry_.refuses(*draft)) co_return refused(*error);
    const auto subscription = registry_.add(std::move(*draft));
    log().info(
        "subscription created id={} kind={} resource={} expires={}", subscription->id,
        subscription->resource.kind->name, for_log(subscription->resource_text),
        to_text(subscription->expires)
    );
    auto response = reply(201, request, call, *subscription, ClientStateIn::Reply);
    response.headers.emplace_back(
        "Location",
        fmt::format(
            "{}/{}/subscriptions('{}')", request.base, name_of(call.version), subscription->id
        )
    );
    if (const auto late = faults_.take(
            FaultKind::CreateLate, {call.caller.tenant, subscription->resource_text}
        )) {
        ++stats_.faults_struck;
        co_await pauses_.pause(late->delay);
    }
    co_return response;
}

asio::awaitable<Response> GraphApi::update(const Request& request, const Call& call) {
    const auto refused = [&](const ApiError& error) {
        return json_response(error.status, error_body(error, call.ids, clock_.system_now()));
    };
    auto subscription = registry_.find(call.id, call.caller);
    if (!subscription) co_return refused(not_found());
    const auto body = read_body(request);
    if (!body) co_return refused(body.error());
    const auto update = check_update(*body, *subscription, call.caller, policy());
    if (!update) co_return refused(update.error());
    if (update->notification_url && *update->notification_url != subscription->notification_url &&
        options_.validate_updates) {
        const auto failed = co_await handshakes(*update->notification_url, std::string());
        if (failed) co_return refused(*failed);
        subscription = registry_.find(call.id, call.caller);
        if (!subscription) co_return refused(not_found());
    }
    if (const auto error = take_certificate(call, update->certificate, *subscription))
        co_return refused(*error);
    if (update->expires) registry_.renew(*subscription, *update->expires);
    if (update->notification_url) subscription->notification_url = *update->notification_url;
    subscription->paused = false;  // a renewal also authorizes again
    log().info(
        "subscription updated id={} expires={}", subscription->id, to_text(subscription->expires)
    );
    co_return reply(200, request, call, *subscription, ClientStateIn::Reply);
}

std::optional<ApiError> GraphApi::take_certificate(
    const Call& call, const std::optional<CertificateChange>& wanted, Subscription& subscription
) {
    if (!wanted) return std::nullopt;
    const Where where{call.caller.tenant, subscription.resource_text};
    if (faults_.any() && faults_.take(FaultKind::RefuseCertificate, where)) {
        ++stats_.faults_struck;
        return ApiError{
            400, "InvalidRequest",
            "Property encryptionCertificate of a subscription cannot be updated."
        };
    }
    if (faults_.any() && faults_.take(FaultKind::IgnoreCertificate, where)) {
        ++stats_.faults_struck;
        return std::nullopt;
    }
    subscription.certificate = wanted->certificate;
    subscription.certificate_id = wanted->id;
    return std::nullopt;
}

Response GraphApi::refuse_caller(
    const Request& request, const Call& call, const AccessTokens::Reading& token
) const {
    if (!token.caller) {
        const std::string_view message = request.header("authorization").empty()
                                             ? "Access token is empty."
                                             : "Access token has expired or is not yet valid.";
        auto response = refuse(call, {401, "InvalidAuthenticationToken", std::string(message)});
        response.headers.emplace_back(
            "WWW-Authenticate", R"(Bearer realm="", error="invalid_token")"
        );
        return response;
    }
    auto response = refuse(
        call,
        {401, "InvalidAuthenticationToken",
         "Continuous access evaluation resulted in challenge with result: InteractionRequired "
         "and code: TokenIssuedBeforeRevocationTimestamp"}
    );
    response.headers.emplace_back(
        "WWW-Authenticate",
        fmt::format(
            R"(Bearer realm="", authorization_uri="{}/common/oauth2/authorize", )"
            R"(error="insufficient_claims", claims="{}")",
            request.base, token.challenge
        )
    );
    return response;
}

asio::awaitable<Response> GraphApi::handle(Request request) {
    ++stats_.api_requests;
    for (const auto& over : registry_.expire(clock_.system_now()))
        log().info("subscription expired id={}", over->id);
    Call call;
    call.ids.request_id = random_guid();
    call.ids.client_request_id = client_request_id(request);
    constexpr std::string_view kBearer = "Bearer ";
    const auto authorization = request.header("authorization");
    AccessTokens::Reading token;
    if (authorization.starts_with(kBearer))
        token = identity_.read_token(authorization.substr(kBearer.size()));
    if (token.caller) call.caller = *token.caller;
    const std::string path(request.path());
    const Where where{call.caller.tenant, path, page_of(request)};
    const auto slow = faults_.any() ? faults_.take(FaultKind::Slow, where) : std::nullopt;
    if (slow) {
        ++stats_.faults_struck;
        co_await pauses_.pause(slow->delay);
    }
    auto faulty = bad_reply(faults_, where, call.ids, clock_.system_now());
    const bool notifies = UserNotifications::serves(path);
    // As in the captured reply, there is one in any case.
    if (notifies && call.ids.client_request_id.empty())
        call.ids.client_request_id = call.ids.request_id;
    auto bad_method =
        notifies ? user_notifications_.refuse_method(request, call.ids) : std::optional<Response>{};
    Response response;
    if (faulty) {
        ++stats_.faults_struck;
        response = std::move(*faulty);
    } else if (bad_method) {
        response = std::move(*bad_method);
    } else if (!token.caller || !token.challenge.empty()) {
        response = refuse_caller(request, call, token);
    } else if (notifies) {
        response = co_await notify(request, call);
        if (spoil(faults_, where, response, clock_.system_now())) ++stats_.faults_struck;
    } else {
        response = co_await answer(request, call);
        if (spoil(faults_, where, response, clock_.system_now())) ++stats_.faults_struck;
    }
    // The service keeps a list of what was posted; this it never saw.
    if (notifies && (faulty || bad_method || !token.caller || !token.challenge.empty()))
        user_notifications_.note(request, call.caller, response);
    response.headers.emplace_back("request-id", call.ids.request_id);
    if (!call.ids.client_request_id.empty())
        response.headers.emplace_back("client-request-id", call.ids.client_request_id);
    co_return response;
}

asio::awaitable<Response> GraphApi::notify(const Request& request, const Call& call) {
    const std::string path(request.path());
    const Where where{call.caller.tenant, path};
    const auto fault =
        faults_.any() ? faults_.take(FaultKind::UserNotification, where) : std::nullopt;
    if (fault) {
        ++stats_.faults_struck;
        co_return user_notifications_.faulty_post(request, call.caller, call.ids, *fault);
    }
    auto response = user_notifications_.post(request, call.caller, call.ids);
    if (response.status != 201 || !faults_.any()) co_return response;
    if (const auto late = faults_.take(FaultKind::CreateLate, where)) {
        ++stats_.faults_struck;
        co_await pauses_.pause(late->delay);
    }
    co_return response;
}

asio::awaitable<Response> GraphApi::answer(const Request& request, Call& call) {
    const auto split = DataApi::split(request.path());
    const auto route = route_of(request.path());
    Operation what = Operation::Other;
    if (route) {
        call.version = route->version;
        call.id = route->id;
        call.action = route->action;
        what = operation_of(request.method, *route);
    } else if (split && split->rest.starts_with("security/")) {
        what = Operation::Security;
    }
    if (const auto over = quotas_.ask(what, call.caller, clock_.steady_now()))
        co_return throttled(over->message, over->retry_after, call.ids, clock_.system_now());
    const auto rest = split ? without_me(split->rest, call.caller) : std::string();
    std::string mailbox;
    if (!route && split) {
        mailbox = mailbox_of_path(rest);
    } else if (const auto found = registry_.find(call.id, call.caller);
               found && found->resource.kind->shape == Shape::Outlook) {
        mailbox = canonical_user(found->resource.ids.front());
    } else if (route && call.id.empty() && request.method == "POST") {
        mailbox = mailbox_of_draft(request.body);
    }
    if (const auto over = quotas_.enter_mailbox(call.caller, mailbox, clock_.steady_now()))
        co_return throttled(over->message, over->retry_after, call.ids, clock_.system_now());
    Response response;
    if (route) {
        response = co_await subscription(request, call);
    } else {
        auto data = split ? data_.handle(request, rest, call.caller, split->version, call.ids)
                          : std::optional<Response>{};
        response =
            data
                ? std::move(*data)
                : refuse(
                      call, {404, "ResourceNotFound", "There is no such resource in this emulator."}
                  );
    }
    quotas_.leave_mailbox(call.caller, mailbox);
    co_return response;
}

asio::awaitable<Response> GraphApi::subscription(const Request& request, const Call& call) {
    const auto found = registry_.find(call.id, call.caller);
    const bool one = !call.id.empty() && call.action.empty();
    if (call.id.empty() && request.method == "POST") co_return co_await create(request, call);
    if (call.id.empty() && request.method == "GET") co_return list(request, call);
    if (one && request.method == "PATCH") co_return co_await update(request, call);
    if (one && request.method == "GET") {
        const auto seen = registry_.see(call.id, call.caller);
        co_return seen ? reply(200, request, call, *seen, ClientStateIn::Null)
                       : refuse(call, not_found());
    }
    if (one && request.method == "DELETE") {
        if (!found) co_return refuse(call, not_found());
        if (registry_.remove(found->id)) log().info("subscription deleted id={}", call.id);
        co_return Response(204, "", "");
    }
    if (call.action == "reauthorize" && request.method == "POST") {
        if (!found) co_return refuse(call, not_found());
        if (const auto error = check_roles(found->resource, call.caller, "Reauthorize"))
            co_return refuse(call, *error);
        found->paused = false;
        log().info("subscription reauthorized id={}", found->id);
        co_return Response(204, "", "");
    }
    co_return refuse(
        call,
        {405, "Request_BadRequest", "Specified HTTP method is not allowed for the request target."}
    );
}

}  // namespace graphhook::emulator
