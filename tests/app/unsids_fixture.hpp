#pragma once

#include "app/api/api.hpp"
#include "receiver/admin_server.hpp"
#include "store/store.hpp"
#include "subscriptions/sync/store_sync_table.hpp"
#include "tests/app/service_fixture.hpp"
#include "tests/support/open_store.hpp"

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace graphhook::app {

inline constexpr const char* kTenantId = "84bd8158-6d4d-4958-8b9f-9d6445542f95";
inline constexpr const char* kUserId = "3f0c8a52-9d0e-4b52-8a3e-2f5f0c3f7a10";
inline constexpr const char* kClientId = "11111111-2222-3333-4444-555555555555";

/// An UNSID of that user, handed in just now.
inline store::Unsid an_unsid(
    const std::string& text, const std::string& platform = "windows",
    std::chrono::seconds lives = std::chrono::hours(24)
) {
    const auto now = real_clock().system_now();
    return {kTenantId, kUserId, text, platform, kClientId, now + lives, now};
}

inline void put(store::Store& store, const store::Unsid& unsid) {
    const auto done = wait_for<store::UnsidPut>([&](Completion<store::UnsidPut> completion) {
        store.put_unsid(unsid, std::move(completion));
    });
    ASSERT_TRUE(done) << to_string(done.error());
}

/// What a running `serve` has for the commands: the store, and the admin socket at
/// `socket`.
class AdminBeside {
  public:
    explicit AdminBeside(const std::string& socket) {
        receiver::AdminOptions options;
        options.listen.clear();
        options.socket = socket;
        server_ = std::make_unique<receiver::AdminServer>(
            options, real_clock(), registry_, health_, api_, [] {}
        );
        if (const auto started = server_->start(); !started)
            throw std::runtime_error(to_string(started.error()));
    }

    test::OpenStore store;

  private:
    prometheus::Registry registry_;
    subscriptions::Metrics metrics_{registry_};
    subscriptions::StoreSubscriptionTable table_{*store};
    subscriptions::StoreSyncTable sync_{*store, real_clock()};
    subscriptions::SubscriptionManager manager_{
        {}, {.table = table_, .sync = sync_, .clock = real_clock(), .metrics = metrics_}
    };
    Api api_{Api::Parts{
        .store = *store,
        .subscriptions = manager_,
        .clock = real_clock(),
        .state = [] { return std::string_view("ready"); },
        .started_at = real_clock().system_now()
    }};
    receiver::Health health_;
    std::unique_ptr<receiver::AdminServer> server_;
};

}  // namespace graphhook::app
