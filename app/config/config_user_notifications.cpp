#include "app/config/config_checks.hpp"
#include "app/config/problem_list.hpp"
#include "core/text.hpp"
#include "handlers/user_notification/options_check.hpp"

#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <string>
#include <vector>

namespace graphhook::app {
namespace {

/// What posting for a signed-in user takes. Source: Microsoft's page on the permissions of user
/// notifications.
constexpr std::string_view kPermission = "Notifications.ReadWrite.CreatedByApp";

/// A permission as tokens have it: the characters of RFC 6749 3.3, and no resource before it.
bool is_scope(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) {
        return c > ' ' && c < '\x7f' && c != '"' && c != '\\' && c != '/';
    });
}

class Checks : ProblemList {
  public:
    explicit Checks(const Config& config) : ProblemList(config.reading), config_(config) {}

    std::vector<Problem> run() && {
        unsids();
        for (const auto& handler : config_.handlers) {
            const auto* options = std::get_if<handlers::UserNotificationOptions>(&handler.type);
            if (options == nullptr) continue;
            const auto path = fmt::format("handlers.{}", handler.name);
            contents(path, *options, handler.resource_data);
            const auto tenants = tenants_of(handler);
            service(path, *options, tenants);
            users(path, tenants);
        }
        return std::move(problems_);
    }

  private:
    using Tenants = std::vector<const subscriptions::Tenant*>;

    void unsids() {
        if (!is_scope(config_.unsids.scope))
            error(
                "unsids.scope",
                "'unsids.scope' is one permission as tokens have it, such as Unsids.Register, "
                "without the 'api://…/' before it"
            );
        const auto& tenants = config_.subscriptions.tenants;
        const bool anybody = std::any_of(tenants.begin(), tenants.end(), [](const auto& tenant) {
            return !tenant.tenant_id.empty() && !tenant.client_id.empty();
        });
        if (config_.unsids.enabled && !anybody)
            error(
                "unsids.enabled",
                "'unsids.enabled' needs a tenant: whose users may hand in UNSIDs, and for which "
                "application, follows from its 'tenant_id' and 'client_id'"
            );
    }

    /// Of the templates, and of the texts together.
    void contents(
        const std::string& path, const handlers::UserNotificationOptions& options,
        bool resource_data
    ) {
        for (const auto& problem : handlers::check_options(options, resource_data)) {
            // "platforms[1]" is an element of a list.
            const auto bracket = problem.field.find('[');
            const auto name = problem.field.substr(0, bracket);
            const auto key = fmt::format("{}.{}", path, name);
            const auto* value = reading_.find(key);
            // What is wrong with the key alone, or with its absence, has been told.
            if (value != nullptr && !value->sound) continue;
            const auto* row = find_key("handlers.*." + name);
            if (value == nullptr && row != nullptr && row->need == Need::Required) continue;
            auto at = reading_.position_of(
                value != nullptr || reading_.sections.contains(key) ? key : path
            );
            if (bracket != std::string::npos && value != nullptr) {
                std::size_t index = 0;
                std::from_chars(
                    problem.field.data() + bracket + 1, problem.field.data() + problem.field.size(),
                    index
                );
                if (index < value->list_at.size()) at = value->list_at[index];
            }
            problems_.push_back(
                {at, fmt::format("'{}.{}' {}", path, problem.field, problem.text),
                 Problem::Severity::Error}
            );
        }
    }

    /// Whose changes it gets, as far as the configuration tells.
    [[nodiscard]] Tenants tenants_of(const handlers::HandlerOptions& handler) const {
        Tenants tenants;
        for (const auto& tenant : config_.subscriptions.tenants) {
            const auto& all = config_.subscriptions.wanted;
            const bool any = std::any_of(all.begin(), all.end(), [&](const auto& wanted) {
                const auto& named = wanted.handlers;
                return wanted.tenant == tenant.name &&
                       (std::find(named.begin(), named.end(), handler.name) != named.end() ||
                        is_routed(wanted, handler));
            });
            if (any) tenants.push_back(&tenant);
        }
        return tenants;
    }

    void service(
        const std::string& path, const handlers::UserNotificationOptions& options,
        const Tenants& tenants
    ) {
        if (!options.url.empty()) {
            if (is_microsofts(options.url))
                warn(
                    path + ".url",
                    "'{}.url' is Microsoft's own service, which was retired in January 2022: give "
                    "the URL of one that speaks the same API",
                    path
                );
            return;
        }
        const auto retired = std::find_if(tenants.begin(), tenants.end(), [](const auto* tenant) {
            return is_microsofts(tenant->cloud.graph);
        });
        if (retired != tenants.end())
            warn(
                path,
                "'{}' has no 'url' and posts for tenant '{}' to Microsoft's own service at {}, "
                "which was retired in January 2022: give the URL of one that speaks the same API",
                path, (*retired)->name, (*retired)->cloud.graph
            );
    }

    /// Whether anybody can be found, and be told.
    void users(const std::string& path, const Tenants& tenants) {
        const auto application = std::find_if(
            tenants.begin(), tenants.end(), [](const auto* tenant) { return !tenant->delegated(); }
        );
        if (application != tenants.end() && !config_.unsids.enabled)
            warn(
                path,
                "'{}' needs the UNSIDs of tenant '{}', and nobody can hand one in: "
                "'unsids.enabled' is false",
                path, (*application)->name
            );
        for (const auto* tenant : tenants) {
            const auto* user = std::get_if<subscriptions::SignedInUser>(&tenant->credential);
            if (user == nullptr || user->scopes.empty()) continue;
            const bool asked =
                std::any_of(user->scopes.begin(), user->scopes.end(), [](const auto& scope) {
                    const auto slash = scope.rfind('/');
                    return same_letters(
                        slash == std::string::npos ? scope : scope.substr(slash + 1), kPermission
                    );
                });
            if (!asked)
                warn(
                    fmt::format("tenants.{}.credential.scopes", tenant->name),
                    "'tenants.{}.credential.scopes' lacks {}, which '{}' needs to post for the "
                    "signed-in user",
                    tenant->name, kPermission, path
                );
        }
    }

    const Config& config_;
};

}  // namespace

bool is_microsofts(std::string_view url) {
    const auto parsed = boost::urls::parse_absolute_uri(url);
    if (parsed.has_error()) return false;
    const auto host = lowered(std::string(parsed->encoded_host()));
    return host.starts_with("graph.microsoft.") || host == "dod-graph.microsoft.us" ||
           host == "microsoftgraph.chinacloudapi.cn";
}

std::vector<Problem> check_user_notifications(const Config& config) {
    return Checks(config).run();
}

}  // namespace graphhook::app
