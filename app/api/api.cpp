#include "app/api/api.hpp"

#include "app/api/json_views.hpp"
#include "app/api/repairs.hpp"
#include "app/api/subscription_views.hpp"
#include "app/cli/delivery_list.hpp"
#include "app/service/key_folder.hpp"
#include "app/service/unproved.hpp"
#include "core/log.hpp"
#include "core/time_text.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>
#include <fmt/format.h>

#include <algorithm>

namespace graphhook::app {
namespace {

namespace json = boost::json;

unsigned status_of(Errc code) {
    switch (code) {
        case Errc::BadInput:
            return 400;
        case Errc::NotFound:
            return 404;
        case Errc::Conflict:
        case Errc::Refused:
            return 409;
        case Errc::Busy:
        case Errc::Full:
        case Errc::Aborted:
            return 503;
        default:
            return 500;
    }
}

/// A request's body as the log may have it: an UNSID lets whoever has our token reach a user, and
/// may stand in a member that was misspelt.
std::string body_for_log(std::string_view what, const std::string& text, const json::value& body) {
    if (what != "unsids") return for_log(text, 500);
    const auto* object = body.if_object();
    if (object == nullptr) return "***";
    auto masked = *object;
    for (auto& member : masked) {
        const std::string_view name = member.key();
        if (name != "tenant_id" && name != "user_id" && name != "all") member.value() = "***";
    }
    return for_log(json::serialize(masked), 500);
}

}  // namespace

Api::ApiReply Api::refusal(unsigned status, std::string why) {
    return {status, json::object{{"error", std::move(why)}}};
}

Api::ApiReply Api::refusal(const Error& error) {
    return refusal(
        status_of(error.code),
        error.detail.empty() ? std::string(to_string(error.code)) : error.detail
    );
}

Api::ApiReply Api::not_found() {
    return refusal(404, "there is nothing here");
}

receiver::AdminReply Api::call(const receiver::AdminRequest& request) {
    auto reply = answer(request);
    return {reply.status, json::serialize(reply.body)};
}

Api::ApiReply Api::answer(const receiver::AdminRequest& request) {
    const auto target =
        request.query.empty() ? request.path : fmt::format("{}?{}", request.path, request.query);
    const auto url = boost::urls::parse_origin_form(target);
    if (url.has_error()) return refusal(400, "the target is no path");
    Segments path;
    for (const auto& segment : url->segments()) path.emplace_back(segment);
    if (path.empty()) return not_found();
    const auto params = url->params();
    const Query query = [&params](std::string_view name) -> std::string {
        const auto found = params.find(name);
        return found == params.end() ? std::string() : std::string((*found).value);
    };
    using receiver::Method;
    if (request.method == Method::Get || request.method == Method::Head) return get(path, query);
    if (!request.may_repair) return refusal(403, "this token may read only");
    if (request.method == Method::Delete && path.size() == 2 && path[0] == "subscriptions") {
        const auto removed = parts_.subscriptions.remove(path[1]);
        if (!removed) return refusal(removed.error());
        return {202, json::object{{"deleting", path[1]}}};
    }
    if (request.method != Method::Post)
        return refusal(405, "only GET, POST and DELETE are known here");
    boost::system::error_code error;
    json::value body = json::object();
    if (!request.body.empty()) body = json::parse(request.body, error);
    if (error) return refusal(400, "the body is not JSON");
    // The listener logs who called what, and how it went; which deliveries is only in the body.
    log().info(
        "repair path={} body={} by={}", for_log(request.path),
        body_for_log(path.front(), request.body, body), for_log(request.who)
    );
    return post(path, body);
}

Api::ApiReply Api::get(const Segments& path, const Query& query) {
    if (path[0] == "status" && path.size() == 1) return status();
    if (auto reply = get_subscriptions(path, query)) return std::move(*reply);
    using store::DeliveryState;
    if (path[0] == "deliveries" && path.size() == 1) return list_deliveries(query, std::nullopt);
    if (path[0] == "dead-letters" && path.size() == 1)
        return list_deliveries(query, DeliveryState::Dead);
    if (path[0] == "quarantine" && path.size() == 1)
        return list_deliveries(query, DeliveryState::Quarantined);
    if (path[0] == "keys" && path.size() == 1) return list_keys();
    if (path[0] == "unsids" && path.size() == 1) return list_unsids(query);
    if (path[0] == "notifications" && path.size() == 2) {
        const auto id = parse_id(path[1]);
        if (!id) return refusal(id.error());
        using Shown = store::StoredNotification;
        const auto shown = wait_for<Shown>([&](Completion<Shown> done) {
            parts_.store.show(*id, std::move(done));
        });
        if (!shown) return refusal(shown.error());
        return {200, to_json(*shown)};
    }
    if (path[0] == "handlers" && path.size() == 1) {
        const auto stats = wait_for<store::StoreStats>([&](Completion<store::StoreStats> done) {
            parts_.store.stats(std::move(done));
        });
        if (!stats) return refusal(stats.error());
        return {200, to_json(*stats, parts_.clock.system_now()).at("handlers")};
    }
    if (path[0] == "refused" && path.size() == 1) {
        using Bodies = std::vector<store::RefusedBody>;
        const auto bodies = wait_for<Bodies>([&](Completion<Bodies> done) {
            parts_.store.refused(std::move(done));
        });
        if (!bodies) return refusal(bodies.error());
        return {200, to_json_array(*bodies)};
    }
    return not_found();
}

Api::ApiReply Api::post(const Segments& path, const json::value& body) {
    if (path[0] == "replay" && path.size() == 1) return move_deliveries("replay", body);
    if (path[0] == "dead-letters" && path.size() == 2 && (path[1] == "replay" || path[1] == "drop"))
        return move_deliveries("dead-letters/" + path[1], body);
    if (path[0] == "quarantine" && path.size() == 2 && (path[1] == "retry" || path[1] == "drop"))
        return move_deliveries("quarantine/" + path[1], body);
    if (path[0] == "keys" && path.size() == 2 && path[1] == "look") {
        if (parts_.keys != nullptr) parts_.keys->look();
        return list_keys();
    }
    if (path[0] == "unsids" && path.size() == 2 && path[1] == "drop") return drop_unsids(body);
    if (path[0] == "handlers" && path.size() == 3 && (path[2] == "pause" || path[2] == "resume"))
        return pause(path[1], path[2] == "pause");
    if (auto reply = post_subscriptions(path, body)) return std::move(*reply);
    return not_found();
}

Api::ApiReply Api::status() {
    const auto now = parts_.clock.system_now();
    const auto stats = wait_for<store::StoreStats>([&](Completion<store::StoreStats> done) {
        parts_.store.stats(std::move(done));
    });
    json::array tenants;
    for (const auto& tenant : parts_.subscriptions.list()) tenants.push_back(to_json(tenant));
    json::array unproved;
    if (parts_.unproved != nullptr) unproved = to_json_array(parts_.unproved->rows());
    json::value store = nullptr;
    if (stats) store = to_json(*stats, now);
    return {
        200,
        json::object{
            {"version", GRAPHHOOK_VERSION},
            {"state", parts_.state()},
            {"started_at", to_text(parts_.started_at)},
            {"now", to_text(now)},
            {"store", std::move(store)},
            {"tenants", std::move(tenants)},
            {"unproved", std::move(unproved)},
        }
    };
}

Api::ApiReply Api::list_keys() {
    return {
        200, to_json_array(parts_.keys == nullptr ? std::vector<KeyRow>() : parts_.keys->list())
    };
}

Api::ApiReply Api::list_deliveries(const Query& query, std::optional<store::DeliveryState> only) {
    store::DeliveryQuery wanted;
    if (auto handler = query("handler"); !handler.empty()) wanted.handler = std::move(handler);
    if (auto name = query("subscription"); !name.empty()) wanted.subscription = std::move(name);
    wanted.state = only;
    if (const auto state = query("state"); !only && !state.empty()) {
        wanted.state = store::delivery_state(state);
        if (!wanted.state) return refusal(400, "'state' is no state of a delivery");
    }
    const auto after = number_or(query("after"), 0);
    if (!after) return refusal(after.error());
    const auto limit = number_or(query("limit"), 100);
    if (!limit) return refusal(limit.error());
    wanted.after.value = static_cast<std::int64_t>(*after);
    const auto list = list_all(
        parts_.store, wanted, query("reason"),
        std::clamp<std::size_t>(static_cast<std::size_t>(*limit), 1, kMostRows)
    );
    if (!list) return refusal(list.error());
    return {200, to_json_array(list->rows)};
}

Api::ApiReply Api::move_deliveries(const std::string& what, const json::value& body) {
    const auto selection = parse_selection(body, parts_.clock.system_now(), what == "replay");
    if (!selection) return refusal(selection.error());
    const auto moved = wait_for<std::uint64_t>([&](Completion<std::uint64_t> done) {
        if (what == "replay") {
            parts_.store.replay(*selection, std::move(done));
        } else if (what == "dead-letters/replay") {
            parts_.store.replay_dead(*selection, std::move(done));
        } else if (what == "quarantine/retry") {
            parts_.store.retry_quarantined(*selection, std::move(done));
        } else if (what == "quarantine/drop") {
            parts_.store.drop_quarantined(*selection, std::move(done));
        } else {
            parts_.store.drop_dead(*selection, std::move(done));
        }
    });
    if (!moved) return refusal(moved.error());
    const auto* verb = what.ends_with("/drop")    ? "dropped"
                       : what.ends_with("/retry") ? "retried"
                                                  : "replayed";
    return {200, json::object{{verb, *moved}}};
}

Api::ApiReply Api::pause(const std::string& handler, bool paused) {
    const auto done = wait_for<std::monostate>([&](Completion<std::monostate> completion) {
        parts_.store.pause(handler, paused, std::move(completion));
    });
    if (!done) return refusal(done.error());
    return {200, json::object{{"handler", handler}, {"paused", paused}}};
}

}  // namespace graphhook::app
