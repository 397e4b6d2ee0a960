// What only reads the store.

#include "app/admin_client.hpp"
#include "app/commands.hpp"
#include "app/json_views.hpp"
#include "app/offline_plan.hpp"
#include "app/output.hpp"
#include "app/tool_config.hpp"
#include "store/metrics.hpp"

#include <fmt/format.h>
#include <prometheus/registry.h>

#include <algorithm>
#include <iostream>
#include <memory>
#include <utility>

namespace graphhook::app {
namespace {

namespace json = boost::json;

const std::vector<Column> kDeliveryColumns = {
    {"ID", "id"},          {"HANDLER", "handler"},      {"STATE", "state"},
    {"KIND", "kind"},      {"CHANGE", "change"},        {"SUBSCRIPTION", "subscription"},
    {"TRIES", "attempts"}, {"RECEIVED", "received_at"}, {"NEXT", "next_at"},
    {"REASON", "reason"},  {"RESOURCE", "resource"},
};

/// The store of a configuration, opened for looking only, with the metrics it wants.
struct OpenedStore {
    prometheus::Registry registry;
    store::Metrics metrics{registry};
    std::unique_ptr<store::Store> store;
};

/// Null and an exit code where that failed.
std::unique_ptr<OpenedStore> open(const CommandContext& context, ExitCode& code, Config& config) {
    auto loaded = load_for_tools(context.config_path);
    if (!loaded) {
        code = kRefused;
        return nullptr;
    }
    config = std::move(*loaded);
    auto opened = std::make_unique<OpenedStore>();
    auto store = store::open_store_read_only(config.store, real_clock(), opened->metrics);
    if (!store) {
        std::cerr << "graphhook: the store '" << config.store.url << "' can not be opened, "
                  << to_string(store.error()) << '\n';
        code = kRefused;
        return nullptr;
    }
    opened->store = std::move(*store);
    return opened;
}

template <class T, class Ask>
ExitCode with_store(const CommandContext& context, Ask&& ask, auto&& show) {
    ExitCode code = kDone;
    Config config;
    const auto opened = open(context, code, config);
    if (opened == nullptr) return code;
    const auto answer =
        wait_for<T>([&](Completion<T> done) { ask(*opened->store, std::move(done)); });
    if (!answer) return failed(answer.error());
    return show(*answer);
}

}  // namespace

ExitCode list_deliveries(const CommandContext& context, const DeliveryFilter& filter) {
    store::DeliveryQuery query;
    if (!filter.handler.empty()) query.handler = filter.handler;
    if (!filter.subscription.empty()) query.subscription = filter.subscription;
    if (!filter.state.empty()) query.state = store::delivery_state(filter.state);
    query.after.value = filter.after;
    ExitCode code = kDone;
    Config config;
    const auto opened = open(context, code, config);
    if (opened == nullptr) return code;
    // In pages, so that a long list keeps no reader of the file for long.
    json::array rows;
    using Rows = std::vector<store::DeliveryRow>;
    while (rows.size() < filter.limit) {
        query.limit =
            static_cast<std::size_t>(std::min<std::uint64_t>(filter.limit - rows.size(), 1'000));
        const auto page = wait_for<Rows>([&](Completion<Rows> done) {
            opened->store->list(query, std::move(done));
        });
        if (!page) return failed(page.error());
        for (const auto& row : *page) rows.push_back(to_json(row));
        if (page->size() < query.limit) break;
        query.after = page->back().id;
    }
    print_rows(context.output, kDeliveryColumns, rows);
    return kDone;
}

ExitCode show_delivery(const CommandContext& context, const std::string& id) {
    const auto number = parse_id(id);
    if (!number) {
        std::cerr << "graphhook: " << number.error().detail << '\n';
        return kWrongUsage;
    }
    return with_store<store::StoredNotification>(
        context,
        [&](store::Store& store, Completion<store::StoredNotification> done) {
            store.show(*number, std::move(done));
        },
        [&](const store::StoredNotification& notification) {
            auto object = to_json(notification);
            if (context.output == OutputFormat::Json) {
                print_object(context.output, object);
                return kDone;
            }
            const auto deliveries = object["deliveries"].as_array();
            object.erase("deliveries");
            print_object(context.output, object);
            std::cout << '\n';
            print_rows(context.output, kDeliveryColumns, deliveries);
            return kDone;
        }
    );
}

ExitCode list_handlers(const CommandContext& context) {
    return with_store<store::StoreStats>(
        context,
        [](store::Store& store, Completion<store::StoreStats> done) {
            store.stats(std::move(done));
        },
        [&](const store::StoreStats& stats) {
            print_rows(
                context.output,
                {{"HANDLER", "handler"},
                 {"PAUSED", "paused"},
                 {"WAITING", "waiting"},
                 {"RETRYING", "retrying"},
                 {"DEAD", "dead"},
                 {"OLDEST", "oldest_waiting"}},
                to_json(stats, real_clock().system_now()).at("handlers").as_array()
            );
            return kDone;
        }
    );
}

namespace {

using Records = std::vector<store::SubscriptionRecord>;

/// The lines of all tenants: what is stored, and what is wanted and not yet there.
Result<json::array> subscription_rows(const Config& config, store::Store& store) {
    prometheus::Registry registry;
    subscriptions::Metrics metrics(registry);
    subscriptions::StoreSubscriptionTable table(store);
    subscriptions::SubscriptionManager manager(
        config.subscriptions, {.table = table, .clock = real_clock(), .metrics = metrics}
    );
    if (const auto loaded = manager.load(); !loaded) return loaded.error();
    json::array rows;
    for (const auto& tenant : manager.list()) {
        for (const auto& status : tenant.subscriptions) rows.push_back(to_json(status));
    }
    return rows;
}

bool is_member(const json::value& row, std::string_view member, std::string_view text) {
    return row.as_object().at(member).as_string() == text;
}

}  // namespace

ExitCode list_subscriptions(const CommandContext& context, bool all) {
    ExitCode code = kDone;
    Config config;
    const auto opened = open(context, code, config);
    if (opened == nullptr) return code;
    const auto rows = subscription_rows(config, *opened->store);
    if (!rows) return failed(rows.error());
    json::array shown;
    for (const auto& row : *rows) {
        if (all || !is_member(row, "state", "retired")) shown.push_back(row);
    }
    print_rows(
        context.output,
        {{"NAME", "name"},
         {"STATE", "state"},
         {"TENANT", "tenant"},
         {"KIND", "kind"},
         {"CHANGES", "changes"},
         {"EXPIRES", "expires_at"},
         {"GRAPH ID", "graph_id"},
         {"ERROR", "last_error"}},
        shown
    );
    return kDone;
}

ExitCode show_subscription(const CommandContext& context, const std::string& name) {
    ExitCode code = kDone;
    Config config;
    const auto opened = open(context, code, config);
    if (opened == nullptr) return code;
    const auto rows = subscription_rows(config, *opened->store);
    if (!rows) return failed(rows.error());
    json::array found;
    for (const auto& row : *rows) {
        if (is_member(row, "name", name) || is_member(row, "graph_id", name)) found.push_back(row);
    }
    if (found.empty()) {
        std::cerr << "graphhook: there is no subscription '" << name << "'\n";
        return kFailed;
    }
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

ExitCode plan_subscriptions(const CommandContext& context, std::uint64_t allow_delete) {
    const auto asked = load_for_tools(context.config_path);
    if (!asked) return kRefused;
    const std::vector<Column> columns = {
        {"ACTION", "action"}, {"NAME", "name"},         {"TENANT", "tenant"},
        {"DUE", "due"},       {"GRAPH ID", "graph_id"}, {"REASON", "reason"},
    };
    const auto answer =
        AdminClient(asked->admin.socket)
            .call("GET", fmt::format("/api/v1/plan?allow_delete={}", allow_delete), nullptr);
    if (answer) {
        print_rows(context.output, columns, answer->as_array());
        return kDone;
    }
    if (answer.error().code != Errc::NotFound) return failed(answer.error());
    std::cerr << "graphhook: 'graphhook serve' is not running: planned from the store alone, "
                 "without asking Graph\n";
    return with_store<Records>(
        context,
        [](store::Store& store, Completion<Records> done) { store.subscriptions(std::move(done)); },
        [&](const Records& records) {
            print_rows(
                context.output, columns,
                to_json(offline_plan(
                    asked->subscriptions, records, real_clock().system_now(),
                    static_cast<std::size_t>(allow_delete)
                ))
            );
            return kDone;
        }
    );
}

}  // namespace graphhook::app
