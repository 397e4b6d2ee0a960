#include "emulator/identity/access_tokens.hpp"

#include "emulator/identity/scopes.hpp"
#include "emulator/subscription.hpp"

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace graphhook::emulator {
namespace {

std::int64_t unix_seconds(SystemTime time) {
    return std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
}

std::string text_of(const boost::json::object& claims, std::string_view name) {
    const auto* value = claims.if_contains(name);
    return value != nullptr && value->is_string() ? std::string(value->as_string()) : std::string{};
}
std::int64_t number_of(const boost::json::object& claims, std::string_view name) {
    const auto* value = claims.if_contains(name);
    return value != nullptr && value->is_int64() ? value->as_int64() : 0;
}

std::vector<std::string> words_of(std::string_view text) {
    std::vector<std::string> words;
    while (!text.empty()) {
        const auto space = text.find(' ');
        if (space != 0) words.emplace_back(text.substr(0, space));
        text = space == std::string_view::npos ? std::string_view{} : text.substr(space + 1);
    }
    return words;
}

}  // namespace

boost::json::object AccessTokens::common(std::string_view tenant, std::string_view app) const {
    const auto now = unix_seconds(clock_.system_now());
    boost::json::object claims;
    claims["iss"] = fmt::format("https://sts.windows.net/{}/", tenant);
    claims["iat"] = now;
    claims["nbf"] = now;
    claims["exp"] = now + life_.count();
    claims["appid"] = app;
    claims["tid"] = tenant;
    claims["ver"] = "1.0";
    claims["uti"] = random_guid();
    return claims;
}

std::string AccessTokens::issue(const ForApp& wanted) const {
    auto claims = common(wanted.tenant, wanted.app);
    claims["aud"] = wanted.resource;
    claims["idtyp"] = "app";
    // As on the platform, an app without any role has no such claim.
    if (!wanted.roles.empty())
        claims["roles"] = boost::json::array(wanted.roles.begin(), wanted.roles.end());
    if (wanted.not_before != 0) claims["xms_nbf"] = wanted.not_before;
    return key_.sign(claims);
}

std::string AccessTokens::issue(const SignIn& sign_in, std::int64_t not_before) const {
    auto claims = common(sign_in.user.tenant, sign_in.client);
    claims["aud"] = sign_in.resource;
    claims["idtyp"] = "user";
    claims["oid"] = sign_in.user.id;
    claims["upn"] = sign_in.user.name;
    claims["scp"] = joined(sign_in.scopes);
    if (sign_in.user.admin)
        claims["wids"] = boost::json::array{"62e90394-69f5-4237-9190-012177145e10"};
    if (not_before != 0) claims["xms_nbf"] = not_before;
    return key_.sign(claims);
}

std::string AccessTokens::issue_id(const SignIn& sign_in) const {
    auto claims = common(sign_in.user.tenant, sign_in.client);
    claims.erase("appid");
    claims["iss"] = fmt::format("https://login.microsoftonline.com/{}/v2.0", sign_in.user.tenant);
    claims["aud"] = sign_in.client;
    claims["ver"] = "2.0";
    claims["oid"] = sign_in.user.id;
    claims["sub"] = guid_of("subject " + sign_in.user.id + " of " + sign_in.client);
    claims["preferred_username"] = sign_in.user.name;
    return key_.sign(claims);
}

AccessTokens::Reading AccessTokens::read(std::string_view token) const {
    Reading reading;
    const auto claims = key_.verify(token);
    if (!claims) return reading;
    const auto type = text_of(*claims, "idtyp");
    if (type != "app" && type != "user") return reading;            // an id_token
    if (!own_api(text_of(*claims, "aud")).empty()) return reading;  // for somebody else
    if (number_of(*claims, "exp") <= unix_seconds(clock_.system_now())) return reading;
    Caller caller;
    caller.tenant = text_of(*claims, "tid");
    caller.app = text_of(*claims, "appid");
    if (type == "app") {
        if (const auto* roles = claims->if_contains("roles"); roles != nullptr) {
            for (const auto& role : roles->as_array()) caller.roles.emplace_back(role.as_string());
        }
    } else {
        caller.delegated = true;
        caller.user = text_of(*claims, "oid");
        caller.user_name = text_of(*claims, "upn");
        caller.scopes = words_of(text_of(*claims, "scp"));
        caller.personal = same_text(caller.tenant, kPersonalTenant);
        caller.admin = claims->contains("wids");
    }
    const auto since = revoked_until(caller.tenant, caller.app);
    if (since > number_of(*claims, "xms_nbf")) {
        reading.challenge = base64url(
            fmt::format(R"({{"access_token":{{"nbf":{{"essential":true,"value":"{}"}}}}}})", since)
        );
    }
    reading.caller = std::move(caller);
    return reading;
}

std::int64_t AccessTokens::revoked_until(std::string_view tenant, std::string_view app) const {
    std::int64_t since = 0;
    const auto in = lower_text(tenant);
    const auto of = lower_text(app);
    for (const auto& key :
         {std::pair(std::string(), std::string()), std::pair(in, std::string()),
          std::pair(std::string(), of), std::pair(in, of)}) {
        const auto it = revoked_.find(key);
        if (it != revoked_.end()) since = std::max(since, it->second);
    }
    return since;
}

void AccessTokens::revoke(std::string_view tenant, std::string_view app) {
    // Two in one second are two.
    last_revoked_ = std::max(unix_seconds(clock_.system_now()), last_revoked_ + 1);
    revoked_[{lower_text(tenant), lower_text(app)}] = last_revoked_;
}

std::optional<std::int64_t> read_claims(std::string_view json) {
    if (json.empty()) return 0;
    boost::system::error_code error;
    const auto claims = boost::json::parse(json, error);
    if (error || !claims.is_object()) return std::nullopt;
    const auto* value = claims.find_pointer("/access_token/nbf/value", error);
    if (value == nullptr || !value->is_string()) return 0;
    std::int64_t seconds = 0;
    const auto& text = value->as_string();
    const auto read = std::from_chars(text.data(), text.data() + text.size(), seconds);
    if (read.ec != std::errc{} || read.ptr != text.data() + text.size()) return std::nullopt;
    return seconds;
}

}  // namespace graphhook::emulator
