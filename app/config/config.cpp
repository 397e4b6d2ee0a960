#include "app/config/config.hpp"

#include "app/config/config_checks.hpp"
#include "app/config/scalar.hpp"

#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>
#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <tuple>

namespace graphhook::app {
namespace {

/// Takes values out of a reading; what is not there leaves the room's own default.
class Fill {
  public:
    Fill(const Reading& reading, std::string base) : reading_(reading), base_(std::move(base)) {}

    [[nodiscard]] bool has(std::string_view key) const {
        return reading_.sections.contains(path(key)) || reading_.find(path(key)) != nullptr;
    }
    [[nodiscard]] Fill below(std::string_view key) const { return {reading_, path(key)}; }

    const Fill& operator()(std::string_view key, std::string& out) const {
        if (const auto* value = find(key)) out = value->text;
        return *this;
    }
    const Fill& operator()(std::string_view key, std::vector<std::string>& out) const {
        if (const auto* value = find(key)) out = value->list;
        return *this;
    }
    const Fill& operator()(std::string_view key, std::chrono::milliseconds& out) const {
        if (const auto* value = find(key))
            out = std::chrono::milliseconds(static_cast<std::int64_t>(value->number));
        return *this;
    }
    const Fill& operator()(std::string_view key, bool& out) const {
        if (const auto* value = find(key)) out = value->number != 0;
        return *this;
    }
    const Fill& operator()(std::string_view key, std::uint64_t& out) const {
        if (const auto* value = find(key)) out = value->number;
        return *this;
    }
    const Fill& operator()(std::string_view key, std::uint32_t& out) const {
        if (const auto* value = find(key)) out = static_cast<std::uint32_t>(value->number);
        return *this;
    }
    /// The key itself, or its twin that names a file.
    const Fill& operator()(std::string_view key, Secret& out) const {
        if (const auto* value = find(key)) out = value->secret;
        if (const auto* value = find(fmt::format("{}_file", key))) out = value->secret;
        return *this;
    }
    [[nodiscard]] const Value* find(std::string_view key) const { return reading_.find(path(key)); }

  private:
    [[nodiscard]] std::string path(std::string_view key) const {
        return base_.empty() ? std::string(key) : fmt::format("{}.{}", base_, key);
    }
    const Reading& reading_;
    std::string base_;
};

const std::vector<std::string>& names_below(const Reading& reading, std::string_view path) {
    static const std::vector<std::string> kNone;
    const auto found = reading.names.find(path);
    return found == reading.names.end() ? kNone : found->second;
}

void fill_tls(const Fill& section, std::optional<receiver::TlsOptions>& out) {
    if (!section.has("tls")) return;
    out.emplace();
    section.below("tls")("certificate", out->certificate)("private_key", out->private_key)(
        "min_version", out->min_version
    );
}

void fill_receiver(const Fill& section, receiver::ReceiverOptions& out) {
    section("listen", out.listen)("public_url", out.public_url)("base_path", out.base_path)(
        "proxy_protocol", out.proxy_protocol
    )("trusted_proxies", out.trusted_proxies)("drain_delay", out.drain_delay)(
        "threads", out.threads
    );
    if (section.find("base_path") == nullptr) {
        if (const auto url = boost::urls::parse_absolute_uri(out.public_url); url.has_value())
            out.base_path = url->encoded_path();
        if (out.base_path == "/") out.base_path.clear();
    }
    fill_tls(section, out.tls);
    auto& limits = out.limits;
    section.below("limits")("header_bytes", limits.header_bytes)("body_bytes", limits.body_bytes)(
        "items", limits.items
    )("json_depth", limits.json_depth)("bodies_in_flight_bytes", limits.bodies_in_flight_bytes)(
        "offload_bytes", limits.offload_bytes
    )("connections", limits.connections)("idle", limits.idle)(
        "handshake_timeout", limits.handshake_timeout
    )("header_timeout", limits.header_timeout)("body_timeout", limits.body_timeout)(
        "write_timeout", limits.write_timeout
    );
}

void fill_admin(const Fill& section, receiver::AdminOptions& out) {
    section("listen", out.listen)("socket", out.socket)("tokens_file", out.tokens_file)(
        "hosts", out.hosts
    );
    fill_tls(section, out.tls);
}

void fill_store(const Fill& section, store::StoreOptions& out) {
    section("url", out.url)("retain", out.retain)("retain_bytes", out.retain_bytes)(
        "reserve", out.reserve
    )("max_waiting", out.max_waiting)("repeat_window", out.repeat_window)(
        "repeat_keys", out.repeat_keys
    )("version_window", out.version_window)("quarantine_items", out.quarantine_items)(
        "quarantine_retain", out.quarantine_retain
    )("wal_bytes", out.wal_bytes);
}

void fill_keys(const Fill& section, KeysOptions& out) {
    section("folder", out.folder)("passphrase", out.passphrase)("retire_after", out.retire_after)(
        "threads", out.threads
    );
}

subscriptions::Cloud cloud_of(const Fill& tenant) {
    subscriptions::Cloud cloud;
    const auto* name = tenant.find("cloud");
    if (name == nullptr) {
        tenant.below("cloud")("graph", cloud.graph)("login", cloud.login)("ca_file", cloud.ca_file);
    } else if (name->text == "us-gov") {
        cloud = {"https://graph.microsoft.us", "https://login.microsoftonline.us", ""};
    } else if (name->text == "us-gov-dod") {
        cloud = {"https://dod-graph.microsoft.us", "https://login.microsoftonline.us", ""};
    } else if (name->text == "china") {
        cloud = {"https://microsoftgraph.chinacloudapi.cn", "https://login.chinacloudapi.cn", ""};
    }
    return cloud;
}

subscriptions::ClientSecret secret_of(const Fill& credential) {
    subscriptions::ClientSecret out;
    credential("client_secret", out.secret);
    return out;
}

subscriptions::ClientCertificate certificate_of(const Fill& credential) {
    subscriptions::ClientCertificate out;
    credential("certificate", out.certificate_file)("private_key", out.private_key_file);
    if (const auto* algorithm = credential.find("algorithm"); algorithm != nullptr) {
        using Algorithm = subscriptions::ClientCertificate::Algorithm;
        out.algorithm = algorithm->text == "RS256" ? Algorithm::RS256 : Algorithm::PS256;
    }
    return out;
}

/// App Service and its kin say by two variables where tokens are to be had.
subscriptions::ManagedIdentity identity_of(
    const Fill& section, const EnvironmentLookup& environment
) {
    subscriptions::ManagedIdentity out;
    section("client_id", out.client_id)("object_id", out.object_id)("resource_id", out.resource_id)(
        "imds", out.imds
    );
    while (out.imds.ends_with('/')) out.imds.pop_back();
    const auto endpoint = environment("IDENTITY_ENDPOINT");
    const auto header = environment("IDENTITY_HEADER");
    if (endpoint && header && !endpoint->empty() && !header->empty()) {
        out.endpoint = *endpoint;
        out.header = Secret(*header);
    }
    return out;
}

/// What was given; that it is exactly one is checked elsewhere.
subscriptions::Credential credential_of(
    const Fill& credential, const EnvironmentLookup& environment
) {
    const bool secret = credential.has("client_secret") || credential.has("client_secret_file");
    if (credential.has("refresh_token_file")) {
        subscriptions::SignedInUser user;
        credential("refresh_token_file", user.token_file)("scopes", user.scopes);
        if (secret) user.secret = secret_of(credential);
        if (credential.has("certificate")) user.certificate = certificate_of(credential);
        return user;
    }
    if (credential.has("certificate")) return certificate_of(credential);
    if (credential.has("managed_identity"))
        return identity_of(credential.below("managed_identity"), environment);
    if (credential.has("federated_token_file")) {
        subscriptions::FederatedToken token;
        credential("federated_token_file", token.token_file);
        return token;
    }
    return secret_of(credential);
}

subscriptions::WantedSubscription wanted_of(const std::string& name, const Fill& section) {
    subscriptions::WantedSubscription wanted;
    wanted.name = name;
    section("tenant", wanted.tenant)("resource", wanted.resource)("changes", wanted.changes)(
        "handlers", wanted.handlers
    )("kind", wanted.kind)("beta", wanted.beta)("immutable_ids", wanted.immutable_ids)(
        "query_options", wanted.query_options
    )("resource_data", wanted.resource_data)("for_each", wanted.for_each)("filter", wanted.filter)("poll_every", wanted.poll_every)(
        "sweep_every", wanted.sweep_every
    );
    for (auto* path : {&wanted.resource, &wanted.for_each}) {
        while (path->starts_with('/')) path->erase(0, 1);
    }
    if (const auto* life = section.find("life"); life != nullptr)
        wanted.life = std::chrono::minutes(static_cast<std::int64_t>(life->number / 60'000));
    if (const auto* silence = section.find("silence"); silence != nullptr)
        wanted.silence = std::chrono::milliseconds(static_cast<std::int64_t>(silence->number));
    const auto is = [&section](std::string_view key, std::string_view text) {
        const auto* value = section.find(key);
        return value != nullptr && value->text == text;
    };
    if (is("source", "poll")) wanted.way = subscriptions::WantedSubscription::Way::Poll;
    wanted.sync = is("sync", "delta");
    wanted.initial_all = is("initial", "all");
    if (const auto* state = section.find("client_state_file"); state != nullptr) {
        wanted.client_state_file = state->text;
        wanted.client_state = state->secret;
    }
    return wanted;
}

void fill_subscriptions(
    const Reading& reading, const EnvironmentLookup& environment, Config& config
) {
    auto& out = config.subscriptions;
    const Fill root(reading, "");
    out.notification_url = config.receiver.public_url + "/notifications";
    out.lifecycle_url = config.receiver.public_url + "/lifecycle";
    root.below("reconcile")("every", out.reconcile_every)("list_every", out.list_every)(
        "expand_every", out.expand_every
    )("removal_grace", out.removal_grace)("request_timeout", out.request_timeout);
    for (const auto& name : names_below(reading, "tenants")) {
        const auto section = root.below("tenants").below(name);
        subscriptions::Tenant tenant;
        tenant.name = name;
        section("tenant_id", tenant.tenant_id)("client_id", tenant.client_id)("requests", tenant.requests)(
            "sweeps", tenant.sweeps
        );
        tenant.credential = credential_of(section.below("credential"), environment);
        tenant.cloud = cloud_of(section);
        config.receiver.tenant_ids[name] = tenant.tenant_id;
        out.tenants.push_back(std::move(tenant));
    }
    for (const auto& name : names_below(reading, "subscriptions"))
        out.wanted.push_back(wanted_of(name, root.below("subscriptions").below(name)));
}

handlers::HttpOptions http_options(const Fill& section) {
    handlers::HttpOptions http;
    std::uint32_t batch = 1;
    section("url", http.url)("secret", http.secret)("connect_timeout", http.connect_timeout)(
        "timeout", http.timeout
    )("ca_file", http.ca_file)("batch", batch);
    http.batch = batch;
    if (const auto* headers = section.find("headers"); headers != nullptr) {
        for (const auto& [name, value] : headers->headers)
            http.headers.emplace_back(name, std::string(value.reveal()));
    }
    return http;
}

handlers::FileOptions file_options(const Fill& section) {
    handlers::FileOptions file;
    section("path", file.path)("fsync", file.fsync);
    if (section.has("rotate"))
        section.below("rotate")("size", file.rotate_size)("keep", file.rotate_keep);
    return file;
}

handlers::UserNotificationOptions user_notification_options(const Fill& section) {
    handlers::UserNotificationOptions out;
    section("target_host_name", out.target_host_name)("title", out.title)("body", out.body)(
        "raw", out.raw
    )("group", out.group)("app_notification_id", out.app_notification_id)("priority", out.priority)(
        "expires_after", out.expires_after
    )("display_for", out.display_for)("platforms", out.platforms)("url", out.url)(
        "wrapped", out.wrapped
    )("most_content_bytes", out.most_content_bytes)("timeout", out.timeout);
    if (section.has("fallback")) {
        handlers::UserNotificationOptions::Fallback fallback;
        section.below("fallback")("after", fallback.after)("title", fallback.title)(
            "body", fallback.body
        );
        out.fallback = std::move(fallback);
    }
    if (const auto* coding = section.find("content_coding"); coding != nullptr) {
        using handlers::ContentCoding;
        out.coding = coding->text == "gzip"      ? ContentCoding::Gzip
                     : coding->text == "deflate" ? ContentCoding::Deflate
                                                 : ContentCoding::Identity;
    }
    if (const auto* without = section.find("without_unsid"); without != nullptr) {
        using WithoutUnsid = handlers::UserNotificationOptions::WithoutUnsid;
        out.without_unsid = without->text == "skip" ? WithoutUnsid::Skip : WithoutUnsid::Dead;
    }
    return out;
}

void fill_handlers(const Reading& reading, Config& config) {
    for (const auto& name : names_below(reading, "handlers")) {
        const auto section = Fill(reading, "handlers").below(name);
        handlers::HandlerOptions handler;
        handler.name = name;
        std::string type;
        section("type", type)("workers", handler.workers)("resource_data", handler.resource_data);
        section.below("retry")("attempts", handler.retry.attempts)("first", handler.retry.first)(
            "longest", handler.retry.longest
        )("max_age", handler.retry.max_age);
        if (type == "http") {
            handler.type = http_options(section);
        } else if (type == "file") {
            handler.type = file_options(section);
        } else if (type == "user_notification") {
            handler.type = user_notification_options(section);
        } else {
            handlers::LogOptions log;
            section("item", log.item);
            handler.type = log;
        }
        const auto counted = reading.counts.find(fmt::format("handlers.{}.routes", name));
        const auto routes = counted == reading.counts.end() ? 0 : counted->second;
        for (std::size_t i = 0; i < routes; ++i) {
            handlers::Route route;
            section.below(fmt::format("routes[{}]", i))("subscriptions", route.subscriptions)(
                "kinds", route.kinds
            )("changes", route.changes)("tenants", route.tenants)("lifecycle", route.lifecycle);
            handler.routes.push_back(std::move(route));
        }
        config.handlers.push_back(std::move(handler));
    }
}

Config fill(
    const std::string& text, const EnvironmentLookup& environment, const FileReader& files
) {
    Config config;
    config.reading = read_config(text, environment, files);
    const Fill root(config.reading, "");
    fill_receiver(root.below("receiver"), config.receiver);
    fill_admin(root.below("admin"), config.admin);
    fill_store(root.below("store"), config.store);
    fill_keys(root.below("keys"), config.keys);
    root.below("unsids")("enabled", config.unsids.enabled)("scope", config.unsids.scope);
    fill_subscriptions(config.reading, environment, config);
    fill_handlers(config.reading, config);
    root.below("log")("level", config.log.level)("format", config.log.format);
    return config;
}

/// Of each key and of keys together, in the order of the file.
std::vector<Problem> problems_of(const Config& config) {
    auto problems = config.reading.problems;
    for (const auto& check : {check_references, check_user_notifications}) {
        const auto more = check(config);
        problems.insert(problems.end(), more.begin(), more.end());
    }
    std::sort(problems.begin(), problems.end(), [](const Problem& a, const Problem& b) {
        return std::tie(a.at.line, a.at.column, a.message) <
               std::tie(b.at.line, b.at.column, b.message);
    });
    return problems;
}

}  // namespace

bool Config::any_resource_data() const noexcept {
    return std::any_of(
        subscriptions.wanted.begin(), subscriptions.wanted.end(),
        [](const subscriptions::WantedSubscription& wanted) { return wanted.resource_data; }
    );
}

Parsed parse_config(
    const std::string& text, const EnvironmentLookup& environment, const FileReader& files
) {
    Parsed parsed{fill(text, environment, files), {}};
    parsed.problems = problems_of(*parsed.config);
    if (!is_sound(parsed.problems)) parsed.config.reset();
    return parsed;
}

Parsed parse_for_tools(const std::string& text, const EnvironmentLookup& environment) {
    Parsed parsed{
        fill(
            text, environment,
            [](const std::string&) -> Result<std::string> { return std::string("not read"); }
        ),
        {}
    };
    parsed.problems = problems_of(*parsed.config);
    const auto& reading = parsed.config->reading;
    const auto* url = reading.find("store.url");
    const auto* socket = reading.find("admin.socket");
    if (url == nullptr || !url->sound || socket == nullptr || !socket->sound) parsed.config.reset();
    return parsed;
}

std::string to_string(const Problem& problem, const std::string& file) {
    return fmt::format(
        "{}:{}:{}: {}{}", file, problem.at.line, problem.at.column,
        problem.severity == Problem::Severity::Warning ? "warning: " : "", problem.message
    );
}

bool is_sound(const std::vector<Problem>& problems) {
    return std::none_of(problems.begin(), problems.end(), [](const Problem& problem) {
        return problem.severity == Problem::Severity::Error;
    });
}

}  // namespace graphhook::app
