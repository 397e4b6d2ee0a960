#pragma once

#include "app/cli/commands.hpp"

#include <CLI/App.hpp>

#include <cstdint>
#include <functional>
#include <string>

namespace graphhook::app {

// What the files that describe the command line share.

/// What is filled in while the command line is read; lives as long as the command runs.
struct Arguments {
    std::string config;
    std::string output = "table";
    DeliveryFilter filter;
    SelectionArguments selection;
    ListFilter list;
    std::string name;
    std::uint64_t allow_delete = 0;
    bool all = false;
    bool no_wait = false;
    bool force = false;
    KeyArguments key;
    InspectArguments inspect;
    NotifyArguments notify;
    UnsidArguments unsids;
    std::function<ExitCode(const CommandContext&)> command;

    [[nodiscard]] CommandContext context() const;
};

using Command = std::function<ExitCode(const CommandContext&)>;

/// A command that is done by `command`.
CLI::App* add(
    CLI::App& parent, Arguments& arguments, const std::string& name, const std::string& what,
    const std::string& examples, Command command
);

/// A command that only holds others.
CLI::App* add_group(
    CLI::App& app, const std::string& name, const std::string& what, const std::string& examples
);

void add_output(CLI::App* command, Arguments& arguments);
void add_name(CLI::App* command, Arguments& arguments, const std::string& what);

/// `notify-user` and `unsids`.
void add_notify_user(CLI::App& app, Arguments& arguments);
void add_unsids(CLI::App& app, Arguments& arguments);

}  // namespace graphhook::app
