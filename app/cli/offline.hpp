#pragma once

#include "app/cli/commands.hpp"
#include "app/config/config.hpp"
#include "store/metrics.hpp"
#include "store/store.hpp"
#include "subscriptions/manager.hpp"

#include <prometheus/registry.h>

#include <memory>
#include <optional>

namespace graphhook::app {

/// What can be looked at without `serve`: the store of a configuration, opened for reading only,
/// and the subscriptions as it knows them. Threads: one.
class Offline {
  public:
    /// `config` must outlive it. The errors of open_store_read_only.
    [[nodiscard]] static Result<std::unique_ptr<Offline>> open(const Config& config);
    ~Offline();

    store::Store& store() { return *store_; }
    /// Read when first asked for.
    [[nodiscard]] Result<subscriptions::SubscriptionManager*> subscriptions();

  private:
    explicit Offline(const Config& config) : config_(config) {}

    const Config& config_;
    prometheus::Registry registry_;
    store::Metrics store_metrics_{registry_};
    subscriptions::Metrics metrics_{registry_};
    std::unique_ptr<store::Store> store_;
    std::unique_ptr<subscriptions::SubscriptionTable> table_;
    std::unique_ptr<subscriptions::SyncTable> sync_;
    std::unique_ptr<subscriptions::SubscriptionManager> manager_;
};

/// The same for a command: says on standard error what is wrong, and what to exit with.
struct OfflineCommand {
    std::optional<Config> config;
    std::unique_ptr<Offline> offline;  ///< Null: exit with `code`.
    ExitCode code = kDone;
};
[[nodiscard]] std::unique_ptr<OfflineCommand> open_offline(const CommandContext& context);

}  // namespace graphhook::app
