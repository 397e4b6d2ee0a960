#include "emulator/cli/identity_flags.hpp"

#include "core/time_text.hpp"
#include "emulator/certificates.hpp"
#include "emulator/cli/flags.hpp"
#include "emulator/files.hpp"
#include "emulator/identity/api_tokens.hpp"

#include <CLI/CLI.hpp>
#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <fmt/format.h>

#include <map>
#include <sstream>

namespace graphhook::emulator::cli {
namespace {

std::vector<std::string> split(const std::string& text) {
    std::vector<std::string> words;
    std::istringstream in(text);
    for (std::string word; std::getline(in, word, ',');) {
        if (!word.empty()) words.push_back(word);
    }
    return words;
}

/// "none" is an empty list; an empty text on the command line means nothing was said.
std::vector<std::string> names(const std::string& text) {
    return text == "none" ? std::vector<std::string>{} : split(text);
}

/// One line of a file, without its end.
Result<std::string> read_line(const std::string& file) {
    auto text = read_file(file);
    if (!text) return text;
    while (text->ends_with('\n') || text->ends_with('\r')) text->pop_back();
    return text;
}

/// "CLIENT_ID=FILE"
Result<std::pair<std::string, std::string>> name_and_file(
    const std::string& option, const std::string& text
) {
    const auto equals = text.find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == text.size())
        return fail(Errc::BadInput, option + " looks like CLIENT_ID=FILE");
    return std::pair(text.substr(0, equals), text.substr(equals + 1));
}

Result<std::chrono::seconds> seconds_of(
    const std::string& option, const std::string& text, bool zero
) {
    const auto parsed = parse_duration(text);
    const auto seconds = parsed ? std::chrono::duration_cast<std::chrono::seconds>(*parsed)
                                : std::chrono::seconds(-1);
    if (seconds.count() < (zero ? 0 : 1))
        return fail(Errc::BadInput, option + " looks like 1h or 90s");
    return seconds;
}

Result<std::vector<IssuerKey>> issuer_keys(const IdentityFlags& flags, const Options& options) {
    if (!flags.federation_keys.empty()) {
        const auto text = read_file(flags.federation_keys);
        if (!text) return text.error();
        return read_issuer_keys(std::string_view(*text));
    }
    const auto directory = options.certificates_directory.empty() ? default_certificates_directory()
                                                                  : options.certificates_directory;
    return federation_keys_in(directory);
}

/// The apps that have a credential of their own by the command line.
Result<void> add_apps(const IdentityFlags& flags, Options& options) {
    std::map<std::string, App> apps;
    const auto app = [&](const std::string& id) -> App& {
        App& found = apps[id];
        found.id = id;
        return found;
    };
    for (const auto& text : flags.app_certificates) {
        const auto pair = name_and_file("--app-certificate", text);
        if (!pair) return pair.error();
        const auto pem = read_file(pair->second);
        if (!pem) return pem.error();
        auto certificate = read_certificate(*pem);
        if (!certificate)
            return fail(Errc::BadInput, pair->second + ": " + certificate.error().detail);
        app(pair->first).certificates.push_back(std::move(*certificate));
    }
    for (const auto& text : flags.app_secrets) {
        const auto pair = name_and_file("--app-secret-file", text);
        if (!pair) return pair.error();
        auto secret = read_line(pair->second);
        if (!secret) return secret.error();
        app(pair->first).secrets.push_back({Secret(std::move(*secret)), {}});
    }
    for (const auto& text : flags.federations) {
        const auto words = split(text);
        if (words.size() != 3 && words.size() != 4)
            return fail(
                Errc::BadInput,
                "--federated-app looks like CLIENT_ID,ISSUER,SUBJECT or "
                "CLIENT_ID,ISSUER,SUBJECT,AUDIENCE"
            );
        auto keys = issuer_keys(flags, options);
        if (!keys) return keys.error();
        Federation federation;
        federation.issuer = words[1];
        federation.subject = words[2];
        if (words.size() == 4) federation.audience = words[3];
        federation.keys = std::move(*keys);
        app(words[0]).federations.push_back(std::move(federation));
    }
    for (auto& [id, made] : apps) options.identity.directory.put(std::move(made));
    return {};
}

Result<void> add_managed(const IdentityFlags& flags, Options& options) {
    for (const auto& text : flags.managed_identities) {
        const auto words = split(text);
        if (words.empty() || words.size() > 3)
            return fail(
                Errc::BadInput, "--managed-identity looks like CLIENT_ID[,OBJECT_ID[,RESOURCE_ID]]"
            );
        boost::json::object one{{"clientId", words[0]}};
        if (words.size() > 1) one["objectId"] = words[1];
        if (words.size() > 2) one["resourceId"] = words[2];
        boost::json::array list;
        list.push_back(std::move(one));
        if (auto added = options.identity.directory.add({{"managedIdentities", std::move(list)}});
            !added)
            return added;
    }
    return {};
}

}  // namespace

void add_identity(CLI::App& app, IdentityFlags& flags) {
    const std::string group = "Apps and users";
    app.add_option(
           "--client-secret", flags.secret,
           "The secret of every app without a credential of its own (default: emulator-secret)"
    )
        ->envname("GRAPH_EMULATOR_CLIENT_SECRET")
        ->group(group);
    app.add_option("--client-secret-file", flags.secret_file, "Read it from this file")
        ->group(group);
    app.add_option(
           "--permissions", flags.permissions,
           "Comma-separated application roles that apps have (default: all)"
    )
        ->group(group);
    app.add_option(
           "--delegated-permissions", flags.delegated_permissions,
           "Comma-separated permissions that users may give to apps (default: all)"
    )
        ->group(group);
    app.add_option("--token-lifetime", flags.token_life, "How long tokens live")
        ->capture_default_str()
        ->group(group);
    app.add_option(
           "--token-version", flags.token_version,
           "Of validation tokens: 1, 2, or mixed (one POST so, the next so)"
    )
        ->capture_default_str()
        ->check(CLI::IsMember({"1", "2", "mixed"}))
        ->group(group);
    app.add_option(
           "--validation-token-lifetime", flags.validation_token_life,
           "How long validation tokens live"
    )
        ->capture_default_str()
        ->group(group);
    app.add_option(
           "--app-certificate", flags.app_certificates,
           "CLIENT_ID=FILE: a PEM certificate that this app signs assertions with (repeatable)"
    )
        ->group(group);
    app.add_option(
           "--app-secret-file", flags.app_secrets,
           "CLIENT_ID=FILE: a secret of this app (repeatable)"
    )
        ->group(group);
    app.add_option(
           "--federated-app", flags.federations,
           "CLIENT_ID,ISSUER,SUBJECT[,AUDIENCE]: tokens that this app may present (repeatable)"
    )
        ->group(group);
    app.add_option(
           "--federation-keys", flags.federation_keys,
           "The issuer's public key (PEM) or JSON Web Key Set (default: federation.jwks of "
           "--certificates-dir)"
    )
        ->group(group);
    app.add_option(
           "--identity-file", flags.file, "JSON file with apps, users, permissions and identities"
    )
        ->group(group);
    app.add_option(
           "--refresh-rotation", flags.rotation, "always or never: a new refresh token on each use"
    )
        ->capture_default_str()
        ->check(CLI::IsMember({"always", "never"}))
        ->group(group);
    app.add_option(
           "--refresh-reuse", flags.reuse, "allow or refuse: a refresh token that was replaced"
    )
        ->capture_default_str()
        ->check(CLI::IsMember({"allow", "refuse"}))
        ->group(group);
    app.add_option("--device-code-lifetime", flags.code_life, "How long a device code lives")
        ->capture_default_str()
        ->group(group);
    app.add_option(
           "--device-code-interval", flags.code_interval,
           "How far apart polls must be; 0s: as fast as one likes"
    )
        ->capture_default_str()
        ->group(group);
    const std::string managed = "Managed identities";
    app.add_option(
           "--managed-identity-port", flags.managed_port,
           "Serve their endpoints in plain HTTP on 127.0.0.1; 0 takes a free port"
    )
        ->check(CLI::Range(0, 65'535))
        ->group(managed);
    app.add_option(
           "--managed-identity", flags.managed_identities,
           "CLIENT_ID[,OBJECT_ID[,RESOURCE_ID]] (repeatable; default: one of the machine's own)"
    )
        ->group(managed);
    app.add_option(
           "--identity-header", flags.identity_header,
           "What X-IDENTITY-HEADER must say (default: emulator-identity-header)"
    )
        ->group(managed);
}

Result<void> fill_in(const IdentityFlags& flags, Options& options) {
    IdentityOptions& o = options.identity;
    if (!flags.secret.empty()) o.client_secret = Secret(flags.secret);
    if (!flags.secret_file.empty()) {
        auto secret = read_line(flags.secret_file);
        if (!secret) return secret.error();
        o.client_secret = Secret(std::move(*secret));
    }
    if (!flags.permissions.empty()) o.directory.permit("", "", names(flags.permissions), {});
    if (!flags.delegated_permissions.empty())
        o.directory.permit("", "", {}, names(flags.delegated_permissions));
    const auto token_life = seconds_of("--token-lifetime", flags.token_life, false);
    if (!token_life) return token_life.error();
    o.token_life = *token_life;
    const auto validation_life =
        seconds_of("--validation-token-lifetime", flags.validation_token_life, false);
    if (!validation_life) return validation_life.error();
    o.validation_tokens.life = *validation_life;
    o.validation_tokens.version.reset();
    if (flags.token_version == "1") o.validation_tokens.version = TokenVersion::V1;
    if (flags.token_version == "2") o.validation_tokens.version = TokenVersion::V2;
    const auto code_life = seconds_of("--device-code-lifetime", flags.code_life, false);
    if (!code_life) return code_life.error();
    o.sign_ins.code_life = *code_life;
    const auto interval = seconds_of("--device-code-interval", flags.code_interval, true);
    if (!interval) return interval.error();
    o.sign_ins.interval = *interval;
    o.sign_ins.rotate = flags.rotation == "always";
    o.sign_ins.keep_used = flags.reuse == "allow";
    if (!flags.identity_header.empty()) o.identity_header = Secret(flags.identity_header);
    if (flags.managed_port >= 0)
        options.managed_identity_port = static_cast<std::uint16_t>(flags.managed_port);
    if (auto added = add_apps(flags, options); !added) return added;
    if (auto added = add_managed(flags, options); !added) return added;
    if (flags.file.empty()) return {};
    const auto text = read_file(flags.file);
    if (!text) return text.error();
    boost::system::error_code error;
    const auto json = boost::json::parse(*text, error);
    if (error || !json.is_object())
        return fail(Errc::BadInput, flags.file + " holds no JSON object");
    return o.directory.add(json.as_object());
}

void add_identity_commands(
    CLI::App& app, ClientFlags& flags, const AddClient& add_client, Action& action
) {
    IdentityClientFlags& mine = flags.identity;
    auto* show = add_client(
        app, "identity", "Show apps, users, permissions and managed identities, or add some"
    );
    show->add_option("--add", mine.file, "JSON file with what to add or to replace");
    show->callback([&] {
        action = [&] {
            return mine.file.empty() ? identity(flags.target, {}, flags.output)
                                     : identity_from(flags.target, mine.file, flags.output);
        };
    });
    auto* permit = add_client(app, "permit", "Set what an app may do from its next token on");
    permit->add_option("--tenant", mine.tenant, "In this tenant (default: in each)");
    permit->add_option("--client-id", mine.client_id, "This app (default: each)");
    auto* roles = permit->add_option(
        "--roles", mine.roles, "Comma-separated application roles; none: not one"
    );
    auto* scopes = permit->add_option(
        "--scopes", mine.scopes, "Comma-separated delegated permissions; none: not one"
    );
    permit->callback([&, roles, scopes] {
        if (roles->count() + scopes->count() == 0) throw CLI::RequiredError("--roles or --scopes");
        boost::json::object one;
        if (!mine.tenant.empty()) one["tenant"] = mine.tenant;
        if (!mine.client_id.empty()) one["clientId"] = mine.client_id;
        const auto list = [](const std::string& text) {
            const auto words = names(text);
            return boost::json::array(words.begin(), words.end());
        };
        if (roles->count() > 0) one["roles"] = list(mine.roles);
        if (scopes->count() > 0) one["scopes"] = list(mine.scopes);
        boost::json::array all;
        all.push_back(std::move(one));
        const boost::json::object request{{"permissions", std::move(all)}};
        action = [&flags, request] { return identity(flags.target, request, flags.output); };
    });
    auto* approve = add_client(app, "approve-device", "Sign a user in with a device code");
    approve->add_option("--user-code", mine.user_code, "The code that the app showed")->required();
    auto* user = approve->add_option("--user", mine.user, "The user's principal name or id");
    auto* deny = approve->add_flag("--deny", mine.deny, "The user says no");
    user->excludes(deny);
    approve->callback([&] {
        if (mine.user.empty() && !mine.deny) throw CLI::RequiredError("--user or --deny");
        boost::json::object request{{"userCode", mine.user_code}};
        if (mine.deny) {
            request["deny"] = true;
        } else {
            request["user"] = mine.user;
        }
        action = [&flags, request] { return approve_device(flags.target, request, flags.output); };
    });
    auto* ended = add_client(app, "revoke", "Make tokens that were issued count no more");
    ended
        ->add_option(
            "--tokens", mine.tokens,
            "access (a claims challenge follows), refresh (revoked) or refresh-expired"
        )
        ->capture_default_str()
        ->check(CLI::IsMember({"access", "refresh", "refresh-expired"}));
    ended->add_option("--tenant", mine.tenant, "Of this tenant (default: of each)");
    ended->add_option("--client-id", mine.client_id, "Of this app (default: of each)");
    ended->add_option("--user", mine.user, "Refresh tokens of this user (default: of each)");
    ended->callback([&] {
        boost::json::object request{{"tokens", mine.tokens}};
        if (!mine.tenant.empty()) request["tenant"] = mine.tenant;
        if (!mine.client_id.empty()) request["clientId"] = mine.client_id;
        if (!mine.user.empty()) request["user"] = mine.user;
        action = [&flags, request] { return revoke(flags.target, request, flags.output); };
    });
    auto* issued = add_client(
        app, "user-token", "Make a user's access token for an app's own API, good or forged"
    );
    issued->add_option("--user", mine.user, "The user's principal name or id")->required();
    issued->add_option("--tenant", mine.tenant, "The user's tenant (default: the user's own)");
    issued->add_option("--app", mine.client_id, "The app that the user is signed in to")
        ->required();
    issued
        ->add_option(
            "--audience", mine.audience, "The API's app: its client id, or api:// and that"
        )
        ->required();
    issued->add_option(
        "--scope", mine.scope, "Names of scopes with blanks between (default: all of the API)"
    );
    issued->add_option("--version", mine.version, "1 or 2 (default: what the API's app takes)")
        ->check(CLI::IsMember({1, 2}));
    const auto forgeries = api_forgery_names();
    issued->add_option("--forge", mine.forge, "What is wrong with it (default: nothing)")
        ->check(CLI::IsMember(std::vector<std::string>(forgeries.begin(), forgeries.end())));
    issued->callback([&] {
        boost::json::object request{
            {"user", mine.user}, {"clientId", mine.client_id}, {"audience", mine.audience}
        };
        if (!mine.tenant.empty()) request["tenant"] = mine.tenant;
        if (!mine.scope.empty()) request["scope"] = mine.scope;
        if (mine.version != 0) request["version"] = mine.version;
        if (!mine.forge.empty()) request["forge"] = mine.forge;
        action = [&flags, request] { return user_token(flags.target, request, flags.output); };
    });
    FederatedTokenArguments& federated = mine.federated;
    auto* minted = app.add_subcommand(
        "federated-token", "Make a token of an external issuer, for workload identity federation"
    );
    minted->add_option("--issuer", federated.token.issuer, "As registered")->required();
    minted->add_option("--subject", federated.token.subject, "As registered")->required();
    minted->add_option("--audience", federated.token.audience, "As registered")
        ->capture_default_str();
    minted->add_option("--lifetime", mine.life, "How long it is good")->capture_default_str();
    minted->add_option("--out", federated.out, "Into this file (default: standard output)");
    minted->add_option(
        "--certificates-dir", federated.certificates_directory,
        "Where federation.key is kept (default: ~/.local/share/graph-emulator)"
    );
    minted->callback([&] {
        const auto life = parse_duration(mine.life);
        if (!life) throw CLI::ValidationError("--lifetime", "a duration looks like 10m or 1h");
        federated.token.life = std::chrono::duration_cast<std::chrono::seconds>(*life);
        action = [&federated] { return federated_token(federated); };
    });
}

}  // namespace graphhook::emulator::cli
