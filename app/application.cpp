#include "app/application.hpp"

#include "app/api/api.hpp"
#include "app/service/arrivals.hpp"
#include "app/service/handler_set.hpp"
#include "app/service/key_folder.hpp"
#include "app/service/lifecycle_lane.hpp"
#include "app/service/notification_world.hpp"
#include "app/service/proving.hpp"
#include "app/service/proving_keys.hpp"
#include "app/service/unproved.hpp"
#include "app/service/unsid_desk.hpp"
#include "authenticity/decryption_pool.hpp"
#include "authenticity/reason.hpp"
#include "core/log.hpp"
#include "handlers/dispatcher.hpp"
#include "receiver/admin_server.hpp"
#include "receiver/metrics.hpp"
#include "receiver/receiver.hpp"
#include "store/metrics.hpp"
#include "store/store.hpp"
#include "subscriptions/credentials/token_cache.hpp"
#include "subscriptions/manager.hpp"
#include "subscriptions/sync/store_sync_table.hpp"

#include <fmt/format.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <atomic>
#include <mutex>

namespace graphhook::app {
namespace {

/// What a handler that is removed by a reload gets to finish.
constexpr std::chrono::seconds kReloadGrace{10};
/// What handlers get to finish when we stop.
constexpr std::chrono::seconds kStopGrace{20};
/// Beyond the drain delay: what requests under way get.
constexpr std::chrono::seconds kAnswerGrace{30};
/// Of one batch: less than any handler's time limit, so that what was decrypted until then counts.
constexpr std::chrono::seconds kLongestDecryption{8};

std::vector<std::string> names_of(const std::vector<handlers::HandlerOptions>& handlers) {
    std::vector<std::string> names;
    for (const auto& handler : handlers) names.push_back(handler.name);
    return names;
}

/// Whose users hand in UNSIDs, and for which applications.
std::vector<authenticity::Expected> expected_of(const Config& config) {
    std::vector<authenticity::Expected> expected;
    for (auto& tenant : proven_tenants(config.subscriptions))
        expected.push_back(std::move(tenant.expected));
    return expected;
}

std::string_view state_text(receiver::Health::State state) {
    switch (state) {
        case receiver::Health::State::Starting:
            return "starting";
        case receiver::Health::State::Ready:
            return "ready";
        case receiver::Health::State::Draining:
            return "draining";
    }
    return "unknown";
}

}  // namespace

/// In the order of need: what is declared later uses what is declared earlier.
struct Application::Impl {
    Impl(Config given, Surroundings around)
        : config(std::move(given)),
          clock(around.clock),
          started_at(clock.system_now()),
          decryption_threads(config.keys.threads),
          on_store_failed(std::move(around.on_store_failed)) {
        prometheus::BuildGauge()
            .Name("graphhook_build_info")
            .Help("Always 1; what is running is in the labels")
            .Register(registry)
            .Add({{"version", GRAPHHOOK_VERSION}})
            .Set(1);
    }

    Config config;
    Clock& clock;
    const SystemTime started_at;
    const std::uint32_t decryption_threads;
    std::function<void(const Error&)> on_store_failed;

    prometheus::Registry registry;
    store::Metrics store_metrics{registry};
    receiver::Metrics receiver_metrics{registry};
    handlers::Metrics handler_metrics{registry};
    subscriptions::Metrics subscription_metrics{registry};
    receiver::Health health;

    std::unique_ptr<store::Store> store;
    std::unique_ptr<KeyFolder> key_folder;
    std::unique_ptr<ProvingKeys> proving_keys;
    std::once_flag decryption_made;
    std::unique_ptr<authenticity::DecryptionPool> decryption;
    std::unique_ptr<Prover> prover;
    std::unique_ptr<UnprovedWatch> unproved;
    const std::shared_ptr<subscriptions::TokenCache> tokens =
        std::make_shared<subscriptions::TokenCache>();
    std::unique_ptr<subscriptions::StoreSubscriptionTable> table;
    std::unique_ptr<subscriptions::StoreSyncTable> sync;
    std::unique_ptr<subscriptions::SubscriptionManager> subscriptions;
    std::unique_ptr<TenantNotificationWorld> notifications;
    std::unique_ptr<handlers::StoreSource> source;
    std::unique_ptr<handlers::Dispatcher> dispatcher;
    std::unique_ptr<Api> api;
    std::unique_ptr<receiver::AdminServer> admin;
    std::unique_ptr<ArrivalJournal> journal;
    std::unique_ptr<ExpiryRelay> expiry;
    std::unique_ptr<StoreUnsidDesk> unsids;
    std::unique_ptr<receiver::Receiver> receiver;

    /// Brings up to date what is computed when it is asked for.
    void refresh() {
        receiver_metrics.refresh(clock.steady_now());
        subscriptions->refresh_metrics();
    }

    /// Its threads begin with the first resource that somebody wants.
    authenticity::DecryptionPool& decryption_pool() {
        std::call_once(decryption_made, [this] {
            decryption = std::make_unique<authenticity::DecryptionPool>(decryption_threads);
        });
        return *decryption;
    }

    std::unique_ptr<StoreUnsidDesk> make_desk() {
        return std::make_unique<StoreUnsidDesk>(
            expected_of(config), config.unsids.scope,
            StoreUnsidDesk::Parts{
                .store = *store,
                .clock = clock,
                .sets = [this] { return proving_keys->sets(); },
                .keys_wanted = [this](const std::string& login) { proving_keys->wanted(login); },
            }
        );
    }

    std::unique_ptr<Prover> make_prover() {
        return std::make_unique<Prover>(
            proven_tenants(config.subscriptions),
            Prover::Parts{
                .clock = clock,
                .sets = [this] { return proving_keys->sets(); },
                .keys_wanted = [this](const std::string& login) { proving_keys->wanted(login); },
                .keyring = [this] { return key_folder->keyring(); },
                .decrypt =
                    [this](std::vector<Prover::Job> jobs, const std::stop_token& stop) {
                        return decryption_pool().decrypt(std::move(jobs), stop, kLongestDecryption);
                    },
                .keep_verdict =
                    [this](std::int64_t proof, std::string verdict) {
                        // One that is not kept is found again.
                        store->put_verdict(
                            proof, std::move(verdict),
                            {nullptr, [](const Result<std::monostate>&) {}}
                        );
                    },
            }
        );
    }

    std::atomic<bool> at_once{false};
    bool stopped = false;
};

Application::Application(Config config, Surroundings surroundings)
    : impl_(std::make_unique<Impl>(std::move(config), std::move(surroundings))) {
}

Application::~Application() {
    stop_at_once();
    stop();
}

Result<void> Application::start() {
    auto& s = *impl_;
    const auto& config = s.config;

    // What survives us comes first: its lock says that nobody else serves this store.
    auto options = config.store;
    options.on_failed = s.on_store_failed;
    auto store = store::open_store(options, s.clock, s.store_metrics);
    if (!store) {
        return fail(
            store.error().code == Errc::Failed ? Errc::Corrupt : store.error().code,
            fmt::format("the store '{}': {}", config.store.url, store.error().detail)
        );
    }
    s.store = std::move(store).value();

    // What rich notifications are proved and opened with, and users' tokens judged: the keys that
    // are there, and the key sets that were kept. Nobody waits for the network.
    s.key_folder = std::make_unique<KeyFolder>(
        config.keys, KeyFolder::Parts{
                         .store = *s.store,
                         .clock = s.clock,
                         .registry = s.registry,
                         .in_use = [&s] { return s.subscriptions->certificates(); },
                         .on_change = [&s] { s.subscriptions->nudge(); },
                     }
    );
    s.key_folder->read();
    s.proving_keys = std::make_unique<ProvingKeys>(
        config.subscriptions, *s.store, s.clock, s.registry,
        config.unsids.enabled ? Judged::ItemsAndUsers : Judged::Items
    );
    s.proving_keys->start();
    s.prover = s.make_prover();
    s.unproved = std::make_unique<UnprovedWatch>(*s.prover, s.clock);

    // Who keeps Graph willing to call us. It only looks, until everybody else is in place.
    s.table = std::make_unique<subscriptions::StoreSubscriptionTable>(*s.store);
    s.sync = std::make_unique<subscriptions::StoreSyncTable>(*s.store, s.clock);
    s.subscriptions = std::make_unique<subscriptions::SubscriptionManager>(
        config.subscriptions,
        subscriptions::SubscriptionManager::Parts{
            .table = *s.table,
            .sync = *s.sync,
            .clock = s.clock,
            .metrics = s.subscription_metrics,
            .tokens = s.tokens,
            .certificate = [&s] { return s.key_folder->certificate(); },
        }
    );
    s.key_folder->start();

    // What user notifications are posted with: the tenants' tokens, and the UNSIDs of their users.
    // Nothing of it is built before somebody posts.
    s.notifications = std::make_unique<TenantNotificationWorld>(
        config,
        TenantNotificationWorld::Parts{
            .store = *s.store,
            .clock = s.clock,
            .metrics = s.subscription_metrics,
            .tokens = s.tokens,
        }
    );

    // Who brings what is stored to the handlers; what the last process left begins here and now.
    s.source = std::make_unique<handlers::StoreSource>(*s.store);
    handlers::DispatcherOptions dispatching;
    dispatching.opener = s.unproved.get();
    for (const auto reason : authenticity::all_reasons()) {
        if (authenticity::may_be_proved_later(reason)) {
            s.handler_metrics.expect_unproved(authenticity::to_string(reason));
        } else {
            s.handler_metrics.expect_disproved(authenticity::to_string(reason));
        }
    }
    s.dispatcher = std::make_unique<handlers::Dispatcher>(
        *s.source, s.clock, s.handler_metrics, std::move(dispatching)
    );
    // Lifecycle notifications and signals have a lane of their own, which ends in the
    // subscriptions.
    auto added = s.dispatcher->add(
        LifecycleLane::kName,
        std::make_unique<LifecycleLane>(
            [&s](const subscriptions::LifecycleEvent& event) {
                return s.subscriptions->take(event);
            },
            [&s](const std::string& name, const std::string& graph_id) {
                return s.subscriptions->take_signal(name, graph_id);
            }
        ),
        LifecycleLane::accepts
    );
    if (!added) return added.error();
    auto prepared =
        prepare_handlers(config, names_of(config.handlers), s.clock, s.notifications.get());
    if (!prepared) return prepared.error();
    added = attach_handlers(*s.dispatcher, std::move(prepared).value());
    if (!added) return added.error();

    // The operator's window: metrics and health, and what the command line asks and repairs.
    s.api = std::make_unique<Api>(Api::Parts{
        .store = *s.store,
        .subscriptions = *s.subscriptions,
        .clock = s.clock,
        .state = [&s] { return state_text(s.health.state()); },
        .started_at = s.started_at,
        .keys = s.key_folder.get(),
        .unproved = s.unproved.get(),
    });
    s.admin = std::make_unique<receiver::AdminServer>(
        config.admin, s.clock, s.registry, s.health, *s.api, [&s] { s.refresh(); }
    );
    if (auto started = s.admin->start(); !started) return started.error();

    // Who takes in what client apps say of their users, where that is wanted at all.
    if (config.unsids.enabled) s.unsids = s.make_desk();

    // The front door.
    s.journal = std::make_unique<ArrivalJournal>(*s.store, *s.subscriptions);
    s.expiry = std::make_unique<ExpiryRelay>(*s.subscriptions);
    s.receiver = std::make_unique<receiver::Receiver>(
        config.receiver, *s.journal, s.clock, s.receiver_metrics, s.health, s.expiry.get(),
        s.unsids.get()
    );
    if (auto started = s.receiver->start(); !started) return started.error();

    // Only now may Graph be asked to call: it tries our door before it agrees to anything.
    s.health.set(receiver::Health::State::Ready);
    s.subscriptions->start();
    return {};
}

Result<void> Application::reload(Config config) {
    auto& s = *impl_;
    if (const auto fixed = changed_needing_restart(s.config, config); !fixed.empty()) {
        return fail(
            Errc::Refused, fmt::format("these keys need a restart: {}", fmt::join(fixed, ", "))
        );
    }
    // First whatever can be refused, then what can not.
    const auto changes = handler_changes(s.config, config);
    auto prepared = prepare_handlers(config, changes.to_attach, s.clock, s.notifications.get());
    if (!prepared) return prepared.error();
    if (const auto reloaded = s.receiver->reload(config.receiver); !reloaded)
        return reloaded.error();
    s.prover->set_tenants(proven_tenants(config.subscriptions));
    s.proving_keys->take(config.subscriptions);
    s.notifications->take(config);
    if (s.unsids) s.unsids->set_ours(expected_of(config));
    for (const auto& name : changes.to_detach) {
        if (const auto removed = s.dispatcher->remove(name, kReloadGrace); !removed)
            log().error("handler={} not detached error={}", name, to_string(removed.error()));
    }
    if (const auto added = attach_handlers(*s.dispatcher, std::move(prepared).value()); !added)
        log().error("not attached error={}", to_string(added.error()));
    s.subscriptions->reload(config.subscriptions);
    log().set_level(spdlog::level::from_str(config.log.level));
    s.config = std::move(config);
    return {};
}

void Application::stop() {
    auto& s = *impl_;
    if (std::exchange(s.stopped, true)) return;
    if (s.receiver) {
        // Readiness fails at once; for a while all goes on, as balancers are slow to notice.
        s.receiver->begin_drain();
        if (s.at_once) s.receiver->insist();
        // Then nobody new comes in, and who was let in gets an answer.
        if (!s.receiver->wait_for_end(s.config.receiver.drain_delay + kAnswerGrace)) {
            log().warn("connections={} closed without an answer", s.receiver->connections());
            s.receiver->insist();
        }
    }
    // Handlers finish, or give back what they have.
    if (s.dispatcher) s.dispatcher->stop(s.at_once ? std::chrono::seconds(0) : kStopGrace);
    // Nothing is proved or opened any more.
    if (s.key_folder) s.key_folder->stop();
    if (s.proving_keys) s.proving_keys->stop();
    // Nothing at Graph is undone: its notifications wait for the next start.
    if (s.subscriptions) s.subscriptions->stop();
    // What everybody leans on, the store, closes with the last of them: members go in reverse.
}

void Application::stop_at_once() {
    auto& s = *impl_;
    s.at_once = true;
    if (s.receiver) s.receiver->insist();
    if (s.dispatcher) s.dispatcher->stop_at_once();
}

void Application::ask_for_life(std::function<void()> alive) {
    impl_->store->stats({nullptr, [alive = std::move(alive)](const Result<store::StoreStats>&) {
                             alive();
                         }});
}

std::uint16_t Application::port() const {
    return impl_->receiver->port();
}

std::uint16_t Application::admin_port() const {
    return impl_->admin->port();
}

std::string Application::metrics_text() {
    auto& s = *impl_;
    s.refresh();
    return prometheus::TextSerializer().Serialize(s.registry.Collect());
}

}  // namespace graphhook::app
