#include "subscriptions/catalog/check.hpp"

#include "subscriptions/catalog/catalog.hpp"
#include "subscriptions/catalog/permissions.hpp"
#include "subscriptions/plan/plan.hpp"
#include "subscriptions/sync/way.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

namespace graphhook::subscriptions {
namespace {

std::string names_of(std::uint8_t changes) {
    std::string text;
    const auto add = [&](std::uint8_t bit, std::string_view name) {
        if ((changes & bit) == 0) return;
        if (!text.empty()) text += ", ";
        text += name;
    };
    add(kCreated, "created");
    add(kUpdated, "updated");
    add(kDeleted, "deleted");
    return text;
}

/// Graph as Microsoft runs it for everybody; anything else may be an emulator, and gets no rules.
bool is_government_or_china(const Cloud& cloud) {
    return cloud.graph.ends_with(".microsoft.us") || cloud.graph.ends_with(".chinacloudapi.cn");
}

bool is_china(const Cloud& cloud) {
    return cloud.graph.ends_with(".chinacloudapi.cn");
}

bool is_below(std::string_view path, std::string_view collection) {
    return path.starts_with(collection) &&
           (path.size() == collection.size() || path[collection.size()] == '/' ||
            path[collection.size()] == '?');
}

/// What stands in braces: "{id}".
std::vector<std::string> variables_of(std::string_view text) {
    std::vector<std::string> found;
    for (std::size_t at = 0; (at = text.find('{', at)) != std::string_view::npos;) {
        const auto end = text.find('}', at);
        if (end == std::string_view::npos) {
            found.emplace_back(text.substr(at));
            break;
        }
        found.emplace_back(text.substr(at, end - at + 1));
        at = end;
    }
    return found;
}

/// One entry, with its tenant where that is known.
class Checker {
  public:
    Checker(const WantedSubscription& wanted, const Tenant* tenant, std::vector<Problem>& problems)
        : wanted_(wanted),
          tenant_(tenant),
          path_(comparable(wanted.resource)),
          kind_(wanted.kind.empty() ? recognise(wanted.resource) : kind_named(wanted.kind)),
          problems_(problems) {}

    void run() {
        resource();
        elements();
        changes();
        alerts();
        if (tenant_ != nullptr) account(*tenant_);
        if (tenant_ != nullptr) cloud(tenant_->cloud);
        if (kind_ != nullptr && !polled()) of_kind(*kind_);
        if (wanted_.resource_data) resource_data();
        again();
        adoption();
        if (wanted_.life && *wanted_.life < kShortestLife)
            add("life", fmt::format("Graph raises lives under {} minutes", kShortestLife.count()));
    }

  private:
    void add(std::string key, std::string text) {
        problems_.push_back({wanted_.name, std::move(key), std::move(text)});
    }
    void warn(std::string key, std::string text) {
        problems_.push_back({wanted_.name, std::move(key), std::move(text), true});
    }
    [[nodiscard]] bool polled() const { return wanted_.way == WantedSubscription::Way::Poll; }

    void resource() {
        if (path_.empty()) add("resource", "is empty");
        if (wanted_.resource.find("://") != std::string::npos)
            add("resource", "has neither base URL nor version: begin with users/…, drives/…");
    }

    /// Variables and the collection that fills them go together.
    void elements() {
        const auto variables = variables_of(wanted_.resource);
        for (const auto& variable : variables) {
            if (variable != "{id}" && variable != "{userPrincipalName}")
                add("resource",
                    fmt::format(
                        "`{}` is no variable: there are {{id}} and {{userPrincipalName}}", variable
                    ));
        }
        if (!wanted_.is_template()) {
            if (!variables.empty())
                add("resource",
                    fmt::format(
                        "`{}` is filled in for each element of a collection: name one in "
                        "`for_each`, such as users, or write the id itself",
                        variables.front()
                    ));
            if (!wanted_.filter.empty())
                add("filter",
                    "is about the collection in `for_each`, which is not given; a "
                    "subscription's own filter is part of `resource`, as ?$filter=…");
            return;
        }
        if (variables.empty())
            add("resource",
                "is the same for every element of `for_each`: put {id} or "
                "{userPrincipalName} where the element belongs");
        if (wanted_.for_each.find("://") != std::string::npos ||
            wanted_.for_each.starts_with("v1.0/") || wanted_.for_each.starts_with("beta/"))
            add("for_each", "has neither base URL nor version: users, groups/…/transitiveMembers");
        if (wanted_.for_each.find_first_of("{}") != std::string::npos)
            add("for_each", "holds no variables: write the id itself");
        if (wanted_.for_each.find('?') != std::string::npos)
            add("for_each", "has no query: give its $filter as `filter`");
    }

    void changes() {
        if (wanted_.changes.empty()) add("changes", "is empty");
        std::set<std::uint8_t> seen;
        for (const std::string& change : wanted_.changes) {
            const std::uint8_t bit = change_bit(change);
            if (bit == 0) {
                add("changes", fmt::format("`{}` is none of created, updated, deleted", change));
            } else if (!seen.insert(bit).second) {
                add("changes", fmt::format("`{}` is there twice", change));
            } else if (polled() && bit == kDeleted) {
                add("changes", "what is deleted can not be seen by polling: only created, updated");
            } else if (!polled() && kind_ != nullptr && (kind_->changes & bit) == 0) {
                add("changes", fmt::format(
                                   "Graph does not tell `{}` of a {}, only {}", change, kind_->name,
                                   names_of(kind_->changes)
                               ));
            }
        }
    }

    void alerts() {
        if (is_below(path_, "security/alerts_v2")) {
            if (!polled())
                add("resource", "Graph has no notifications of alerts_v2: say `source: poll`");
        } else if (is_below(path_, "security/alerts")) {
            warn(
                "resource",
                "Microsoft has retired this API of alerts: take `resource: "
                "security/alerts_v2` with `source: poll`"
            );
        }
    }

    /// Whether Graph lets such a credential have it at all.
    void account(const Tenant& tenant) {
        if (!tenant.delegated() &&
            (is_about_me(wanted_.resource) || is_about_me(wanted_.for_each))) {
            add(is_about_me(wanted_.resource) ? "resource" : "for_each",
                "`me` means a signed-in user, and an app of its own has none: write users/{id}, or "
                "give the tenant a `refresh_token_file`");
            return;
        }
        const Account account = account_of(tenant);
        if (permissions_for(wanted_.resource, account).support != Permissions::Support::Refused)
            return;
        std::string who;
        for (const Account other : {Account::Application, Account::Work, Account::Personal}) {
            if (permissions_for(wanted_.resource, other).support == Permissions::Support::Refused)
                continue;
            if (!who.empty()) who += ", or ";
            who += to_string(other);
        }
        add("resource", fmt::format(
                            "Graph does not let {} have this; it takes {} (see the tenant's "
                            "`credential`)",
                            to_string(account), who.empty() ? "another resource" : who
                        ));
    }

    void cloud(const Cloud& cloud) {
        if (kind_ == nullptr) return;
        if (kind_->name == "todo-task" && is_government_or_china(cloud))
            add("resource", "Graph has to-do tasks only in the global cloud");
        if (is_china(cloud) && is_below(path_, "security"))
            add("resource", "Graph has no security alerts in the cloud of China");
    }

    /// What a subscription needs; polling needs none of it.
    void of_kind(const Kind& kind) {
        if (kind.beta && !wanted_.beta)
            add("beta", fmt::format("a {} is only in Graph's beta: set `beta: true`", kind.name));
        const auto longest = longest_life(kind, wanted_.resource_data);
        if (wanted_.life && longest > longest.zero() && *wanted_.life > longest) {
            add("life", fmt::format(
                            "Graph lets a {} subscription{} live {} minutes at most", kind.name,
                            wanted_.resource_data ? " with resource data" : "", longest.count()
                        ));
        }
        switch (kind.needs) {
            case Needs::Nothing:
                break;
            case Needs::FilterOrId: {
                const bool bare =
                    path_.find('?') == std::string::npos && std::ranges::count(path_, '/') == 1;
                const bool no_filter = path_.find('?') != std::string::npos &&
                                       path_.find("$filter") == std::string::npos;
                const bool told_already = is_below(path_, "security/alerts_v2");
                if (!told_already && (bare || no_filter)) {
                    add("resource",
                        "Graph refuses the bare collection: add ?$filter=…, for "
                        "example vendorInformation/provider eq 'IPC', or an id");
                }
                break;
            }
            case Needs::ResourceData:
                if (!wanted_.resource_data)
                    add("resource", fmt::format(
                                        "Graph tells changes of a {} only with encrypted resource "
                                        "data: set `resource_data: true`",
                                        kind.name
                                    ));
                break;
            case Needs::QueryOptions:
                if (wanted_.query_options.empty())
                    add("resource",
                        fmt::format(
                            "a {} needs notificationQueryOptions: `query_options`", kind.name
                        ));
                break;
        }
    }

    /// Rich notifications, where Graph has them; of a kind that is not in the catalog the operator
    /// knows more.
    void resource_data() {
        if (polled()) {
            add("resource_data",
                "is for subscriptions: what is polled for comes unencrypted; remove it");
            return;
        }
        if (kind_ == nullptr) return;
        if (kind_->longest_rich.count() == 0) {
            add("resource_data",
                fmt::format("Graph has no resource data in notifications of a {}", kind_->name));
        } else if (kind_->outlook && !selects(wanted_.resource)) {
            add("resource", fmt::format(
                                "Graph sends the data of a {} only if the resource says which: add "
                                "?$select=…, for example ?$select={}",
                                kind_->name, kind_->name == "contact" ? "displayName" : "subject"
                            ));
        }
    }

    /// Asking Graph again, where there is a way to.
    void again() {
        if (polled() && wanted_.sync)
            add("sync", "is for subscriptions; what is polled is asked for anyway: remove it");
        if (!polled() && !wanted_.sync) return;
        const Way way =
            way_of(wanted_, wanted_.resource, tenant_ != nullptr && tenant_->delegated());
        const std::string key = polled() ? "source" : "sync";
        const std::string what =
            kind_ == nullptr ? "this resource" : fmt::format("a {}", kind_->name);
        if (way.how == Way::How::None) {
            add(key,
                fmt::format(
                    "Graph has no way to ask for the changes of {}{}{}", what,
                    way.why.empty() ? "" : ": " + way.why, polled() ? "" : ", or set `sync: off`"
                ));
        } else if (const auto filter = can_filter(wanted_.resource); !filter) {
            add(key, fmt::format(
                         "what the resource's query says can not be applied to what Graph is asked "
                         "for: {}; simplify it{}",
                         filter.error().detail, polled() ? "" : ", or set `sync: off`"
                     ));
        }
    }

    void adoption() {
        if (wanted_.client_state_file.empty()) return;
        if (wanted_.is_template())
            add("client_state_file", "takes over one subscription, and a template has many");
        if (polled()) add("client_state_file", "takes over a subscription; polling has none");
        if (wanted_.client_state.reveal().size() > 128)
            add("client_state_file", "Graph takes client states of at most 128 characters");
    }

    const WantedSubscription& wanted_;
    const Tenant* const tenant_;
    const std::string path_;
    const Kind* const kind_;
    std::vector<Problem>& problems_;
};

}  // namespace

std::vector<Problem> check(const SubscriptionsOptions& options) {
    std::vector<Problem> problems;
    std::map<std::string, const Tenant*> tenants;
    for (const Tenant& tenant : options.tenants) tenants[tenant.name] = &tenant;
    std::map<std::string, std::string> seen;
    for (const WantedSubscription& wanted : options.wanted) {
        const auto tenant = tenants.find(wanted.tenant);
        Checker(wanted, tenant == tenants.end() ? nullptr : tenant->second, problems).run();
        if (tenant == tenants.end()) {
            problems.push_back(
                {wanted.name, "tenant", fmt::format("`{}` is no tenant of this file", wanted.tenant)
                }
            );
        }
        // Graph may refuse the second, and where it does not, everything comes twice.
        std::vector<std::string> changes = wanted.changes;
        std::ranges::sort(changes);
        std::string same = wanted.tenant + '\n' + comparable(wanted.resource) + '\n' +
                           comparable(wanted.for_each) + '\n' + wanted.filter + '\n' +
                           (wanted.way == WantedSubscription::Way::Poll ? "poll" : "");
        for (const auto& change : changes) same += '\n' + change;
        const auto [first, fresh] = seen.emplace(std::move(same), wanted.name);
        if (!fresh) {
            problems.push_back(
                {wanted.name, "resource",
                 fmt::format("the same resource and changes as `{}`", first->second)}
            );
        }
    }
    return problems;
}

}  // namespace graphhook::subscriptions
