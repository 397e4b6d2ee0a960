#include "core/log.hpp"
#include "core/time_text.hpp"
#include "subscriptions/credentials/token_request.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>

namespace graphhook::subscriptions {
namespace {

namespace json = boost::json;

struct Advice {
    std::string_view code;
    std::string_view what;  ///< Reason, colon, what to do.
};
// Codes: Microsoft's page "Microsoft Entra authentication and authorization error codes".
constexpr auto kAdvice = std::to_array<Advice>({
    // The application's proof.
    {"AADSTS7000215",
     "the client secret is wrong: put the secret's value (not its id) into the credential"},
    {"AADSTS7000222",
     "the client secret has expired: make a new one in the app registration and put it into the "
     "credential"},
    {"AADSTS7000216", "the app must prove itself: give the tenant a credential"},
    {"AADSTS7000218",
     "the app must prove itself: give the credential a client secret or a certificate, or allow "
     "public client flows in the app registration"},
    {"AADSTS700027",
     "the certificate is not registered with the app, or the key does not fit it: upload the "
     "certificate in the app registration (its thumbprint must be listed there), or correct the "
     "files"},
    {"AADSTS700024",
     "the assertion is outside its time: set this machine's clock; a federated token must be "
     "replaced before it ends"},
    {"AADSTS700023", "the assertion is meant for another place: check cloud and tenant_id"},
    {"AADSTS700021", "the assertion names another app: check client_id"},
    {"AADSTS1000502",
     "the certificate is outside its dates: make a new one, upload it in the app registration and "
     "replace the files"},
    {"AADSTS5000224", "the certificate is refused: check that it is uploaded and not revoked"},
    {"AADSTS70021",
     "the federated token fits no federated credential of the app: compare its issuer, subject and "
     "audience with those in the app registration"},
    {"AADSTS700211",
     "the federated token's issuer fits no federated credential of the app: correct the issuer in "
     "the app registration"},
    {"AADSTS700212",
     "the federated token's audience fits no federated credential of the app: ask its issuer for "
     "the audience that docs/credentials.md gives for this cloud"},
    {"AADSTS700213",
     "the federated token's subject fits no federated credential of the app: correct the subject "
     "in the app registration"},
    {"AADSTS700222", "tokens of this platform are no federated tokens: use another issuer"},
    {"AADSTS50027", "the federated token is not a valid one: check what writes its file"},
    // The application and its tenant.
    {"AADSTS700016",
     "the app is not known in this tenant: check client_id and tenant_id, or consent to the app "
     "there"},
    {"AADSTS7000229",
     "the app is not known in this tenant: an administrator of the tenant must consent to it"},
    {"AADSTS90002", "the tenant does not exist: check tenant_id and cloud"},
    {"AADSTS900023", "tenant_id is neither a GUID nor a domain: correct it"},
    {"AADSTS50059", "the tenant cannot be told: set tenant_id to a GUID or a domain"},
    {"AADSTS900382", "the app lives in another cloud: check cloud"},
    {"AADSTS900439", "the app lives in another cloud: check cloud"},
    {"AADSTS7000112", "the app is disabled in this tenant: enable it"},
    {"AADSTS50194", "the app is of one tenant only: name that tenant in tenant_id"},
    {"AADSTS500011", "Graph is not known in this tenant: check cloud and its Graph address"},
    {"AADSTS50001", "Graph is not known in this tenant: check cloud and its Graph address"},
    // Permissions.
    {"AADSTS65001", "consent is missing: an administrator must grant the app its permissions"},
    {"AADSTS65004", "consent was declined: sign in again and accept, or ask an administrator"},
    {"AADSTS90094", "an administrator must consent: ask one to grant the app its permissions"},
    {"AADSTS650053", "a scope is unknown: correct the permission's name in scopes"},
    {"AADSTS70011", "the scope is refused: check scopes, cloud and its Graph address"},
    {"AADSTS1002012", "the scope is refused: application tokens take only /.default"},
    {"AADSTS50105", "the user is not assigned to the app: assign them, or drop the requirement"},
    {"AADSTS53003", "a conditional access policy blocks the app: have it excepted"},
    {"AADSTS53000", "conditional access wants a compliant device: have the sign-in excepted"},
    {"AADSTS530003", "conditional access wants a managed device: have the sign-in excepted"},
    {"AADSTS530034",
     "device code sign-in is blocked by policy: have this app or user excepted from it"},
    // A signed-in user.
    {"AADSTS50173",
     "the sign-in was revoked (a changed password, or an administrator): run graphhook login"},
    {"AADSTS50076", "another factor is asked of the user: run graphhook login"},
    {"AADSTS50079", "the user must set up another factor: run graphhook login"},
    {"AADSTS50078", "the user's other factor is too long ago: run graphhook login"},
    {"AADSTS50057", "the user's account is disabled: enable it, or sign in as another"},
    {"AADSTS50034", "the user is not in this tenant: check tenant_id, or run graphhook login"},
    {"AADSTS500341", "the user's account is deleted: run graphhook login as another user"},
    {"AADSTS70000", "the sign-in is not valid any more: run graphhook login"},
    {"AADSTS70008", "the sign-in has ended: run graphhook login"},
    {"AADSTS70043", "the sign-in has ended by policy (sign-in frequency): run graphhook login"},
    {"AADSTS700082", "the sign-in was not used for too long: run graphhook login"},
    {"AADSTS700084",
     "the app is registered as a single-page app, whose sign-ins last a day: register it as a "
     "mobile and desktop app, then run graphhook login"},
    {"AADSTS9002313", "the request is malformed for this app: run graphhook login"},
    {"AADSTS50020", "the user is of another tenant: check tenant_id, or run graphhook login"},
    {"AADSTS90072", "the user is of another tenant: check tenant_id, or run graphhook login"},
});
/// Where there is no AADSTS code: by the name of the error.
constexpr auto kByName = std::to_array<Advice>({
    {"invalid_client", "the app's proof is refused: check client_id and the credential"},
    {"unauthorized_client",
     "the app may not do this: check client_id, tenant_id and the app registration"},
    {"invalid_grant", "the sign-in is not valid any more: run graphhook login"},
    {"interaction_required", "the user must act: run graphhook login"},
    {"consent_required",
     "consent is missing: run graphhook login, or have an administrator grant the permissions"},
    {"login_required", "the user must sign in: run graphhook login"},
    {"invalid_scope", "the scope is refused: check scopes, cloud and its Graph address"},
    {"invalid_resource", "Graph is not known there: check cloud and its Graph address"},
});

std::string text_of(const json::object& object, std::string_view key) {
    const json::value* value = object.if_contains(key);
    if (value == nullptr || !value->is_string()) return {};
    return std::string(value->get_string());
}

/// "AADSTS7000215" out of "AADSTS7000215: Invalid client secret …".
std::string code_in(std::string_view description) {
    const auto at = description.find("AADSTS");
    if (at == std::string_view::npos) return {};
    auto end = at + 6;
    while (end < description.size() && std::isdigit(static_cast<unsigned char>(description[end])))
        ++end;
    return std::string(description.substr(at, std::min<std::size_t>(end - at, 20)));
}

template <std::size_t N>
std::string_view find(const std::array<Advice, N>& table, std::string_view code) noexcept {
    for (const Advice& advice : table) {
        if (advice.code == code) return advice.what;
    }
    return {};
}

}  // namespace

std::string_view advice_about(std::string_view code) noexcept {
    return find(kAdvice, code);
}

GraphError read_token_error(
    const HttpResponse& response, const std::string& tenant, SystemTime now
) {
    GraphError error;
    error.status = response.status;
    std::string description;
    std::string name;
    boost::system::error_code bad;
    const json::value document = json::parse(response.body, bad);
    if (!bad && document.is_object()) {
        const json::object& body = document.get_object();
        name = text_of(body, "error");
        description = text_of(body, "error_description");
        error.request_id = for_log(text_of(body, "trace_id"), 80);
    }
    if (error.request_id.empty())
        error.request_id = for_log(response.header("x-ms-request-id").value_or(""), 80);
    if (const auto after = response.header("retry-after")) {
        if (const auto wait = parse_retry_after(*after, now)) error.retry_at = now + *wait;
    }
    const bool passing = response.status >= 500 || response.status == 408 ||
                         name == "temporarily_unavailable" || name == "server_error";
    if (response.status == 429) {
        error.next = Next::Throttled;
    } else if (passing) {
        error.next = error.retry_at ? Next::Throttled : Next::RetryLater;
    } else if (response.status >= 400 && !name.empty()) {
        error.next = Next::Credentials;
    } else {
        error.next = Next::Garbled;
    }
    error.code = code_in(description);
    if (error.code.empty()) error.code = for_log(name, 80);
    std::string_view what = advice_about(error.code);
    const auto first_line = description.substr(0, description.find_first_of("\r\n"));
    if (what.empty() && error.next == Next::Credentials) what = find(kByName, name);
    std::string text(what);
    const bool said = !first_line.empty();
    if (text.empty()) {
        text = said                          ? for_log(first_line, 300)
               : error.next == Next::Garbled ? "the answer is not the identity platform's"
                                             : "the identity platform did not say why";
    } else if (said && advice_about(error.code).empty()) {
        text += fmt::format(" (it says: {})", for_log(first_line, 200));
    }
    error.message = fmt::format("no token for tenant {}: {}", tenant, text);
    return error;
}

}  // namespace graphhook::subscriptions
