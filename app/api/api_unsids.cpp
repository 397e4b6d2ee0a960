// What the admin API says and does about UNSIDs.

#include "app/api/api.hpp"
#include "app/api/json_views.hpp"
#include "app/api/subscription_views.hpp"
#include "app/api/unsid_views.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <algorithm>

namespace graphhook::app {

namespace json = boost::json;

Api::ApiReply Api::list_unsids(const Query& query) {
    auto wanted = unsid_query(query("tenant_id"), query("user_id"), query("unsid"));
    if (!wanted) return refusal(wanted.error());
    const auto limit = number_or(query("limit"), wanted->limit);
    if (!limit) return refusal(limit.error());
    wanted->limit = std::clamp<std::size_t>(static_cast<std::size_t>(*limit), 1, kMostRows);
    const auto now = parts_.clock.system_now();
    if (query("all").empty()) wanted->live_at = now;
    using Rows = std::vector<store::Unsid>;
    const auto rows = wait_for<Rows>([&](Completion<Rows> done) {
        parts_.store.unsids(*wanted, std::move(done));
    });
    if (!rows) return refusal(rows.error());
    json::array array;
    for (const auto& row : *rows) array.push_back(to_json(row, now));
    return {200, std::move(array)};
}

Api::ApiReply Api::drop_unsids(const json::value& body) {
    const auto selection = parse_unsid_selection(body);
    if (!selection) return refusal(selection.error());
    const auto dropped = wait_for<std::uint64_t>([&](Completion<std::uint64_t> done) {
        parts_.store.drop_unsids(*selection, std::move(done));
    });
    if (!dropped) return refusal(dropped.error());
    return {200, json::object{{"dropped", *dropped}}};
}

}  // namespace graphhook::app
