#include "emulator/emulator.hpp"

#include "core/log.hpp"
#include "emulator/certificates.hpp"
#include "emulator/changes.hpp"
#include "emulator/control.hpp"
#include "emulator/data/data_api.hpp"
#include "emulator/files.hpp"
#include "emulator/graph_api.hpp"
#include "emulator/identity/identity.hpp"
#include "emulator/pauses.hpp"
#include "emulator/prober.hpp"
#include "emulator/rich/composer.hpp"
#include "emulator/sender.hpp"
#include "emulator/server.hpp"
#include "emulator/user_notifications/endpoint_api.hpp"
#include "emulator/user_notifications/service.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <fmt/format.h>

#include <csignal>

namespace graphhook::emulator {

namespace asio = boost::asio;
namespace ssl = boost::asio::ssl;

namespace {

constexpr auto kHousekeeping = std::chrono::milliseconds(100);
constexpr auto kPump = std::chrono::milliseconds(2);

Span scaled(std::chrono::milliseconds time, double scale) {
    return std::chrono::duration_cast<Span>(
        std::chrono::duration<double, std::milli>(static_cast<double>(time.count()) / scale)
    );
}

Outbox::Options outbox_options(const Options& options) {
    Outbox::Options made;
    made.batch = options.batch;
    made.most_items = options.queue;
    made.retry.first_delay = scaled(options.first_retry, options.time_scale);
    made.retry.longest_delay = scaled(std::chrono::minutes(30), options.time_scale);
    made.retry.give_up_after = scaled(options.give_up_after, options.time_scale);
    made.retry.slow_delay = scaled(options.slow_delay, options.time_scale);
    made.health.window = scaled(options.window, options.time_scale);
    made.health.drop_for = scaled(options.window, options.time_scale);
    return made;
}

Sender::Options sender_options(const Options& options) {
    return {options.connections_out, options.first_timeout, options.retry_timeout};
}

GraphApi::Options api_options(const Options& options) {
    GraphApi::Options made;
    made.shortest_life = std::chrono::duration_cast<std::chrono::milliseconds>(
        scaled(options.shortest_life, options.time_scale)
    );
    made.insecure_http = options.insecure_http;
    made.validate_updates = options.validate_updates;
    made.page_size = options.page_size;
    return made;
}

Registry::Limits registry_limits(const Options& options) {
    Registry::Limits limits;
    limits.duplicates = options.duplicates;
    limits.most = options.most_subscriptions;
    limits.kind_limits = options.kind_limits;
    return limits;
}

std::optional<std::chrono::seconds> life_of(std::optional<std::chrono::milliseconds> life) {
    if (!life) return std::nullopt;
    return std::chrono::ceil<std::chrono::seconds>(*life);
}

DataApi::Options data_options(const Options& options) {
    DataApi::Options made;
    made.pages.usual = options.data_page_size;
    made.pages.most = options.most_in_page;
    made.lives.directory = life_of(options.directory_delta_life);
    made.lives.others = life_of(options.delta_life);
    return made;
}

UserNotifications::Options user_notification_options(const Options& options) {
    UserNotifications::Options made;
    made.rules.wrapped = options.wrapped_notifications;
    made.rules.most_content_bytes = options.most_content_bytes;
    made.limits = options.quotas;
    return made;
}

Server::Options server_options(const Options& options) {
    Server::Options made;
    made.host = options.host;
    made.port = options.port;
    made.connections = options.connections_in;
    return made;
}

/// Plain HTTP, as the machine's own endpoint, and never off loopback.
Server::Options managed_server_options(const Options& options) {
    Server::Options made;
    made.port = options.managed_identity_port.value_or(0);
    made.connections = options.connections_in;
    return made;
}

Response nothing_here() {
    return json_response(
        404, R"({"error":{"code":"ResourceNotFound","message":"There is nothing here."}})"
    );
}

Error tls_error(std::string_view what, const boost::system::error_code& error) {
    return fail(Errc::Failed, fmt::format("{}: {}", what, error.message()));
}

/// What we serve TLS with.
Result<void> set_up_server_tls(
    ssl::context& context, const Options& options, const PemPair& authority
) {
    PemPair pair;
    if (options.certificate.empty()) {
        std::vector<std::string> hosts{"localhost", "127.0.0.1", "::1"};
        if (options.host != "0.0.0.0" && options.host != "::" && options.host != "localhost" &&
            options.host != "127.0.0.1") {
            hosts.push_back(options.host);
        }
        auto made = make_server_certificate(authority, hosts);
        if (!made) return made.error();
        pair = std::move(*made);
    } else {
        auto certificate = read_file(options.certificate);
        if (!certificate) return certificate.error();
        auto key = read_file(options.key);
        if (!key) return key.error();
        pair = PemPair{std::move(*certificate), std::move(*key)};
    }
    ::SSL_CTX_set_min_proto_version(context.native_handle(), TLS1_2_VERSION);
    boost::system::error_code error;
    context.use_certificate_chain(asio::buffer(pair.certificate), error);
    if (error) return tls_error("the TLS certificate cannot be used", error);
    context.use_private_key(asio::buffer(pair.key), ssl::context::pem, error);
    if (error) return tls_error("the TLS key cannot be used", error);
    return {};
}

/// How we verify receivers.
Result<void> set_up_client_tls(
    ssl::context& context, const Options& options, const PemPair& authority
) {
    boost::system::error_code error;
    context.set_verify_mode(ssl::verify_peer, error);
    context.set_default_verify_paths(error);  // none there: then only those below
    if (!authority.certificate.empty()) {
        context.add_certificate_authority(asio::buffer(authority.certificate), error);
        if (error) return tls_error("our own authority cannot be used", error);
    }
    if (!options.receiver_ca.empty()) {
        context.load_verify_file(options.receiver_ca.string(), error);
        if (error)
            return tls_error(fmt::format("{} cannot be used", options.receiver_ca.string()), error);
    }
    ::SSL_CTX_set_min_proto_version(context.native_handle(), TLS1_2_VERSION);
    ::SSL_CTX_set_max_proto_version(
        context.native_handle(), options.receiver_tls13 ? TLS1_3_VERSION : TLS1_2_VERSION
    );
    return {};
}

}  // namespace

struct Emulator::Impl {
    Impl(Options options_, SigningKey key, Clock& clock_)
        : options(std::move(options_)),
          clock(clock_),
          io(1),
          server_tls(ssl::context::tls_server),
          client_tls(ssl::context::tls_client),
          faults(options.seed),
          identity(options.identity, std::move(key), stats, clock),
          registry(registry_limits(options)),
          world(clock),
          data(data_options(options), world, faults, clock),
          user_notifications(user_notification_options(options), clock),
          endpoint_api(user_notifications, identity, clock),
          quotas(options.quotas),
          ledger(options.ledger),
          composer(identity.validation_tokens()),
          outbox(
              outbox_options(options), faults,
              Outbox::Events{
                  [this](const Item& item, Settlement end, int attempts) {
                      changes.settled(item, end, attempts);
                  },
                  [this](const std::string& endpoint) { sender.wake(endpoint); },
                  [this] { ++stats.items_forged; },
                  [this](const std::vector<Item>& items) { return composer.body(items); }
              },
              options.seed
          ),
          changes(registry, world, outbox, ledger, faults, stats, clock),
          sender(io, client_tls, outbox, stats, clock, sender_options(options)),
          prober(io, client_tls, stats, options.handshake_timeout),
          api(api_options(options), {identity, registry, world, data, user_notifications, quotas,
                                     prober, faults, pauses, stats, clock}),
          control(
              {registry, world, quotas, outbox, changes, ledger, faults, stats, clock, identity,
               user_notifications, [this] { start_pump(); }}
          ),
          server(
              io, options.insecure_http ? nullptr : &server_tls, server_options(options),
              [this](Request request) { return handle(std::move(request)); }, clock
          ),
          managed_server(
              io, nullptr, managed_server_options(options),
              [this](Request request) { return handle_managed(std::move(request)); }, clock
          ),
          housekeeping(io),
          pump(io),
          signals(io) {}

    asio::awaitable<Response> handle(Request request) {
        auto response = co_await answer(std::move(request));
        // Who sends notifications and who tells the time are one.
        const auto offset = control.clock_offset();
        if (offset.count() != 0)
            response.headers.emplace_back("Date", http_date(clock.system_now() + offset));
        co_return response;
    }
    asio::awaitable<Response> answer(Request request) {
        const std::string path(request.path());
        if (auto out = outage(path)) co_return std::move(*out);
        if (GraphApi::serves(path)) co_return co_await api.handle(std::move(request));
        if (EndpointApi::serves(path)) co_return endpoint_api.handle(request);
        if (Control::serves(path)) co_return control.handle(request);
        auto response = identity.handle(request);
        if (!response) co_return nothing_here();
        if (response->delay > std::chrono::milliseconds::zero())
            co_await pauses.pause(response->delay);
        co_return std::move(*response);
    }
    /// Everything is down but what steers us.
    std::optional<Response> outage(const std::string& path) {
        if (!faults.any() || Control::serves(path)) return std::nullopt;
        const auto fault = faults.take(FaultKind::Outage, {{}, path});
        if (!fault) return std::nullopt;
        ++stats.faults_struck;
        if (fault->hang_up) {
            Response none;
            none.hang_up = true;
            return none;
        }
        auto response = json_response(
            fault->status, R"({"error":{"code":"ServiceUnavailable","message":"An outage."}})"
        );
        if (fault->retry_after) {
            response.headers.emplace_back(
                "Retry-After", fmt::format("{}", fault->retry_after->count())
            );
        }
        return response;
    }
    asio::awaitable<Response> handle_managed(Request request) {
        auto response = identity.handle_managed(request);
        if (!response) co_return nothing_here();
        co_return std::move(*response);
    }

    void start_pump() {
        if (pumping || stopping) return;
        pumping = true;
        turn_pump();
    }
    void turn_pump() {
        pumping = changes.step();
        if (!pumping || stopping) return;
        pump.expires_after(kPump);
        pump.async_wait([this](const boost::system::error_code& error) {
            if (!error) turn_pump();
        });
    }

    void keep_house() {
        for (const auto& subscription : registry.expire(clock.system_now())) {
            log().info(
                "subscription expired id={} kind={}", subscription->id,
                subscription->resource.kind->name
            );
        }
        if (options.send_missed) send_missed();
        outbox.tidy(clock.steady_now());
        if (stopping) return;
        housekeeping.expires_after(kHousekeeping);
        housekeeping.async_wait([this](const boost::system::error_code& error) {
            if (!error) keep_house();
        });
    }

    /// Tells subscribers that something was lost, once their endpoint takes notifications again.
    void send_missed() {
        const auto lost = stats.items_failed + stats.items_dropped;
        if (lost == losses_seen && !missed_waits) return;
        losses_seen = lost;
        missed_waits = false;
        std::vector<Item> items;
        for (const auto& [sequence, subscription] : registry.all()) {
            if (!subscription->missed_due) continue;
            const auto url = parse_url(subscription->notification_url);
            if (outbox.room() == 0 ||
                (url && outbox.health(url->endpoint(), clock.steady_now()) == Health::Dropping)) {
                missed_waits = true;
                continue;
            }
            subscription->missed_due = false;
            if (subscription->lifecycle_url.empty()) continue;
            if (subscription->resource.kind->lifecycle != Lifecycle::RemovedAndMissed) continue;
            items.push_back(Item{subscription, {}, LifecycleEvent::Missed, nullptr});
        }
        if (items.empty()) return;
        log().info("notifications were lost: missed goes to subscriptions={}", items.size());
        stats.lifecycle_made += items.size();
        outbox.add_lifecycle(std::move(items), true, clock.steady_now());
    }

    void stop() {
        if (stopping) return;
        stopping = true;
        log().info("stopping");
        server.stop();
        managed_server.stop();
        prober.stop();
        sender.stop();
        pauses.stop();
        housekeeping.cancel();
        pump.cancel();
        boost::system::error_code ignored;
        signals.cancel(ignored);
    }

    const Options options;
    Clock& clock;
    asio::io_context io;
    ssl::context server_tls;
    ssl::context client_tls;
    Faults faults;
    Stats stats;
    Pauses pauses;
    Identity identity;
    Registry registry;
    World world;
    DataApi data;
    UserNotifications user_notifications;
    EndpointApi endpoint_api;
    Quotas quotas;
    Ledger ledger;
    Composer composer;
    Outbox outbox;
    ChangeMaker changes;
    Sender sender;
    Prober prober;
    GraphApi api;
    Control control;
    Server server;
    Server managed_server;
    asio::steady_timer housekeeping;
    asio::steady_timer pump;
    asio::signal_set signals;
    std::uint64_t losses_seen = 0;
    bool missed_waits = false;
    bool pumping = false;
    bool stopping = false;
};

Emulator::Emulator(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {
}
Emulator::~Emulator() = default;

Result<std::unique_ptr<Emulator>> Emulator::open(Options options, Clock& clock) {
    if (options.insecure_http && !is_loopback(options.host)) {
        return fail(Errc::BadInput, "plain HTTP is for loopback addresses only");
    }
    if (options.certificate.empty() != options.key.empty()) {
        return fail(Errc::BadInput, "a TLS certificate needs its key, and the other way round");
    }
    PemPair authority;
    if (!options.certificates_directory.empty()) {
        auto kept = authority_in(options.certificates_directory);
        if (!kept) return kept.error();
        authority = std::move(*kept);
    } else if (options.certificate.empty() && !options.insecure_http) {
        return fail(
            Errc::BadInput, "without a certificate of yours, a directory for ours is needed"
        );
    }
    auto key = SigningKey::make();
    if (!key) return key.error();
    auto impl = std::make_unique<Impl>(std::move(options), std::move(*key), clock);
    if (!impl->options.insecure_http) {
        if (auto set_up = set_up_server_tls(impl->server_tls, impl->options, authority); !set_up)
            return set_up.error();
    }
    if (auto set_up = set_up_client_tls(impl->client_tls, impl->options, authority); !set_up)
        return set_up.error();
    if (auto listening = impl->server.listen(); !listening) return listening.error();
    if (impl->options.managed_identity_port) {
        if (auto listening = impl->managed_server.listen(); !listening) return listening.error();
    }
    impl->keep_house();
    std::unique_ptr<Emulator> made(new Emulator(std::move(impl)));
    made->impl_->identity.validation_tokens().set_foreign_keys_url(
        made->base_url() + "/emulator/foreign-keys"
    );
    return made;
}

std::uint16_t Emulator::port() const noexcept {
    return impl_->server.port();
}

std::uint16_t Emulator::managed_identity_port() const noexcept {
    return impl_->managed_server.port();
}

std::string Emulator::base_url() const {
    const auto& host = impl_->options.host;
    const bool any = is_loopback(host) || host == "0.0.0.0" || host == "::";
    Url url;
    url.tls = !impl_->options.insecure_http;
    url.host = any ? "localhost" : host;
    url.port = std::to_string(port());
    return fmt::format("{}://{}", url.tls ? "https" : "http", url.authority());
}

void Emulator::stop_on_signals() {
    boost::system::error_code ignored;
    impl_->signals.add(SIGTERM, ignored);
    impl_->signals.add(SIGINT, ignored);
    impl_->signals.async_wait([impl = impl_.get()](const boost::system::error_code& error, int) {
        if (!error) impl->stop();
    });
}

void Emulator::run() {
    impl_->io.run();
}

void Emulator::stop() {
    asio::post(impl_->io, [impl = impl_.get()] { impl->stop(); });
}

}  // namespace graphhook::emulator
