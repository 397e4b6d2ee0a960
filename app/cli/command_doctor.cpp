#include "app/cli/commands.hpp"
#include "app/cli/output.hpp"
#include "app/doctor/doctor.hpp"

#include <boost/json/serialize.hpp>

#include <iostream>

namespace graphhook::app {

ExitCode run_doctor(const CommandContext& context) {
    const auto loaded = load_config(context.config_path);
    const auto findings = doctor::examine(loaded, real_clock());
    if (context.output == OutputFormat::Json) {
        std::cout << boost::json::serialize(doctor::to_json(findings)) << std::endl;
    } else {
        std::cout << doctor::to_text(findings, takes_colour()) << std::flush;
    }
    if (!loaded.parsed.config) return kRefused;
    return doctor::any_fails(findings) ? kFailed : kDone;
}

}  // namespace graphhook::app
