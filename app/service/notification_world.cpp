#include "app/service/notification_world.hpp"

#include "app/config/config.hpp"
#include "core/text.hpp"
#include "subscriptions/credentials/client_proof.hpp"
#include "subscriptions/credentials/token_cache.hpp"
#include "subscriptions/graph/explain.hpp"
#include "subscriptions/tenant_access.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <stop_token>
#include <utility>
#include <variant>

namespace graphhook::app {
namespace {

/// Replies are a notification at most; what is longer is no answer of such a service.
constexpr std::size_t kLongestReply = 1u << 20;

HttpClientOptions client_options(
    const subscriptions::Tenant& tenant, std::chrono::milliseconds timeout
) {
    HttpClientOptions options;
    options.timeout = timeout;
    options.ca_file = tenant.cloud.ca_file;
    options.max_response_bytes = kLongestReply;
    options.user_agent = std::string("graphhook/") + GRAPHHOOK_VERSION;
    return options;
}

/// In an operator's words, on one line.
Error in_words(const subscriptions::GraphError& error, const subscriptions::Tenant& tenant) {
    using subscriptions::Next;
    if (error.next == Next::Aborted) return fail(Errc::Aborted, "stopped while asking for a token");
    const auto words = subscriptions::explain(
        error, {.operation = "read", .kind = {}, .permissions = {}, .delegated = tenant.delegated()}
    );
    const bool passes = error.next == Next::RetryLater || error.next == Next::Throttled;
    return fail(
        passes ? Errc::Unreachable : Errc::Credentials,
        fmt::format(
            "no token for tenant {}: {}. What to do: {}", tenant.name, words.cause, words.remedy
        )
    );
}

}  // namespace

struct TenantNotificationWorld::Way final : handlers::NotificationAccess {
    Way(const subscriptions::Tenant& about, std::chrono::milliseconds timeout, const Parts& parts)
        : tenant(about),
          client(parts.make_client(client_options(about, timeout))),
          tokens(subscriptions::make_token_source(
              about, {.http = *client,
                      .clock = parts.clock,
                      .metrics = parts.metrics,
                      .random = parts.random,
                      .cache = parts.tokens}
          )) {}

    [[nodiscard]] std::string graph() const override { return tenant.cloud.graph; }
    [[nodiscard]] bool delegated() const override { return tenant.delegated(); }
    [[nodiscard]] HttpClient& http() override { return *client; }
    [[nodiscard]] Result<Secret> token(std::stop_token stop) override {
        auto token = tokens->get(std::move(stop));
        if (!token) return in_words(token.error(), tenant);
        return std::move(*token);
    }
    void refused(const Secret& token, std::string_view claims) override {
        tokens->drop(token, claims);
    }

    const subscriptions::Tenant tenant;
    const std::unique_ptr<HttpClient> client;
    const std::unique_ptr<subscriptions::TokenSource> tokens;
};

TenantNotificationWorld::TenantNotificationWorld(const Config& config, Parts parts)
    : parts_(std::move(parts)) {
    take(config);
}

TenantNotificationWorld::~TenantNotificationWorld() = default;

void TenantNotificationWorld::take(const Config& config) {
    const auto timeout = config.subscriptions.request_timeout;
    const std::lock_guard lock(mutex_);
    std::map<std::string, Entry, std::less<>> entries;
    for (const auto& tenant : config.subscriptions.tenants) {
        Entry entry{tenant, nullptr};
        const auto old = entries_.find(tenant.name);
        if (old != entries_.end() && timeout == timeout_ &&
            subscriptions::same_tenant(old->second.tenant, tenant))
            entry.way = old->second.way;
        entries.emplace(tenant.name, std::move(entry));
    }
    entries_ = std::move(entries);
    timeout_ = timeout;
}

std::shared_ptr<handlers::NotificationAccess> TenantNotificationWorld::access(
    std::string_view tenant
) {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(tenant);
    if (found == entries_.end()) return nullptr;
    auto& [about, way] = found->second;
    if (way == nullptr) way = std::make_shared<Way>(about, timeout_, parts_);
    return way;
}

Result<std::optional<std::string>> TenantNotificationWorld::unsid_of(
    std::string_view tenant, std::string_view user_id, SystemTime now
) {
    store::UnsidQuery query;
    {
        const std::lock_guard lock(mutex_);
        const auto found = entries_.find(tenant);
        if (found == entries_.end())
            return fail(Errc::NotFound, fmt::format("there is no tenant '{}'", tenant));
        query.tenant_id = lowered(found->second.tenant.tenant_id);
    }
    // Of nobody in particular would be that of anybody.
    if (query.tenant_id.empty() || user_id.empty())
        return fail(Errc::BadInput, "an UNSID is one user's");
    query.user_id = lowered(user_id);
    query.live_at = now;
    query.limit = 1;
    auto found =
        wait_for<std::vector<store::Unsid>>([&](Completion<std::vector<store::Unsid>> done) {
            parts_.store.unsids(std::move(query), std::move(done));
        });
    if (!found) return found.error();
    if (found->empty()) return std::optional<std::string>();
    return std::optional<std::string>(std::move(found->front().unsid));
}

std::string TenantNotificationWorld::new_guid() {
    return subscriptions::make_guid(parts_.random);
}

}  // namespace graphhook::app
