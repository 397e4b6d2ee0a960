#include "app/config/config_checks.hpp"

#include "app/config/nearest.hpp"
#include "app/config/problem_list.hpp"
#include "app/config/scalar.hpp"
#include "core/time_text.hpp"
#include "subscriptions/catalog/catalog.hpp"
#include "subscriptions/catalog/check.hpp"

#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

namespace graphhook::app {
namespace {

class Checks : ProblemList {
  public:
    explicit Checks(const Config& config) : ProblemList(config.reading), config_(config) {}

    std::vector<Problem> run() && {
        tls("receiver", config_.receiver.listen, config_.receiver.tls.has_value());
        if (!config_.admin.listen.empty())
            tls("admin", config_.admin.listen, config_.admin.tls.has_value());
        receiver();
        secret("keys", "passphrase", false);
        tenants();
        wanted();
        what_graph_refuses();
        handlers();
        return std::move(problems_);
    }

  private:
    [[nodiscard]] const std::vector<std::string>& names(std::string_view path) const {
        static const std::vector<std::string> kNone;
        const auto found = reading_.names.find(path);
        return found == reading_.names.end() ? kNone : found->second;
    }

    /// Every element of a list of names has to be a name below `among`.
    void known_names(const std::string& path, std::string_view among) {
        const auto* value = reading_.find(path);
        if (value == nullptr) return;
        const auto list = value->key->type == Type::Texts ? value->list : std::vector{value->text};
        std::set<std::string> seen;
        for (std::size_t i = 0; i < list.size(); ++i) {
            const auto at = i < value->list_at.size() ? value->list_at[i] : value->at;
            if (!seen.insert(list[i]).second) {
                problems_.push_back({at, fmt::format("'{}': '{}' is named twice", path, list[i])});
                continue;
            }
            const auto& all = names(among);
            if (list[i].empty() || std::find(all.begin(), all.end(), list[i]) != all.end())
                continue;
            const auto best = nearest(list[i], {all.begin(), all.end()});
            problems_.push_back(
                {at, fmt::format(
                         "'{}': there is no '{}' below '{}'{}", path, for_message(list[i]), among,
                         best.empty() ? std::string() : fmt::format(", did you mean '{}'?", best)
                     )}
            );
        }
    }

    void tls(const std::string& section, const std::string& listen, bool has_tls) {
        const auto* value = reading_.find(section + ".listen");
        // What is no address has been said to be none.
        if (value == nullptr || !value->sound || has_tls || is_loopback(listen)) return;
        error(
            section + ".listen",
            "'{0}.tls' is missing: without it '{0}.listen' has to be a loopback address or a unix "
            "socket",
            section
        );
    }

    void receiver() {
        if (config_.receiver.proxy_protocol && config_.receiver.trusted_proxies.empty()) {
            error(
                "receiver.proxy_protocol",
                "'receiver.proxy_protocol' needs 'receiver.trusted_proxies': from others it is "
                "refused"
            );
        }
        if (config_.receiver.limits.offload_bytes > config_.receiver.limits.body_bytes &&
            reading_.find("receiver.limits.offload_bytes")->given) {
            warn(
                "receiver.limits.offload_bytes",
                "'receiver.limits.offload_bytes' is above 'body_bytes': nothing is offloaded"
            );
        }
        if (config_.receiver.limits.bodies_in_flight_bytes < config_.receiver.limits.body_bytes) {
            error(
                "receiver.limits.bodies_in_flight_bytes",
                "'receiver.limits.bodies_in_flight_bytes' is below 'body_bytes': the largest body "
                "would never be taken"
            );
        }
    }

    /// At most one of a secret and its twin; `needed`: exactly one.
    void secret(const std::string& section, const std::string& key, bool needed) {
        const auto path = fmt::format("{}.{}", section, key);
        const bool inline_one = reading_.find(path) != nullptr;
        const bool from_file = reading_.find(path + "_file") != nullptr;
        if (inline_one && from_file)
            error(path, "'{}' and '{}_file' are both given; one is enough", path, key);
        if (needed && !inline_one && !from_file)
            error(section, "'{}' needs '{}' or '{}_file'", section, key, key);
    }

    [[nodiscard]] bool given(const std::string& path) const {
        const auto* value = reading_.find(path);
        return reading_.sections.contains(path) || (value != nullptr && value->given);
    }

    /// Exactly one way to prove oneself, whole.
    void credential(const std::string& path) {
        const auto has = [&](std::string_view key) {
            return given(fmt::format("{}.{}", path, key));
        };
        secret(path, "client_secret", false);
        const bool user = has("refresh_token_file");
        std::vector<std::string_view> ways;
        if (has("client_secret") || has("client_secret_file")) ways.emplace_back("client_secret");
        for (const auto* key : {"certificate", "federated_token_file", "managed_identity"}) {
            if (has(key)) ways.emplace_back(key);
        }
        const bool of_a_client =
            ways.empty() ||
            (ways.size() == 1 && (ways[0] == "client_secret" || ways[0] == "certificate"));
        if (user && !of_a_client) {
            error(
                path,
                "'{}' has 'refresh_token_file' and {}: beside a signed-in user's token only the "
                "client secret or the certificate of a confidential client is taken; remove the "
                "others",
                path, fmt::join(ways, ", ")
            );
        } else if (!user && ways.size() > 1) {
            error(
                path, "'{}' has {}: an application proves itself in one way; remove the others",
                path, fmt::join(ways, ", ")
            );
        } else if (!user && ways.empty()) {
            error(
                path,
                "'{}' says nothing: give one of 'client_secret_file', 'certificate', "
                "'federated_token_file', 'managed_identity', or 'refresh_token_file' and run "
                "'graphhook login'",
                path
            );
        }
        for (const auto* key : {"private_key", "algorithm"}) {
            if (has(key) && !has("certificate"))
                error(
                    fmt::format("{}.{}", path, key),
                    "'{0}.{1}' is about a certificate: give '{0}.certificate' too", path, key
                );
        }
        if (has("scopes") && !user)
            error(
                path + ".scopes",
                "'{0}.scopes' is for signed-in users: give '{0}.refresh_token_file' too, or remove "
                "it "
                "(an application has the permissions that its registration was granted)",
                path
            );
        const auto identity = path + ".managed_identity";
        int selectors = 0;
        for (const auto* key : {"client_id", "object_id", "resource_id"})
            selectors += given(fmt::format("{}.{}", identity, key)) ? 1 : 0;
        if (selectors > 1)
            error(
                identity,
                "'{}' takes at most one of 'client_id', 'object_id' and 'resource_id': any of them "
                "says which identity",
                identity
            );
    }

    void tenants() {
        for (const auto& name : names("tenants")) {
            const auto path = fmt::format("tenants.{}", name);
            if (reading_.sections.contains(path + ".credential")) credential(path + ".credential");
            const auto tenant = std::find_if(
                config_.subscriptions.tenants.begin(), config_.subscriptions.tenants.end(),
                [&](const auto& one) { return one.name == name; }
            );
            if (tenant != config_.subscriptions.tenants.end() && tenant->personal() &&
                !tenant->delegated())
                error(
                    path + ".tenant_id",
                    "'{}.tenant_id' means personal accounts, which only a signed-in user has: give "
                    "'credential.refresh_token_file' and run 'graphhook login {}'",
                    path, name
                );
            const bool used = std::any_of(
                config_.subscriptions.wanted.begin(), config_.subscriptions.wanted.end(),
                [&](const auto& wanted) { return wanted.tenant == name; }
            );
            // Where UNSIDs are handed in, a tenant may be there for its users alone.
            if (!used && !config_.unsids.enabled)
                warn(path, "no subscription is of tenant '{}'", name);
        }
    }

    static bool is_default(const Value& value) {
        if (value.key->type != Type::Duration) return value.text == value.key->fallback;
        const auto fallback = parse_duration(value.key->fallback);
        return fallback && static_cast<std::uint64_t>(fallback->count()) == value.number;
    }

    /// What has a meaning only beside something else, and is not beside it.
    void beside(const std::string& path, const subscriptions::WantedSubscription& wanted) {
        const bool poll = wanted.way == subscriptions::WantedSubscription::Way::Poll;
        const auto idle = [&](std::string_view key, std::string_view needs) {
            const auto full = fmt::format("{}.{}", path, key);
            const auto* value = reading_.find(full);
            // `check` prints defaults too: what it printed can be read again without a warning.
            if (value == nullptr || !value->given || is_default(*value)) return;
            warn(full, "'{}' does nothing without '{}'", full, needs);
        };
        if (!poll) idle("poll_every", "source: poll");
        if (!wanted.sync) idle("sweep_every", "sync: delta");
        if (!wanted.sync) idle("silence", "sync: delta");
        if (!wanted.sync && !poll) idle("initial", "sync: delta");
        if (wanted.sync && wanted.sweep_every >= config_.store.version_window) {
            warn(
                given(path + ".sweep_every") ? path + ".sweep_every" : path + ".sync",
                "'{}.sweep_every' is not shorter than 'store.version_window': a sweep may hand "
                "over "
                "what was handed over before it",
                path
            );
        }
    }

    void wanted() {
        std::map<std::string, const subscriptions::WantedSubscription*> first_of;
        for (const auto& wanted : config_.subscriptions.wanted) {
            const auto path = fmt::format("subscriptions.{}", wanted.name);
            known_names(path + ".tenant", "tenants");
            known_names(path + ".handlers", "handlers");
            resource(path + ".resource", wanted.resource);
            kind(path, wanted);
            beside(path, wanted);
            if (!is_handled(wanted)) {
                error(
                    path, "'{}' has no handler: name one in 'handlers', or route it to one", path
                );
            }
            read_by_somebody(path, wanted);
            const auto same = wanted.tenant + '\n' + subscriptions::comparable(wanted.for_each) +
                              '\n' + subscriptions::comparable(wanted.resource);
            const auto [first, fresh] = first_of.emplace(same, &wanted);
            // The same changes too are more than a warning.
            if (!fresh && !wanted.resource.empty() &&
                changes_of(*first->second) != changes_of(wanted)) {
                warn(
                    path + ".resource",
                    "'{}' watches the same resource as '{}': some changes may come twice", path,
                    first->second->name
                );
            }
        }
    }

    void resource(const std::string& path, const std::string& resource) {
        if (resource.starts_with("v1.0/") || resource.starts_with("beta/")) {
            error(
                path, "'{}' is without version, such as users/support@contoso.com/messages", path
            );
        } else if (resource.size() > 2'048 ||
                   std::any_of(resource.begin(), resource.end(), [](char c) {
                       return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
                   })) {
            error(path, "'{}' is over 2,048 bytes long or holds control characters", path);
        }
    }

    static std::set<std::string> changes_of(const subscriptions::WantedSubscription& wanted) {
        return {wanted.changes.begin(), wanted.changes.end()};
    }

    void kind(const std::string& path, const subscriptions::WantedSubscription& wanted) {
        if (!wanted.kind.empty() && subscriptions::kind_named(wanted.kind) == nullptr) {
            std::vector<std::string_view> known;
            for (const auto& one : subscriptions::catalog()) known.push_back(one.name);
            const auto best = nearest(wanted.kind, known);
            error(
                path + ".kind", "'{}.kind': there is no kind '{}'{}", path,
                for_message(wanted.kind),
                best.empty() ? std::string() : fmt::format(", did you mean '{}'?", best)
            );
        }
        if (wanted.kind.empty() && !wanted.resource.empty() &&
            subscriptions::recognise(wanted.resource) == nullptr) {
            warn(
                path + ".resource", "'{}' is of no kind that is known here; 'kind' may name one",
                path
            );
        }
    }

    /// What Graph would refuse sooner or later, as far as the catalog of kinds knows.
    void what_graph_refuses() {
        for (const auto& problem : subscriptions::check(config_.subscriptions)) {
            const auto path = fmt::format("subscriptions.{}.{}", problem.subscription, problem.key);
            const auto* value = reading_.find(path);
            // Unknown tenants, and what no value was found for, have been told already.
            if (problem.key == "tenant" || value == nullptr || !value->sound) continue;
            if (problem.warning) {
                warn(path, "'{}': {}", path, problem.text);
            } else {
                error(path, "'{}': {}", path, problem.text);
            }
        }
    }

    [[nodiscard]] bool is_handled(const subscriptions::WantedSubscription& wanted) const {
        if (!wanted.handlers.empty()) return true;
        return std::any_of(
            config_.handlers.begin(), config_.handlers.end(),
            [&](const handlers::HandlerOptions& handler) { return is_routed(wanted, handler); }
        );
    }

    /// Resource data that no handler asks for costs shorter lives and keys, for nothing. Some kinds
    /// exist in no other form.
    void read_by_somebody(
        const std::string& path, const subscriptions::WantedSubscription& wanted
    ) {
        if (!wanted.resource_data) return;
        const auto* kind = wanted.kind.empty() ? subscriptions::recognise(wanted.resource)
                                               : subscriptions::kind_named(wanted.kind);
        if (kind != nullptr && kind->needs == subscriptions::Needs::ResourceData) return;
        const bool read = std::any_of(
            config_.handlers.begin(), config_.handlers.end(),
            [&](const handlers::HandlerOptions& handler) {
                const auto& named = wanted.handlers;
                return handler.resource_data &&
                       (std::find(named.begin(), named.end(), handler.name) != named.end() ||
                        is_routed(wanted, handler));
            }
        );
        if (!read)
            warn(
                path + ".resource_data",
                "'{}.resource_data': none of its handlers has 'resource_data: true', so nobody "
                "reads what Graph encrypts",
                path
            );
    }

    void handlers() {
        std::map<std::string, std::string> writes;
        for (const auto& handler : config_.handlers) {
            const auto path = fmt::format("handlers.{}", handler.name);
            if (handler.name == "lifecycle")
                error(path, "the name 'lifecycle' is taken by graphhook itself");
            for (std::size_t i = 0; i < handler.routes.size(); ++i) {
                const auto route = fmt::format("{}.routes[{}]", path, i);
                known_names(route + ".subscriptions", "subscriptions");
                known_names(route + ".tenants", "tenants");
            }
            if (handler.retry.longest < handler.retry.first) {
                error(
                    path + ".retry.longest",
                    "'{0}.retry.longest' is shorter than '{0}.retry.first'", path
                );
            }
            if (const auto* http = std::get_if<handlers::HttpOptions>(&handler.type))
                http_target(path, *http);
            if (const auto* file = std::get_if<handlers::FileOptions>(&handler.type)) {
                const auto [first, fresh] = writes.emplace(file->path, handler.name);
                if (!fresh && !file->path.empty()) {
                    error(
                        path + ".path", "'{}.path' is written by handler '{}' already", path,
                        first->second
                    );
                }
            }
            const bool named = std::any_of(
                config_.subscriptions.wanted.begin(), config_.subscriptions.wanted.end(),
                [&](const auto& wanted) {
                    return std::find(
                               wanted.handlers.begin(), wanted.handlers.end(), handler.name
                           ) != wanted.handlers.end();
                }
            );
            if (!named && handler.routes.empty())
                warn(
                    path, "no subscription names handler '{}', and it has no routes", handler.name
                );
        }
    }

    void http_target(const std::string& path, const handlers::HttpOptions& http) {
        secret(path, "secret", false);
        const auto url = boost::urls::parse_absolute_uri(http.url);
        if (!url.has_value() || url->scheme() != "http") return;
        const std::string host(url->encoded_host());
        if (host != "localhost" && !is_loopback(host + ":80"))
            warn(path + ".url", "'{}.url' is not https: notifications travel unprotected", path);
    }

    const Config& config_;
};

}  // namespace

bool is_routed(
    const subscriptions::WantedSubscription& wanted, const handlers::HandlerOptions& handler
) {
    const auto holds = [](const std::vector<std::string>& list, const std::string& one) {
        return list.empty() || std::find(list.begin(), list.end(), one) != list.end();
    };
    return std::any_of(
        handler.routes.begin(), handler.routes.end(),
        [&](const handlers::Route& route) {
            return !route.lifecycle && holds(route.subscriptions, wanted.name) &&
                   holds(route.tenants, wanted.tenant);
        }
    );
}

std::vector<Problem> check_references(const Config& config) {
    return Checks(config).run();
}

}  // namespace graphhook::app
