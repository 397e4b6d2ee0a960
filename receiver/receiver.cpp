#include "receiver/receiver.hpp"

#include "receiver/certificate_watch.hpp"
#include "receiver/http_server.hpp"
#include "receiver/tls_context.hpp"

#include <boost/asio/thread_pool.hpp>

#include <algorithm>
#include <atomic>
#include <sched.h>

namespace graphhook::receiver {
namespace {

constexpr std::size_t kParsers = 2;

std::uint32_t usable_processors() {
    ::cpu_set_t set;
    CPU_ZERO(&set);
    if (::sched_getaffinity(0, sizeof set, &set) != 0) return 1;
    return static_cast<std::uint32_t>(std::max(CPU_COUNT(&set), 1));
}

/// "https://host/graph/" -> "/graph".
std::string base_path_of(const ReceiverOptions& options) {
    std::string path = options.base_path;
    if (path.empty()) {
        const auto authority = options.public_url.find("://");
        const auto slash = authority == std::string::npos
                               ? std::string::npos
                               : options.public_url.find('/', authority + 3);
        if (slash != std::string::npos) path = options.public_url.substr(slash);
        path = path.substr(0, path.find_first_of("?#"));
    }
    while (path.ends_with('/')) path.pop_back();
    return path;
}

Result<std::shared_ptr<const Settings>> settings_of(const ReceiverOptions& options) {
    auto trusted = Networks::parse(options.trusted_proxies);
    if (!trusted) return trusted.error();
    auto settings = std::make_shared<Settings>();
    settings->limits = options.limits;
    settings->trusted_proxies = std::move(*trusted);
    settings->proxy_protocol = options.proxy_protocol;
    settings->tenant_ids = options.tenant_ids;
    return std::shared_ptr<const Settings>(std::move(settings));
}

}  // namespace

struct Receiver::Impl {
    Impl(
        ReceiverOptions given, Journal& journal, Clock& its_clock, Metrics& its_metrics,
        Health& its_health, ExpiryHints* hints, UnsidDesk* desk
    )
        : options(std::move(given)),
          clock(its_clock),
          metrics(its_metrics),
          health(its_health),
          pool(kParsers),
          unsids(desk == nullptr ? nullptr : std::make_unique<UnsidContext>(*desk, clock, metrics)),
          context{journal,     clock, metrics, health, hints, pool, base_path_of(options),
                  unsids.get()} {
        if (unsids != nullptr) metrics.serves_unsids();
    }
    ~Impl() {
        certificate_watch.reset();
        if (server != nullptr) {
            server->insist();
            server->wait();
        }
        // Nobody waits for the pools any more, yet one may be about to leave a network thread's
        // mailbox: that goes last.
        pool.join();
        if (unsids != nullptr) unsids->pool.join();
        server.reset();
    }

    ReceiverOptions options;
    Clock& clock;
    Metrics& metrics;
    Health& health;
    boost::asio::thread_pool pool;
    std::unique_ptr<UnsidContext> unsids;
    IntakeContext context;
    std::shared_ptr<TlsContext> tls;
    std::unique_ptr<CertificateWatch> certificate_watch;
    std::unique_ptr<HttpServer> server;
    std::uint16_t port = 0;
    std::atomic<bool> draining{false};
};

Receiver::Receiver(
    ReceiverOptions options, Journal& journal, Clock& clock, Metrics& metrics, Health& health,
    ExpiryHints* hints, UnsidDesk* desk
)
    : impl_(std::make_unique<Impl>(std::move(options), journal, clock, metrics, health, hints, desk)
      ) {
}

Receiver::~Receiver() = default;

Result<void> Receiver::start() {
    Impl& impl = *impl_;
    const auto address = parse_listen_address(impl.options.listen);
    if (!address) return address.error();
    auto settings = settings_of(impl.options);
    if (!settings) return settings.error();
    if (impl.options.tls) {
        auto tls = TlsContext::open(*impl.options.tls);
        if (!tls) return tls.error();
        impl.tls = std::move(*tls);
        impl.metrics.certificate(impl.tls->expires_at());
    }
    auto socket = ListeningSocket::open(*address);
    if (!socket) return socket.error();
    impl.port = socket->port();
    const auto threads = impl.options.threads != 0 ? impl.options.threads : usable_processors();
    impl.server = std::make_unique<HttpServer>(
        threads, impl.clock, impl.metrics, std::move(*settings),
        [&impl](NetThread& thread) { return make_intake(impl.context, thread); }
    );
    impl.server->listen(std::move(*socket), impl.tls);
    impl.server->start();
    if (impl.tls != nullptr)
        impl.certificate_watch = std::make_unique<CertificateWatch>(
            impl.tls,
            [&metrics = impl.metrics](const TlsReport& report) {
                metrics.certificate_reload(report.taken);
                metrics.certificate(report.expires_at);
            }
        );
    return {};
}

std::uint16_t Receiver::port() const noexcept {
    return impl_->port;
}

Result<void> Receiver::reload(const ReceiverOptions& options) {
    Impl& impl = *impl_;
    auto settings = settings_of(options);
    if (!settings) return settings.error();
    if (impl.tls != nullptr && options.tls) {
        auto taken = impl.tls->reload(*options.tls);
        impl.metrics.certificate_reload(taken.has_value());
        if (!taken) return taken;
        impl.metrics.certificate(impl.tls->expires_at());
    }
    impl.server->update(*settings);
    return {};
}

Result<void> Receiver::reload_certificate() {
    Impl& impl = *impl_;
    if (impl.tls == nullptr) return fail(Errc::Conflict, "this listener has no TLS");
    auto taken = impl.tls->reload();
    impl.metrics.certificate_reload(taken.has_value());
    if (taken) impl.metrics.certificate(impl.tls->expires_at());
    return taken;
}

void Receiver::begin_drain() {
    impl_->health.set(Health::State::Draining);
    if (impl_->server == nullptr) return;
    if (impl_->draining.exchange(true)) return impl_->server->insist();
    impl_->server->drain(impl_->options.drain_delay);
}

void Receiver::insist() {
    impl_->health.set(Health::State::Draining);
    if (impl_->server != nullptr) impl_->server->insist();
}

bool Receiver::wait_for_end(std::chrono::milliseconds most) {
    return impl_->server == nullptr || impl_->server->wait_for(most);
}

std::uint64_t Receiver::connections() const noexcept {
    return impl_->server == nullptr ? 0 : impl_->server->connections();
}

}  // namespace graphhook::receiver
