#include "emulator/identity/identity_control.hpp"

#include "core/log.hpp"
#include "emulator/control_call.hpp"

#include <boost/json/serialize.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>
#include <sstream>
#include <utility>

namespace graphhook::emulator {
namespace {

using boost::json::object;

std::string text(const object& json, std::string_view name) {
    const auto* value = json.if_contains(name);
    return value != nullptr && value->is_string() ? std::string(value->as_string()) : std::string{};
}

Response show(Identity& identity) {
    auto json = identity.directory().to_json();
    json["refreshTokens"] = identity.sign_ins().refresh_tokens();
    return ok(json);
}

Response approve(Identity& identity, const object& body) {
    const auto code = text(body, "userCode");
    const auto user = text(body, "user");
    const auto* value = body.if_contains("deny");
    const bool deny = value != nullptr && value->is_bool() && value->as_bool();
    if (code.empty() || user.empty() != deny)
        return refuse(fail(Errc::BadInput, "say userCode, and either user or \"deny\": true"));
    const auto decided = identity.decide(code, user);
    if (!decided) return refuse(decided.error());
    if (!*decided) {
        log().info("device code denied");
        return ok({{"denied", true}});
    }
    const User& found = **decided;
    log().info("device code approved user={}", for_log(found.id));
    return ok(
        {{"user", {{"id", found.id}, {"userPrincipalName", found.name}, {"tenant", found.tenant}}}}
    );
}

/// The members of a request for a user's token: texts, but for `version`.
Result<Identity::UserTokenWanted> read_wanted(const object& body) {
    Identity::UserTokenWanted wanted;
    std::string scope;
    std::string forge;
    const std::pair<std::string_view, std::string*> texts[] = {
        {"user", &wanted.user},         {"tenant", &wanted.tenant}, {"clientId", &wanted.client},
        {"audience", &wanted.audience}, {"scope", &scope},          {"forge", &forge},
    };
    for (const auto& member : body) {
        const std::string_view name(member.key().data(), member.key().size());
        if (name == "version") {
            const auto* number = member.value().if_int64();
            if (number == nullptr || (*number != 1 && *number != 2))
                return fail(Errc::BadInput, "version must be 1 or 2");
            wanted.version = *number == 1 ? TokenVersion::V1 : TokenVersion::V2;
            continue;
        }
        const auto* const known = std::find_if(std::begin(texts), std::end(texts), [&](auto& one) {
            return one.first == name;
        });
        if (known == std::end(texts) || !member.value().is_string())
            return fail(
                Errc::BadInput,
                "say user, clientId and audience, and perhaps tenant, scope, version and forge"
            );
        *known->second = std::string(member.value().as_string());
    }
    if (wanted.user.empty() || wanted.client.empty() || wanted.audience.empty())
        return fail(Errc::BadInput, "say user, clientId and audience");
    std::istringstream words(scope);
    for (std::string word; words >> word;) wanted.scopes.push_back(word);
    if (!forge.empty()) {
        wanted.forgery = find_api_forgery(forge);
        if (!wanted.forgery)
            return fail(
                Errc::BadInput,
                fmt::format("forge is one of {}", fmt::join(api_forgery_names(), ", "))
            );
    }
    return wanted;
}

Response user_token(Identity& identity, const object& body) {
    const auto wanted = read_wanted(body);
    if (!wanted) return refuse(wanted.error());
    const auto token = identity.user_token(*wanted);
    if (!token) return refuse(token.error());
    const ApiAccess& access = token->access;
    log().info(
        "user's token issued user={} forged={}", for_log(access.user.id),
        wanted->forgery.has_value()
    );
    return ok(
        {{"accessToken", token->text},
         {"user",
          {{"id", access.user.id},
           {"userPrincipalName", access.user.name},
           {"tenant", access.user.tenant}}},
         {"scope", joined(access.scopes)},
         {"version", access.version == TokenVersion::V1 ? 1 : 2}}
    );
}

Response revoke(Identity& identity, const object& body) {
    const auto tenant = text(body, "tenant");
    const auto app = text(body, "clientId");
    const auto user = text(body, "user");
    const auto tokens = text(body, "tokens");
    if (tokens == "access") {
        if (!user.empty())
            return refuse(
                fail(Errc::BadInput, "access tokens are revoked by tenant and clientId only")
            );
        identity.access_tokens().revoke(tenant, app);
        log().info("access tokens revoked tenant={} app={}", for_log(tenant), for_log(app));
        return ok({{"revoked", true}});
    }
    if (tokens != "refresh" && tokens != "refresh-expired")
        return refuse(fail(Errc::BadInput, "tokens must be access, refresh or refresh-expired"));
    std::string id;
    if (!user.empty()) {
        const auto* found = identity.directory().find_user(user);
        if (found == nullptr) return refuse(fail(Errc::NotFound, "there is no such user"));
        id = found->id;
    }
    const auto count = identity.sign_ins().end(
        tenant, app, id, tokens == "refresh" ? SignIns::Ending::Revoked : SignIns::Ending::Expired
    );
    log().info("refresh tokens ended count={}", count);
    return ok({{"revoked", count}});
}

}  // namespace

Response identity_control(Identity& identity, const Request& request, const object& body) {
    const auto path = request.path();
    constexpr std::string_view kApps = "/emulator/identity/apps/";
    if (request.method == "GET" && path == "/emulator/identity") return show(identity);
    if (request.method == "DELETE" && path.starts_with(kApps)) {
        if (!identity.directory().remove_app(path.substr(kApps.size())))
            return refuse(fail(Errc::NotFound, "there is no such app"));
        return show(identity);
    }
    if (request.method == "POST") {
        if (path == "/emulator/identity") {
            if (auto added = identity.directory().add(body); !added) return refuse(added.error());
            log().info("identity platform changed");
            return show(identity);
        }
        if (path == "/emulator/identity/approve") return approve(identity, body);
        if (path == "/emulator/identity/user-token") return user_token(identity, body);
        if (path == "/emulator/identity/revoke") return revoke(identity, body);
    }
    return refuse(fail(Errc::NotFound, "there is no such control"));
}

}  // namespace graphhook::emulator
