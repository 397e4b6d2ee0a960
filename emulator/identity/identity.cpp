#include "emulator/identity/identity.hpp"

#include "core/time_text.hpp"
#include "emulator/subscription.hpp"

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <cctype>

namespace graphhook::emulator {
namespace {

constexpr std::size_t kLongestName = 128;

/// What is answered for it: a concrete tenant's own issuer, else the template (protocol 7.9).
std::string issuer_tenant(std::string_view tenant) {
    return tenant == "common" || tenant == "organizations" ? "{tenantid}" : std::string(tenant);
}

std::string issuer(std::string_view tenant, bool v2) {
    return v2 ? fmt::format("https://login.microsoftonline.com/{}/v2.0", issuer_tenant(tenant))
              : fmt::format("https://sts.windows.net/{}/", issuer_tenant(tenant));
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
    json["token_endpoint_auth_methods_supported"] =
        boost::json::array{"client_secret_post", "private_key_jwt"};
    if (v2) json["device_authorization_endpoint"] = root + "/oauth2/v2.0/devicecode";
    json["jwks_uri"] = v2 ? root + "/discovery/v2.0/keys" : root + "/discovery/keys";
    json["id_token_signing_alg_values_supported"] = boost::json::array{"RS256"};
    json["response_types_supported"] = boost::json::array{"code", "id_token"};
    json["subject_types_supported"] = boost::json::array{"pairwise"};
    json["issuer"] = issuer(tenant, v2);
    return json;
}

}  // namespace

Identity::Identity(IdentityOptions options, SigningKey key, Stats& stats, Clock& clock)
    : options_(std::move(options)),
      stats_(stats),
      clock_(clock),
      tokens_(std::move(key), options_.token_life, clock),
      keys_(tokens_.key()),
      validation_tokens_(options_.validation_tokens, keys_, clock),
      api_tokens_(options_.token_life, keys_, clock),
      directory_(options_.directory),
      sign_ins_(options_.sign_ins) {
}

std::optional<Response> Identity::handle(const Request& request) {
    const auto path = request.path();
    if (!path.starts_with('/')) return std::nullopt;
    // Longest first: the v1 forms are ends of the v2 forms.
    constexpr std::string_view kToken = "/oauth2/v2.0/token";
    constexpr std::string_view kDevice = "/oauth2/v2.0/devicecode";
    constexpr std::string_view kV2 = "/v2.0/.well-known/openid-configuration";
    constexpr std::string_view kV1 = "/.well-known/openid-configuration";
    constexpr std::string_view kKeysV2 = "/discovery/v2.0/keys";
    constexpr std::string_view kKeysV1 = "/discovery/keys";
    for (const auto end : {kToken, kDevice, kV2, kV1, kKeysV2, kKeysV1}) {
        if (!path.ends_with(end) || path.size() <= end.size() + 1) continue;
        const auto tenant = strip(path, end).substr(1);
        if (!looks_like_tenant(tenant)) return std::nullopt;
        const bool post = end == kToken || end == kDevice;
        const std::string_view method = post ? "POST" : "GET";
        if (request.method != method) {
            Response response(405, "", "");
            response.headers.emplace_back("Allow", method);
            return response;
        }
        if (post) return endpoint(request, tenant, end == kDevice);
        if (end == kV2 || end == kV1) {
            return json_response(
                200, boost::json::serialize(discovery(request.base, tenant, end == kV2))
            );
        }
        return key_set(tenant, end == kKeysV2);
    }
    return std::nullopt;
}

Response Identity::refuse(const Refusal& refusal) {
    ++stats_.tokens_refused;
    const auto trace = random_guid();
    const auto correlation = random_guid();
    auto time = to_text(std::chrono::floor<std::chrono::seconds>(clock_.system_now()));
    std::replace(time.begin(), time.end(), 'T', ' ');
    boost::json::object json;
    json["error"] = refusal.error;
    json["error_description"] = fmt::format(
        "AADSTS{}: {} Trace ID: {} Correlation ID: {} Timestamp: {}", refusal.code, refusal.text,
        trace, correlation, time
    );
    json["error_codes"] = boost::json::array{refusal.code};
    json["timestamp"] = time;
    json["trace_id"] = trace;
    json["correlation_id"] = correlation;
    json["error_uri"] =
        fmt::format("https://login.microsoftonline.com/error?code={}", refusal.code);
    return json_response(refusal.status, boost::json::serialize(json));
}

Result<User> Identity::user_for(std::string_view name, std::string_view tenant) {
    const bool any = tenant.empty() || tenant == "common";
    User user;
    if (const auto* known = directory_.find_user(name)) {
        user = *known;
    } else {
        if (name.find('@') == std::string_view::npos)
            return fail(Errc::NotFound, "there is no user with this id");
        boost::json::object one{{"userPrincipalName", name}};
        if (tenant == "consumers") one["personal"] = true;
        if (!any && tenant != "consumers" && tenant != "organizations") one["tenant"] = tenant;
        boost::json::array users;
        users.push_back(std::move(one));
        if (auto added = directory_.add({{"users", std::move(users)}}); !added)
            return added.error();
        user = *directory_.find_user(name);
    }
    const bool fits = any || (tenant == "consumers" && user.personal) ||
                      (tenant == "organizations" && !user.personal) ||
                      same_text(tenant, user.tenant);
    if (!fits)
        return fail(
            Errc::Conflict,
            fmt::format("the user belongs to tenant {}, not to {}", user.tenant, tenant)
        );
    return user;
}

Result<std::optional<User>> Identity::decide(std::string_view user_code, std::string_view user) {
    const auto tenant = sign_ins_.waiting(user_code, clock_.system_now());
    if (!tenant) return tenant.error();
    std::optional<User> chosen;
    if (!user.empty()) {
        auto found = user_for(user, *tenant);
        if (!found) return found.error();
        chosen = std::move(*found);
    }
    sign_ins_.decide(user_code, chosen);
    return chosen;
}

void Identity::reset(bool keep) {
    faults_.clear();
    counts_.clear();
    keys_.reset();
    validation_tokens_.reset();
    if (keep) return;
    tokens_.forget_revocations();
    sign_ins_.clear();
    replays_.clear();
    directory_ = options_.directory;
}

}  // namespace graphhook::emulator
