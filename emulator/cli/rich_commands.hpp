#pragma once

#include "emulator/cli/commands.hpp"

#include <cstdint>
#include <string>

namespace graphhook::emulator::cli {

/// "list", or what KeyRing::act takes.
int keys(const Target& target, const std::string& action, Output output);
/// Moves the times in validation tokens by so many seconds.
int token_clock(const Target& target, std::int64_t offset, Output output);
/// The kinds of forgery; asks nobody.
int forgeries(Output output);

}  // namespace graphhook::emulator::cli
