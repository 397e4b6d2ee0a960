// The token endpoint and the one for device codes (protocol 9.1 to 9.4, 9.7; RFC 8628).
#include "emulator/identity/identity.hpp"
#include "emulator/url.hpp"

#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace graphhook::emulator {

/// A request whose form is read.
struct Identity::Asked {
    Asked(const Request& request_, std::string_view tenant_) : request(request_), tenant(tenant_) {}
    const Request& request;
    std::string tenant;
    Fields fields;
    const App* app = nullptr;
    std::int64_t not_before = 0;  ///< of the parameter `claims`
    bool device = false;          ///< asks for a device code

    [[nodiscard]] const std::string& field(const std::string& name) const {
        static const std::string kNone;
        const auto it = fields.find(name);
        return it == fields.end() ? kNone : it->second;
    }
};

namespace {

constexpr std::size_t kLongestName = 128;
constexpr std::string_view kDeviceGrant = "urn:ietf:params:oauth:grant-type:device_code";
constexpr std::string_view kAssertionType =
    "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
constexpr auto kLogins = std::to_array<std::string_view>(
    {"https://login.microsoftonline.com", "https://login.microsoftonline.us",
     "https://login.chinacloudapi.cn", "https://login.partner.microsoftonline.cn"}
);

/// "common" and its kin stand for many tenants.
bool is_concrete(std::string_view tenant) {
    return tenant != "common" && tenant != "organizations" && tenant != "consumers";
}

Refusal missing(std::string_view name) {
    return bad_request(
        900144, fmt::format("The request body must contain the following parameter: '{}'.", name)
    );
}

Refusal no_such_resource(const std::string& resource, std::string_view tenant) {
    return {
        400, "invalid_resource", 500011,
        fmt::format(
            "The resource principal named {} was not found in the tenant named {}.",
            std::string_view(resource).substr(0, 256), tenant
        )
    };
}

/// Nothing if it is no form, or says something twice.
Granted<std::map<std::string, std::string>> read_form(const Request& request) {
    auto type = request.header("content-type");
    type = type.substr(0, type.find(';'));
    if (!same_text(type, "application/x-www-form-urlencoded"))
        return bad_request(900144, "The request body must be application/x-www-form-urlencoded.");
    const auto form = parse_form(request.body);
    if (!form) return bad_request(900144, "The request body is not form-encoded.");
    std::map<std::string, std::string> fields;
    for (const auto& [name, value] : *form) {
        if (!fields.emplace(name, value).second)
            return bad_request(90014, "The request body repeats a parameter.");
    }
    return fields;
}

}  // namespace

Response Identity::endpoint(const Request& request, std::string_view tenant, bool device) {
    Asked asked(request, tenant);
    asked.device = device;
    auto fields = read_form(request);
    if (fields) asked.fields = std::move(*fields);
    std::chrono::milliseconds delay{0};
    if (const auto slow = faults_.take(TokenFaultKind::Slow, tenant)) {
        ++stats_.faults_struck;
        delay = slow->delay;
    }
    Response response;
    bool issued = false;
    if (faults_.take(TokenFaultKind::Error, tenant)) {
        ++stats_.faults_struck;
        response = refuse(
            {503, "temporarily_unavailable", 90033,
             "A transient error has occurred. Please try again."}
        );
    } else if (const auto throttle = faults_.take(TokenFaultKind::Throttle, tenant)) {
        ++stats_.faults_struck;
        response = refuse(
            {429, "temporarily_unavailable", 90055,
             "The request was throttled because there are too many."}
        );
        response.headers.emplace_back(
            "Retry-After", fmt::format("{}", throttle->retry_after.count())
        );
    } else if (const auto html = faults_.take(TokenFaultKind::Html, tenant)) {
        ++stats_.faults_struck;
        ++stats_.tokens_refused;
        response = Response(
            html->status, "text/html; charset=utf-8",
            "<!DOCTYPE html><html><head><title>Service unavailable</title></head><body><h2>Our "
            "services aren't available right now</h2></body></html>"
        );
    } else if (!fields) {
        response = refuse(fields.error());
    } else {
        auto answered = answer(asked);
        issued = answered.has_value();
        if (answered) {
            response = std::move(*answered);
        } else {
            response = refuse(answered.error());
        }
    }
    const auto& grant = device ? std::string("device_authorization") : asked.field("grant_type");
    counts_.add(tenant, asked.field("client_id"), grant, issued);
    if (faults_.take(TokenFaultKind::CutOff, tenant)) {
        ++stats_.faults_struck;
        response.cut_off = true;
    }
    response.delay = delay;
    return response;
}

Granted<Response> Identity::answer(Asked& asked) {
    const auto& grant = asked.field("grant_type");
    if (grant.empty() && !asked.device) return missing("grant_type");
    const auto& client = asked.field("client_id");
    if (client.empty()) return missing("client_id");
    if (!asked.device && grant != "client_credentials" && grant != "refresh_token" &&
        grant != kDeviceGrant) {
        return Refusal(
            400, "unsupported_grant_type", 70003, "The app requested an unsupported grant type."
        );
    }
    asked.app = directory_.find_app(client);
    const bool known = asked.app != nullptr
                           ? !is_concrete(asked.tenant) || asked.app->is_in(asked.tenant)
                           : directory_.takes_any_app();
    if (!known || client.size() > kLongestName) {
        return Refusal(
            400, "unauthorized_client", 700016,
            fmt::format(
                "Application with identifier '{}' was not found in the directory '{}'. This can "
                "happen if the application has not been installed by the administrator of the "
                "tenant or consented to by any user in the tenant. You may have sent your "
                "authentication request to the wrong tenant.",
                std::string_view(client).substr(0, kLongestName), asked.tenant
            )
        );
    }
    const auto not_before = read_claims(asked.field("claims"));
    if (!not_before)
        return bad_request(50147, "The parameter 'claims' is not the JSON of a claims request.");
    asked.not_before = *not_before;
    if (asked.device) return start_device(asked);
    if (grant == "client_credentials") return for_app(asked);
    if (grant == "refresh_token") return for_refresh(asked);
    return for_device(asked);
}

std::optional<Refusal> Identity::check_assertion(const Asked& asked) {
    const auto now = clock_.system_now();
    const auto& client = asked.field("client_id");
    if (asked.field("client_assertion_type") != kAssertionType)
        return bad_request(
            900144,
            fmt::format(
                "The request body must contain the parameter 'client_assertion_type' with the "
                "value '{}'.",
                kAssertionType
            )
        );
    const auto jwt = parse_jwt(asked.field("client_assertion"));
    if (!jwt) return bad_client(50027, "JWT token is invalid or malformed.");
    App nobody;
    nobody.id = client;
    const App& app = asked.app == nullptr ? nobody : *asked.app;
    if (!same_text(jwt->claim_text("iss"), client) && !app.federations.empty())
        return check_federated_assertion(*jwt, app, now);
    std::vector<std::string> audiences;
    const auto add = [&](std::string_view login) {
        audiences.push_back(fmt::format("{}/{}/oauth2/v2.0/token", login, asked.tenant));
        audiences.push_back(fmt::format("{}/{}/oauth2/token", login, asked.tenant));
    };
    for (const auto login : kLogins) add(login);
    add(asked.request.base);
    if (auto refused = check_own_assertion(*jwt, app, audiences, now)) return refused;
    const SystemTime until{std::chrono::seconds(jwt->claim_time("exp").value_or(0))};
    if (!replays_.first(client + " " + jwt->claim_text("jti"), until, now))
        return bad_client(50013, "Assertion failed validation: its jti was presented before.");
    return std::nullopt;
}

std::optional<Refusal> Identity::authenticate(const Asked& asked, bool required) {
    const auto& secret = asked.field("client_secret");
    const bool assertion = asked.fields.contains("client_assertion");
    if (!secret.empty() && assertion)
        return bad_request(
            90023, "The request must not contain both 'client_secret' and 'client_assertion'."
        );
    if (assertion) return check_assertion(asked);
    if (!secret.empty())
        return check_secret(secret, asked.app, options_.client_secret, clock_.system_now());
    const bool confidential =
        asked.app != nullptr && !asked.app->open_to_public && asked.app->has_credential();
    if (!required && !confidential) return std::nullopt;
    return bad_client(
        7000218,
        "The request body must contain the following parameter: 'client_assertion' or "
        "'client_secret'."
    );
}

Response Identity::tokens_response(const Asked& asked, boost::json::object json) {
    const auto life = tokens_.life().count();
    if (faults_.take(TokenFaultKind::NoExpiry, asked.tenant)) {
        ++stats_.faults_struck;
    } else {
        json["expires_in"] = life;
        json["ext_expires_in"] = life;
    }
    ++stats_.tokens_issued;
    auto response = json_response(200, boost::json::serialize(json));
    response.headers.emplace_back("Cache-Control", "no-store, no-cache");
    response.headers.emplace_back("Pragma", "no-cache");
    return response;
}

Granted<Response> Identity::for_app(Asked& asked) {
    const auto scope = read_scope(asked.field("scope"));
    if (!scope) return scope.error();
    if (!scope->everything || scope->offline || scope->openid) {
        return Refusal(
            400, "invalid_scope", 70011,
            "The provided value for scope is not valid. Client credential flows must have a scope "
            "value with /.default suffixed to the resource identifier."
        );
    }
    if (!is_concrete(asked.tenant)) {
        return bad_request(
            50194, fmt::format(
                       "An application without a user needs a tenant of its own. Usage of the /{} "
                       "endpoint is not supported.",
                       asked.tenant
                   )
        );
    }
    if (auto refused = authenticate(asked, true)) return std::move(*refused);
    if (!is_graph(scope->resource, asked.request.base))
        return no_such_resource(scope->resource, asked.tenant);
    AccessTokens::ForApp wanted;
    wanted.tenant = asked.tenant;
    wanted.app = asked.field("client_id");
    wanted.resource = scope->resource;
    wanted.roles = directory_.permissions(asked.tenant, wanted.app).roles;
    wanted.not_before = asked.not_before;
    boost::json::object json;
    json["token_type"] = "Bearer";
    json["access_token"] = tokens_.issue(wanted);
    return tokens_response(asked, std::move(json));
}

std::optional<Refusal> Identity::check_resource(const Asked& asked, const std::string& resource)
    const {
    if (is_graph(resource, asked.request.base)) return std::nullopt;
    const std::string tenant = is_concrete(asked.tenant) ? asked.tenant : std::string();
    if (has_api(resource, tenant)) return std::nullopt;
    return no_such_resource(resource, asked.tenant);
}

Granted<Response> Identity::start_device(Asked& asked) {
    const auto scope = read_scope(asked.field("scope"));
    if (!scope) return scope.error();
    if (auto refused = check_resource(asked, scope->resource)) return std::move(*refused);
    SignIn wanted;
    wanted.client = asked.field("client_id");
    wanted.resource = scope->resource;
    wanted.everything = scope->everything;
    wanted.scopes = scope->names;
    wanted.offline = scope->offline;
    wanted.openid = scope->openid;
    const auto started = sign_ins_.start(asked.tenant, std::move(wanted), clock_.system_now());
    if (!started) return started.error();
    const auto page = asked.request.base + "/devicelogin";
    boost::json::object json;
    json["user_code"] = started->user_code;
    json["device_code"] = started->device_code;
    json["verification_uri"] = page;
    json["expires_in"] = options_.sign_ins.code_life.count();
    json["interval"] = options_.sign_ins.interval.count();
    json["message"] = fmt::format(
        "To sign in, use a web browser to open the page {} and enter the code {} to authenticate.",
        page, started->user_code
    );
    return json_response(200, boost::json::serialize(json));
}

std::optional<Refusal> Identity::consent(SignIn& sign_in) const {
    const auto granted = directory_.permissions(sign_in.user.tenant, sign_in.client).scopes;
    const auto has = [&](std::string_view name) {
        return std::any_of(granted.begin(), granted.end(), [&](const auto& one) {
            return one == "*" || same_text(one, name);
        });
    };
    Refusal none = bad_grant(
        65001, fmt::format(
                   "The user or administrator has not consented to use the application with ID "
                   "'{}'. Send an interactive authorization request for this user and resource.",
                   sign_in.client
               )
    );
    const bool api = !api_id(sign_in.resource).empty();
    if (auto refused = check_api_scopes(sign_in)) return refused;
    if (sign_in.everything) {
        if (api) {
            std::erase_if(sign_in.scopes, [&](const auto& name) { return !has(name); });
        } else {
            sign_in.scopes = granted;
        }
        if (sign_in.scopes.empty()) return none;
        return std::nullopt;
    }
    if (!std::all_of(sign_in.scopes.begin(), sign_in.scopes.end(), has)) return none;
    return std::nullopt;
}

Response Identity::delegated(
    const Asked& asked, const SignIn& sign_in, const std::string& refresh_token
) {
    boost::json::object json;
    json["token_type"] = "Bearer";
    if (api_id(sign_in.resource).empty()) {
        json["scope"] = joined(sign_in.scopes);
        json["access_token"] = tokens_.issue(sign_in, asked.not_before);
    } else {
        auto names = sign_in.scopes;
        for (auto& name : names) name.insert(0, sign_in.resource + "/");
        json["scope"] = joined(names);
        json["access_token"] = api_tokens_.genuine(api_access(sign_in));
    }
    if (!refresh_token.empty()) json["refresh_token"] = refresh_token;
    if (sign_in.openid) json["id_token"] = tokens_.issue_id(sign_in);
    return tokens_response(asked, std::move(json));
}

Granted<Response> Identity::for_device(Asked& asked) {
    if (asked.field("device_code").empty()) return missing("device_code");
    if (auto refused = authenticate(asked, false)) return std::move(*refused);
    const auto now = clock_.system_now();
    auto signed_in = sign_ins_.poll(asked.field("device_code"), asked.field("client_id"), now);
    if (!signed_in) return signed_in.error();
    SignIn granted = *signed_in;
    if (auto refused = consent(granted)) return std::move(*refused);
    std::string refresh_token;
    if (granted.offline) refresh_token = sign_ins_.issue(std::move(*signed_in), now);
    return delegated(asked, granted, refresh_token);
}

Granted<Response> Identity::for_refresh(Asked& asked) {
    const auto& token = asked.field("refresh_token");
    if (token.empty()) return missing("refresh_token");
    if (auto refused = authenticate(asked, false)) return std::move(*refused);
    const auto now = clock_.system_now();
    auto found = sign_ins_.look(token, asked.field("client_id"), now);
    if (!found) return found.error();
    SignIn& sign_in = *found;
    const bool fits = asked.tenant == "common" ||
                      (asked.tenant == "consumers" && sign_in.user.personal) ||
                      (asked.tenant == "organizations" && !sign_in.user.personal) ||
                      same_text(asked.tenant, sign_in.user.tenant);
    if (!fits)
        return bad_grant(
            70000, "Provided grant is invalid or malformed: it was issued in another tenant."
        );
    if (!asked.field("scope").empty()) {
        auto scope = read_scope(asked.field("scope"));
        if (!scope) return scope.error();
        if (auto refused = check_resource(asked, scope->resource)) return std::move(*refused);
        sign_in.resource = scope->resource;
        sign_in.everything = scope->everything;
        sign_in.scopes = std::move(scope->names);
        sign_in.openid = scope->openid;
    }
    if (auto refused = consent(sign_in)) return std::move(*refused);
    return delegated(asked, sign_in, sign_ins_.use(token, now));
}

}  // namespace graphhook::emulator
