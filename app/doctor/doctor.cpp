#include "app/doctor/doctor.hpp"

#include "app/doctor/certificates.hpp"
#include "app/doctor/handshake.hpp"
#include "app/doctor/probe.hpp"
#include "app/doctor/service.hpp"
#include "app/doctor/tenants.hpp"
#include "core/http_client.hpp"

#include <fmt/format.h>

#include <future>
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
    return found;
}

Findings tenant(const Config& config, const subscriptions::Tenant& one, Clock& clock) {
    HttpClientOptions options;
    options.ca_file = one.cloud.ca_file;
    options.connect_timeout = std::chrono::seconds(10);
    options.timeout = std::chrono::seconds(20);
    const auto http = make_http_client(options);
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
    const auto service = gather_service(config);
    add(judge_store(service, config));
    add(listener(config, clock.system_now()));
    add(outside.get());
    for (auto& one : tenants) add(one.get());
    add(judge_subscriptions(service));
    add(judge_handlers(service));
    return found;
}

}  // namespace graphhook::app::doctor
