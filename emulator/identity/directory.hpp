#pragma once

#include "core/clock.hpp"
#include "core/error.hpp"
#include "core/secret.hpp"
#include "emulator/identity/public_key.hpp"

#include <boost/json/object.hpp>

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace graphhook::emulator {

/// The tenant of personal accounts (protocol 14).
inline constexpr std::string_view kPersonalTenant = "9188040d-6c67-4c5b-b112-36a304b66dad";
/// Where users and managed identities live that were given no tenant.
inline constexpr std::string_view kHomeTenant = "c0ffee00-0000-4000-8000-00000000c0de";

struct ClientSecret {
    Secret value;
    std::optional<SystemTime> expires;
};

/// An external issuer's tokens that an app may present as its own assertion (protocol 9.3).
struct Federation {
    std::string issuer;
    std::string subject;
    std::string audience = "api://AzureADTokenExchange";
    std::vector<IssuerKey> keys;
};

struct App {
    std::string id;
    std::vector<std::string> tenants;  ///< where it is installed; empty: everywhere
    /// Without any credential of its own, an app that is not public takes the common secret.
    std::vector<ClientSecret> secrets;
    std::vector<AppCertificate> certificates;
    std::vector<Federation> federations;
    /// Signs users in without a credential.
    bool open_to_public = false;
    /// What its own API has to offer to other apps' users; empty: any name that they ask for, and
    /// "user_impersonation" where they ask for everything.
    std::vector<std::string> api_scopes;
    int api_version = 1;  ///< of the access tokens that its API takes: 1 or 2

    [[nodiscard]] bool has_credential() const {
        return !secrets.empty() || !certificates.empty() || !federations.empty();
    }
    [[nodiscard]] bool is_in(std::string_view tenant) const;
};

struct User {
    std::string id;
    std::string name;  ///< user principal name
    std::string tenant;
    bool personal = false;
    bool admin = false;
};

struct ManagedIdentity {
    std::string client_id;
    std::string object_id;
    std::string resource_id;  ///< empty: the machine's own (system-assigned)
    std::string tenant{kHomeTenant};
};

/// What apps may do: application roles, and the delegated permissions that users consented to. "*"
/// stands for all.
struct Permissions {
    std::vector<std::string> roles;
    std::vector<std::string> scopes;
};

/// Apps, users, permissions and managed identities: what the identity platform knows. Names of
/// tenants, apps and users are compared in any case. One thread.
class Directory {
  public:
    /// While no app is registered every client id is taken; afterwards only those.
    void put(App app);
    void put(User user);
    void put(ManagedIdentity identity);
    /// Replaces what is set of roles and scopes for an app in a tenant; an empty name means each
    /// that has nothing of its own.
    void permit(
        std::string_view tenant, std::string_view app,
        std::optional<std::vector<std::string>> roles,
        std::optional<std::vector<std::string>> scopes
    );
    bool remove_app(std::string_view id);

    [[nodiscard]] bool takes_any_app() const noexcept { return apps_.empty(); }
    /// Null if it is not registered.
    [[nodiscard]] const App* find_app(std::string_view id) const;
    /// By id or name; null if there is none.
    [[nodiscard]] const User* find_user(std::string_view name) const;
    [[nodiscard]] Permissions permissions(std::string_view tenant, std::string_view app) const;
    [[nodiscard]] const std::vector<ManagedIdentity>& managed_identities() const noexcept {
        return managed_identities_;
    }

    /// Adds what a JSON object names: "apps", "users", "permissions", "managedIdentities" (see
    /// docs/graph-emulator.md). Errc::BadInput with the reason; then nothing is added.
    [[nodiscard]] Result<void> add(const boost::json::object& json);
    /// The same members, without secrets and keys.
    [[nodiscard]] boost::json::object to_json() const;

  private:
    struct Set {
        std::optional<std::vector<std::string>> roles;
        std::optional<std::vector<std::string>> scopes;
    };
    std::map<std::string, App> apps_;    // by id in lower case
    std::map<std::string, User> users_;  // by id in lower case
    std::map<std::pair<std::string, std::string>, Set> permissions_;
    std::vector<ManagedIdentity> managed_identities_;
};

}  // namespace graphhook::emulator
