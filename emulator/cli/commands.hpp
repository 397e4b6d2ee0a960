#pragma once

#include "emulator/cli/client.hpp"

#include <boost/json/object.hpp>

#include <cstdint>
#include <string>

namespace graphhook::emulator::cli {

// What each subcommand does, once its arguments are read. All return the exit code: 0 done, 1
// failed.

enum class Output { Table, Json };

struct ChangeArguments {
    boost::json::object request;
    bool wait = false;
};

int change(const Target& target, const ChangeArguments& arguments, Output output);
int lifecycle(const Target& target, const boost::json::object& request, Output output);
int set_fault(const Target& target, const boost::json::object& request, Output output);
int clear_faults(const Target& target, Output output);
int list_faults(const Target& target, Output output);
int status(const Target& target, Output output);
int subscriptions(const Target& target, Output output);
/// JSON: one array with a change a line.
int changes(const Target& target, bool plaintext, Output output);
int reset(const Target& target, const boost::json::object& request, Output output);
int populate(const Target& target, const boost::json::object& request, Output output);
int mark_user(const Target& target, const boost::json::object& request, Output output);
/// The kinds and their resource paths; asks nobody.
int kinds(Output output);

/// "200/s", "200": changes a second. Errc::BadInput otherwise.
[[nodiscard]] Result<double> parse_rate(std::string_view text);

}  // namespace graphhook::emulator::cli
