#pragma once

#include "core/error.hpp"

#include <boost/json/object.hpp>

#include <string>
#include <string_view>

namespace graphhook::emulator::cli {

/// A line on standard output.
void say(const std::string& line);
/// A line on standard error; the exit code 1.
int trouble(const Error& error);
/// A member as it stands in a table; "-" where there is none.
[[nodiscard]] std::string cell(const boost::json::object& json, std::string_view name);

}  // namespace graphhook::emulator::cli
