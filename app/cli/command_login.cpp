// `login`: signs a user in, so that the tenant's refresh token is there.

#include "app/cli/commands.hpp"
#include "app/config/config_file.hpp"
#include "app/config/tool_config.hpp"
#include "core/log.hpp"
#include "core/time_text.hpp"
#include "subscriptions/credentials/login.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iostream>
#include <thread>

namespace graphhook::app {

ExitCode login(const CommandContext& context, const std::string& name) {
    const auto loaded = load_config(context.config_path);
    if (!loaded.parsed.config) {
        for (const auto& problem : loaded.parsed.problems) {
            if (problem.severity == Problem::Severity::Error)
                std::cerr << to_string(problem, loaded.path) << '\n';
        }
        return kRefused;
    }
    const auto& tenants = loaded.parsed.config->subscriptions.tenants;
    const auto tenant = std::ranges::find(tenants, name, &subscriptions::Tenant::name);
    if (tenant == tenants.end()) {
        std::cerr << fmt::format(
            "graphhook: there is no tenant '{}' in {}\n", for_log(name), loaded.path
        );
        return kWrongUsage;
    }
    HttpClientOptions options;
    options.ca_file = tenant->cloud.ca_file;
    options.timeout = loaded.parsed.config->subscriptions.request_timeout;
    const auto http = make_http_client(options);
    subscriptions::LoginCallbacks callbacks;
    callbacks.show = [](const std::string& uri, const std::string& code, SystemTime expires) {
        std::cout << fmt::format(
                         "Open {}\nand enter  {}\n(until {})\n", uri, code,
                         to_text(std::chrono::floor<std::chrono::seconds>(expires))
                     )
                  << std::flush;
    };
    callbacks.wait = [](std::chrono::milliseconds time) {
        std::this_thread::sleep_for(time);
        return true;
    };
    const auto done = subscriptions::login(*tenant, *http, real_clock(), callbacks, {});
    if (!done) return failed(done.error());
    std::cout << fmt::format(
        "Signed in; the token is in {}\nGranted: {}\n", done->token_file, done->scope
    );
    if (!done->missing.empty()) {
        std::cerr << fmt::format(
            "graphhook: asked for and not granted: {}; that is fine where a wider permission "
            "covers "
            "it\n",
            fmt::join(done->missing, ", ")
        );
    }
    return kDone;
}

}  // namespace graphhook::app
