#include "emulator/cli/flags.hpp"

#include <CLI/CLI.hpp>

#include <csignal>
#include <exception>
#include <iostream>

namespace {

using namespace graphhook::emulator::cli;

constexpr const char* kExamples = R"(
Examples:
  graph-emulator serve
  graph-emulator serve --port 0 --port-file /run/emulator.port --time-scale 60 --receiver-certificate
  graph-emulator change --kind message --change created --count 1000 --rate 200/s --wait
  graph-emulator change --resource "users/support@contoso.com/messages" --change updated
  graph-emulator lifecycle --event missed --all
  graph-emulator fault set throttle --count 3 --retry-after 5
  graph-emulator status --output json

Where the running emulator is: --url, or GRAPH_EMULATOR_URL. Exit codes: 0 done, 1 failed, 2 wrong usage.)";

int run(int argc, char** argv) {
    CLI::App app(
        "graph-emulator: a stand-in for Microsoft Graph's change notifications, to test receivers "
        "with"
    );
    app.footer(kExamples);
    app.set_version_flag("--version", "graph-emulator " GRAPHHOOK_VERSION);
    app.require_subcommand(1);
    ServeFlags serve_flags;
    ClientFlags client_flags;
    Action action;
    add_serve(app, serve_flags, action);
    add_client_commands(app, client_flags, action);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        const int code = app.exit(error);
        return code == 0 ? 0 : 2;
    }
    return action();
}

}  // namespace

int main(int argc, char** argv) {
    // A receiver that hangs up must not end us.
    std::signal(SIGPIPE, SIG_IGN);
    try {
        return run(argc, argv);
    } catch (const std::exception& error) {
        std::cerr << "graph-emulator: " << error.what() << '\n';
        return 1;
    }
}
