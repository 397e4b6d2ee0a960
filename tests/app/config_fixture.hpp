#pragma once

#include "app/config/config.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <map>
#include <string>
#include <vector>

namespace graphhook::app {

/// Configurations from text, with an environment and files of the test's own.
class ConfigFixture : public ::testing::Test {
  protected:
    Parsed parse(const std::string& text) {
        return parse_config(
            text,
            [this](std::string_view name) -> std::optional<std::string> {
                const auto found = environment.find(std::string(name));
                if (found == environment.end()) return std::nullopt;
                return found->second;
            },
            [this](const std::string& path) -> Result<std::string> {
                const auto found = files.find(path);
                if (found == files.end())
                    return fail(Errc::BadInput, fmt::format("can not read '{}': gone", path));
                return found->second;
            }
        );
    }

    /// "line:column: message" of each problem.
    std::vector<std::string> problems(const std::string& text) {
        std::vector<std::string> out;
        for (const auto& problem : parse(text).problems) {
            out.push_back(to_string(problem, "f").substr(2));
        }
        return out;
    }

    /// A sound configuration plus these lines.
    static std::string with(const std::string& more) {
        return "receiver: {listen: '127.0.0.1:0', public_url: https://h.example/graph}\n" + more;
    }
    /// Eight lines with one subscription, which lacks its resource and handlers.
    static std::string subscription(const std::string& more) {
        return with(
                   "tenants: {t: {tenant_id: 84bd8158-6d4d-4958-8b9f-9d6445542f95, client_id: "
                   "84bd8158-6d4d-4958-8b9f-9d6445542f95, credential: {client_secret: pw}}}\n"
                   "handlers: {h: {type: log}}\n"
                   "subscriptions:\n  s:\n    tenant: t\n    changes: [updated]\n"
               ) +
               more;
    }

    std::map<std::string, std::string> environment;
    std::map<std::string, std::string> files = {
        {"/c.pem", "certificate"}, {"/k.pem", "key"}, {"/secret", "from file\n"}, {"/empty", ""}
    };
};

}  // namespace graphhook::app
