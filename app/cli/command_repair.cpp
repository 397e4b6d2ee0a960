// What changes something: asked of the running `serve`, which says no to what it may not.

#include "app/cli/admin_client.hpp"
#include "app/cli/commands.hpp"
#include "app/config/tool_config.hpp"
#include "core/http_client.hpp"

#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include <iostream>

namespace graphhook::app {
namespace {

namespace json = boost::json;

/// Asks, and says what came of it.
ExitCode ask(
    const CommandContext& context, const std::string& method, const std::string& target,
    const json::value& body
) {
    const auto config = load_for_tools(context.config_path);
    if (!config) return kRefused;
    const auto answer = AdminClient(config->admin.socket).call(method, target, body);
    if (!answer) return failed(answer.error());
    if (context.output == OutputFormat::Json) {
        std::cout << json::serialize(*answer) << std::endl;
        return kDone;
    }
    if (const auto* object = answer->if_object()) {
        for (const auto& [name, value] : *object) {
            const auto* text = value.if_string();
            std::cout << name << ": "
                      << (text != nullptr ? std::string(*text) : json::serialize(value)) << '\n';
        }
    }
    return kDone;
}

std::string subscription_target(const std::string& name) {
    return "/api/v1/subscriptions/" + percent_encode(name);
}

}  // namespace

ExitCode repair_deliveries(
    const CommandContext& context, const std::string& what, const SelectionArguments& selection
) {
    json::object body;
    if (!selection.handler.empty()) body["handler"] = selection.handler;
    if (!selection.since.empty()) body["since"] = selection.since;
    if (!selection.until.empty()) body["until"] = selection.until;
    if (!selection.ids.empty()) {
        json::array ids;
        for (const auto& id : selection.ids) ids.emplace_back(id);
        body["ids"] = std::move(ids);
    }
    if (selection.all) body["all"] = true;
    return ask(context, "POST", "/api/v1/" + what, body);
}

ExitCode pause_handler(const CommandContext& context, const std::string& name, bool pause) {
    return ask(
        context, "POST",
        fmt::format("/api/v1/handlers/{}/{}", percent_encode(name), pause ? "pause" : "resume"),
        json::object()
    );
}

ExitCode sweep_subscriptions(const CommandContext& context, const std::string& name) {
    const auto target = name.empty() ? "/api/v1/sweep" : subscription_target(name) + "/sweep";
    return ask(context, "POST", target, json::object());
}

ExitCode expand_template(const CommandContext& context, const std::string& name) {
    return ask(context, "POST", subscription_target(name) + "/expand", json::object());
}

ExitCode renew_subscription(const CommandContext& context, const std::string& name) {
    return ask(context, "POST", subscription_target(name) + "/renew", json::object());
}

ExitCode delete_subscription(const CommandContext& context, const std::string& name_or_id) {
    return ask(context, "DELETE", subscription_target(name_or_id), nullptr);
}

}  // namespace graphhook::app
