#pragma once

#include <string>
#include <vector>

namespace graphhook::app {

/// A place in the configuration file, both counted from 1.
struct Position {
    int line = 1;
    int column = 1;
};

/// What is wrong, or (a warning) looks wrong, in a configuration.
struct Problem {
    enum class Severity { Error, Warning };
    Position at;
    std::string message;
    Severity severity = Severity::Error;
};

/// "graphhook.yaml:12:5: message", "graphhook.yaml:12:5: warning: message"
std::string to_string(const Problem& problem, const std::string& file);

/// No errors; warnings do not count.
bool is_sound(const std::vector<Problem>& problems);

}  // namespace graphhook::app
