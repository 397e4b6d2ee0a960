#include "app/doctor/finding.hpp"

#include "core/log.hpp"

#include <boost/json/object.hpp>
#include <fmt/format.h>

#include <algorithm>

namespace graphhook::app::doctor {
namespace {

constexpr std::size_t kLongest = 2'000;

std::string_view colour_of(Finding::Level level) {
    switch (level) {
        case Finding::Level::Ok:
            return "\x1b[32m";
        case Finding::Level::Warn:
            return "\x1b[33m";
        case Finding::Level::Fail:
            return "\x1b[31m";
    }
    return "";
}

}  // namespace

Finding ok(std::string check, std::string subject, std::string what) {
    return {Finding::Level::Ok, std::move(check), std::move(subject), std::move(what), {}};
}

Finding warn(std::string check, std::string subject, std::string what, std::string remedy) {
    return {
        Finding::Level::Warn, std::move(check), std::move(subject), std::move(what),
        std::move(remedy)
    };
}

Finding fail(std::string check, std::string subject, std::string what, std::string remedy) {
    return {
        Finding::Level::Fail, std::move(check), std::move(subject), std::move(what),
        std::move(remedy)
    };
}

std::string_view to_string(Finding::Level level) noexcept {
    switch (level) {
        case Finding::Level::Ok:
            return "ok";
        case Finding::Level::Warn:
            return "warn";
        case Finding::Level::Fail:
            return "fail";
    }
    return "";
}

bool any_fails(const Findings& findings) {
    return std::ranges::any_of(findings, [](const Finding& finding) {
        return finding.level == Finding::Level::Fail;
    });
}

std::string to_text(const Findings& findings, bool colour) {
    std::string out;
    for (const auto& finding : findings) {
        const auto level = to_string(finding.level);
        auto line = fmt::format(
            "{}{:<5}{}{}", colour ? colour_of(finding.level) : "", level, colour ? "\x1b[0m" : "",
            finding.check
        );
        if (!finding.subject.empty()) line += " " + for_log(finding.subject, kLongest);
        line += ": " + for_log(finding.what, kLongest);
        // What Graph said itself ends with its own full stop.
        if (!finding.remedy.empty()) {
            line += line.ends_with('.') ? " " : ". ";
            line += "What to do: " + for_log(finding.remedy, kLongest);
        }
        out += line + "\n";
    }
    return out;
}

boost::json::array to_json(const Findings& findings) {
    boost::json::array rows;
    for (const auto& finding : findings) {
        rows.push_back(boost::json::object{
            {"level", to_string(finding.level)},
            {"check", finding.check},
            {"subject", finding.subject},
            {"what", finding.what},
            {"remedy", finding.remedy},
        });
    }
    return rows;
}

}  // namespace graphhook::app::doctor
