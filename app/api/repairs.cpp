#include "app/api/repairs.hpp"

#include "app/api/json_views.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace graphhook::app {
namespace {

namespace json = boost::json;

constexpr std::size_t kMostIds = 10'000;

Result<std::vector<store::NotificationId>> parse_ids(const json::value& value) {
    const auto* array = value.if_array();
    if (array == nullptr || array->empty() || array->size() > kMostIds)
        return fail(Errc::BadInput, fmt::format("'ids' is a list of 1 to {} numbers", kMostIds));
    std::vector<store::NotificationId> ids;
    for (const auto& element : *array) {
        if (const auto* number = element.if_int64(); number != nullptr && *number >= 0) {
            ids.push_back({*number});
        } else if (const auto* text = element.if_string()) {
            const auto id = parse_id(*text);
            if (!id) return id.error();
            ids.push_back(*id);
        } else {
            return fail(Errc::BadInput, "'ids' is a list of numbers");
        }
    }
    return ids;
}

Result<std::optional<SystemTime>> parse_member(
    const json::object& object, std::string_view name, SystemTime now
) {
    const auto* value = object.if_contains(name);
    if (value == nullptr) return std::optional<SystemTime>();
    const auto* text = value->if_string();
    if (text == nullptr) return fail(Errc::BadInput, fmt::format("'{}' is not a text", name));
    const auto moment = parse_moment(*text, now);
    if (!moment) return moment.error();
    return std::optional(*moment);
}

}  // namespace

Result<void> only_known(const json::object& object, std::initializer_list<std::string_view> known) {
    for (const auto& member : object) {
        const std::string_view name = member.key();
        if (std::find(known.begin(), known.end(), name) == known.end())
            return fail(Errc::BadInput, fmt::format("unknown member '{}'", name.substr(0, 60)));
    }
    return {};
}

Result<store::Selection> parse_selection(
    const json::value& body, SystemTime now, bool handler_needed
) {
    const auto* object = body.if_object();
    if (object == nullptr) return fail(Errc::BadInput, "the body is not a JSON object");
    const auto known = only_known(*object, {"handler", "ids", "since", "until", "all"});
    if (!known) return known.error();
    store::Selection selection;
    if (const auto* handler = object->if_contains("handler")) {
        if (!handler->is_string()) return fail(Errc::BadInput, "'handler' is not a text");
        selection.handler = std::string(handler->as_string());
    }
    if (handler_needed && selection.handler.empty())
        return fail(Errc::BadInput, "'handler' is missing");
    const auto since = parse_member(*object, "since", now);
    if (!since) return since.error();
    const auto until = parse_member(*object, "until", now);
    if (!until) return until.error();
    selection.since = *since;
    selection.until = *until;
    bool all = false;
    if (const auto* value = object->if_contains("all")) {
        if (!value->is_bool()) return fail(Errc::BadInput, "'all' is neither true nor false");
        all = value->as_bool();
    }
    if (const auto* value = object->if_contains("ids")) {
        auto ids = parse_ids(*value);
        if (!ids) return ids.error();
        selection.ids = std::move(*ids);
    }
    const bool by_time = selection.since || selection.until;
    const int ways = (selection.ids.empty() ? 0 : 1) + (by_time ? 1 : 0) + (all ? 1 : 0);
    if (ways != 1)
        return fail(Errc::BadInput, "say which: 'ids', or 'since' and 'until', or 'all'");
    return selection;
}

Result<std::size_t> parse_allow_delete(const json::value& body) {
    const auto* object = body.if_object();
    if (object == nullptr) return fail(Errc::BadInput, "the body is not a JSON object");
    const auto known = only_known(*object, {"allow_delete"});
    if (!known) return known.error();
    const auto* value = object->if_contains("allow_delete");
    if (value == nullptr) return std::size_t{0};
    const auto* number = value->if_int64();
    if (number == nullptr || *number < 0 || *number > 1'000'000)
        return fail(Errc::BadInput, "'allow_delete' is not a number from 0 to 1000000");
    return static_cast<std::size_t>(*number);
}

}  // namespace graphhook::app
