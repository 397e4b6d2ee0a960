#pragma once

#include "core/clock.hpp"
#include "core/secret.hpp"
#include "subscriptions/graph/graph.hpp"
#include "subscriptions/graph/graph_data.hpp"
#include "subscriptions/options.hpp"

#include <boost/json/object.hpp>

#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace graphhook::subscriptions {

/// Until when a credential is good.
struct CredentialExpiry {
    std::string which;  ///< "client_secret" or "certificate": as in the metrics.
    SystemTime at;
};

/// What can be told without asking: the end of the certificate in the tenant's files. Nothing for
/// other credentials, or if the files cannot be read.
[[nodiscard]] std::optional<CredentialExpiry> credential_expiry(const Tenant& tenant);

/// The same, and for a client secret what Graph says of the application. Graph tells it only where
/// the token holds Application.Read.All or Application.ReadWrite.OwnedBy: Next::Refused otherwise,
/// which is no fault. Nothing: not known.
[[nodiscard]] GraphResult<std::optional<CredentialExpiry>> credential_expiry(
    const Tenant& tenant, GraphData& data, std::stop_token stop
);

/// The end of that very secret among an application's passwordCredentials, which name a secret by
/// its first three characters: where several fit, the one that ends last, as the secret works
/// still. Nothing: none fits, or it does not say. Pure.
[[nodiscard]] std::optional<SystemTime> secret_expiry(
    const boost::json::object& application, const Secret& secret
);
/// What a token says it permits, for display only: nothing is proved by it, and nothing decided.
struct GrantedPermissions {
    bool readable = false;     ///< Graph's tokens are opaque by contract; one day they may not be.
    bool application = false;  ///< `roles`, else `scp`.
    std::vector<std::string> names;  ///< Sorted.
};
[[nodiscard]] GrantedPermissions granted_permissions(const Secret& token);

}  // namespace graphhook::subscriptions
