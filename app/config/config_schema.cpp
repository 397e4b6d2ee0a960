#include "app/config/config_schema.hpp"

#include "app/config/keys.hpp"
#include "core/time_text.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>

namespace graphhook::app {
namespace {

namespace json = boost::json;

constexpr std::string_view kName = "^[A-Za-z0-9_-]{1,64}$";
/// A value that is put together from the environment can only be judged when it is read.
constexpr std::string_view kVariable = R"(\$\{)";

json::object text_like(std::string_view pattern) {
    return {{"type", "string"}, {"pattern", fmt::format("({})|{}", pattern, kVariable)}};
}

json::array choices(std::string_view alternatives) {
    json::array all;
    for (const auto& choice : split_alternatives(alternatives)) all.emplace_back(choice);
    return all;
}

json::object one_of_choices(const Key& key) {
    json::array any;
    any.push_back(json::object{{"enum", choices(key.alternatives)}});
    const auto all = split_alternatives(key.alternatives);
    // To an editor that reads YAML as it was, `off` is a truth value.
    if (std::find(all.begin(), all.end(), "off") != all.end())
        any.push_back(json::object{{"const", false}});
    // 1.2 without quotes is a number to an editor.
    if (key.alternatives.find('.') != std::string_view::npos)
        any.push_back(json::object{{"type", "number"}});
    any.push_back(json::object{{"type", "string"}, {"pattern", kVariable}});
    return {{"anyOf", std::move(any)}};
}

json::object list_of(json::object element) {
    json::array any;
    any.push_back(json::object{{"type", "array"}, {"items", element}});
    any.push_back(std::move(element));
    return {{"anyOf", std::move(any)}};
}

json::object number_or(const Key& key, std::string_view pattern) {
    json::object number{{"type", "integer"}, {"minimum", key.least}};
    if (key.most != 0) number["maximum"] = key.most;
    json::array any;
    any.push_back(std::move(number));
    any.push_back(text_like(pattern));
    return {{"anyOf", std::move(any)}};
}

json::object section_schema(std::string_view path);

json::object schema_of(const Key& key) {
    switch (key.type) {
        case Type::Section:
            return section_schema(key.path);
        case Type::Named:
            return {
                {"type", json::array{"object", "null"}},
                {"patternProperties",
                 json::object{{kName, section_schema(fmt::format("{}.*", key.path))}}},
                {"additionalProperties", false},
            };
        case Type::Items:
            return {{"type", json::array{"array", "null"}}, {"items", section_schema(key.path)}};
        case Type::Cloud: {
            auto any = one_of_choices(key).at("anyOf").as_array();
            any.push_back(section_schema(key.path));
            return {{"anyOf", std::move(any)}};
        }
        case Type::Headers:
            return {
                {"type", "object"},
                {"patternProperties",
                 json::object{
                     {"^[A-Za-z0-9_-]+$",
                      json::object{{"type", json::array{"string", "number", "boolean"}}}}
                 }},
                {"additionalProperties", false},
            };
        case Type::HttpsUrl:
            return text_like("^https://[^/@?]+(/[^?]*)?$");
        case Type::HttpUrl:
            return text_like("^https?://[^/@]+");
        case Type::UrlPath:
            return text_like("^(/.*[^/]|/[^/]|)$");
        case Type::Uuid:
            return text_like(
                "^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$"
            );
        case Type::Listen:
            return text_like(R"(^unix:/|:[0-9]+$|^$)");
        case Type::Store:
            return text_like("^sqlite:/");
        case Type::Integer:
            return number_or(key, "^[0-9]+$");
        case Type::Size:
            return number_or(key, "^[0-9]+([KMGT]i)?B?$");
        case Type::Duration:
            return text_like("^[0-9]+(ms|s|m|h|d)$");
        case Type::Flag: {
            json::array any;
            any.push_back(json::object{{"type", "boolean"}});
            any.push_back(text_like("^(true|false|on|off|yes|no)$"));
            return {{"anyOf", std::move(any)}};
        }
        case Type::Choice:
            return one_of_choices(key);
        case Type::Choices:
            return list_of(one_of_choices(key));
        case Type::Networks:
            return list_of(text_like("^[0-9A-Fa-f:.]+(/[0-9]+)?$"));
        case Type::Texts:
            return list_of(json::object{{"type", "string"}, {"minLength", 1}});
        case Type::Text:
        case Type::Path:
        case Type::ReadFile:
        case Type::Secret:
        case Type::SecretFile:
            break;
    }
    json::object text{{"type", "string"}};
    if (key.path != "admin.socket" && key.path != "unsids.scope") text["minLength"] = 1;
    return text;
}

json::object with_meaning(const Key& key) {
    auto schema = schema_of(key);
    schema["description"] = key.meaning;
    if (!key.fallback.empty()) schema["default"] = key.fallback;
    return schema;
}

/// Which keys a handler has depends on its type: those of other types are forbidden, its own
/// required ones required.
json::object only_for(std::string_view type) {
    json::object forbidden;
    json::array required;
    for (const Key* key : children_of("handlers.*")) {
        if (key->only.empty()) continue;
        if (!is_for(*key, type)) {
            const auto types = types_with(key->path);
            if (std::find(types.begin(), types.end(), type) == types.end())
                forbidden[last_part(key->path)] = false;
        } else if (key->need == Need::Required) {
            required.emplace_back(last_part(key->path));
        }
    }
    json::object then{{"properties", std::move(forbidden)}};
    if (!required.empty()) then["required"] = std::move(required);
    return {
        {"if", json::object{{"properties", json::object{{"type", json::object{{"const", type}}}}}}},
        {"then", std::move(then)},
    };
}

/// Exactly one way to prove oneself; a signed-in user's may have the secret of its client beside
/// it.
json::array one_credential() {
    constexpr std::array<std::string_view, 6> kWays{
        "client_secret",        "client_secret_file", "certificate",
        "federated_token_file", "managed_identity",   "refresh_token_file",
    };
    json::array one;
    for (const auto way : kWays) {
        json::object without;
        for (const auto other : kWays) {
            const bool beside = way == "refresh_token_file" &&
                                (other.starts_with("client_secret") || other == "certificate");
            if (other != way && !beside) without[other] = false;
        }
        one.push_back(
            json::object{{"required", json::array{way}}, {"properties", std::move(without)}}
        );
    }
    return one;
}

json::object section_schema(std::string_view path) {
    json::object properties;
    json::array required;
    for (const Key* key : children_of(path)) {
        const auto name = last_part(key->path);
        if (auto* other = properties.if_contains(name); other != nullptr) {
            auto& meaning = other->as_object()["description"].as_string();
            meaning += fmt::format(" For {}: {}", key->only, key->meaning);
        } else {
            properties[name] = with_meaning(*key);
        }
        if (key->need == Need::Required && key->only.empty()) required.emplace_back(name);
        // Inside a section of one type the key is required like any other.
        if (key->need == Need::Required && !key->only.empty() && path != "handlers.*")
            required.emplace_back(name);
        // What is implied and has something required has to be written after all.
        if (key->need == Need::Implied && properties[name].as_object().contains("required"))
            required.emplace_back(name);
    }
    json::object schema{{"type", json::array{"object", "null"}}};
    if (!required.empty()) {
        schema["type"] = "object";
        schema["required"] = std::move(required);
    }
    schema["properties"] = std::move(properties);
    schema["additionalProperties"] = false;
    if (path == "handlers.*") {
        json::array all;
        for (const auto& type : split_alternatives(find_key("handlers.*.type")->alternatives))
            all.push_back(only_for(type));
        schema["allOf"] = std::move(all);
    } else if (path == "tenants.*.credential") {
        schema["oneOf"] = one_credential();
    }
    return schema;
}

/// Two blanks a level, so that a change of one key is a change of a few lines.
void pretty(const json::value& value, std::string& out, std::size_t depth) {
    const std::string margin(depth * 2, ' ');
    if (const auto* object = value.if_object(); object != nullptr && !object->empty()) {
        out += "{\n";
        for (auto entry = object->begin(); entry != object->end(); ++entry) {
            if (entry != object->begin()) out += ",\n";
            out += margin + "  " + json::serialize(json::value(entry->key())) + ": ";
            pretty(entry->value(), out, depth + 1);
        }
        out += "\n" + margin + "}";
    } else {
        out += json::serialize(value);
    }
}

std::string bounds_text(const Key& key) {
    if (!key.alternatives.empty())
        return "`" + fmt::format("{}", fmt::join(split_alternatives(key.alternatives), "`, `")) +
               "`";
    if (key.least == 0 && key.most == 0) return "";
    const auto text = [&key](std::uint64_t number) {
        if (key.type == Type::Size) return size_text(number);
        if (key.type == Type::Duration)
            return duration_text(std::chrono::milliseconds(static_cast<std::int64_t>(number)));
        return std::to_string(number);
    };
    return fmt::format("{} to {}", text(key.least), text(key.most));
}

}  // namespace

std::string json_schema() {
    json::object schema{
        {"$schema", "https://json-schema.org/draft/2020-12/schema"},
        {"title", "graphhook configuration"},
        {"description",
         "One file, YAML. Every value may hold ${NAME}, ${NAME:-default} and $${ for a literal ${."
        },
    };
    for (auto& [key, value] : section_schema("")) schema[key] = value;
    std::string out;
    pretty(schema, out, 0);
    return out + "\n";
}

std::string key_table(const std::string& section) {
    std::string out =
        "| key | meaning | type | default | bounds | changes by |\n|---|---|---|---|---|---|\n";
    for (const auto& key : keys()) {
        if (key.path != section && !key.path.starts_with(section + ".")) continue;
        std::string fallback = key.need == Need::Required ? "required" : "";
        if (!key.fallback.empty()) fallback = fmt::format("`{}`", key.fallback);
        const auto only =
            key.only.empty()
                ? std::string()
                : fmt::format("Type `{}`: ", fmt::join(split_alternatives(key.only), "` or `"));
        out += fmt::format(
            "| `{}` | {}{} | {} | {} | {} | {} |\n", key.path, only, key.meaning,
            type_name(key.type), fallback, bounds_text(key),
            key.change == Change::Reload ? "reload" : "restart"
        );
    }
    return out;
}

}  // namespace graphhook::app
