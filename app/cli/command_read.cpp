// What only reads the store.

#include "app/api/json_views.hpp"
#include "app/cli/commands.hpp"
#include "app/cli/delivery_list.hpp"
#include "app/cli/offline.hpp"
#include "app/cli/output.hpp"
#include "app/config/tool_config.hpp"

#include <fmt/format.h>

#include <iostream>
#include <utility>

namespace graphhook::app {
namespace {

const std::vector<Column> kDeliveryColumns = {
    {"ID", "id"},          {"HANDLER", "handler"},      {"STATE", "state"},
    {"KIND", "kind"},      {"CHANGE", "change"},        {"SUBSCRIPTION", "subscription"},
    {"TRIES", "attempts"}, {"RECEIVED", "received_at"}, {"NEXT", "next_at"},
    {"REASON", "reason"},  {"RESOURCE", "resource"},
};

/// What handlers' targets answered, of those that answered something to keep.
void print_receipts(OutputFormat format, const boost::json::array& deliveries) {
    boost::json::array with;
    for (const auto& row : deliveries) {
        if (!row.at("receipt").is_null()) with.push_back(row);
    }
    if (with.empty()) return;
    std::cout << '\n';
    print_rows(format, {{"HANDLER", "handler"}, {"RECEIPT", "receipt"}}, with);
}

template <class T, class Ask>
ExitCode with_store(const CommandContext& context, Ask&& ask, auto&& show) {
    const auto opened = open_offline(context);
    if (opened->offline == nullptr) return opened->code;
    const auto answer =
        wait_for<T>([&](Completion<T> done) { ask(opened->offline->store(), std::move(done)); });
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
    const auto opened = open_offline(context);
    if (opened->offline == nullptr) return opened->code;
    const auto list = list_all(
        opened->offline->store(), query, filter.reason, static_cast<std::size_t>(filter.limit)
    );
    if (!list) return failed(list.error());
    print_rows(context.output, kDeliveryColumns, to_json_array(list->rows));
    if (list->more && !list->rows.empty()) {
        std::cerr << fmt::format(
            "graphhook: there are more; go on with --after {}, or raise --limit\n",
            list->rows.back().id.value
        );
    }
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
            print_receipts(context.output, deliveries);
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

}  // namespace graphhook::app
