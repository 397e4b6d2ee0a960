#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace graphhook::app {

/// "[#######.....] 58 %  what", at most `width` characters. Pure. `colour`: with the escape codes
/// of a terminal.
std::string progress_bar(
    std::size_t done, std::size_t total, std::string_view what, std::size_t width, bool colour
);

/// The columns of the terminal on standard error; 80 where they can not be told.
std::size_t terminal_width();
/// Whether standard error is a terminal that understands more than plain lines.
bool is_terminal();
/// The same, and NO_COLOR is not set.
bool is_coloured_terminal();

}  // namespace graphhook::app
