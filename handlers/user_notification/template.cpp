#include "handlers/user_notification/template.hpp"

#include "core/log.hpp"
#include "core/time_text.hpp"
#include "handlers/envelope.hpp"

#include <boost/json/parse.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace graphhook::handlers {
namespace {

namespace json = boost::json;

/// What intake lets through is half as deep.
constexpr std::size_t kDeepest = 64;

struct Known {
    std::string_view word;
    Template::Name name;
};
constexpr std::array kKnown = {
    Known{"id", Template::Name::Id},           Known{"subscription", Template::Name::Subscription},
    Known{"tenant", Template::Name::Tenant},   Known{"kind", Template::Name::Kind},
    Known{"change", Template::Name::Change},   Known{"resource", Template::Name::Resource},
    Known{"handler", Template::Name::Handler}, Known{"received_at", Template::Name::ReceivedAt},
    Known{"source", Template::Name::Source},   Known{"item", Template::Name::Item},
    Known{"data", Template::Name::Data},
};
constexpr std::string_view kKnownWords =
    "id, subscription, tenant, kind, change, resource, handler, received_at, source, item.… and "
    "data.…";

json::value parse_or_null(std::string_view text) {
    if (text.empty()) return {};
    boost::system::error_code bad;
    json::parse_options options;
    options.max_depth = kDeepest;
    auto value = json::parse(text, bad, {}, options);
    if (bad) return {};
    return value;
}

/// "a.b.0" as its steps; nothing: one of them is empty.
std::optional<std::vector<std::string>> steps_of(std::string_view path) {
    std::vector<std::string> steps;
    bool joined = false;
    for (;;) {
        const auto dot = path.find('.');
        const auto step = path.substr(0, dot);
        if (step.empty()) return std::nullopt;
        if (joined) {
            steps.back() += '.';
            steps.back() += step;
        } else {
            steps.emplace_back(step);
        }
        if (dot == std::string_view::npos) return steps;
        // The dot of "@odata.type" and "start@odata.type" belongs to the name.
        joined = !joined && step.ends_with("@odata");
        path.remove_prefix(dot + 1);
    }
}

/// nullptr: absent.
const json::value* find(const json::value& from, const std::vector<std::string>& path) {
    const json::value* at = &from;
    for (const auto& step : path) {
        if (const auto* object = at->if_object()) {
            at = object->if_contains(step);
        } else if (const auto* array = at->if_array()) {
            std::size_t index = 0;
            const char* const end = step.data() + step.size();
            const auto [stop, error] = std::from_chars(step.data(), end, index);
            if (error != std::errc{} || stop != end || index >= array->size()) return nullptr;
            at = &(*array)[index];
        } else {
            return nullptr;
        }
        if (at == nullptr) return nullptr;
    }
    return at;
}

std::string word_of(Template::Name name, const TemplateValues& values) {
    const auto& delivery = values.delivery();
    switch (name) {
        case Template::Name::Id:
            return delivery.id;
        case Template::Name::Subscription:
            return delivery.subscription;
        case Template::Name::Tenant:
            return delivery.tenant;
        case Template::Name::Kind:
            return delivery.kind;
        case Template::Name::Change:
            return delivery.change;
        case Template::Name::Resource:
            return delivery.resource;
        case Template::Name::Handler:
            return std::string(values.handler());
        case Template::Name::ReceivedAt:
            return to_text(delivery.received_at);
        case Template::Name::Source:
            return delivery.source;
        case Template::Name::Literal:
        case Template::Name::Item:
        case Template::Name::Data:
            break;
    }
    return {};
}

}  // namespace

void append_json_value(std::string& out, const json::value& value) {
    switch (value.kind()) {
        case json::kind::null:
            out += "null";
            break;
        case json::kind::bool_:
            out += value.get_bool() ? "true" : "false";
            break;
        case json::kind::int64:
            out += std::to_string(value.get_int64());
            break;
        case json::kind::uint64:
            out += std::to_string(value.get_uint64());
            break;
        case json::kind::double_:
            fmt::format_to(std::back_inserter(out), "{}", value.get_double());
            break;
        case json::kind::string:
            append_json_string(out, value.get_string());
            break;
        case json::kind::array: {
            out += '[';
            bool first = true;
            for (const auto& element : value.get_array()) {
                if (!std::exchange(first, false)) out += ',';
                append_json_value(out, element);
            }
            out += ']';
            break;
        }
        case json::kind::object: {
            out += '{';
            bool first = true;
            for (const auto& member : value.get_object()) {
                if (!std::exchange(first, false)) out += ',';
                append_json_string(out, member.key());
                out += ':';
                append_json_value(out, member.value());
            }
            out += '}';
            break;
        }
    }
}

TemplateValues::TemplateValues(const Delivery& delivery, std::string_view handler, Wanted wanted)
    : delivery_(delivery),
      handler_(handler),
      item_((wanted & kItem) != 0 ? parse_or_null(delivery.item) : json::value()),
      data_((wanted & kData) != 0 ? parse_or_null(delivery.data) : json::value()) {
}

std::variant<Template::Part, std::string> Template::parse_place(std::string_view inner) {
    Part part;
    part.text = fmt::format("{{{}}}", for_log(inner, 60));
    constexpr std::string_view kJson = "!json";
    auto name = inner;
    if (const auto at = inner.find(":-"); at != std::string_view::npos) {
        name = inner.substr(0, at);
        part.fallback = inner.substr(at + 2);
        // Else it would be said as it is, where somebody relies on its being escaped.
        if (part.fallback->ends_with(kJson))
            return fmt::format("{}: '!json' goes before ':-'", part.text);
    }
    if (name.ends_with(kJson)) {
        part.as_json = true;
        name.remove_suffix(kJson.size());
    }
    if (name.empty()) return fmt::format("{} names nothing; '{{{{' is a brace", part.text);
    const auto dot = name.find('.');
    const auto word = name.substr(0, dot);
    const auto* const known = std::ranges::find(kKnown, word, &Known::word);
    const bool deep =
        known != kKnown.end() && (known->name == Name::Item || known->name == Name::Data);
    if (known == kKnown.end() || (dot != std::string_view::npos && !deep))
        return fmt::format("{} is not known; known are {}", part.text, kKnownWords);
    part.name = known->name;
    if (dot == std::string_view::npos) return part;
    auto steps = steps_of(name.substr(dot + 1));
    const bool odd = name.find_first_of(" \t\r\n!") != std::string_view::npos;
    if (!steps || odd) return fmt::format("{} is no path of names and dots", part.text);
    part.path = std::move(*steps);
    return part;
}

std::variant<Template, Template::Problem> Template::parse(std::string_view text) {
    Template made;
    std::string literal;
    const auto flush = [&made, &literal] {
        if (literal.empty()) return;
        made.parts_.emplace_back();
        made.parts_.back().text = std::exchange(literal, {});
    };
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (c != '{' && c != '}') {
            literal += c;
            continue;
        }
        if (i + 1 < text.size() && text[i + 1] == c) {
            literal += c;
            ++i;
            continue;
        }
        if (c == '}') return Problem{i + 1, "a '}' that closes nothing; '}}' is a brace"};
        const auto end = text.find_first_of("{}", i + 1);
        if (end == std::string_view::npos || text[end] == '{')
            return Problem{i + 1, "a '{' that is not closed; '{{' is a brace"};
        auto place = parse_place(text.substr(i + 1, end - i - 1));
        if (auto* wrong = std::get_if<std::string>(&place))
            return Problem{i + 1, std::move(*wrong)};
        flush();
        made.parts_.push_back(std::move(std::get<Part>(place)));
        i = end;
    }
    flush();
    return made;
}

bool Template::constant() const noexcept {
    return std::ranges::all_of(parts_, [](const Part& part) { return part.name == Name::Literal; });
}

bool Template::wants_item() const noexcept {
    return std::ranges::any_of(parts_, [](const Part& part) { return part.name == Name::Item; });
}

std::string_view Template::data_place() const noexcept {
    for (const auto& part : parts_) {
        if (part.name == Name::Data) return part.text;
    }
    return {};
}

void Template::render_part(const Part& part, const TemplateValues& values, std::string& out) {
    if (part.name == Name::Literal) {
        out += part.text;
        return;
    }
    const json::value* value = nullptr;
    json::value word;
    if (part.name == Name::Item) {
        value = find(values.item(), part.path);
    } else if (part.name == Name::Data) {
        value = find(values.data(), part.path);
    } else {
        word = json::string(word_of(part.name, values));
        value = &word;
    }
    const bool none =
        value == nullptr || value->is_null() || (value->is_string() && value->get_string().empty());
    if (none && part.fallback) {
        if (part.as_json) {
            append_json_string(out, *part.fallback);
        } else {
            out += *part.fallback;
        }
    } else if (part.as_json) {
        append_json_value(out, value == nullptr ? json::value() : *value);
    } else if (value != nullptr && value->is_string()) {
        out += std::string_view(value->get_string());
    } else if (!none) {
        append_json_value(out, *value);
    }
}

std::string Template::render(const TemplateValues& values) const {
    std::string out;
    for (const auto& part : parts_) render_part(part, values, out);
    return out;
}

}  // namespace graphhook::handlers
