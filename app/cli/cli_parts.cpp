#include "app/cli/cli_parts.hpp"

#include "app/config/config_file.hpp"

#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include <utility>

namespace graphhook::app {

CommandContext Arguments::context() const {
    return {
        config_path(config, process_environment()),
        output == "json" ? OutputFormat::Json : OutputFormat::Table
    };
}

CLI::App* add(
    CLI::App& parent, Arguments& arguments, const std::string& name, const std::string& what,
    const std::string& examples, Command command
) {
    auto* sub = parent.add_subcommand(name, what);
    sub->footer("Examples:\n" + examples);
    sub->callback([&arguments, command = std::move(command)] { arguments.command = command; });
    return sub;
}

CLI::App* add_group(
    CLI::App& app, const std::string& name, const std::string& what, const std::string& examples
) {
    auto* group = app.add_subcommand(name, what);
    group->require_subcommand(1);
    group->footer("Examples:\n" + examples);
    return group;
}

void add_output(CLI::App* command, Arguments& arguments) {
    command->add_option("--output", arguments.output, "How to print: table or json")
        ->check(CLI::IsMember({"table", "json"}))
        ->capture_default_str();
}

void add_name(CLI::App* command, Arguments& arguments, const std::string& what) {
    command->add_option("NAME", arguments.name, what)->required();
}

}  // namespace graphhook::app
