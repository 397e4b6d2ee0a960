// Apps' own APIs as resources of users' access tokens.
#include "emulator/identity/identity.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace graphhook::emulator {
namespace {

/// What an API without scopes of its own has.
constexpr std::string_view kUsualScope = "user_impersonation";

Refusal no_such_scope(std::string_view name, std::string_view api) {
    return {
        400, "invalid_scope", 70011,
        fmt::format(
            "The provided value for the input parameter 'scope' is not valid. The scope {} does "
            "not exist on the resource {}.",
            name.substr(0, 256), api.substr(0, 256)
        )
    };
}

std::vector<std::string> all_scopes(const App* app) {
    if (app == nullptr || app->api_scopes.empty()) return {std::string(kUsualScope)};
    return app->api_scopes;
}

bool sane(std::string_view name) {
    return !name.empty() && name.size() <= 128 &&
           std::all_of(name.begin(), name.end(), [](unsigned char c) {
               return c > 0x20 && c < 0x7f && c != '/' && c != '"' && c != '\\';
           });
}

}  // namespace

std::string Identity::api_id(std::string_view resource) const {
    auto id = own_api(resource);
    const App* const app = directory_.find_app(id.empty() ? resource : id);
    return app != nullptr ? app->id : id;
}

bool Identity::has_api(std::string_view resource, std::string_view tenant) const {
    const auto id = api_id(resource);
    if (id.empty()) return false;
    const App* const app = directory_.find_app(id);
    return app != nullptr ? tenant.empty() || app->is_in(tenant) : directory_.takes_any_app();
}

std::optional<Refusal> Identity::check_api_scopes(SignIn& sign_in) const {
    const auto id = api_id(sign_in.resource);
    if (id.empty()) return std::nullopt;
    const App* const app = directory_.find_app(id);
    if (sign_in.everything) {
        sign_in.scopes = all_scopes(app);
        return std::nullopt;
    }
    if (app == nullptr || app->api_scopes.empty()) return std::nullopt;
    for (const auto& name : sign_in.scopes) {
        const bool there =
            std::any_of(app->api_scopes.begin(), app->api_scopes.end(), [&](const auto& one) {
                return same_text(one, name);
            });
        if (!there) return no_such_scope(name, id);
    }
    return std::nullopt;
}

ApiAccess Identity::api_access(const SignIn& sign_in) const {
    ApiAccess access;
    access.user = sign_in.user;
    access.client = sign_in.client;
    access.api = api_id(sign_in.resource);
    access.audience = sign_in.resource;
    access.scopes = sign_in.scopes;
    const App* const app = directory_.find_app(access.api);
    if (app != nullptr && app->api_version == 2) access.version = TokenVersion::V2;
    return access;
}

Result<Identity::UserToken> Identity::user_token(const UserTokenWanted& wanted) {
    // Here any name is an id, as it is for apps that are not registered.
    const bool address = wanted.audience.starts_with("api://");
    const auto id = address ? wanted.audience.substr(6) : wanted.audience;
    if (!sane(id) || (!address && is_graph(wanted.audience, {})))
        return fail(Errc::BadInput, "the audience looks like CLIENT_ID or api://CLIENT_ID");
    if (!sane(wanted.client)) return fail(Errc::BadInput, "the app looks like CLIENT_ID");
    for (const auto& name : wanted.scopes) {
        if (!sane(name)) return fail(Errc::BadInput, "a scope is a name such as Tasks.Read");
    }
    if (!directory_.takes_any_app()) {
        if (directory_.find_app(id) == nullptr || directory_.find_app(wanted.client) == nullptr)
            return fail(Errc::NotFound, "there is no such app");
    }
    auto user = user_for(wanted.user, wanted.tenant);
    if (!user) return user.error();
    SignIn sign_in;
    sign_in.user = std::move(*user);
    sign_in.client = wanted.client;
    sign_in.resource = wanted.audience;
    sign_in.scopes = wanted.scopes;
    auto access = api_access(sign_in);
    const App* const app = directory_.find_app(id);
    access.api = app != nullptr ? app->id : id;
    if (access.scopes.empty()) access.scopes = all_scopes(app);
    if (wanted.version) access.version = *wanted.version;
    UserToken token;
    token.text =
        wanted.forgery ? api_tokens_.forged(*wanted.forgery, access) : api_tokens_.genuine(access);
    token.access = std::move(access);
    ++stats_.tokens_issued;
    return token;
}

}  // namespace graphhook::emulator
