#pragma once

#include "emulator/options.hpp"

#include <string>
#include <vector>

namespace graphhook::emulator::cli {

struct ServeArguments {
    Options options;
    /// Gets the bound port, whole or not at all; empty: none.
    std::string port_file;
    /// The same for managed identities.
    std::string managed_identity_port_file;
    /// Write receiver.crt and receiver.key for these hosts, too.
    bool receiver_certificate = false;
    std::vector<std::string> receiver_hosts;
};

/// Serves until a signal; the exit code.
int serve(ServeArguments arguments);

/// Only makes the authority and a receiver's certificate; the exit code.
int certificates(const std::string& directory, const std::vector<std::string>& hosts);

}  // namespace graphhook::emulator::cli
