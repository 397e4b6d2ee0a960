#include "app/cli/following.hpp"

#include "app/cli/progress_bar.hpp"

#include <iostream>
#include <poll.h>

namespace graphhook::app {
namespace {

using std::chrono::milliseconds;

constexpr std::chrono::seconds kPlainLine{10};

volatile std::sig_atomic_t interrupted = 0;

}  // namespace

Interrupts::Interrupts() {
    interrupted = 0;
    struct sigaction action{};
    action.sa_handler = [](int) { interrupted = 1; };
    ::sigaction(SIGINT, &action, &int_before_);
    ::sigaction(SIGTERM, &action, &term_before_);
}

Interrupts::~Interrupts() {
    ::sigaction(SIGINT, &int_before_, nullptr);
    ::sigaction(SIGTERM, &term_before_, nullptr);
}

bool Interrupts::wait(milliseconds time) {
    if (interrupted == 0) ::poll(nullptr, 0, static_cast<int>(time.count()));
    return interrupted == 0;
}

ProgressDisplay::ProgressDisplay() : terminal_(is_terminal()), colour_(is_coloured_terminal()) {
}

void ProgressDisplay::show(
    std::size_t done, std::size_t total, std::string_view text, milliseconds now
) {
    if (terminal_) {
        std::cerr << '\r' << progress_bar(done, total, text, terminal_width(), colour_) << "\x1b[K"
                  << std::flush;
        drawn_ = true;
    } else if (now >= next_) {
        std::cerr << text << std::endl;
        next_ = now + kPlainLine;
    }
}

void ProgressDisplay::end() {
    if (drawn_) std::cerr << '\n';
    drawn_ = false;
}

}  // namespace graphhook::app
