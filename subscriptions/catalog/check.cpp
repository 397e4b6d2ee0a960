#include "subscriptions/catalog/check.hpp"

#include "subscriptions/catalog/catalog.hpp"
#include "subscriptions/catalog/permissions.hpp"
#include "subscriptions/plan/plan.hpp"

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

class Checker {
  public:
    Checker(const WantedSubscription& wanted, std::vector<Problem>& problems)
        : wanted_(wanted), problems_(problems) {}

    void run() {
        resource();
        const Kind* kind =
            wanted_.kind.empty() ? recognise(wanted_.resource) : kind_named(wanted_.kind);
        changes(kind);
        if (kind != nullptr) of_kind(*kind);
        if (wanted_.life && *wanted_.life < kShortestLife)
            add("life", fmt::format("Graph raises lives under {} minutes", kShortestLife.count()));
    }

  private:
    void add(std::string key, std::string text) {
        problems_.push_back({wanted_.name, std::move(key), std::move(text)});
    }

    void resource() {
        const std::string path = comparable(wanted_.resource);
        if (path.empty()) add("resource", "is empty");
        if (wanted_.resource.find("://") != std::string::npos)
            add("resource", "has neither base URL nor version: begin with users/…, drives/…");
        if (is_about_me(wanted_.resource)) {
            add("resource",
                "`me` means a signed-in user, and an app of its own has none: write "
                "users/{id}");
        }
    }

    void changes(const Kind* kind) {
        if (wanted_.changes.empty()) add("changes", "is empty");
        std::set<std::uint8_t> seen;
        for (const std::string& change : wanted_.changes) {
            const std::uint8_t bit = change_bit(change);
            if (bit == 0) {
                add("changes", fmt::format("`{}` is none of created, updated, deleted", change));
            } else if (!seen.insert(bit).second) {
                add("changes", fmt::format("`{}` is there twice", change));
            } else if (kind != nullptr && (kind->changes & bit) == 0) {
                add("changes", fmt::format(
                                   "Graph does not tell `{}` of a {}, only {}", change, kind->name,
                                   names_of(kind->changes)
                               ));
            }
        }
    }

    void of_kind(const Kind& kind) {
        if (permissions_for(wanted_.resource, Account::Application).support ==
            Permissions::Support::Refused) {
            add("resource",
                fmt::format(
                    "a {} can only be subscribed to for a signed-in user, not by an app", kind.name
                ));
        }
        if (kind.beta && !wanted_.beta)
            add("beta", fmt::format("a {} is only in Graph's beta: set `beta: true`", kind.name));
        if (wanted_.life && *wanted_.life > kind.longest) {
            add("life", fmt::format(
                            "Graph lets a {} subscription live {} minutes at most", kind.name,
                            kind.longest.count()
                        ));
        }
        const std::string path = comparable(wanted_.resource);
        switch (kind.needs) {
            case Needs::Nothing:
                break;
            case Needs::FilterOrId: {
                const bool bare =
                    path.find('?') == std::string::npos && std::ranges::count(path, '/') == 1;
                const bool no_filter = path.find('?') != std::string::npos &&
                                       path.find("$filter") == std::string::npos;
                if (bare || no_filter) {
                    add("resource",
                        "Graph refuses the bare collection: add ?$filter=…, for "
                        "example vendorInformation/provider eq 'IPC', or an id");
                }
                break;
            }
            case Needs::ResourceData:
                add("resource",
                    fmt::format(
                        "Graph tells changes of a {} only with encrypted resource data", kind.name
                    ));
                break;
            case Needs::QueryOptions:
                add("resource",
                    fmt::format(
                        "a {} needs notificationQueryOptions, which can not be given", kind.name
                    ));
                break;
        }
    }

    const WantedSubscription& wanted_;
    std::vector<Problem>& problems_;
};

}  // namespace

std::vector<Problem> check(const SubscriptionsOptions& options) {
    std::vector<Problem> problems;
    std::set<std::string> tenants;
    for (const Tenant& tenant : options.tenants) tenants.insert(tenant.name);
    std::map<std::string, std::string> seen;
    for (const WantedSubscription& wanted : options.wanted) {
        Checker(wanted, problems).run();
        if (!tenants.contains(wanted.tenant)) {
            problems.push_back(
                {wanted.name, "tenant", fmt::format("`{}` is no tenant of this file", wanted.tenant)
                }
            );
        }
        // Graph may refuse the second, and where it does not, everything comes twice.
        std::vector<std::string> changes = wanted.changes;
        std::ranges::sort(changes);
        std::string same = wanted.tenant + '\n' + comparable(wanted.resource);
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
