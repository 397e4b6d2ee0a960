#include "app/config/tool_config.hpp"

#include "app/cli/output.hpp"
#include "app/config/config_file.hpp"

#include <boost/json/serialize.hpp>

#include <iostream>

namespace graphhook::app {

std::optional<Config> load_for_tools(const std::string& path) {
    const auto text = file_system()(path);
    if (!text) {
        std::cerr << "graphhook: " << text.error().detail << '\n';
        return std::nullopt;
    }
    auto parsed = parse_for_tools(*text, process_environment());
    if (!parsed.config) {
        for (const auto& problem : parsed.problems) std::cerr << to_string(problem, path) << '\n';
    }
    return std::move(parsed.config);
}

ExitCode failed(const Error& error) {
    // What serve answers is a sentence of its own.
    const bool said =
        !error.detail.empty() && (error.code == Errc::NotFound || error.code == Errc::Conflict ||
                                  error.code == Errc::BadInput);
    std::cerr << "graphhook: " << (said ? error.detail : to_string(error)) << '\n';
    switch (error.code) {
        case Errc::Corrupt:
        case Errc::Locked:
        case Errc::NewerSchema:
            return kRefused;
        default:
            return kFailed;
    }
}

void print_rows(
    OutputFormat format, const std::vector<Column>& columns, const boost::json::array& rows
) {
    if (format == OutputFormat::Json) {
        std::cout << boost::json::serialize(rows) << std::endl;
    } else {
        std::cout << table_text(columns, rows, takes_colour()) << std::flush;
    }
}

void print_object(OutputFormat format, const boost::json::object& object) {
    if (format == OutputFormat::Json) {
        std::cout << boost::json::serialize(object) << std::endl;
    } else {
        std::cout << object_text(object) << std::flush;
    }
}

}  // namespace graphhook::app
