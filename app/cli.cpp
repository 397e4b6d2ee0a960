#include "app/cli.hpp"

#include "app/commands.hpp"
#include "app/config_file.hpp"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include <exception>
#include <functional>
#include <iostream>
#include <string>

namespace graphhook::app {
namespace {

/// What is filled in while the command line is read.
struct Arguments {
    std::string config;
    std::function<ExitCode()> command;
};

std::string path_of(const Arguments& arguments) {
    return config_path(arguments.config, process_environment());
}

void add_check(CLI::App& app, Arguments& arguments) {
    auto* command = app.add_subcommand(
        "check", "Checks the configuration and prints it as understood, secrets hidden"
    );
    command->footer(
        "Examples:\n  graphhook check\n  graphhook -c ./graphhook.yaml check\n\n"
        "Everything that is wrong is said at once, as file:line:column: message. Exits 3 if "
        "anything is."
    );
    command->callback([&arguments] {
        arguments.command = [&arguments] { return check(path_of(arguments)); };
    });
}

}  // namespace

int run(int argc, const char* const* argv) {
    CLI::App app("Receives Microsoft Graph's change notifications and hands each to your handlers."
    );
    app.name("graphhook");
    app.set_version_flag("--version", "graphhook " GRAPHHOOK_VERSION);
    app.require_subcommand(1);
    app.fallthrough();
    app.footer(
        "Examples:\n  graphhook check\n  graphhook serve\n  graphhook dead-letters list\n\n"
        "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 configuration or store refused.\n"
        "'graphhook COMMAND --help' says more."
    );
    Arguments arguments;
    app.add_option(
           "-c,--config", arguments.config,
           "Configuration file (else GRAPHHOOK_CONFIG, else /etc/graphhook/graphhook.yaml)"
    )
        ->type_name("FILE");
    add_check(app, arguments);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error, std::cout, std::cerr) == 0 ? kDone : kWrongUsage;
    }
    try {
        return arguments.command();
    } catch (const std::exception& error) {
        std::cerr << "graphhook: " << error.what() << '\n';
        return kFailed;
    }
}

}  // namespace graphhook::app
