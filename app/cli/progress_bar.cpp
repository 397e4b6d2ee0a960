#include "app/cli/progress_bar.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <cstdlib>
#include <unistd.h>

namespace graphhook::app {

std::string progress_bar(
    std::size_t done, std::size_t total, std::string_view what, std::size_t width, bool colour
) {
    constexpr std::size_t kBar = 24;
    const auto part =
        total == 0 ? 1.0 : std::min(1.0, static_cast<double>(done) / static_cast<double>(total));
    const auto full = static_cast<std::size_t>(part * static_cast<double>(kBar));
    const std::string filled(full, '#');
    const std::string empty(kBar - full, '.');
    const auto percent = static_cast<int>(part * 100);
    const auto bar = colour ? fmt::format("\x1b[32m{}\x1b[0m{}", filled, empty) : filled + empty;
    const std::size_t taken = kBar + 10;
    const auto rest = width > taken ? what.substr(0, width - taken) : std::string_view();
    return fmt::format("[{}] {:3} %  {}", bar, percent, rest);
}

std::size_t terminal_width() {
    winsize size{};
    if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
    return 80;
}

bool is_terminal() {
    const char* term = std::getenv("TERM");
    return ::isatty(STDERR_FILENO) == 1 && term != nullptr && std::string_view(term) != "dumb";
}

bool is_coloured_terminal() {
    const char* no_colour = std::getenv("NO_COLOR");
    return is_terminal() && (no_colour == nullptr || *no_colour == '\0');
}

}  // namespace graphhook::app
