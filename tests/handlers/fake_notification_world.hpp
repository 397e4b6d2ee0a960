#pragma once

#include "handlers/user_notification/service.hpp"

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace graphhook::handlers {

/// A tenant's access whose tokens are "token-1", "token-2" …, a new one after each refusal.
class FakeNotificationAccess final : public NotificationAccess {
  public:
    explicit FakeNotificationAccess(std::string graph)
        : graph_(std::move(graph)), http_(make_http_client({.use_proxy = false})) {}

    [[nodiscard]] std::string graph() const override { return graph_; }
    [[nodiscard]] bool delegated() const override { return is_delegated; }
    [[nodiscard]] HttpClient& http() override { return *http_; }
    [[nodiscard]] Result<Secret> token(std::stop_token) override {
        ++asked;
        if (no_token) return *no_token;
        return Secret("token-" + std::to_string(same_token ? 1 : 1 + refusals.size()));
    }
    void refused(const Secret& token, std::string_view claims) override {
        refusals.emplace_back(token.reveal(), claims);
    }

    bool is_delegated = false;
    bool same_token = false;
    std::optional<Error> no_token;
    int asked = 0;
    std::vector<std::pair<std::string, std::string>> refusals;  ///< Tokens and claims.

  private:
    const std::string graph_;
    const std::unique_ptr<HttpClient> http_;
};

/// UNSIDs by user. Threads: one.
class FakeNotificationWorld final : public NotificationWorld {
  public:
    [[nodiscard]] std::shared_ptr<NotificationAccess> access(std::string_view tenant) override {
        const auto found = tenants.find(tenant);
        return found == tenants.end() ? nullptr : found->second;
    }
    [[nodiscard]] Result<std::optional<std::string>> unsid_of(
        std::string_view tenant, std::string_view user_id, SystemTime
    ) override {
        lookups.push_back(std::string(tenant) + " " + std::string(user_id));
        if (store_trouble) return *store_trouble;
        const auto found = unsids.find(user_id);
        if (found == unsids.end()) return std::optional<std::string>();
        return std::optional<std::string>(found->second);
    }
    [[nodiscard]] std::string new_guid() override {
        return "00000000-0000-4000-8000-00000000000" + std::to_string(++guids);
    }

    std::map<std::string, std::shared_ptr<FakeNotificationAccess>, std::less<>> tenants;
    std::map<std::string, std::string, std::less<>> unsids;
    std::optional<Error> store_trouble;
    std::vector<std::string> lookups;
    int guids = 0;
};

}  // namespace graphhook::handlers
