// Any bytes as a configuration: an answer, never a crash; what is understood can be printed and
// read again, with the same meaning and without its secrets.

#include "app/config/config.hpp"

#include <cstdlib>

namespace {

using graphhook::Result;

std::optional<std::string> environment(std::string_view name) {
    if (name == "EMPTY") return "";
    if (name.size() % 2 == 0) return std::nullopt;
    return "${x} \n" + std::string(name);
}

Result<std::string> read_file(const std::string& path) {
    if (path.size() % 3 == 0) return graphhook::fail(graphhook::Errc::BadInput, "not there");
    return std::string("content\n");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
    const std::string text(static_cast<const char*>(static_cast<const void*>(data)), size);
    (void)graphhook::app::parse_for_tools(text, environment);
    const auto parsed = graphhook::app::parse_config(text, environment, read_file);
    if (!parsed.config) {
        if (parsed.problems.empty()) std::abort();
        return 0;
    }
    const auto printed = graphhook::app::print_config(*parsed.config);
    const auto again = graphhook::app::parse_config(printed, environment, read_file);
    if (!again.config || graphhook::app::print_config(*again.config) != printed) std::abort();
    return 0;
}
