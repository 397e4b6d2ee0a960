#include "emulator/limits.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace graphhook::emulator {
namespace {

/// One for each app and path, ten for each user, and ten thousand in an organization.
constexpr std::array<std::string_view, 9> kCounted{
    "chatMessage",   "chat",           "channel",       "team", "conversationMember",
    "callRecording", "callTranscript", "onlineMeeting", "shift"
};

}  // namespace

std::vector<Limit> limits_of(
    const Subscription& subscription, std::size_t most_per_mailbox, bool kind_limits
) {
    const Kind& kind = *subscription.resource.kind;
    const auto& tenant = subscription.tenant;
    const auto& app = subscription.app;
    const auto& path = subscription.resource.key;
    std::vector<Limit> limits;
    const auto add = [&](std::string_view scope, const std::string& key, std::size_t most,
                         std::string_view of, bool conflict = false) {
        limits.push_back({fmt::format("{} {}", scope, key), most, of, conflict});
    };
    if (kind.shape == Shape::Outlook)
        add("mailbox", tenant + "/" + path, most_per_mailbox, "subscriptions per mailbox");
    if (!kind_limits) return limits;
    if (kind.shape == Shape::Directory) {
        const std::string name(kind.name);
        add(name + " app", app, 50'000, "subscriptions to this resource per app");
        add(name + " tenant", tenant, 1'000, "subscriptions to this resource per tenant");
        add(name + " app+tenant", app + "/" + tenant, 100,
            "subscriptions to this resource per app and tenant");
    }
    if (kind.teams && kind.name != "presence")
        add("teams", tenant, 10'000, "subscriptions to Teams resources per organization");
    if (std::find(kCounted.begin(), kCounted.end(), kind.name) != kCounted.end()) {
        add("path", app + "/" + tenant + "/" + path, 1,
            "subscriptions per app and resource of Teams");
        if (subscription.resource.path->pattern.starts_with("users/{}")) {
            add(std::string(kind.name) + " user",
                tenant + "/" + lower_case(subscription.resource.ids.front()), 10,
                "subscriptions per user");
        }
    }
    if (kind.name == "presence")
        add("presence", app + "/" + tenant + "/" + subscription.user, 1, "presence", true);
    if (kind.name == "callRecord")
        add("callRecord", tenant, 100, "subscriptions to call records per organization");
    if (kind.name == "approval") {
        add("approval tenant", tenant, 1'000, "subscriptions to approvals per tenant");
        add("approval app+tenant", app + "/" + tenant, 1,
            "subscriptions to approvals per app and tenant");
    }
    if (kind.name == "aiInteraction") {
        add("interactions", tenant, 10'000, "subscriptions to interactions per organization");
        add("interactions path", app + "/" + tenant + "/" + path, 1,
            "subscriptions per app and resource of Copilot");
        if (subscription.resource.path->pattern.starts_with("copilot/users/{}")) {
            add("interactions user", tenant + "/" + lower_case(subscription.resource.ids.front()),
                10, "subscriptions per user");
        }
    }
    return limits;
}

}  // namespace graphhook::emulator
