#pragma once

#include "core/error.hpp"
#include "emulator/cli/identity_commands.hpp"
#include "emulator/options.hpp"

#include <functional>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace graphhook::emulator::cli {

/// The options of `serve` about tokens; the variables live as long as the program.
struct IdentityFlags {
    std::string secret;
    std::string secret_file;
    std::string permissions;
    std::string delegated_permissions;
    std::string token_life = "3599s";
    std::string token_version = "2";
    std::string validation_token_life = "86700s";
    std::string file;
    std::vector<std::string> app_certificates;
    std::vector<std::string> app_secrets;
    std::vector<std::string> federations;
    std::string federation_keys;
    std::string rotation = "always";
    std::string reuse = "allow";
    std::string code_life = "15m";
    std::string code_interval = "5s";
    std::vector<std::string> managed_identities;
    std::string identity_header;
    int managed_port = -1;
};

void add_identity(CLI::App& app, IdentityFlags& flags);
/// Errc::BadInput: what was given makes no sense. Errc::Failed, Errc::NotFound: a file.
[[nodiscard]] Result<void> fill_in(const IdentityFlags& flags, Options& options);

/// What the commands about tokens read; lives as long as the program.
struct IdentityClientFlags {
    std::string file;
    std::string tenant;
    std::string client_id;
    std::string roles;
    std::string scopes;
    std::string user;
    std::string user_code;
    std::string tokens = "access";
    bool deny = false;
    std::string audience;
    std::string scope;
    int version = 0;
    std::string forge;
    FederatedTokenArguments federated;
    std::string life = "1h";
};

}  // namespace graphhook::emulator::cli
