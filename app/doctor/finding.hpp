#pragma once

#include <boost/json/array.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace graphhook::app::doctor {

/// One line of `graphhook doctor`.
struct Finding {
    enum class Level : std::uint8_t { Ok, Warn, Fail };
    Level level = Level::Ok;
    std::string check;    ///< "token", "permissions", "public-url", "certificate", …
    std::string subject;  ///< A tenant, an address, a file; may be empty.
    std::string what;     ///< How it is.
    std::string remedy;   ///< What to do; empty where nothing is to be done.
};
using Findings = std::vector<Finding>;

Finding ok(std::string check, std::string subject, std::string what);
Finding warn(std::string check, std::string subject, std::string what, std::string remedy);
Finding fail(std::string check, std::string subject, std::string what, std::string remedy);

/// "ok", "warn", "fail"
std::string_view to_string(Finding::Level level) noexcept;

[[nodiscard]] bool any_fails(const Findings& findings);

/// One line each, without control characters of others; `colour` for a terminal.
std::string to_text(const Findings& findings, bool colour);
/// [{"level", "check", "subject", "what", "remedy"}]
boost::json::array to_json(const Findings& findings);

}  // namespace graphhook::app::doctor
