#include "app/cli/output.hpp"

#include "core/log.hpp"

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>
#include <cstdlib>
#include <unistd.h>

namespace graphhook::app {
namespace {

namespace json = boost::json;

std::string cell(const json::value& value) {
    if (value.is_null()) return "-";
    if (const auto* text = value.if_string())
        return text->empty() ? "-" : for_log(std::string_view(*text), 2'000);
    if (const auto* flag = value.if_bool()) return *flag ? "yes" : "no";
    return json::serialize(value);
}

std::string cell_of(const json::value& row, std::string_view member) {
    const auto* value = row.as_object().if_contains(member);
    return value == nullptr ? "-" : cell(*value);
}

}  // namespace

std::string table_text(const std::vector<Column>& columns, const json::array& rows, bool bold) {
    std::vector<std::vector<std::string>> lines;
    std::vector<std::size_t> widths;
    for (const auto& column : columns) widths.push_back(column.title.size());
    for (const auto& row : rows) {
        auto& line = lines.emplace_back();
        for (std::size_t i = 0; i < columns.size(); ++i) {
            line.push_back(cell_of(row, columns[i].member));
            widths[i] = std::max(widths[i], line.back().size());
        }
    }
    std::string out;
    const auto put = [&](auto text_of) {
        for (std::size_t i = 0; i < columns.size(); ++i) {
            const std::string_view text = text_of(i);
            out += text;
            if (i + 1 < columns.size()) out.append(widths[i] - text.size() + 2, ' ');
        }
    };
    if (bold) out += "\x1b[1m";
    put([&](std::size_t i) { return columns[i].title; });
    out += bold ? "\x1b[0m\n" : "\n";
    for (const auto& line : lines) {
        put([&](std::size_t i) -> std::string_view { return line[i]; });
        out += '\n';
    }
    return out;
}

std::string object_text(const json::object& object) {
    std::size_t width = 0;
    for (const auto& member : object) width = std::max(width, member.key().size());
    std::string out;
    for (const auto& member : object) {
        out += member.key();
        out.append(width - member.key().size(), ' ');
        out += "  " + cell(member.value()) + "\n";
    }
    return out;
}

bool takes_colour() {
    const char* no_colour = std::getenv("NO_COLOR");
    return ::isatty(STDOUT_FILENO) == 1 && (no_colour == nullptr || *no_colour == '\0');
}

}  // namespace graphhook::app
