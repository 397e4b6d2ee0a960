#include "tests/app/mini_schema.hpp"

#include <boost/json/serialize.hpp>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <charconv>
#include <regex>
#include <set>
#include <stdexcept>

namespace graphhook::app {
namespace {

namespace json = boost::json;

bool is_type(const json::value& value, std::string_view type) {
    if (type == "object") return value.is_object();
    if (type == "array") return value.is_array();
    if (type == "string") return value.is_string();
    if (type == "boolean") return value.is_bool();
    if (type == "null") return value.is_null();
    if (type == "integer") return value.is_int64() || value.is_uint64();
    if (type == "number") return value.is_number();
    throw std::runtime_error("unknown type in the schema");
}

bool matches(std::string_view text, const json::value& pattern) {
    const auto& source = pattern.as_string();
    return std::regex_search(
        text.begin(), text.end(), std::regex(std::string(source), std::regex::ECMAScript)
    );
}

class Judge {
  public:
    std::vector<std::string> found;

    void judge(const json::value& schema, const json::value& value, const std::string& path) {
        if (const auto* always = schema.if_bool()) {
            if (!*always) found.push_back(path + ": not allowed");
            return;
        }
        static const std::set<std::string_view> kKnown = {
            "$schema",  "title",   "description",
            "default",  "type",    "properties",
            "required", "items",   "enum",
            "const",    "pattern", "patternProperties",
            "minimum",  "maximum", "minLength",
            "anyOf",    "oneOf",   "allOf",
            "if",       "then",    "additionalProperties",
        };
        const auto& rules = schema.as_object();
        for (const auto& rule : rules) {
            if (!kKnown.contains(std::string_view(rule.key())))
                throw std::runtime_error("unknown keyword: " + std::string(rule.key()));
        }
        if (const auto* type = rules.if_contains("type")) check_type(*type, value, path);
        if (const auto* choices = rules.if_contains("enum")) {
            const auto& all = choices->as_array();
            if (std::find(all.begin(), all.end(), value) == all.end())
                found.push_back(path + ": none of the choices");
        }
        if (const auto* one = rules.if_contains("const"); one != nullptr && *one != value)
            found.push_back(path + ": not the constant");
        if (value.is_string()) check_text(rules, value, path);
        if (value.is_number()) check_number(rules, value, path);
        if (value.is_object()) check_object(rules, value.as_object(), path);
        if (const auto* items = rules.if_contains("items"); items != nullptr && value.is_array()) {
            std::size_t i = 0;
            for (const auto& element : value.as_array())
                judge(*items, element, path + "[" + std::to_string(i++) + "]");
        }
        combine(rules, value, path);
    }

  private:
    static bool fits(const json::value& schema, const json::value& value) {
        Judge judge;
        judge.judge(schema, value, "");
        return judge.found.empty();
    }

    void check_type(const json::value& type, const json::value& value, const std::string& path) {
        bool any = false;
        if (const auto* several = type.if_array()) {
            for (const auto& one : *several) any = any || is_type(value, one.as_string());
        } else {
            any = is_type(value, type.as_string());
        }
        if (!any) found.push_back(path + ": wrong type");
    }

    void check_text(const json::object& rules, const json::value& value, const std::string& path) {
        const std::string_view text = value.as_string();
        if (const auto* pattern = rules.if_contains("pattern"); pattern && !matches(text, *pattern))
            found.push_back(path + ": pattern");
        if (const auto* least = rules.if_contains("minLength");
            least && text.size() < least->to_number<std::size_t>())
            found.push_back(path + ": too short");
    }

    void check_number(
        const json::object& rules, const json::value& value, const std::string& path
    ) {
        const auto number = value.to_number<double>();
        if (const auto* least = rules.if_contains("minimum");
            least && number < least->to_number<double>())
            found.push_back(path + ": too little");
        if (const auto* most = rules.if_contains("maximum");
            most && number > most->to_number<double>())
            found.push_back(path + ": too much");
    }

    void check_object(
        const json::object& rules, const json::object& object, const std::string& path
    ) {
        if (const auto* required = rules.if_contains("required")) {
            for (const auto& name : required->as_array()) {
                if (!object.contains(name.as_string()))
                    found.push_back(path + "." + std::string(name.as_string()) + ": missing");
            }
        }
        for (const auto& entry : object) {
            const auto below = path + "." + std::string(entry.key());
            bool known = false;
            if (const auto* properties = rules.if_contains("properties")) {
                if (const auto* one = properties->as_object().if_contains(entry.key())) {
                    known = true;
                    judge(*one, entry.value(), below);
                }
            }
            if (const auto* patterns = rules.if_contains("patternProperties")) {
                for (const auto& pattern : patterns->as_object()) {
                    if (!matches(entry.key(), json::value(pattern.key()))) continue;
                    known = true;
                    judge(pattern.value(), entry.value(), below);
                }
            }
            if (const auto* others = rules.if_contains("additionalProperties"); others && !known)
                judge(*others, entry.value(), below);
        }
    }

    void combine(const json::object& rules, const json::value& value, const std::string& path) {
        if (const auto* all = rules.if_contains("allOf")) {
            for (const auto& one : all->as_array()) judge(one, value, path);
        }
        const auto count = [&value](const json::value& schemas) {
            const auto& all = schemas.as_array();
            return std::count_if(all.begin(), all.end(), [&value](const json::value& one) {
                return fits(one, value);
            });
        };
        if (const auto* any = rules.if_contains("anyOf"); any && count(*any) == 0)
            found.push_back(path + ": fits none");
        if (const auto* one = rules.if_contains("oneOf"); one && count(*one) != 1)
            found.push_back(path + ": fits not exactly one");
        if (const auto* condition = rules.if_contains("if"); condition && fits(*condition, value))
            judge(rules.at("then"), value, path);
    }
};

json::value as_json(const YAML::Node& node) {
    if (node.IsMap()) {
        json::object object;
        for (const auto& entry : node) object[entry.first.Scalar()] = as_json(entry.second);
        return object;
    }
    if (node.IsSequence()) {
        json::array array;
        for (const auto& element : node) array.push_back(as_json(element));
        return array;
    }
    if (!node.IsScalar()) return nullptr;
    const auto& text = node.Scalar();
    if (node.Tag() == "!") return json::value(text);  // quoted
    if (text == "true" || text == "false") return text == "true";
    const char* last = text.data() + text.size();
    std::int64_t number = 0;
    if (const auto [end, error] = std::from_chars(text.data(), last, number);
        error == std::errc{} && end == last)
        return number;
    double real = 0;
    if (const auto [end, error] = std::from_chars(text.data(), last, real);
        error == std::errc{} && end == last)
        return real;
    return json::value(text);
}

}  // namespace

std::vector<std::string> misfits(const json::value& schema, const json::value& value) {
    Judge judge;
    judge.judge(schema, value, "");
    return judge.found;
}

json::value yaml_as_json(const std::string& text) {
    return as_json(YAML::Load(text));
}

}  // namespace graphhook::app
