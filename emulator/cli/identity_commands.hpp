#pragma once

#include "emulator/cli/commands.hpp"
#include "emulator/identity/federation.hpp"

#include <boost/json/object.hpp>

#include <string>

namespace graphhook::emulator::cli {

// The subcommands about tokens. All return the exit code: 0 done, 1 failed.

/// Adds apps, users, permissions or managed identities, or only shows them if `request` is empty.
int identity(const Target& target, const boost::json::object& request, Output output);
/// The same with what a JSON file says.
int identity_from(const Target& target, const std::string& file, Output output);
int approve_device(const Target& target, const boost::json::object& request, Output output);
int revoke(const Target& target, const boost::json::object& request, Output output);
/// Prints the token alone, or with `Output::Json` all that the emulator says of it.
int user_token(const Target& target, const boost::json::object& request, Output output);

struct FederatedTokenArguments {
    FederatedToken token;
    std::string certificates_directory;  ///< empty: the default one
    std::string out;                     ///< empty: standard output
};
/// Asks nobody.
int federated_token(const FederatedTokenArguments& arguments);

}  // namespace graphhook::emulator::cli
