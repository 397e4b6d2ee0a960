#pragma once

#include "core/clock.hpp"
#include "core/error.hpp"
#include "core/http_client.hpp"
#include "core/secret.hpp"
#include "handlers/user_notification/service.hpp"
#include "store/store.hpp"
#include "subscriptions/credentials/token_source.hpp"
#include "subscriptions/metrics.hpp"
#include "subscriptions/options.hpp"

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace graphhook::app {

struct Config;

/// What posting user notifications needs of the rest of the service: ways to Graph with the
/// tenants' tokens, and whose UNSID is whose.
///
/// Operation. A tenant's way is built when somebody first asks for it; its tokens are those of the
/// tenant's subscriptions, where `tokens` is shared with them. After a reload a way is built anew
/// where the tenant or `reconcile.request_timeout` has changed; who holds the old one may finish
/// with it.
///
/// Threads: any that may block, never the store's.
class TenantNotificationWorld final : public handlers::NotificationWorld {
  public:
    using MakeClient = std::function<std::unique_ptr<HttpClient>(HttpClientOptions)>;
    /// All of it must outlive the world, and the ways that are still held.
    struct Parts {
        store::Store& store;
        Clock& clock;
        subscriptions::Metrics& metrics;
        /// Shared with whoever else asks for tokens of these tenants.
        std::shared_ptr<subscriptions::TokenCache> tokens;
        subscriptions::RandomHex random = random_hex;
        MakeClient make_client = make_http_client;
    };
    TenantNotificationWorld(const Config& config, Parts parts);
    ~TenantNotificationWorld() override;

    /// After a reload.
    void take(const Config& config);

    [[nodiscard]] std::shared_ptr<handlers::NotificationAccess> access(std::string_view tenant
    ) override;
    [[nodiscard]] Result<std::optional<std::string>> unsid_of(
        std::string_view tenant, std::string_view user_id, SystemTime now
    ) override;
    [[nodiscard]] std::string new_guid() override;

  private:
    struct Way;
    struct Entry {
        subscriptions::Tenant tenant;
        std::shared_ptr<Way> way;  ///< Nullptr: nobody asked for it.
    };

    const Parts parts_;
    std::mutex mutex_;
    // Guarded by mutex_.
    std::chrono::milliseconds timeout_{0};               ///< Of a request that has none of its own.
    std::map<std::string, Entry, std::less<>> entries_;  ///< By configured name.
};

}  // namespace graphhook::app
