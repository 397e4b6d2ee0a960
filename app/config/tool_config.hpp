#pragma once

#include "app/cli/commands.hpp"
#include "app/config/config.hpp"
#include "core/error.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <optional>

namespace graphhook::app {

/// The configuration for a command that does not serve: secrets and certificates, which its user
/// may not be allowed to read, are not read, and only what is wrong with `store` and `admin`
/// counts. Says what is wrong on standard error.
std::optional<Config> load_for_tools(const std::string& path);

/// What went wrong, on standard error; the exit code it means.
ExitCode failed(const Error& error);

/// Rows as asked for, on standard output.
struct Column;
void print_rows(
    OutputFormat format, const std::vector<Column>& columns, const boost::json::array& rows
);
void print_object(OutputFormat format, const boost::json::object& object);

}  // namespace graphhook::app
