#include "emulator/rules.hpp"

#include "core/time_text.hpp"
#include "emulator/delegated.hpp"
#include "emulator/rich/rules.hpp"
#include "emulator/url.hpp"

#include <boost/throw_exception.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <stdexcept>

namespace graphhook::emulator {
namespace {

using boost::json::object;
using boost::json::value;

constexpr std::size_t kLongestClientState = 128;
/// No real resource, URL or filter comes near; what is kept must be bounded.
constexpr std::size_t kLongestText = 4'096;
constexpr std::string_view kPayload =
    "Could not process subscription creation payload. Are all property names spelled and "
    "camelCased properly? Also are "
    "the datetimes formatted with a time zone?";

constexpr auto kCreateProperties = std::to_array<std::string_view>(
    {"@odata.type", "id", "applicationId", "creatorId", "resource", "changeType", "notificationUrl",
     "expirationDateTime", "clientState", "lifecycleNotificationUrl", "includeResourceData",
     "encryptionCertificate", "encryptionCertificateId", "latestSupportedTlsVersion",
     "notificationQueryOptions", "notificationUrlAppId", "notificationContentType"}
);

ApiError invalid(std::string message) {
    return {400, "InvalidRequest", std::move(message)};
}
ApiError extension(
    int status, std::string_view operation, std::string_view name, std::string_view reason
) {
    return {
        status, "ExtensionError",
        fmt::format(
            "Operation: {}; Exception: [Status Code: {}; Reason: {}]", operation, name, reason
        )
    };
}

/// A text property: absent and null are the same.
ApiResult<std::optional<std::string>> text_of(const object& body, std::string_view name) {
    const value* found = body.if_contains(name);
    if (found == nullptr || found->is_null()) return std::optional<std::string>{};
    if (!found->is_string()) return invalid(std::string(kPayload));
    return std::optional<std::string>(std::string(found->as_string()));
}

ApiResult<std::string> required_text(const object& body, std::string_view name) {
    auto text = text_of(body, name);
    if (!text) return text.error();
    if (!*text || (*text)->empty()) {
        return invalid(fmt::format("{} is a required property for subscription creation", name));
    }
    return std::move(**text);
}

std::string days_and_time(std::chrono::minutes life) {
    const auto minutes = life.count();
    return fmt::format("{}.{:02}:{:02}:00", minutes / 1440, minutes / 60 % 24, minutes % 60);
}

/// The stored expiry for a wanted one, or why not (protocol 4.1, 5.8).
ApiResult<SystemTime> granted_expiry(
    SystemTime wanted, const Kind& kind, bool rich, std::string_view operation,
    const RulePolicy& policy
) {
    if (wanted <= policy.now) return invalid("Subscription expiration must be in the future.");
    const auto longest = rich ? rich_life(kind) : kind.longest_life;
    const auto most = std::chrono::duration_cast<SystemTime::duration>(longest);
    if (wanted > policy.now + most) {
        if (kind.shape == Shape::Outlook) {
            return ApiError{
                400, "ExtensionError",
                fmt::format(
                    "Subscription expiration can only be {} minutes in the future.", longest.count()
                )
            };
        }
        const auto ahead = std::chrono::duration_cast<std::chrono::minutes>(wanted - policy.now);
        return extension(
            400, operation, "BadRequest",
            fmt::format(
                "Expiration time '{}' ({} from now) is beyond allowed max '{}'.", to_text(wanted),
                days_and_time(ahead), days_and_time(longest)
            )
        );
    }
    return std::max(wanted, policy.now + policy.shortest_life);
}

std::optional<ApiError> check_url(
    std::string_view name, const std::string& text, const RulePolicy& policy
) {
    const auto url = parse_url(text);
    if (!url || text.size() > kLongestText)
        return invalid(fmt::format("{} must be an absolute https URL.", name));
    if (!url->tls && !(policy.insecure_http && is_loopback(url->host))) {
        return invalid(fmt::format("{} must use the https scheme.", name));
    }
    return std::nullopt;
}

std::optional<ApiError> check_change_types(unsigned mask, const Recognised& resource) {
    if ((mask & ~allowed_changes(resource)) == 0) return std::nullopt;
    return invalid(fmt::format(
        "Invalid 'changeType' attribute: not supported for resource '{}'.", resource.text
    ));
}

std::optional<ApiError> check_tls_version(const std::string& version) {
    // v1_3 is documented and yet refused (protocol 2.9).
    for (const std::string_view known : {"v1_0", "v1_1", "v1_2"}) {
        if (version == known) return std::nullopt;
    }
    return ApiError{400, "ValidationError", "Invalid property value for LatestSupportedTlsVersion"};
}

std::optional<ApiError> check_names(const object& body) {
    for (const auto& member : body) {
        const std::string_view name(member.key().data(), member.key().size());
        if (std::find(kCreateProperties.begin(), kCreateProperties.end(), name) ==
            kCreateProperties.end()) {
            return invalid(std::string(kPayload));
        }
    }
    return std::nullopt;
}

/// With "me" as the signed-in user's own path; without a user it stays.
std::string without_me(std::string_view text, const Caller& caller) {
    const std::string_view slash = text.starts_with('/') ? "/" : "";
    const auto rest = text.substr(slash.size());
    const bool me = rest.size() >= 2 && std::tolower(static_cast<unsigned char>(rest[0])) == 'm' &&
                    std::tolower(static_cast<unsigned char>(rest[1])) == 'e' &&
                    (rest.size() == 2 || rest[2] == '/' || rest[2] == '?');
    if (!caller.delegated || !me) return std::string(text);
    return fmt::format("{}users/{}{}", slash, caller.user, rest.substr(2));
}

/// 403 unless the signed-in user's permissions cover the resource (protocol 4.2).
std::optional<ApiError> check_scopes(
    const Recognised& resource, const UserAccess& access, const Caller& caller,
    std::string_view operation
) {
    const auto forbidden = [&](std::string reason) {
        return extension(403, operation, "Forbidden", reason);
    };
    if (!(caller.personal ? access.for_personal : access.for_work)) {
        return forbidden(fmt::format(
            "Delegated permissions{} are not supported for '{}'.",
            caller.personal ? " of personal accounts" : "", resource.text
        ));
    }
    const auto wanted = caller.personal ? access.personal : access.work;
    if (!caller.has_one_of(wanted)) {
        return forbidden(fmt::format(
            "The delegated permission for '{}' is missing. One of these is needed: {}",
            resource.text, wanted
        ));
    }
    if (access.own_only && !caller.is_user(resource.ids.front())) {
        return forbidden(
            "Access is denied. With delegated permissions only the signed-in user's own data can "
            "be subscribed to."
        );
    }
    return std::nullopt;
}

/// The resource, if it exists, may be had from this version of the API, and the caller may read it.
ApiResult<Recognised> check_resource(
    const std::string& text, const Caller& caller, ApiVersion version
) {
    auto recognised = recognise(without_me(text, caller));
    if (!recognised) {
        if (recognised.error().code == Errc::BadInput) return invalid(recognised.error().detail);
        return invalid(fmt::format("resource '{}' is not supported.", text));
    }
    if (recognised->path->beta_only && version == ApiVersion::V1) {
        return invalid(fmt::format("resource '{}' is not supported.", text));
    }
    if (auto refused = check_roles(*recognised, caller, "Create")) return std::move(*refused);
    return std::move(*recognised);
}

/// The optional properties of a draft that is otherwise complete.
std::optional<ApiError> read_optional(const object& body, Subscription& draft) {
    const auto client_state = text_of(body, "clientState");
    const auto tls = text_of(body, "latestSupportedTlsVersion");
    const auto options = text_of(body, "notificationQueryOptions");
    for (const auto* read : {&client_state, &tls, &options}) {
        if (!*read) return read->error();
    }
    if (*client_state) {
        if ((*client_state)->size() > kLongestClientState) {
            return invalid("clientState must not be longer than 128 characters.");
        }
        draft.client_state = Secret(**client_state);
        draft.has_client_state = true;
    }
    if (*tls) {
        if (auto refused = check_tls_version(**tls)) return refused;
        draft.tls_version = **tls;
    }
    if (*options) {
        if ((*options)->size() > kLongestText)
            return invalid("notificationQueryOptions is too long.");
        draft.query_options = **options;
    }
    if (draft.resource.path->needs_query_options && draft.query_options.empty()) {
        return invalid("notificationQueryOptions is a required property for subscription creation");
    }
    return read_rich(body, draft);
}

ApiResult<SystemTime> read_expiry(const std::string& text) {
    const auto parsed = parse_time(text);
    if (!parsed) return invalid(std::string(kPayload));
    return *parsed;
}

}  // namespace

void throw_exception_from_error(const ApiError& error, const boost::source_location& where) {
    boost::throw_exception(std::runtime_error(error.code + ": " + error.message), where);
}

std::optional<ApiError> check_roles(
    const Recognised& resource, const Caller& caller, std::string_view operation
) {
    const auto access = user_access(*resource.path);
    if (caller.delegated) return check_scopes(resource, access, caller, operation);
    if (!access.for_apps) {
        return extension(
            403, operation, "Forbidden",
            fmt::format("Application permissions are not supported for '{}'.", resource.text)
        );
    }
    if (caller.has_one_of(resource.path->roles)) return std::nullopt;
    return extension(
        403, operation, "Forbidden",
        fmt::format(
            "The application lacks the role for '{}'. One of these is needed: {}", resource.text,
            resource.path->roles
        )
    );
}

ApiError not_found() {
    return {404, "ResourceNotFound", "The object was not found."};
}

ApiResult<Subscription> check_create(
    const value& body, const Caller& caller, ApiVersion version, const RulePolicy& policy
) {
    if (!body.is_object()) return invalid(std::string(kPayload));
    const object& properties = body.as_object();
    Subscription draft;
    // In this order because a wrongly nested body is answered so too (protocol 5.8).
    auto expiry = required_text(properties, "expirationDateTime");
    if (!expiry) return expiry.error();
    if (auto refused = check_names(properties)) return std::move(*refused);
    auto resource_text = required_text(properties, "resource");
    if (!resource_text) return resource_text.error();
    if (resource_text->size() > kLongestText) return invalid("resource is too long.");
    auto change_type = required_text(properties, "changeType");
    if (!change_type) return change_type.error();
    if (change_type->size() > kLongestText) return invalid("changeType is too long.");
    auto url = required_text(properties, "notificationUrl");
    if (!url) return url.error();
    auto lifecycle_url = text_of(properties, "lifecycleNotificationUrl");
    if (!lifecycle_url) return lifecycle_url.error();

    auto resource = check_resource(*resource_text, caller, version);
    if (!resource) return resource.error();
    draft.resource = std::move(*resource);
    draft.resource_text = std::move(*resource_text);
    const auto changes = parse_change_types(*change_type);
    if (!changes) return invalid("Invalid 'changeType' attribute.");
    if (auto refused = check_change_types(*changes, draft.resource)) return std::move(*refused);
    draft.changes = *changes;
    draft.change_type = std::move(*change_type);
    if (auto refused = check_url("notificationUrl", *url, policy)) return std::move(*refused);
    draft.notification_url = std::move(*url);
    if (*lifecycle_url) {
        if (auto refused = check_url("lifecycleNotificationUrl", **lifecycle_url, policy))
            return std::move(*refused);
        draft.lifecycle_url = std::move(**lifecycle_url);
    }
    if (auto refused = read_optional(properties, draft)) return std::move(*refused);

    const auto wanted = read_expiry(*expiry);
    if (!wanted) return wanted.error();
    const Kind& kind = *draft.resource.kind;
    const auto granted = granted_expiry(*wanted, kind, draft.rich, "Create", policy);
    if (!granted) return granted.error();
    draft.expires = *granted;
    if (kind.teams && draft.lifecycle_url.empty() && *wanted > policy.now + std::chrono::hours(1)) {
        return invalid(
            "lifecycleNotificationUrl is a required property for subscription creation on this "
            "resource when the "
            "expirationDateTime value is set to greater than 1 hour"
        );
    }
    draft.tenant = caller.tenant;
    draft.app = caller.app;
    draft.user = caller.user;
    return draft;
}

ApiResult<Update> check_update(
    const value& body, const Subscription& subscription, const Caller& caller,
    const RulePolicy& policy
) {
    if (auto refused = check_roles(subscription.resource, caller, "Update"))
        return std::move(*refused);
    if (!body.is_object()) return invalid("Could not process subscription update payload.");
    Update update;
    for (const auto& member : body.as_object()) {
        const std::string_view name(member.key().data(), member.key().size());
        if (!member.value().is_string())
            return invalid(fmt::format("Invalid property value for {}", name));
        const std::string text(member.value().as_string());
        if (name == "expirationDateTime") {
            const auto wanted = read_expiry(text);
            if (!wanted) return wanted.error();
            const auto granted = granted_expiry(
                *wanted, *subscription.resource.kind, subscription.rich, "Update", policy
            );
            if (!granted) return granted.error();
            update.expires = *granted;
        } else if (name == "notificationUrl") {
            if (auto refused = check_url(name, text, policy)) return std::move(*refused);
            update.notification_url = text;
        } else if (name == "encryptionCertificate" || name == "encryptionCertificateId") {
            auto certificate = read_certificate_change(body.as_object(), subscription);
            if (!certificate) return certificate.error();
            update.certificate = std::move(*certificate);
        } else {
            return invalid(
                fmt::format("Property {} of a subscription cannot be updated.", name.substr(0, 64))
            );
        }
    }
    if (!update.expires && !update.notification_url && !update.certificate) {
        return invalid("An update needs expirationDateTime or notificationUrl.");
    }
    return update;
}

}  // namespace graphhook::emulator
