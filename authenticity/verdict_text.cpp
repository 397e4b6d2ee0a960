#include "authenticity/token.hpp"
#include "core/time_text.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

namespace graphhook::authenticity {
namespace {

namespace json = boost::json;

/// Only what is known is written: of 1,000 tokens that are null there is little to say.
void put(json::object& object, std::string_view name, const std::string& text) {
    if (!text.empty()) object[name] = text;
}

std::int64_t seconds_of(SystemTime time) {
    return std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
}

/// False: there, but no text.
bool take(const json::object& object, std::string_view name, std::string& into) {
    const json::value* const value = object.if_contains(name);
    if (value == nullptr) return true;
    if (!value->is_string()) return false;
    into = std::string(value->get_string());
    return true;
}

bool take(const json::object& object, std::string_view name, SystemTime& into) {
    constexpr std::int64_t kMost = 253'402'300'800;
    const json::value* const value = object.if_contains(name);
    if (value == nullptr) return true;
    if (!value->is_int64() || value->get_int64() < 0 || value->get_int64() >= kMost) return false;
    into = SystemTime(std::chrono::seconds(value->get_int64()));
    return true;
}

std::optional<TokenVerdict> read_verdict(const json::value& value) {
    if (!value.is_object()) return std::nullopt;
    const json::object& object = value.get_object();
    TokenVerdict verdict;
    std::string name;
    if (!take(object, "reason", name)) return std::nullopt;
    const auto reason = reason_named(name);
    if (!reason) return std::nullopt;
    verdict.reason = *reason;
    const bool good =
        take(object, "tenant", verdict.tenant_id) && take(object, "app", verdict.client_id) &&
        take(object, "login", verdict.login) && take(object, "kid", verdict.kid) &&
        take(object, "nbf", verdict.not_before) && take(object, "exp", verdict.expires);
    if (!good) return std::nullopt;
    return verdict;
}

}  // namespace

std::string to_text(std::span<const TokenVerdict> verdicts) {
    json::array array;
    for (const TokenVerdict& verdict : verdicts) {
        json::object object;
        object["reason"] = to_string(verdict.reason);
        put(object, "tenant", verdict.tenant_id);
        put(object, "app", verdict.client_id);
        put(object, "login", verdict.login);
        put(object, "kid", verdict.kid);
        if (verdict.not_before != SystemTime()) object["nbf"] = seconds_of(verdict.not_before);
        if (verdict.expires != SystemTime()) object["exp"] = seconds_of(verdict.expires);
        array.push_back(std::move(object));
    }
    return json::serialize(json::object{{"tokens", std::move(array)}});
}

std::optional<std::vector<TokenVerdict>> verdicts_from_text(std::string_view text) {
    boost::system::error_code bad;
    const json::value document = json::parse(text, bad);
    if (bad || !document.is_object()) return std::nullopt;
    const json::value* const array = document.get_object().if_contains("tokens");
    if (array == nullptr || !array->is_array() || array->get_array().size() > kMostTokens)
        return std::nullopt;
    std::vector<TokenVerdict> verdicts;
    for (const json::value& value : array->get_array()) {
        auto verdict = read_verdict(value);
        if (!verdict) return std::nullopt;
        verdicts.push_back(std::move(*verdict));
    }
    return verdicts;
}

}  // namespace graphhook::authenticity
