#include "emulator/subscription.hpp"

#include "core/digest.hpp"
#include "core/time_text.hpp"

namespace graphhook::emulator {
namespace {

std::string as_guid(std::string hex) {
    hex[12] = '4';
    hex[16] = '8';
    return hex.substr(0, 8) + "-" + hex.substr(8, 4) + "-" + hex.substr(12, 4) + "-" +
           hex.substr(16, 4) + "-" + hex.substr(20, 12);
}

boost::json::value or_null(const std::string& text) {
    if (text.empty()) return nullptr;
    return boost::json::string(text);
}

}  // namespace

boost::json::object to_json(const Subscription& subscription, ClientStateIn client_state) {
    boost::json::object json;
    json["id"] = subscription.id;
    json["resource"] = subscription.resource_text;
    json["applicationId"] = subscription.app;
    json["changeType"] = subscription.change_type;
    json["clientState"] = nullptr;
    if (client_state == ClientStateIn::Reply && subscription.has_client_state) {
        json["clientState"] = boost::json::string(subscription.client_state.reveal());
    }
    json["notificationUrl"] = subscription.notification_url;
    json["notificationQueryOptions"] = or_null(subscription.query_options);
    json["lifecycleNotificationUrl"] = or_null(subscription.lifecycle_url);
    json["expirationDateTime"] = to_text(subscription.expires);
    json["creatorId"] =
        subscription.user.empty()
            ? guid_of("principal of " + subscription.app + " in " + subscription.tenant)
            : subscription.user;
    json["includeResourceData"] = nullptr;
    if (subscription.rich) json["includeResourceData"] = true;
    json["latestSupportedTlsVersion"] = subscription.tls_version;
    json["encryptionCertificate"] = nullptr;
    if (client_state == ClientStateIn::Reply && subscription.certificate)
        json["encryptionCertificate"] = subscription.certificate->text();
    json["encryptionCertificateId"] = or_null(subscription.certificate_id);
    json["notificationUrlAppId"] = or_null(subscription.url_app);
    return json;
}

std::string random_guid() {
    return as_guid(random_hex(16));
}
std::string guid_of(std::string_view name) {
    return as_guid(to_hex(key128(name)));
}

}  // namespace graphhook::emulator
