#include "core/time_text.hpp"
#include "emulator/identity/directory.hpp"
#include "emulator/identity/scopes.hpp"
#include "emulator/subscription.hpp"

#include <boost/json/array.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <functional>

namespace graphhook::emulator {
namespace {

using boost::json::array;
using boost::json::object;
using boost::json::value;

constexpr std::size_t kLongestName = 256;
constexpr std::size_t kMostEntries = 10'000;

/// Reads members of one object and remembers the first that is wrong.
class Reader {
  public:
    Reader(const object& json, std::string_view what) : json_(json), what_(what) {}

    std::string text(std::string_view name, bool required = false) {
        const auto* found = find(name);
        if (found == nullptr) {
            if (required) complain(name, "is missing");
            return {};
        }
        if (!found->is_string() || (required && found->as_string().empty())) {
            complain(name, "must be text");
            return {};
        }
        return std::string(found->as_string());
    }
    /// Bounded, and safe to stand in a token or a log.
    std::string name(std::string_view name, bool required = false) {
        auto read = text(name, required);
        const bool sane = read.size() <= kLongestName &&
                          std::all_of(read.begin(), read.end(), [](unsigned char c) {
                              return c > 0x20 && c != 0x7f;
                          });
        if (!sane) complain(name, "has blanks or is too long");
        return read;
    }
    bool flag(std::string_view name) {
        const auto* found = find(name);
        if (found == nullptr) return false;
        if (!found->is_bool()) complain(name, "must be true or false");
        return found->is_bool() && found->as_bool();
    }
    std::optional<std::vector<std::string>> texts(std::string_view name) {
        const auto* list = array_of(name);
        if (list == nullptr) return std::nullopt;
        std::vector<std::string> read;
        for (const value& one : *list) {
            if (!one.is_string()) {
                complain(name, "must hold texts");
                return std::nullopt;
            }
            read.emplace_back(one.as_string());
        }
        return read;
    }
    /// Names that can stand in a scope.
    std::vector<std::string> words(std::string_view name) {
        auto read = texts(name).value_or(std::vector<std::string>{});
        for (const std::string& word : read) {
            const bool sane = !word.empty() && word.size() <= kLongestName &&
                              std::all_of(word.begin(), word.end(), [](unsigned char c) {
                                  return c > 0x20 && c < 0x7f && c != '/' && c != '"' && c != '\\';
                              });
            if (!sane) complain(name, "must hold names without blanks, slashes or quotes");
        }
        return read;
    }
    /// `from` where it is absent.
    int number(std::string_view name, int from, int to) {
        const auto* found = find(name);
        if (found == nullptr) return from;
        const bool good = found->is_int64() && found->as_int64() >= from && found->as_int64() <= to;
        if (!good) complain(name, fmt::format("must be a number from {} to {}", from, to));
        return good ? static_cast<int>(found->as_int64()) : from;
    }
    void each(std::string_view name, const std::function<Result<void>(const object&)>& read) {
        const auto* list = array_of(name);
        if (list == nullptr) return;
        for (const value& one : *list) {
            if (!one.is_object()) return complain(name, "must hold objects");
            if (auto done = read(one.as_object()); !done) return keep(done.error());
        }
    }
    void known(std::initializer_list<std::string_view> names) {
        for (const auto& member : json_) {
            const std::string_view key(member.key().data(), member.key().size());
            if (std::find(names.begin(), names.end(), key) == names.end())
                complain(key.substr(0, 64), "is not known");
        }
    }
    void keep(Error error) {
        if (!error_) error_ = std::move(error);
    }
    [[nodiscard]] Result<void> end() const {
        if (error_) return *error_;
        return {};
    }

  private:
    const value* find(std::string_view name) const {
        const auto* found = json_.if_contains(name);
        return found == nullptr || found->is_null() ? nullptr : found;
    }
    const array* array_of(std::string_view name) {
        const auto* found = find(name);
        if (found == nullptr) return nullptr;
        if (!found->is_array() || found->as_array().size() > kMostEntries) {
            complain(name, "must be a list");
            return nullptr;
        }
        return &found->as_array();
    }
    void complain(std::string_view name, std::string_view trouble) {
        keep(fail(Errc::BadInput, fmt::format("{}: {} {}", what_, name, trouble)));
    }

    const object& json_;
    const std::string what_;
    std::optional<Error> error_;
};

Result<ClientSecret> read_secret(const object& json) {
    Reader reader(json, "secrets");
    reader.known({"secret", "expires"});
    ClientSecret secret;
    secret.value = Secret(reader.text("secret", true));
    if (const auto expires = reader.text("expires"); !expires.empty()) {
        const auto time = parse_time(expires);
        if (!time) return time.error();
        secret.expires = *time;
    }
    if (auto end = reader.end(); !end) return end.error();
    return secret;
}

Result<Federation> read_federation(const object& json) {
    Reader reader(json, "federations");
    reader.known({"issuer", "subject", "audience", "publicKey", "jwks"});
    Federation federation;
    federation.issuer = reader.text("issuer", true);
    federation.subject = reader.text("subject", true);
    if (auto audience = reader.text("audience"); !audience.empty())
        federation.audience = std::move(audience);
    const auto pem = reader.text("publicKey");
    if (auto end = reader.end(); !end) return end.error();
    const auto* jwks = json.if_contains("jwks");
    if ((jwks == nullptr) == pem.empty() || (jwks != nullptr && !jwks->is_object()))
        return fail(Errc::BadInput, "federations: give either publicKey (PEM) or jwks (an object)");
    auto keys = jwks != nullptr ? read_issuer_keys(jwks->as_object())
                                : read_issuer_keys(std::string_view(pem));
    if (!keys) return keys.error();
    federation.keys = std::move(*keys);
    return federation;
}

Result<App> read_app(const object& json) {
    Reader reader(json, "apps");
    reader.known(
        {"clientId", "tenants", "secrets", "certificates", "federations", "public", "apiScopes",
         "accessTokenVersion"}
    );
    App app;
    app.id = reader.name("clientId", true);
    app.tenants = reader.texts("tenants").value_or(std::vector<std::string>{});
    app.open_to_public = reader.flag("public");
    app.api_scopes = reader.words("apiScopes");
    app.api_version = reader.number("accessTokenVersion", 1, 2);
    for (const auto& pem : reader.texts("certificates").value_or(std::vector<std::string>{})) {
        auto certificate = read_certificate(pem);
        if (!certificate) return certificate.error();
        app.certificates.push_back(std::move(*certificate));
    }
    reader.each("secrets", [&](const object& one) -> Result<void> {
        auto read = read_secret(one);
        if (!read) return read.error();
        app.secrets.push_back(std::move(*read));
        return {};
    });
    reader.each("federations", [&](const object& one) -> Result<void> {
        auto read = read_federation(one);
        if (!read) return read.error();
        app.federations.push_back(std::move(*read));
        return {};
    });
    if (auto end = reader.end(); !end) return end.error();
    return app;
}

Result<User> read_user(const object& json) {
    Reader reader(json, "users");
    reader.known({"id", "userPrincipalName", "tenant", "personal", "admin"});
    User user;
    user.name = reader.name("userPrincipalName", true);
    user.id = reader.name("id");
    user.tenant = reader.name("tenant");
    user.personal = reader.flag("personal");
    user.admin = reader.flag("admin");
    if (auto end = reader.end(); !end) return end.error();
    if (user.id.empty()) user.id = guid_of("user " + lower_text(user.name));
    if (user.personal) user.tenant = std::string(kPersonalTenant);
    if (user.tenant.empty()) user.tenant = std::string(kHomeTenant);
    return user;
}

Result<ManagedIdentity> read_managed_identity(const object& json) {
    Reader reader(json, "managedIdentities");
    reader.known({"clientId", "objectId", "resourceId", "tenant"});
    ManagedIdentity identity;
    identity.client_id = reader.name("clientId", true);
    identity.object_id = reader.name("objectId");
    identity.resource_id = reader.name("resourceId");
    if (auto tenant = reader.name("tenant"); !tenant.empty()) identity.tenant = std::move(tenant);
    if (auto end = reader.end(); !end) return end.error();
    if (identity.object_id.empty())
        identity.object_id = guid_of("object of " + lower_text(identity.client_id));
    return identity;
}

array array_of(const std::vector<std::string>& texts) {
    return array(texts.begin(), texts.end());
}

object app_json(const App& app) {
    object json;
    json["clientId"] = app.id;
    json["tenants"] = array_of(app.tenants);
    json["public"] = app.open_to_public;
    json["apiScopes"] = array_of(app.api_scopes);
    json["accessTokenVersion"] = app.api_version;
    array secrets;
    for (const auto& secret : app.secrets) {
        object one;
        one["expires"] = nullptr;
        if (secret.expires) one["expires"] = to_text(*secret.expires);
        secrets.push_back(std::move(one));
    }
    json["secrets"] = std::move(secrets);
    array certificates;
    for (const auto& certificate : app.certificates) {
        certificates.push_back(object{
            {"thumbprint", certificate.thumbprint}, {"expires", to_text(certificate.not_after)}
        });
    }
    json["certificates"] = std::move(certificates);
    array federations;
    for (const auto& federation : app.federations) {
        federations.push_back(object{
            {"issuer", federation.issuer},
            {"subject", federation.subject},
            {"audience", federation.audience}
        });
    }
    json["federations"] = std::move(federations);
    return json;
}

}  // namespace

Result<void> Directory::add(const object& json) {
    Directory next = *this;
    Reader reader(json, "identity");
    reader.known({"apps", "users", "permissions", "managedIdentities"});
    reader.each("apps", [&](const object& one) -> Result<void> {
        auto read = read_app(one);
        if (!read) return read.error();
        next.put(std::move(*read));
        return {};
    });
    reader.each("users", [&](const object& one) -> Result<void> {
        auto read = read_user(one);
        if (!read) return read.error();
        next.put(std::move(*read));
        return {};
    });
    reader.each("managedIdentities", [&](const object& one) -> Result<void> {
        auto read = read_managed_identity(one);
        if (!read) return read.error();
        next.put(std::move(*read));
        return {};
    });
    reader.each("permissions", [&](const object& one) -> Result<void> {
        Reader member(one, "permissions");
        member.known({"tenant", "clientId", "roles", "scopes"});
        const auto tenant = member.name("tenant");
        const auto client = member.name("clientId");
        auto roles = member.texts("roles");
        auto scopes = member.texts("scopes");
        if (auto end = member.end(); !end) return end;
        if (!roles && !scopes)
            return fail(Errc::BadInput, "permissions: give roles, scopes or both");
        next.permit(tenant, client, std::move(roles), std::move(scopes));
        return {};
    });
    if (auto end = reader.end(); !end) return end;
    if (next.apps_.size() > kMostEntries || next.users_.size() > kMostEntries ||
        next.permissions_.size() > kMostEntries || next.managed_identities_.size() > kMostEntries)
        return fail(Errc::Full, "there are too many apps, users or permissions");
    *this = std::move(next);
    return {};
}

object Directory::to_json() const {
    object json;
    array apps;
    for (const auto& [id, app] : apps_) apps.push_back(app_json(app));
    json["apps"] = std::move(apps);
    array users;
    for (const auto& [id, user] : users_) {
        users.push_back(object{
            {"id", user.id},
            {"userPrincipalName", user.name},
            {"tenant", user.tenant},
            {"personal", user.personal},
            {"admin", user.admin}
        });
    }
    json["users"] = std::move(users);
    array permissions;
    for (const auto& [key, set] : permissions_) {
        object one;
        if (!key.first.empty()) one["tenant"] = key.first;
        if (!key.second.empty()) one["clientId"] = key.second;
        if (set.roles) one["roles"] = array_of(*set.roles);
        if (set.scopes) one["scopes"] = array_of(*set.scopes);
        permissions.push_back(std::move(one));
    }
    json["permissions"] = std::move(permissions);
    array identities;
    for (const auto& identity : managed_identities_) {
        object one;
        one["clientId"] = identity.client_id;
        one["objectId"] = identity.object_id;
        one["resourceId"] = identity.resource_id;
        one["tenant"] = identity.tenant;
        identities.push_back(std::move(one));
    }
    json["managedIdentities"] = std::move(identities);
    return json;
}

}  // namespace graphhook::emulator
