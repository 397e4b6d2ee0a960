// `graphhook kinds`: the catalog.

#include "app/api/kinds_page.hpp"
#include "app/cli/commands.hpp"
#include "app/cli/output.hpp"

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include <iostream>
#include <string>

namespace graphhook::app {
namespace {

namespace json = boost::json;

std::string joined(const json::value& list, std::string_view between) {
    std::string out;
    for (const auto& one : list.as_array()) {
        if (!out.empty()) out += between;
        out += one.as_string();
    }
    return out;
}

}  // namespace

ExitCode list_kinds(const CommandContext& context) {
    auto kinds = kinds_json();
    if (context.output == OutputFormat::Json) {
        std::cout << json::serialize(kinds) << '\n';
        return kDone;
    }
    json::array rows;
    for (const auto& kind : kinds) {
        rows.emplace_back(json::object{
            {"kind", kind.at("kind")},
            {"changes", joined(kind.at("changes"), ",")},
            {"life", fmt::format("{} min", kind.at("longest_life_minutes").as_int64())},
            {"resync", kind.at("resync")},
            {"needs", kind.at("needs")},
            {"resources", joined(kind.at("resources"), " ")},
        });
    }
    std::cout << table_text(
        {{"KIND", "kind"},
         {"CHANGES", "changes"},
         {"LONGEST LIFE", "life"},
         {"RESYNC", "resync"},
         {"NEEDS", "needs"},
         {"RESOURCES", "resources"}},
        rows, takes_colour()
    );
    return kDone;
}

}  // namespace graphhook::app
