// What the admin API says and does about subscriptions, sweeps and templates.

#include "app/api/api.hpp"
#include "app/api/json_views.hpp"
#include "app/api/repairs.hpp"
#include "app/api/subscription_views.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <algorithm>

namespace graphhook::app {

namespace json = boost::json;

std::optional<Api::ApiReply> Api::get_subscriptions(const Segments& path, const Query& query) {
    if (path[0] == "subscriptions" && path.size() == 2) return show_subscription(path[1]);
    if (path.size() != 1) return std::nullopt;
    if (path[0] == "subscriptions" || path[0] == "sweeps") {
        const auto filter = parse_row_filter(query);
        if (!filter) return refusal(filter.error());
        auto rows = path[0] == "sweeps" ? sweep_rows(parts_.subscriptions.sweeps(), *filter)
                                        : subscription_rows(parts_.subscriptions.list(), *filter);
        return ApiReply{200, std::move(rows.rows)};
    }
    if (path[0] == "plan") return plan(query);
    if (path[0] == "progress") return ApiReply{200, progress_rows(parts_.subscriptions.progress())};
    if (path[0] == "templates")
        return ApiReply{200, template_rows(parts_.subscriptions.templates())};
    return std::nullopt;
}

Api::ApiReply Api::plan(const Query& query) {
    const auto allow = number_or(query("allow_delete"), 0);
    if (!allow) return refusal(allow.error());
    const auto limit = number_or(query("limit"), kMostRows);
    if (!limit) return refusal(limit.error());
    const bool all = !query("all").empty();
    const auto plans = parts_.subscriptions.plan(static_cast<std::size_t>(*allow));
    auto view = plan_view(plans, all, static_cast<std::size_t>(std::min(*limit, kMostSteps)));
    std::chrono::seconds estimate{0};
    for (const auto& tenant : parts_.subscriptions.progress())
        estimate = std::max(estimate, tenant.estimate);
    view["estimate_seconds"] = estimate.count();
    return {200, std::move(view)};
}

std::optional<Api::ApiReply> Api::post_subscriptions(
    const Segments& path, const json::value& body
) {
    if (path[0] == "apply" && path.size() == 1) {
        const auto allow = parse_allow_delete(body);
        if (!allow) return refusal(allow.error());
        return ApiReply{
            202,
            json::object{{"plan", plan_view(parts_.subscriptions.apply(*allow), false, kMostRows)}}
        };
    }
    if (path[0] == "sweep" && path.size() == 1) {
        const auto swept = parts_.subscriptions.sweep("");
        if (!swept) return refusal(swept.error());
        return ApiReply{202, json::object{{"sweeping", *swept}}};
    }
    if (path[0] != "subscriptions" || path.size() != 3) return std::nullopt;
    if (path[2] == "renew") {
        const auto renewed = parts_.subscriptions.renew(path[1]);
        if (!renewed) return refusal(renewed.error());
        return ApiReply{202, json::object{{"renewing", path[1]}}};
    }
    if (path[2] == "sweep") {
        const auto swept = parts_.subscriptions.sweep(path[1]);
        if (!swept) return refusal(swept.error());
        return ApiReply{202, json::object{{"sweeping", *swept}}};
    }
    if (path[2] == "expand") {
        const auto expanded = parts_.subscriptions.expand(path[1]);
        if (!expanded) return refusal(expanded.error());
        return ApiReply{202, json::object{{"expanding", path[1]}}};
    }
    return std::nullopt;
}

Api::ApiReply Api::show_subscription(const std::string& name) {
    json::array rows;
    for (const auto& tenant : parts_.subscriptions.list()) {
        for (const auto& one : tenant.subscriptions) {
            if (rows.size() >= kMostRows) break;
            if (one.name == name || (!name.empty() && one.graph_id == name))
                rows.push_back(to_json(one));
        }
    }
    if (rows.empty()) return refusal(404, "there is no such subscription");
    return {200, std::move(rows)};
}

}  // namespace graphhook::app
