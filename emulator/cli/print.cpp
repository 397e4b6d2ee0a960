#include "emulator/cli/print.hpp"

#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include <cstdio>

namespace graphhook::emulator::cli {

void say(const std::string& line) {
    std::fputs((line + "\n").c_str(), stdout);
}

int trouble(const Error& error) {
    std::fputs(fmt::format("graph-emulator: {}\n", error.detail).c_str(), stderr);
    return 1;
}

std::string cell(const boost::json::object& json, std::string_view name) {
    const auto* found = json.if_contains(name);
    if (found == nullptr || found->is_null()) return "-";
    return found->is_string() ? std::string(found->as_string()) : boost::json::serialize(*found);
}

}  // namespace graphhook::emulator::cli
