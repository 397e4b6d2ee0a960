#include "app/cli/commands.hpp"
#include "app/config/config_file.hpp"

#include <algorithm>
#include <iostream>

namespace graphhook::app {

ExitCode check(const CommandContext& context) {
    const auto loaded = load_config(context.config_path);
    for (const auto& problem : loaded.parsed.problems)
        std::cerr << to_string(problem, loaded.path) << '\n';
    if (!loaded.parsed.config) {
        const auto errors = std::count_if(
            loaded.parsed.problems.begin(), loaded.parsed.problems.end(),
            [](const Problem& problem) { return problem.severity == Problem::Severity::Error; }
        );
        std::cerr << loaded.path << ": refused, " << errors
                  << (errors == 1 ? " problem\n" : " problems\n");
        return kRefused;
    }
    std::cout << "# " << loaded.path << ", as understood; secrets hidden\n"
              << print_config(*loaded.parsed.config) << std::flush;
    return kDone;
}

}  // namespace graphhook::app
