// What is subscribed, swept and expanded: lists, from the running `serve` or from the store.

#include "app/api/explained.hpp"
#include "app/api/json_views.hpp"
#include "app/api/subscription_views.hpp"
#include "app/cli/admin_client.hpp"
#include "app/cli/commands.hpp"
#include "app/cli/offline.hpp"
#include "app/cli/offline_plan.hpp"
#include "app/cli/output.hpp"
#include "app/cli/tenant_trouble.hpp"
#include "app/config/tool_config.hpp"
#include "subscriptions/plan/estimate.hpp"

#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include <chrono>
#include <iostream>
#include <utility>

namespace graphhook::app {
namespace {

namespace json = boost::json;

/// A list from the store is whole without them.
constexpr std::chrono::seconds kForAFewWords{2};

RowFilter rows_of(const ListFilter& filter) {
    return {
        .tenant = filter.tenant,
        .name = filter.name,
        .state = filter.state,
        .retired = filter.all,
        .after = filter.after,
        .limit = static_cast<std::size_t>(filter.limit),
    };
}

/// After a list that was cut: how to see the rest.
void say_more(const Rows& rows) {
    if (rows.more == 0 || rows.rows.empty()) return;
    const auto& last = rows.rows.back().as_object().at("cursor").as_string();
    std::cerr << fmt::format(
        "graphhook: {} more; go on with --after '{}', or raise --limit\n", rows.more,
        std::string_view(last)
    );
}

/// With `serve` what it says, without it what the store says.
template <class FromApi, class FromStore>
ExitCode with_either(const CommandContext& context, FromApi&& from_api, FromStore&& from_store) {
    const auto config = load_for_tools(context.config_path);
    if (!config) return kRefused;
    const auto answer = from_api(AdminClient(config->admin.socket));
    if (answer || answer.error().code != Errc::NotFound)
        return answer ? kDone : failed(answer.error());
    const auto opened = open_offline(context);
    if (opened->offline == nullptr) return opened->code;
    const auto manager = opened->offline->subscriptions();
    if (!manager) return failed(manager.error());
    from_store(**manager);
    return kDone;
}

const std::vector<Column> kSweepColumns = {
    {"NAME", "name"},     {"ELEMENT", "element"}, {"STATE", "state"},
    {"TENANT", "tenant"}, {"SWEPT", "swept_at"},  {"NEXT", "next_at"},
    {"REASON", "reason"}, {"FOUND", "found"},     {"ERROR", "cause"},
};

const std::vector<Column> kTemplateColumns = {
    {"NAME", "name"},       {"TENANT", "tenant"},         {"ELEMENTS", "elements"},
    {"SKIPPED", "skipped"}, {"READ", "expanded_at"},      {"NEXT", "next_at"},
    {"RUNNING", "running"}, {"COLLECTION", "collection"}, {"ERROR", "cause"},
};

void print_plan(const CommandContext& context, const json::object& plan) {
    if (context.output == OutputFormat::Json) return print_object(context.output, plan);
    std::cout << summary_line(plan) << '\n';
    if (const auto* estimate = plan.if_contains("estimate_seconds"); estimate != nullptr) {
        std::cout << "takes "
                  << subscriptions::about(std::chrono::seconds(estimate->to_number<std::int64_t>()))
                  << '\n';
    }
    const auto& steps = plan.at("steps").as_array();
    if (!steps.empty()) {
        std::cout << '\n';
        print_rows(
            context.output,
            {{"DO", "verb"},
             {"NAME", "name"},
             {"ELEMENT", "element"},
             {"TENANT", "tenant"},
             {"DUE", "due"},
             {"GRAPH ID", "graph_id"},
             {"REASON", "reason"}},
            steps
        );
    }
    if (const auto& orphans = plan.at("orphans").as_array(); !orphans.empty()) {
        std::cout
            << "\nAt Graph with our URL, and not known here (left alone; 'subscriptions delete "
               "ID' deletes one, 'client_state_file' takes one over):\n";
        print_rows(
            context.output,
            {{"GRAPH ID", "graph_id"},
             {"TENANT", "tenant"},
             {"CHANGES", "changes"},
             {"EXPIRES", "expires_at"},
             {"RESOURCE", "resource"}},
            orphans
        );
    }
    if (plan.at("held_back").to_number<std::uint64_t>() > 0)
        std::cout << "\nRemovals are held back, being too many for one hour: 'subscriptions apply "
                     "--allow-delete N' lets N of each tenant pass.\n";
    if (const auto more = plan.at("more").to_number<std::uint64_t>(); more > 0)
        std::cerr << "graphhook: " << more << " more are not shown\n";
}

}  // namespace

ExitCode list_subscriptions(const CommandContext& context, const ListFilter& filter) {
    const auto opened = open_offline(context);
    if (opened->offline == nullptr) return opened->code;
    const auto manager = opened->offline->subscriptions();
    if (!manager) return failed(manager.error());
    auto rows = subscription_rows((*manager)->list(), rows_of(filter));
    explain_rows(rows.rows);
    print_rows(
        context.output,
        {{"NAME", "name"},
         {"ELEMENT", "element"},
         {"STATE", "state"},
         {"TENANT", "tenant"},
         {"KIND", "kind"},
         {"CHANGES", "changes"},
         {"EXPIRES", "expires_at"},
         {"GRAPH ID", "graph_id"},
         {"ERROR", "cause"}},
        rows.rows
    );
    say_more(rows);
    AdminClient client(opened->config->admin.socket, kForAFewWords);
    say_tenants(client);
    return kDone;
}

ExitCode show_subscription(const CommandContext& context, const std::string& name) {
    const auto opened = open_offline(context);
    if (opened->offline == nullptr) return opened->code;
    const auto manager = opened->offline->subscriptions();
    if (!manager) return failed(manager.error());
    json::array found;
    for (const auto& tenant : (*manager)->list()) {
        for (const auto& one : tenant.subscriptions) {
            if (one.name == name || (!name.empty() && one.graph_id == name))
                found.push_back(to_json(one));
        }
    }
    if (found.empty()) {
        std::cerr << "graphhook: there is no subscription '" << name << "'\n";
        return kFailed;
    }
    explain_rows(found);
    if (context.output == OutputFormat::Json) {
        print_rows(context.output, {}, found);
        return kDone;
    }
    bool first = true;
    for (const auto& row : found) {
        if (!std::exchange(first, false)) std::cout << '\n';
        print_object(context.output, row.as_object());
    }
    return kDone;
}

ExitCode plan_subscriptions(const CommandContext& context, std::uint64_t allow_delete, bool all) {
    const auto config = load_for_tools(context.config_path);
    if (!config) return kRefused;
    AdminClient client(config->admin.socket);
    const auto answer = client.call(
        "GET",
        fmt::format(
            "/api/v1/plan?allow_delete={}&limit={}{}", allow_delete, kMostSteps, all ? "&all=1" : ""
        ),
        nullptr
    );
    if (answer) {
        print_plan(context, answer->as_object());
        say_tenants(client);
        return kDone;
    }
    if (answer.error().code != Errc::NotFound) return failed(answer.error());
    const auto opened = open_offline(context);
    if (opened->offline == nullptr) return opened->code;
    std::cerr << "graphhook: 'graphhook serve' is not running: planned from the store alone, "
                 "without asking Graph\n";
    using Records = std::vector<store::SubscriptionRecord>;
    const auto records = wait_for<Records>([&](Completion<Records> done) {
        opened->offline->store().subscriptions(std::move(done));
    });
    if (!records) return failed(records.error());
    print_plan(
        context, plan_view(
                     offline_plan(
                         config->subscriptions, *records, real_clock().system_now(),
                         static_cast<std::size_t>(allow_delete)
                     ),
                     all, kMostSteps
                 )
    );
    return kDone;
}

ExitCode list_sweeps(const CommandContext& context, const ListFilter& filter) {
    auto asked = rows_of(filter);
    const auto print = [&](Rows rows) {
        explain_rows(rows.rows);
        print_rows(context.output, kSweepColumns, rows.rows);
        say_more(rows);
    };
    return with_either(
        context,
        [&](AdminClient client) -> Result<void> {
            // Page by page, one row more than wanted, to know whether there are more.
            Rows rows;
            while (rows.rows.size() <= asked.limit) {
                const auto left = asked.limit + 1 - rows.rows.size();
                const auto page = std::min(left, kMostRows);
                auto answer = client.call(
                    "GET",
                    fmt::format(
                        "/api/v1/sweeps?name={}&tenant={}&state={}&after={}&limit={}",
                        percent_encode(asked.name), percent_encode(asked.tenant),
                        percent_encode(asked.state), percent_encode(asked.after), page
                    ),
                    nullptr
                );
                if (!answer) return answer.error();
                auto& got = answer->as_array();
                for (auto& row : got) rows.rows.push_back(std::move(row));
                if (got.size() < page) break;
                asked.after = std::string(rows.rows.back().as_object().at("cursor").as_string());
            }
            if (rows.rows.size() > asked.limit) {
                rows.rows.pop_back();
                rows.more = 1;
            }
            print(std::move(rows));
            return {};
        },
        [&](const SubscriptionManager& manager) { print(sweep_rows(manager.sweeps(), asked)); }
    );
}

ExitCode list_templates(const CommandContext& context) {
    const auto print = [&](json::array rows) {
        explain_rows(rows);
        print_rows(context.output, kTemplateColumns, rows);
    };
    return with_either(
        context,
        [&](AdminClient client) -> Result<void> {
            auto answer = client.call("GET", "/api/v1/templates", nullptr);
            if (!answer) return answer.error();
            print(std::move(answer->as_array()));
            return {};
        },
        [&](const SubscriptionManager& manager) { print(template_rows(manager.templates())); }
    );
}

}  // namespace graphhook::app
