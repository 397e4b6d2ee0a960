#pragma once

namespace graphhook::app {

/// What the process ends with.
enum ExitCode : int {
    kDone = 0,
    kFailed = 1,
    kWrongUsage = 2,
    kRefused = 3,  ///< The configuration or the store was refused.
};

/// The program: reads the command line, does what it says, answers an exit code.
int run(int argc, const char* const* argv);

}  // namespace graphhook::app
