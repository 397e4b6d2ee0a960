#include "authenticity/issuers.hpp"

#include "core/text.hpp"

#include <algorithm>
#include <array>

namespace graphhook::authenticity {
namespace {

struct Cloud {
    std::string_view login;
    std::array<std::string_view, 2> v1;  ///< Empty: no second one.
    std::string_view v2;
};

// Source: Microsoft's page "National clouds" and the OpenID metadata of the common endpoints, as
// read on 2026-04-17. Both addresses of China's are the same authority.
constexpr std::string_view kChinaV2 = "https://login.partner.microsoftonline.cn/{tenantid}/v2.0";
constexpr std::array<std::string_view, 2> kChinaV1 = {
    "https://sts.chinacloudapi.cn/{tenantid}/", "https://sts.windows.net/{tenantid}/"
};
constexpr std::array<std::string_view, 2> kWindowsV1 = {"https://sts.windows.net/{tenantid}/", ""};
constexpr std::array<Cloud, 4> kClouds = {{
    {"https://login.microsoftonline.com", kWindowsV1,
     "https://login.microsoftonline.com/{tenantid}/v2.0"},
    {"https://login.microsoftonline.us", kWindowsV1,
     "https://login.microsoftonline.us/{tenantid}/v2.0"},
    {"https://login.chinacloudapi.cn", kChinaV1, kChinaV2},
    {"https://login.partner.microsoftonline.cn", kChinaV1, kChinaV2},
}};

std::string_view without_slash(std::string_view login) noexcept {
    while (login.ends_with('/')) login.remove_suffix(1);
    return login;
}

const Cloud* cloud_of(std::string_view login) noexcept {
    const auto found =
        std::ranges::find_if(kClouds, [&](const Cloud& c) { return same_login(c.login, login); });
    return found == kClouds.end() ? nullptr : &*found;
}

}  // namespace

std::vector<std::string> issuers_of(std::string_view login, Version version) {
    const Cloud* const cloud = cloud_of(login);
    if (cloud == nullptr) return {};
    if (version == Version::V2) return {std::string(cloud->v2)};
    std::vector<std::string> issuers;
    for (const auto issuer : cloud->v1) {
        if (!issuer.empty()) issuers.emplace_back(issuer);
    }
    return issuers;
}

std::string issuer_for(std::string_view issuer, std::string_view tenant_id) {
    std::string text(issuer);
    if (const auto mark = text.find(kTenantMark); mark != std::string::npos)
        text.replace(mark, kTenantMark.size(), tenant_id);
    return text;
}

bool same_login(std::string_view a, std::string_view b) noexcept {
    return same_letters(without_slash(a), without_slash(b));
}

std::optional<std::string> origin_of(std::string_view url) {
    const auto scheme_end = url.find("://");
    if (scheme_end == std::string_view::npos) return std::nullopt;
    std::string scheme = lowered(url.substr(0, scheme_end));
    if (scheme != "https" && scheme != "http") return std::nullopt;
    std::string_view host = url.substr(scheme_end + 3);
    host = host.substr(0, host.find_first_of("/?#"));
    const std::string_view usual = scheme == "https" ? ":443" : ":80";
    if (host.ends_with(usual)) host.remove_suffix(usual.size());
    const bool plain = std::ranges::all_of(host, [](char c) {
        return (lower(c) >= 'a' && lower(c) <= 'z') || (c >= '0' && c <= '9') || c == '.' ||
               c == '-' || c == ':' || c == '[' || c == ']';
    });
    if (host.empty() || !plain) return std::nullopt;
    return scheme + "://" + lowered(host);
}

bool may_fetch_keys(std::string_view login, std::string_view jwks_uri) {
    const auto to = origin_of(jwks_uri);
    if (!to) return false;
    if (origin_of(login) == to) return true;
    return cloud_of(login) != nullptr && cloud_of(*to) != nullptr;
}

std::vector<std::string> issuer_templates(
    const KeySets& sets, std::string_view login, Version version
) {
    auto issuers = issuers_of(login, version);
    if (!issuers.empty()) return issuers;
    for (const KeySet& set : sets.sets) {
        const bool of_all = set.issuer.find(kTenantMark) != std::string::npos;
        if (of_all && set.version == version && same_login(set.login, login))
            issuers.push_back(set.issuer);
    }
    return issuers;
}

}  // namespace graphhook::authenticity
