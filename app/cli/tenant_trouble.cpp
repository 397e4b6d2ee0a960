#include "app/cli/tenant_trouble.hpp"

#include "app/api/explained.hpp"

#include <fmt/format.h>

#include <iostream>
#include <string>

namespace graphhook::app {

void say_tenants(AdminClient& client) {
    const auto status = client.call("GET", "/api/v1/status", nullptr);
    if (!status) return;
    for (const auto& tenant : status->at("tenants").as_array()) {
        const std::string error(tenant.at("last_error").as_string());
        if (error.empty()) continue;
        const auto known = explained(error, {});
        std::cerr << fmt::format(
            "graphhook: tenant {}: {}\n", std::string_view(tenant.at("name").as_string()),
            known ? fmt::format("{}. What to do: {}", known->cause, known->remedy) : error
        );
    }
}

}  // namespace graphhook::app
