#include "emulator/data/query.hpp"

#include "core/time_text.hpp"
#include "emulator/url.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace graphhook::emulator {
namespace {

ApiError bad(std::string message) {
    return {400, "BadRequest", std::move(message)};
}

std::optional<std::size_t> whole(std::string_view text) {
    std::size_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return number;
}

std::string_view trimmed(std::string_view text) {
    while (text.starts_with(' ')) text.remove_prefix(1);
    while (text.ends_with(' ')) text.remove_suffix(1);
    return text;
}

template <class Each>
void each_word(std::string_view text, Each each) {
    while (!text.empty()) {
        const auto comma = text.find(',');
        const auto word = trimmed(text.substr(0, comma));
        if (!word.empty()) each(word);
        text = comma == std::string_view::npos ? std::string_view{} : text.substr(comma + 1);
    }
}

bool is_token(std::string_view name) {
    return name == "$skiptoken" || name == "$deltatoken" || name == "token";
}

std::optional<ApiError> read_token(Query& query, std::string_view value) {
    if (value.empty()) return std::nullopt;  // the empty token of a 410: from the start
    if (value == "latest") {
        query.latest = true;
        return std::nullopt;
    }
    if (auto token = read_sync_token(value)) {
        query.token = std::move(token);
        return std::nullopt;
    }
    if (auto since = parse_time(value)) {
        query.since = *since;
        return std::nullopt;
    }
    return bad("Badly formed token.");
}

std::optional<ApiError> read_option(
    Query& query, const std::string& name, const std::string& value, const PageSizes& sizes
) {
    if (name == "$select") {
        each_word(value, [&](std::string_view word) { query.select.emplace_back(word); });
    } else if (name == "$filter") {
        query.filter = value;
    } else if (name == "$orderby") {
        const auto space = value.find(' ');
        query.order_by = value.substr(0, space);
        if (space != std::string::npos) {
            const auto direction = lower_case(trimmed(std::string_view(value).substr(space)));
            if (direction != "asc" && direction != "desc")
                return bad("Invalid $orderby: one property, asc or desc.");
            query.descending = direction == "desc";
        }
    } else if (name == "$top") {
        const auto top = whole(value);
        if (!top || *top == 0) return bad("Invalid $top.");
        query.page_size = std::min(*top, sizes.most);
        query.top_given = true;
    } else if (name == "changetype") {
        const auto types = parse_change_types(value);
        if (!types) return bad("Invalid changeType.");
        query.change_types = *types;
    } else if (name == "startdatetime" || name == "enddatetime") {
        const auto time = parse_time(
            value.find('T') != std::string::npos && value.size() == 19 ? value + "Z" : value
        );
        if (!time) return bad(fmt::format("The value of '{}' is no date and time.", name));
        (name == "startdatetime" ? query.start : query.end) = *time;
    } else if (name != "$count" && name != "$expand" && name != "$search") {
        return bad(fmt::format("The query option '{}' is not supported here.", name));
    }
    return std::nullopt;
}

void read_preferences(Query& query, const Request& request, const PageSizes& sizes) {
    each_word(request.header("prefer"), [&](std::string_view word) {
        constexpr std::string_view kSize = "odata.maxpagesize=";
        if (word.starts_with(kSize)) {
            const auto size = whole(word.substr(kSize.size()));
            if (size && *size > 0) query.page_size = std::min(*size, sizes.most);
        }
        if (word == "return=minimal") query.minimal = true;
    });
    query.exclude_parent = lower_case(request.header("deltaexcludeparent")) == "true";
}

}  // namespace

bool Query::has(std::string_view option) const {
    return std::find(given.begin(), given.end(), option) != given.end();
}

ApiResult<Query> read_query(const Request& request, const PageSizes& sizes) {
    Query query;
    query.page_size = sizes.usual;
    const auto pairs = parse_form(request.query());
    if (!pairs) return bad("The query is badly encoded.");
    // What a link leads on with comes first: its token has the options of the first call.
    for (const auto& [name, value] : *pairs) {
        const auto option = lower_case(name);
        if (!is_token(option)) continue;
        if (auto refused = read_token(query, value)) return std::move(*refused);
        query.given.push_back(option);
    }
    std::string kept;
    const auto options = query.token ? parse_form(query.token->query) : pairs;
    if (!options) return bad("Badly formed token.");
    for (const auto& [name, value] : *options) {
        const auto option = lower_case(name);
        if (is_token(option)) continue;
        if (auto refused = read_option(query, option, value, sizes)) return std::move(*refused);
        query.given.push_back(option);
        kept += (kept.empty() ? "" : "&") + form_encode(name) + "=" + form_encode(value);
    }
    query.text = query.token ? query.token->query : kept;
    read_preferences(query, request, sizes);
    return query;
}

void select(boost::json::object& object, const std::vector<std::string>& names) {
    if (names.empty()) return;
    boost::json::object kept;
    for (auto& member : object) {
        const std::string_view name = member.key();
        const bool wanted = name == "id" || name.starts_with('@') ||
                            std::any_of(names.begin(), names.end(), [&](const std::string& one) {
                                return lower_case(one) == lower_case(name);
                            });
        if (wanted) kept[name] = std::move(member.value());
    }
    object = std::move(kept);
}

std::uint32_t page_of(const Request& request) {
    const auto pairs = parse_form(request.query());
    if (!pairs) return 1;
    for (const auto& [name, value] : *pairs) {
        if (!is_token(lower_case(name))) continue;
        if (const auto token = read_sync_token(value)) return token->page;
    }
    return 1;
}

}  // namespace graphhook::emulator
