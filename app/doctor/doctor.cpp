#include "app/doctor/doctor.hpp"

#include "app/doctor/certificates.hpp"
#include "app/doctor/handshake.hpp"
#include "app/doctor/keys.hpp"
#include "app/doctor/probe.hpp"
#include "app/doctor/service.hpp"
#include "app/doctor/tenants.hpp"
#include "core/http_client.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <future>
#include <set>
#include <utility>
#include <vector>

namespace graphhook::app::doctor {
namespace {

Findings configuration(const LoadedConfig& loaded) {
    Findings found;
    for (const auto& problem : loaded.parsed.problems) {
        const auto where = fmt::format("{}:{}:{}", loaded.path, problem.at.line, problem.at.column);
        const auto* remedy = "mend the file; 'graphhook check' says it again";
        found.push_back(
            problem.severity == Problem::Severity::Error
                ? fail("configuration", where, problem.message, remedy)
                : warn("configuration", where, problem.message, remedy)
        );
    }
    if (found.empty())
        found.push_back(ok("configuration", loaded.path, "nothing is wrong with it"));
    return found;
}

Findings listener(const Config& config, SystemTime now) {
    if (!config.receiver.tls) return {};
    const auto& path = config.receiver.tls->certificate;
    const auto* remedy = "renew it; a new one is taken up when the files change";
    const auto text = file_system()(path);
    if (!text) return {fail("certificate", path, text.error().detail, remedy)};
    const auto chain = read_certificates(*text);
    if (!chain) return {fail("certificate", path, chain.error().detail, remedy)};
    return {judge_dates("certificate", path, *chain, now, remedy)};
}

Findings public_url(const Config& config, SystemTime now) {
    Findings found;
    for (const auto& url :
         {config.subscriptions.notification_url, config.subscriptions.lifecycle_url}) {
        for (auto& one : judge_handshake(try_handshake(url, sample_token(), {}), now))
            found.push_back(std::move(one));
    }
    if (config.unsids.enabled) {
        const auto url = config.receiver.public_url + "/unsids";
        for (auto& one : judge_unsid_door(try_handshake(url, sample_token(), {})))
            found.push_back(std::move(one));
    }
    return found;
}

std::unique_ptr<HttpClient> client_for(const subscriptions::Cloud& cloud) {
    HttpClientOptions options;
    options.ca_file = cloud.ca_file;
    options.connect_timeout = std::chrono::seconds(10);
    options.timeout = std::chrono::seconds(20);
    return make_http_client(options);
}

/// Of each authority that has to prove something, once.
Findings key_sets(const Config& config, const Clock& clock) {
    Findings found;
    std::set<std::pair<std::string, std::string>> asked;
    for (const auto& one : config.subscriptions.tenants) {
        const auto& wanted = config.subscriptions.wanted;
        const bool rich = std::any_of(wanted.begin(), wanted.end(), [&](const auto& subscription) {
            return subscription.resource_data && subscription.tenant == one.name;
        });
        const bool users = config.unsids.enabled && !one.tenant_id.empty();
        if (!rich && !users) continue;
        if (!asked.emplace(one.cloud.login, one.cloud.ca_file).second) continue;
        for (auto& finding : try_key_sets(one.cloud, *client_for(one.cloud), clock))
            found.push_back(std::move(finding));
    }
    return found;
}

Findings tenant(const Config& config, const subscriptions::Tenant& one, Clock& clock) {
    const auto http = client_for(one.cloud);
    const auto facts = gather_tenant(one, *http, clock);
    return judge_tenant(facts, config.subscriptions.wanted, clock.system_now());
}

}  // namespace

Findings examine(const LoadedConfig& loaded, Clock& clock) {
    auto found = configuration(loaded);
    if (!loaded.parsed.config) return found;
    const auto& config = *loaded.parsed.config;
    const auto add = [&found](Findings more) {
        found.insert(
            found.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end())
        );
    };
    // What waits for others goes on side by side.
    auto outside =
        std::async(std::launch::async, [&] { return public_url(config, clock.system_now()); });
    std::vector<std::future<Findings>> tenants;
    for (const auto& one : config.subscriptions.tenants) {
        tenants.push_back(std::async(std::launch::async, [&config, &one, &clock] {
            return tenant(config, one, clock);
        }));
    }
    auto sets = std::async(std::launch::async, [&] { return key_sets(config, clock); });
    const auto service = gather_service(config);
    add(judge_store(service, config));
    add(listener(config, clock.system_now()));
    add(outside.get());
    for (auto& one : tenants) add(one.get());
    add(sets.get());
    add(judge_keys(gather_keys(config), service, clock.system_now()));
    add(judge_subscriptions(service));
    add(judge_handlers(service));
    add(judge_unproved(service));
    add(judge_quarantine(service));
    return found;
}

}  // namespace graphhook::app::doctor
