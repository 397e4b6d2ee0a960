// Tokens for managed identities, as machines and App Service give them out (protocol 9.6).
#include "core/time_text.hpp"
#include "emulator/identity/identity.hpp"
#include "emulator/subscription.hpp"
#include "emulator/url.hpp"

#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include <algorithm>

namespace graphhook::emulator {
namespace {

constexpr std::string_view kMachinePath = "/metadata/identity/oauth2/token";
constexpr std::string_view kAppServicePath = "/msi/token";
constexpr std::string_view kGrant = "managed_identity";

/// Errors of the machine's endpoint have no AADSTS number; App Service has a shape of its own.
Response trouble(bool app_service, int status, std::string_view error, std::string_view text) {
    boost::json::object json;
    if (app_service) {
        json["statusCode"] = status;
        json["message"] = text;
    } else {
        json["error"] = error;
        json["error_description"] = text;
    }
    return json_response(status, boost::json::serialize(json));
}

std::string_view words_for(int status) {
    switch (status) {
        case 400:
            return "The application was not found in the directory.";
        case 404:
            return "The identity endpoint is being updated.";
        case 410:
            return "The identity endpoint is being upgraded. Try again within 70 seconds.";
        case 429:
            return "Too many requests.";
        default:
            return "Failed to retrieve a token from the identity platform.";
    }
}

/// "2018-02-01" or later, as dates sort like texts.
bool good_version(std::string_view version) {
    return version.size() == 10 && version[4] == '-' && version[7] == '-' &&
           version >= "2018-02-01";
}

const ManagedIdentity* choose(
    const std::vector<ManagedIdentity>& all, const std::map<std::string, std::string>& query,
    bool& several
) {
    const auto wanted = [&](std::string_view name) -> const std::string* {
        const auto it = query.find(std::string(name));
        return it == query.end() ? nullptr : &it->second;
    };
    const auto by = [&](const std::string& value,
                        std::string ManagedIdentity::* member) -> const ManagedIdentity* {
        const auto it = std::find_if(all.begin(), all.end(), [&](const ManagedIdentity& one) {
            return !(one.*member).empty() && same_text(one.*member, value);
        });
        return it == all.end() ? nullptr : &*it;
    };
    if (const auto* id = wanted("client_id")) return by(*id, &ManagedIdentity::client_id);
    for (const auto* name : {"object_id", "principal_id"}) {
        if (const auto* id = wanted(name)) return by(*id, &ManagedIdentity::object_id);
    }
    for (const auto* name : {"msi_res_id", "mi_res_id"}) {
        if (const auto* id = wanted(name)) return by(*id, &ManagedIdentity::resource_id);
    }
    const auto own = std::find_if(all.begin(), all.end(), [](const ManagedIdentity& one) {
        return one.resource_id.empty();
    });
    if (own != all.end()) return &*own;
    several = all.size() > 1;
    return all.size() == 1 ? &all.front() : nullptr;
}

}  // namespace

std::optional<Response> Identity::handle_managed(const Request& request) {
    const auto path = request.path();
    const bool app_service = path == kAppServicePath;
    if (!app_service && path != kMachinePath) return std::nullopt;
    if (request.method != "GET") {
        Response response(405, "", "");
        response.headers.emplace_back("Allow", "GET");
        return response;
    }
    auto response = managed_token(request, app_service);
    if (response.status == 200) {
        ++stats_.tokens_issued;
    } else {
        ++stats_.tokens_refused;
        counts_.add("", "", kGrant, false);
    }
    return response;
}

Response Identity::managed_token(const Request& request, bool app_service) {
    const auto refused = [&](int status, std::string_view error, std::string_view text) {
        return trouble(app_service, status, error, text);
    };
    if (const auto fault = faults_.take(TokenFaultKind::ManagedIdentity, "")) {
        ++stats_.faults_struck;
        auto response = refused(
            fault->status, fault->status == 400 ? "unauthorized_client" : "unavailable",
            words_for(fault->status)
        );
        if (fault->status == 429)
            response.headers.emplace_back(
                "Retry-After", fmt::format("{}", fault->retry_after.count())
            );
        return response;
    }
    if (app_service) {
        const auto header = request.header("x-identity-header");
        if (header.empty()) return refused(400, "", "The header X-IDENTITY-HEADER is missing.");
        if (!options_.identity_header.equals(header))
            return refused(401, "", "The value of X-IDENTITY-HEADER is wrong.");
    } else {
        if (!same_text(request.header("metadata"), "true"))
            return refused(400, "invalid_request", "Required metadata header not specified");
        if (!request.header("x-forwarded-for").empty())
            return refused(
                400, "invalid_request", "Requests with X-Forwarded-For are not answered."
            );
    }
    const auto form = parse_form(request.query());
    if (!form) return refused(400, "bad_request", "The query cannot be read.");
    const std::map<std::string, std::string> query(form->begin(), form->end());
    const auto value = [&](const std::string& name) {
        const auto it = query.find(name);
        return it == query.end() ? std::string{} : it->second;
    };
    const auto version = value("api-version");
    if (app_service ? version != "2019-08-01" : !good_version(version))
        return refused(400, "bad_request", "The parameter api-version is missing or not known.");
    const auto resource = value("resource");
    if (resource.empty())
        return refused(400, "invalid_request", "The parameter resource is missing.");
    if (!is_graph(resource, request.base))
        return refused(
            400, "invalid_resource",
            "AADSTS500011: The resource principal was not found in the tenant."
        );
    auto known = directory_.managed_identities();
    if (known.empty()) {
        ManagedIdentity machine;
        machine.client_id = guid_of("the machine's managed identity");
        machine.object_id = guid_of("object of the machine's managed identity");
        known.push_back(std::move(machine));
    }
    bool several = false;
    const auto* identity = choose(known, query, several);
    if (identity == nullptr) {
        return refused(
            400, "invalid_request",
            several ? "Multiple user assigned identities exist, please specify the clientId / "
                      "resourceId of the identity in the token request"
                    : "Identity not found"
        );
    }
    AccessTokens::ForApp wanted;
    wanted.tenant = identity->tenant;
    wanted.app = identity->client_id;
    wanted.resource = resource;
    wanted.roles = directory_.permissions(identity->tenant, identity->client_id).roles;
    // These endpoints take no claims: what they give out after a revocation counts again.
    wanted.not_before = tokens_.revoked_until(identity->tenant, identity->client_id);
    const auto now =
        std::chrono::duration_cast<std::chrono::seconds>(clock_.system_now().time_since_epoch())
            .count();
    const auto life = tokens_.life().count();
    boost::json::object json;
    json["access_token"] = tokens_.issue(wanted);
    if (app_service) {
        json["client_id"] = identity->client_id;
    } else {
        json["refresh_token"] = "";
        json["expires_in"] = fmt::format("{}", life);
        json["not_before"] = fmt::format("{}", now);
    }
    json["expires_on"] = fmt::format("{}", now + life);
    json["resource"] = resource;
    json["token_type"] = "Bearer";
    counts_.add(identity->tenant, identity->client_id, kGrant, true);
    return json_response(200, boost::json::serialize(json));
}

}  // namespace graphhook::emulator
