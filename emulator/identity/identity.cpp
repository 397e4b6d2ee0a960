#include "emulator/identity/identity.hpp"

#include "core/time_text.hpp"
#include "emulator/subscription.hpp"
#include "emulator/url.hpp"

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <map>

namespace graphhook::emulator {
namespace {

using std::chrono::seconds;

constexpr std::size_t kLongestName = 128;
constexpr std::size_t kLongestScope = 1'024;

std::int64_t unix_seconds(SystemTime time) {
    return std::chrono::duration_cast<seconds>(time.time_since_epoch()).count();
}

/// What is answered for it: a concrete tenant's own issuer, else the template (protocol 7.9).
std::string issuer_tenant(std::string_view tenant) {
    return tenant == "common" || tenant == "organizations" ? "{tenantid}" : std::string(tenant);
}

bool looks_like_tenant(std::string_view tenant) {
    return !tenant.empty() && tenant.size() <= kLongestName &&
           std::all_of(tenant.begin(), tenant.end(), [](unsigned char c) {
               return std::isalnum(c) != 0 || c == '-' || c == '.';
           });
}

std::string_view strip(std::string_view path, std::string_view end) {
    return path.substr(0, path.size() - end.size());
}

boost::json::object discovery(const std::string& base, std::string_view tenant, bool v2) {
    boost::json::object json;
    const auto root = fmt::format("{}/{}", base, tenant);
    json["token_endpoint"] = v2 ? root + "/oauth2/v2.0/token" : root + "/oauth2/token";
    json["token_endpoint_auth_methods_supported"] = boost::json::array{"client_secret_post"};
    json["jwks_uri"] = v2 ? root + "/discovery/v2.0/keys" : root + "/discovery/keys";
    json["id_token_signing_alg_values_supported"] = boost::json::array{"RS256"};
    json["issuer"] =
        v2 ? fmt::format("https://login.microsoftonline.com/{}/v2.0", issuer_tenant(tenant))
           : fmt::format("https://sts.windows.net/{}/", issuer_tenant(tenant));
    return json;
}

}  // namespace

Identity::Identity(Options options, SigningKey key, Faults& faults, Stats& stats, Clock& clock)
    : options_(std::move(options)),
      key_(std::move(key)),
      faults_(faults),
      stats_(stats),
      clock_(clock) {
}

std::optional<Response> Identity::handle(const Request& request) {
    const auto path = request.path();
    if (!path.starts_with('/')) return std::nullopt;
    // Longest first: the v1 forms are ends of the v2 forms.
    constexpr std::string_view kToken = "/oauth2/v2.0/token";
    constexpr std::string_view kV2 = "/v2.0/.well-known/openid-configuration";
    constexpr std::string_view kV1 = "/.well-known/openid-configuration";
    constexpr std::string_view kKeysV2 = "/discovery/v2.0/keys";
    constexpr std::string_view kKeysV1 = "/discovery/keys";
    for (const auto end : {kToken, kV2, kV1, kKeysV2, kKeysV1}) {
        if (!path.ends_with(end) || path.size() <= end.size() + 1) continue;
        const auto tenant = strip(path, end).substr(1);
        if (!looks_like_tenant(tenant)) return std::nullopt;
        const std::string_view method = end == kToken ? "POST" : "GET";
        if (request.method != method) {
            Response response(405, "", "");
            response.headers.emplace_back("Allow", method);
            return response;
        }
        if (end == kToken) return token(request, tenant);
        if (end == kV2 || end == kV1) {
            return json_response(
                200, boost::json::serialize(discovery(request.base, tenant, end == kV2))
            );
        }
        boost::json::array keys;
        keys.push_back(key_.to_jwk(
            fmt::format("https://login.microsoftonline.com/{}/v2.0", issuer_tenant(tenant))
        ));
        return json_response(
            200, boost::json::serialize(boost::json::object{{"keys", std::move(keys)}})
        );
    }
    return std::nullopt;
}

Response Identity::refuse(int status, std::string_view error, int code, std::string_view text) {
    ++stats_.tokens_refused;
    const auto trace = random_guid();
    const auto correlation = random_guid();
    auto time = to_text(std::chrono::floor<seconds>(clock_.system_now()));
    std::replace(time.begin(), time.end(), 'T', ' ');
    boost::json::object json;
    json["error"] = error;
    json["error_description"] = fmt::format(
        "AADSTS{}: {} Trace ID: {} Correlation ID: {} Timestamp: {}", code, text, trace,
        correlation, time
    );
    json["error_codes"] = boost::json::array{code};
    json["timestamp"] = time;
    json["trace_id"] = trace;
    json["correlation_id"] = correlation;
    json["error_uri"] = fmt::format("https://login.microsoftonline.com/error?code={}", code);
    return json_response(status, boost::json::serialize(json));
}

Response Identity::token(const Request& request, std::string_view tenant) {
    if (faults_.take(FaultKind::TokenError)) {
        ++stats_.faults_struck;
        return refuse(
            503, "temporarily_unavailable", 90033,
            "A transient error has occurred. Please try again."
        );
    }
    auto type = request.header("content-type");
    type = type.substr(0, type.find(';'));
    std::string lower_type(type);
    std::transform(lower_type.begin(), lower_type.end(), lower_type.begin(), [](unsigned char c) {
        return static_cast<char>(std::tolower(c));
    });
    if (lower_type != "application/x-www-form-urlencoded") {
        return refuse(
            400, "invalid_request", 900144,
            "The request body must be application/x-www-form-urlencoded."
        );
    }
    const auto form = parse_form(request.body);
    if (!form)
        return refuse(400, "invalid_request", 900144, "The request body is not form-encoded.");
    std::map<std::string, std::string> fields;
    for (const auto& [name, value] : *form) {
        if (!fields.emplace(name, value).second) {
            return refuse(400, "invalid_request", 90014, "The request body repeats a parameter.");
        }
    }
    for (const std::string_view name : {"grant_type", "client_id", "scope", "client_secret"}) {
        if (fields[std::string(name)].empty()) {
            const int status = name == "client_secret" ? 401 : 400;
            return refuse(
                status, name == "client_secret" ? "invalid_client" : "invalid_request",
                name == "client_secret" ? 7000218 : 900144,
                fmt::format("The request body must contain the following parameter: '{}'.", name)
            );
        }
    }
    if (fields["client_id"].size() > kLongestName) {
        return refuse(
            400, "unauthorized_client", 700016, "The application was not found in the directory."
        );
    }
    if (fields["grant_type"] != "client_credentials") {
        return refuse(
            400, "unsupported_grant_type", 70003, "The app requested an unsupported grant type."
        );
    }
    if (!fields["scope"].ends_with("/.default") || fields["scope"].size() > kLongestScope) {
        return refuse(400, "invalid_scope", 70011, "The provided value for scope is not valid.");
    }
    if (!options_.client_secret.equals(fields["client_secret"])) {
        return refuse(401, "invalid_client", 7000215, "Invalid client secret provided.");
    }
    const auto now = unix_seconds(clock_.system_now());
    boost::json::object claims;
    claims["aud"] = fields["scope"].substr(0, fields["scope"].size() - 9);
    claims["iss"] = fmt::format("https://sts.windows.net/{}/", tenant);
    claims["iat"] = now;
    claims["nbf"] = now;
    claims["exp"] = now + options_.token_life.count();
    claims["appid"] = fields["client_id"];
    claims["tid"] = tenant;
    claims["roles"] = boost::json::array(options_.roles.begin(), options_.roles.end());
    claims["ver"] = "1.0";
    claims["uti"] = random_guid();
    boost::json::object json;
    json["token_type"] = "Bearer";
    json["expires_in"] = options_.token_life.count();
    json["ext_expires_in"] = options_.token_life.count();
    json["access_token"] = key_.sign(claims);
    ++stats_.tokens_issued;
    auto response = json_response(200, boost::json::serialize(json));
    response.headers.emplace_back("Cache-Control", "no-store, no-cache");
    return response;
}

std::optional<Caller> Identity::read_token(std::string_view token) const {
    const auto claims = key_.verify(token);
    if (!claims) return std::nullopt;
    const auto* expires = claims->if_contains("exp");
    const auto* tenant = claims->if_contains("tid");
    const auto* app = claims->if_contains("appid");
    const auto* roles = claims->if_contains("roles");
    if (expires == nullptr || tenant == nullptr || app == nullptr || roles == nullptr)
        return std::nullopt;
    if (expires->to_number<std::int64_t>() <= unix_seconds(clock_.system_now()))
        return std::nullopt;
    Caller caller;
    caller.tenant = std::string(tenant->as_string());
    caller.app = std::string(app->as_string());
    for (const auto& role : roles->as_array()) caller.roles.emplace_back(role.as_string());
    return caller;
}

}  // namespace graphhook::emulator
