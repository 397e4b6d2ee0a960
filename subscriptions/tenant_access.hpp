#pragma once

#include "subscriptions/manager.hpp"

#include <chrono>
#include <memory>

namespace graphhook::subscriptions {

/// One tenant's way to Graph over HTTPS, with its credential. `clock` and `metrics` must outlive
/// what it returns.
[[nodiscard]] SubscriptionManager::Access make_http_access(
    const Tenant& tenant, std::chrono::milliseconds timeout, Clock& clock, Metrics& metrics,
    RandomHex random, std::shared_ptr<TokenCache> tokens
);

/// Whether both are reached in the same way, with the same credential and as many requests at once.
[[nodiscard]] bool same_tenant(const Tenant& a, const Tenant& b);

}  // namespace graphhook::subscriptions
