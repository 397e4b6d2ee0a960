// `subscriptions apply`: says what will be done and how long it takes, has it done, and follows it.

#include "app/api/explained.hpp"
#include "app/api/subscription_views.hpp"
#include "app/cli/admin_client.hpp"
#include "app/cli/apply_watch.hpp"
#include "app/cli/commands.hpp"
#include "app/cli/following.hpp"
#include "app/cli/output.hpp"
#include "app/cli/tenant_trouble.hpp"
#include "app/config/tool_config.hpp"
#include "core/http_client.hpp"
#include "subscriptions/plan/estimate.hpp"

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include <chrono>
#include <iostream>
#include <map>

namespace graphhook::app {
namespace {

namespace json = boost::json;
using std::chrono::milliseconds;

constexpr milliseconds kBetween{500};

/// Those that fail, by what is wrong: an example of each, with what to do.
void say_failures(AdminClient& client) {
    std::map<std::string, std::pair<std::size_t, std::string>> causes;
    for (const char* state : {"creating", "planned", "active", "leaving"}) {
        std::string after;
        for (;;) {
            auto answer = client.call(
                "GET",
                fmt::format(
                    "/api/v1/subscriptions?failing=1&state={}&limit={}&after={}", state, kMostRows,
                    percent_encode(after)
                ),
                nullptr
            );
            if (!answer) return;
            auto& rows = answer->as_array();
            explain_rows(rows);
            for (const auto& row : rows) {
                const auto& object = row.as_object();
                after = std::string(object.at("cursor").as_string());
                if (object.at("last_error").as_string().empty()) continue;
                auto text = std::string(object.at("cause").as_string());
                if (const auto& remedy = object.at("remedy").as_string(); !remedy.empty())
                    text += fmt::format(". What to do: {}", std::string_view(remedy));
                auto& cause = causes[text];
                if (cause.first++ == 0) {
                    cause.second = std::string(object.at("name").as_string());
                    if (const auto& element = object.at("element").as_string(); !element.empty())
                        cause.second += fmt::format("/{}", std::string_view(element));
                }
            }
            if (rows.size() < kMostRows) break;
        }
    }
    for (const auto& [cause, example] : causes) {
        std::cerr << fmt::format(
            "graphhook: {}{}: {}\n", example.second,
            example.first > 1 ? fmt::format(" and {} more", example.first - 1) : "", cause
        );
    }
}

ExitCode follow(AdminClient& client, const CommandContext& context) {
    const Interrupts interrupts;
    ProgressDisplay display;
    ApplyWatch watch;
    const auto began = std::chrono::steady_clock::now();
    auto verdict = ApplyWatch::Verdict::GoesOn;
    json::value last;
    while (verdict == ApplyWatch::Verdict::GoesOn) {
        if (!Interrupts::wait(kBetween)) {
            display.end();
            std::cerr << "graphhook: not waiting any longer; 'graphhook serve' goes on with it. "
                         "'graphhook subscriptions apply' shows again how far it is.\n";
            return kFailed;
        }
        auto answer = client.call("GET", "/api/v1/progress", nullptr);
        if (!answer) {
            display.end();
            return failed(answer.error());
        }
        const auto now =
            std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - began);
        verdict = watch.take(answer->as_array(), now);
        display.show(watch.done(), watch.total(), watch.text(), now);
        last = std::move(*answer);
    }
    display.end();
    if (context.output == OutputFormat::Json) std::cout << json::serialize(last) << std::endl;
    if (verdict == ApplyWatch::Verdict::Stuck) {
        std::cerr << "graphhook: nothing has happened for three minutes; 'graphhook serve' keeps "
                     "trying\n";
        say_tenants(client);
    }
    if (watch.failing() > 0) say_failures(client);
    if (verdict == ApplyWatch::Verdict::Stuck || watch.failing() > 0) return kFailed;
    if (context.output == OutputFormat::Table) {
        std::cout << "done";
        if (watch.parked() > 0)
            std::cout << fmt::format(
                "; {} parked: Graph refuses them for themselves, and they are tried again daily "
                "('subscriptions list --state parked')",
                watch.parked()
            );
        std::cout << std::endl;
    }
    return kDone;
}

}  // namespace

ExitCode apply_subscriptions(const CommandContext& context, std::uint64_t allow_delete, bool wait) {
    const auto config = load_for_tools(context.config_path);
    if (!config) return kRefused;
    AdminClient client(config->admin.socket);
    const auto plan = client.call(
        "GET", fmt::format("/api/v1/plan?allow_delete={}&limit=1", allow_delete), nullptr
    );
    if (!plan) return failed(plan.error());
    if (context.output == OutputFormat::Table) {
        const std::chrono::seconds estimate(plan->at("estimate_seconds").to_number<std::int64_t>());
        std::cout << summary_line(plan->as_object()) << "\ntakes " << subscriptions::about(estimate)
                  << std::endl;
    }
    const auto applied =
        client.call("POST", "/api/v1/apply", json::object{{"allow_delete", allow_delete}});
    if (!applied) return failed(applied.error());
    if (wait) return follow(client, context);
    if (context.output == OutputFormat::Json) {
        std::cout << json::serialize(*applied) << std::endl;
    } else {
        std::cout << "'graphhook serve' is at it" << std::endl;
    }
    return kDone;
}

}  // namespace graphhook::app
