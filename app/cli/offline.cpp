#include "app/cli/offline.hpp"

#include "app/config/tool_config.hpp"
#include "subscriptions/reconcile/subscription_table.hpp"
#include "subscriptions/sync/store_sync_table.hpp"

#include <iostream>

namespace graphhook::app {

Result<std::unique_ptr<Offline>> Offline::open(const Config& config) {
    std::unique_ptr<Offline> offline(new Offline(config));
    auto store = store::open_store_read_only(config.store, real_clock(), offline->store_metrics_);
    if (!store) return store.error();
    offline->store_ = std::move(*store);
    return offline;
}

Offline::~Offline() = default;

Result<subscriptions::SubscriptionManager*> Offline::subscriptions() {
    if (manager_ == nullptr) {
        table_ = std::make_unique<subscriptions::StoreSubscriptionTable>(*store_);
        sync_ = std::make_unique<subscriptions::StoreSyncTable>(*store_, real_clock());
        auto manager = std::make_unique<subscriptions::SubscriptionManager>(
            config_.subscriptions,
            subscriptions::SubscriptionManager::Parts{
                .table = *table_, .sync = *sync_, .clock = real_clock(), .metrics = metrics_
            }
        );
        if (const auto loaded = manager->load(); !loaded) return loaded.error();
        manager_ = std::move(manager);
    }
    return manager_.get();
}

std::unique_ptr<OfflineCommand> open_offline(const CommandContext& context) {
    auto command = std::make_unique<OfflineCommand>();
    command->config = load_for_tools(context.config_path);
    command->code = kRefused;
    if (!command->config) return command;
    auto opened = Offline::open(*command->config);
    if (!opened) {
        std::cerr << "graphhook: the store '" << command->config->store.url
                  << "' can not be opened, " << to_string(opened.error()) << '\n';
        return command;
    }
    command->code = kDone;
    command->offline = std::move(*opened);
    return command;
}

}  // namespace graphhook::app
