#include "subscriptions/credentials/expiry.hpp"

#include "core/base64.hpp"
#include "core/http_client.hpp"
#include "core/log.hpp"
#include "core/text.hpp"
#include "core/time_text.hpp"
#include "subscriptions/credentials/certificate.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <fmt/format.h>

#include <algorithm>

namespace graphhook::subscriptions {
namespace {

namespace json = boost::json;

std::string_view text_of(const json::object& object, std::string_view key) {
    const json::value* value = object.if_contains(key);
    if (value == nullptr || !value->is_string()) return {};
    return value->get_string();
}

const ClientCertificate* certificate_of(const Tenant& tenant) {
    if (const auto* own = std::get_if<ClientCertificate>(&tenant.credential)) return own;
    const auto* user = std::get_if<SignedInUser>(&tenant.credential);
    return user != nullptr && user->certificate ? &*user->certificate : nullptr;
}

const ClientSecret* secret_of(const Tenant& tenant) {
    if (const auto* own = std::get_if<ClientSecret>(&tenant.credential)) return own;
    const auto* user = std::get_if<SignedInUser>(&tenant.credential);
    return user != nullptr && user->secret ? &*user->secret : nullptr;
}

/// The latest endDateTime of those credentials that fit.
template <class Fits>
std::optional<SystemTime> latest_end(
    const json::object& application, std::string_view list, Fits fits
) {
    std::optional<SystemTime> latest;
    const json::value* values = application.if_contains(list);
    if (values == nullptr || !values->is_array()) return latest;
    for (const json::value& value : values->get_array()) {
        if (!value.is_object() || !fits(value.get_object())) continue;
        const auto end = parse_time(text_of(value.get_object(), "endDateTime"));
        if (end && (!latest || *end > *latest)) latest = *end;
    }
    return latest;
}

void add_names(const json::value& names, std::vector<std::string>& all) {
    const auto add = [&all](std::string_view name) {
        if (!name.empty()) all.push_back(for_log(name, 100));
    };
    if (names.is_array()) {
        for (const json::value& name : names.get_array()) {
            if (name.is_string()) add(name.get_string());
        }
    } else if (names.is_string()) {
        std::string_view rest = names.get_string();
        while (!rest.empty()) {
            const auto space = std::min(rest.find(' '), rest.size());
            add(rest.substr(0, space));
            rest.remove_prefix(std::min(space + 1, rest.size()));
        }
    }
}

}  // namespace

std::optional<CredentialExpiry> credential_expiry(const Tenant& tenant) {
    const ClientCertificate* const files = certificate_of(tenant);
    if (files == nullptr) return std::nullopt;
    const auto pair = KeyPair::load(*files);
    if (!pair) return std::nullopt;
    return CredentialExpiry{.which = "certificate", .at = pair->not_after()};
}

GraphResult<std::optional<CredentialExpiry>> credential_expiry(
    const Tenant& tenant, GraphData& data, std::stop_token stop
) {
    if (auto known = credential_expiry(tenant)) return known;
    const ClientSecret* const secret = secret_of(tenant);
    if (secret == nullptr) return std::optional<CredentialExpiry>();
    const auto application = data.object(
        {.target = fmt::format(
             "applications(appId='{}')?$select=passwordCredentials",
             percent_encode(tenant.client_id)
         ),
         .operation = "read"},
        std::move(stop)
    );
    if (!application) return application.error();
    const auto at = secret_expiry(*application, secret->secret);
    if (!at) return std::optional<CredentialExpiry>();
    return std::optional(CredentialExpiry{.which = "client_secret", .at = *at});
}

std::optional<SystemTime> secret_expiry(const json::object& application, const Secret& secret) {
    const std::string_view begin = secret.reveal().substr(0, 3);
    if (begin.size() < 3) return std::nullopt;
    return latest_end(application, "passwordCredentials", [begin](const json::object& one) {
        return text_of(one, "hint") == begin;
    });
}

GrantedPermissions granted_permissions(const Secret& token) {
    GrantedPermissions granted;
    const std::string_view text = token.reveal();
    const auto first = text.find('.');
    if (first == std::string_view::npos) return granted;
    const auto second = text.find('.', first + 1);
    if (second == std::string_view::npos) return granted;
    const auto payload = from_base64(text.substr(first + 1, second - first - 1));
    if (!payload) return granted;
    boost::system::error_code bad;
    const json::value document = json::parse(*payload, bad);
    if (bad || !document.is_object()) return granted;
    granted.readable = true;
    const json::object& claims = document.get_object();
    const json::value* const scopes = claims.if_contains("scp");
    granted.application = scopes == nullptr;
    if (scopes != nullptr) add_names(*scopes, granted.names);
    if (const json::value* roles = claims.if_contains("roles");
        roles != nullptr && scopes == nullptr)
        add_names(*roles, granted.names);
    std::ranges::sort(granted.names);
    return granted;
}

}  // namespace graphhook::subscriptions
