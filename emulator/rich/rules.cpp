#include "emulator/rich/rules.hpp"

#include "emulator/url.hpp"

#include <fmt/format.h>

namespace graphhook::emulator {
namespace {

using boost::json::object;
using boost::json::value;

constexpr std::size_t kLongestId = 128;

ApiError invalid(std::string message) {
    return {400, "InvalidRequest", std::move(message)};
}

/// Empty if it is absent or null; nothing for what is no text.
std::optional<std::string> text_in(const object& body, std::string_view name) {
    const value* found = body.if_contains(name);
    if (found == nullptr || found->is_null()) return std::string();
    if (!found->is_string()) return std::nullopt;
    return std::string(found->as_string());
}

ApiResult<CertificateChange> certificate_of(const object& body) {
    const auto text = text_in(body, "encryptionCertificate");
    const auto id = text_in(body, "encryptionCertificateId");
    if (!text || !id) return invalid("Invalid property value for encryptionCertificate");
    for (const auto& [name, given] :
         {std::pair{"encryptionCertificate", &*text}, {"encryptionCertificateId", &*id}}) {
        if (given->empty())
            return invalid(fmt::format(
                "{} is a required property when includeResourceData is set to true", name
            ));
    }
    if (id->size() > kLongestId)
        return invalid("encryptionCertificateId must not be longer than 128 characters.");
    auto certificate = EncryptionCertificate::read(*text);
    if (!certificate) return invalid(certificate.error().detail);
    return CertificateChange{std::move(*certificate), *id};
}

}  // namespace

std::vector<std::string> selected_names(std::string_view resource) {
    std::vector<std::string> names;
    const auto question = resource.find('?');
    if (question == std::string_view::npos) return names;
    const auto query = parse_form(resource.substr(question + 1));
    if (!query) return names;
    for (const auto& [name, list] : *query) {
        if (lower_case(name) != "$select") continue;
        std::string_view rest = list;
        while (!rest.empty()) {
            const auto comma = rest.find(',');
            auto word = rest.substr(0, comma);
            while (word.starts_with(' ')) word.remove_prefix(1);
            while (word.ends_with(' ')) word.remove_suffix(1);
            if (!word.empty()) names.emplace_back(word);
            rest = comma == std::string_view::npos ? std::string_view{} : rest.substr(comma + 1);
        }
    }
    return names;
}

std::optional<ApiError> read_rich(const object& body, Subscription& draft) {
    const auto url_app = text_in(body, "notificationUrlAppId");
    if (!url_app || url_app->size() > kLongestId)
        return invalid("Invalid property value for notificationUrlAppId");
    draft.url_app = *url_app;
    const value* rich = body.if_contains("includeResourceData");
    if (rich == nullptr || rich->is_null()) return std::nullopt;
    if (!rich->is_bool()) return invalid("Invalid property value for includeResourceData");
    if (!rich->as_bool()) return std::nullopt;
    const Kind& kind = *draft.resource.kind;
    if (rich_life(kind) == std::chrono::minutes(0)) {
        const std::string_view what = kind.shape == Shape::Folder || kind.shape == Shape::TypeOnly
                                          ? "File Services"
                                          : kind.name;
        return ApiError{
            400, "ExtensionError",
            fmt::format(
                "Operation: Create; Exception: [Status Code: BadRequest; Reason: {} workload is "
                "not enabled for rich notifications.]",
                what
            )
        };
    }
    auto certificate = certificate_of(body);
    if (!certificate) return certificate.error();
    draft.select = selected_names(draft.resource_text);
    if (kind.shape == Shape::Outlook && draft.select.empty()) {
        return invalid(
            "A $select of the wanted properties is required in the resource when "
            "includeResourceData is set to true."
        );
    }
    draft.rich = true;
    draft.certificate = std::move(certificate->certificate);
    draft.certificate_id = std::move(certificate->id);
    return std::nullopt;
}

ApiResult<std::optional<CertificateChange>> read_certificate_change(
    const object& body, const Subscription& subscription
) {
    if (!body.contains("encryptionCertificate") && !body.contains("encryptionCertificateId"))
        return std::optional<CertificateChange>();
    if (!subscription.rich)
        return invalid("The subscription was created without includeResourceData.");
    auto certificate = certificate_of(body);
    if (!certificate) return certificate.error();
    return std::optional(std::move(*certificate));
}

}  // namespace graphhook::emulator
