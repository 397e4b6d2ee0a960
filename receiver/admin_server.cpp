#include "receiver/admin_server.hpp"

#include "core/log.hpp"
#include "core/text.hpp"
#include "receiver/admin_tokens.hpp"
#include "receiver/certificate_watch.hpp"
#include "receiver/http_server.hpp"
#include "receiver/intake.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <utility>

namespace graphhook::receiver {
namespace {

constexpr std::string_view kApi = "/api/v1";
constexpr std::uint64_t kMostBodyBytes = 1u << 20;
constexpr std::uint64_t kMostConnections = 256;

/// The public listener's metrics are about Graph; administrators are not counted among them.
class Uncounted final : public ConnectionWatch {
  public:
    void opened() override {}
    void closed() override {}
    void dropped(Dropped) override {}
};

struct Context {
    const AdminOptions& options;
    prometheus::Registry& registry;
    const Health& health;
    AdminApi& api;
    const std::function<void()>& refresh;
    boost::asio::thread_pool& worker;
    std::vector<std::string> hosts;
};

Verdict refuse(unsigned status, std::string_view headers = {}) {
    Verdict verdict;
    verdict.reply = status_reply(status);
    if (!headers.empty()) verdict.reply.headers = headers;
    return verdict;
}

bool reads(Method method) {
    return method == Method::Get || method == Method::Head;
}

class AdminHandler final : public RequestHandler {
  public:
    AdminHandler(const Context& context, NetThread& thread) : context_(context), thread_(thread) {}

    Verdict on_head(const Exchange& exchange) override;
    void on_request(Exchange& exchange) override;
    Reply on_oversized(const Exchange&, std::string_view) override { return status_reply(413); }
    void on_bad_request(BadRequest) override {}
    void on_replied(std::uint8_t, unsigned, std::chrono::nanoseconds) override {}

  private:
    /// nullopt: come in.
    [[nodiscard]] std::optional<Verdict> guard(const Exchange& exchange) const;
    [[nodiscard]] std::optional<AdminRole> role_of(const Exchange& exchange) const;
    [[nodiscard]] Reply metrics() const;

    const Context& context_;
    NetThread& thread_;
};

Verdict AdminHandler::on_head(const Exchange& exchange) {
    const RequestHead& head = exchange.head();
    const auto path = head.path();
    if (auto verdict = health_verdict(path, head.method, context_.health)) return *verdict;
    if (path == "/metrics") {
        if (!reads(head.method)) return refuse(405, "Allow: GET, HEAD\r\n");
        Verdict verdict;
        verdict.reply = metrics();
        return verdict;
    }
    if (!path.starts_with(kApi) || (path.size() > kApi.size() && path[kApi.size()] != '/'))
        return refuse(404);
    if (auto refused = guard(exchange)) return *refused;
    Verdict verdict;
    verdict.read_body = true;
    verdict.body_limit = kMostBodyBytes;
    return verdict;
}

std::optional<AdminRole> AdminHandler::role_of(const Exchange& exchange) const {
    if (exchange.over_unix()) return AdminRole::Repair;
    const auto tokens = AdminTokens::read(context_.options.tokens_file);
    if (!tokens) {
        log().error("admin: {}", to_string(tokens.error()));
        return std::nullopt;
    }
    return tokens->role_of(exchange.head().authorization());
}

std::optional<Verdict> AdminHandler::guard(const Exchange& exchange) const {
    const RequestHead& head = exchange.head();
    if (exchange.over_unix()) return std::nullopt;
    if (context_.options.tokens_file.empty()) return refuse(404);
    if (!is_known_host(head.host(), context_.hosts)) return refuse(421);
    const auto role = role_of(exchange);
    if (!role) return refuse(401, "WWW-Authenticate: Bearer\r\n");
    if (reads(head.method)) return std::nullopt;
    if (*role != AdminRole::Repair) return refuse(403);
    const auto type = head.content_type();
    if (!same_letters(trimmed(type.substr(0, type.find(';'))), "application/json"))
        return refuse(415);
    return std::nullopt;
}

void AdminHandler::on_request(Exchange& exchange) {
    const RequestHead& head = exchange.head();
    AdminRequest request;
    request.method = head.method;
    request.path = head.path().substr(kApi.size());
    request.query = head.query();
    request.body = exchange.take_body();
    const auto role = role_of(exchange);
    request.may_repair = role == AdminRole::Repair;
    request.who =
        exchange.over_unix()
            ? exchange.client()
            : fmt::format(
                  "{} token from {}", to_string(role.value_or(AdminRole::Read)), exchange.client()
              );
    boost::asio::post(context_.worker, [this, &exchange, request = std::move(request)] {
        Reply reply;
        try {
            auto answer = context_.api.call(request);
            reply = text_reply(answer.status, std::move(answer.body));
        } catch (const std::exception& error) {
            log().error(
                "admin: a call failed path={} what={}", for_log(request.path), error.what()
            );
            reply = text_reply(500, R"({"error":"internal error"})");
        }
        reply.content_type = "application/json";
        if (!reads(request.method))
            log().info(
                "admin: {} {} by={} status={}", to_string(request.method), for_log(request.path),
                request.who, reply.status
            );
        std::vector<Task> tasks;
        tasks.emplace_back([&exchange, reply = std::move(reply)]() mutable {
            exchange.reply(std::move(reply));
        });
        thread_.mailbox->post(std::move(tasks));
    });
}

Reply AdminHandler::metrics() const {
    context_.refresh();
    auto reply =
        text_reply(200, prometheus::TextSerializer().Serialize(context_.registry.Collect()));
    reply.content_type = "text/plain; version=0.0.4; charset=utf-8";
    return reply;
}

}  // namespace

struct AdminServer::Impl {
    Impl(
        AdminOptions given, Clock& its_clock, prometheus::Registry& registry, const Health& health,
        AdminApi& api, std::function<void()> its_refresh
    )
        : options(std::move(given)),
          clock(its_clock),
          refresh(std::move(its_refresh)),
          worker(1),
          context{options, registry, health, api, refresh, worker, options.hosts} {}
    ~Impl() {
        server.reset();  // waits for the calls at hand
        worker.join();
    }

    AdminOptions options;
    Clock& clock;
    std::function<void()> refresh;
    boost::asio::thread_pool worker;
    Context context;
    Uncounted watch;
    std::shared_ptr<TlsContext> tls;
    std::unique_ptr<CertificateWatch> certificate_watch;
    std::unique_ptr<HttpServer> server;
    std::uint16_t port = 0;
};

AdminServer::AdminServer(
    AdminOptions options, Clock& clock, prometheus::Registry& registry, const Health& health,
    AdminApi& api, std::function<void()> refresh
)
    : impl_(std::make_unique<Impl>(
          std::move(options), clock, registry, health, api, std::move(refresh)
      )) {
}

AdminServer::~AdminServer() = default;

Result<void> AdminServer::start() {
    Impl& impl = *impl_;
    const AdminOptions& options = impl.options;
    if (!options.tokens_file.empty()) {
        if (const auto tokens = AdminTokens::read(options.tokens_file); !tokens)
            return tokens.error();
    }
    std::vector<std::pair<ListeningSocket, std::shared_ptr<TlsContext>>> sockets;
    if (!options.listen.empty()) {
        const auto address = parse_listen_address(options.listen);
        if (!address) return address.error();
        if (options.tls) {
            auto tls = TlsContext::open(*options.tls);
            if (!tls) return tls.error();
            impl.tls = std::move(*tls);
        } else if (!address->is_local()) {
            return fail(
                Errc::BadInput, fmt::format("admin.listen {} needs admin.tls", options.listen)
            );
        }
        auto socket = ListeningSocket::open(*address);
        if (!socket) return socket.error();
        impl.port = socket->port();
        impl.context.hosts.push_back(address->address.to_string());
        sockets.emplace_back(std::move(*socket), impl.tls);
    }
    if (!options.socket.empty()) {
        const auto address = parse_listen_address("unix:" + options.socket);
        if (!address) return address.error();
        auto socket = ListeningSocket::open(*address);
        if (!socket) return socket.error();
        sockets.emplace_back(std::move(*socket), nullptr);
    }
    auto settings = std::make_shared<Settings>();
    settings->limits.connections = kMostConnections;
    impl.server = std::make_unique<HttpServer>(
        1, impl.clock, impl.watch, std::move(settings),
        [&impl](NetThread& thread) { return std::make_unique<AdminHandler>(impl.context, thread); }
    );
    for (auto& [socket, tls] : sockets) impl.server->listen(std::move(socket), tls);
    impl.server->start();
    if (impl.tls != nullptr)
        impl.certificate_watch =
            std::make_unique<CertificateWatch>(impl.tls, [](const TlsReport&) {});
    return {};
}

std::uint16_t AdminServer::port() const noexcept {
    return impl_->port;
}

}  // namespace graphhook::receiver
