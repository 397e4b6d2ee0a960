#pragma once

#include "app/config/config_reader.hpp"
#include "app/config/problem.hpp"

#include <fmt/format.h>

#include <string>
#include <utility>
#include <vector>

namespace graphhook::app {

/// What checks of a configuration collect, each problem at the place of its key.
class ProblemList {
  public:
    /// `reading` must outlive it.
    explicit ProblemList(const Reading& reading) : reading_(reading) {}

  protected:
    template <class... Args>
    void error(const std::string& path, fmt::format_string<Args...> format, Args&&... args) {
        problems_.push_back(
            {reading_.position_of(path), fmt::format(format, std::forward<Args>(args)...),
             Problem::Severity::Error}
        );
    }
    template <class... Args>
    void warn(const std::string& path, fmt::format_string<Args...> format, Args&&... args) {
        problems_.push_back(
            {reading_.position_of(path), fmt::format(format, std::forward<Args>(args)...),
             Problem::Severity::Warning}
        );
    }

    const Reading& reading_;
    std::vector<Problem> problems_;
};

}  // namespace graphhook::app
