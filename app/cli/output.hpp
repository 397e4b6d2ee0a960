#pragma once

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace graphhook::app {

/// A column of a table: its title and the member of the object that it shows.
struct Column {
    std::string_view title;
    std::string_view member;
};

/// Objects as a table, a line each; control characters of what peers sent are escaped, and only the
/// last column may grow without bound. `bold`: the titles, for a terminal.
std::string table_text(
    const std::vector<Column>& columns, const boost::json::array& rows, bool bold
);

/// One object as "member: value" lines; nested ones as JSON.
std::string object_text(const boost::json::object& object);

/// Whether standard output takes colours: a terminal, and NO_COLOR is not set.
bool takes_colour();

}  // namespace graphhook::app
