#pragma once

#include "authenticity/key_set.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace graphhook::authenticity {

/// Where the tenant's id goes in an issuer of all tenants.
inline constexpr std::string_view kTenantMark = "{tenantid}";

/// The template with `tenant_id` in the mark's place.
[[nodiscard]] std::string issuer_for(std::string_view issuer, std::string_view tenant_id);

/// The same authority, however its address is spelled: case of letters, a slash at its end.
[[nodiscard]] bool same_login(std::string_view a, std::string_view b) noexcept;

/// Scheme, host and port in lower case: "https://login.example.com:8443". Nothing: no http or https
/// address, or one with user information.
[[nodiscard]] std::optional<std::string> origin_of(std::string_view url);

/// Whether a metadata document of `login` may send us to `jwks_uri`: to its own origin, or, from a
/// login host of Microsoft's, to another of these by https.
[[nodiscard]] bool may_fetch_keys(std::string_view login, std::string_view jwks_uri);

/// What tokens of that version have to name: Microsoft's own clouds' issuers are known, of any
/// other authority they are what its metadata said. Empty: not known (yet).
[[nodiscard]] std::vector<std::string> issuer_templates(
    const KeySets& sets, std::string_view login, Version version
);

}  // namespace graphhook::authenticity
