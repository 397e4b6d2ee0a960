#pragma once

#include <chrono>
#include <csignal>
#include <cstddef>
#include <string_view>

namespace graphhook::app {

// For commands that follow what `serve` does, until it is done or somebody presses Ctrl-C.

/// While it lives, SIGINT and SIGTERM are noted and end nothing. One at a time in a process.
class Interrupts {
  public:
    Interrupts();
    ~Interrupts();
    Interrupts(const Interrupts&) = delete;
    Interrupts& operator=(const Interrupts&) = delete;

    /// False: there was one meanwhile.
    static bool wait(std::chrono::milliseconds time);

  private:
    struct sigaction int_before_{};
    struct sigaction term_before_{};
};

/// How far it is, on standard error: one line with a bar that changes on a terminal, a plain line
/// every ten seconds otherwise.
class ProgressDisplay {
  public:
    ProgressDisplay();
    /// `now`: since any fixed moment.
    void show(
        std::size_t done, std::size_t total, std::string_view text, std::chrono::milliseconds now
    );
    /// Nothing more is shown: ends the line.
    void end();

  private:
    const bool terminal_, colour_;
    bool drawn_ = false;
    std::chrono::milliseconds next_{0};
};

}  // namespace graphhook::app
