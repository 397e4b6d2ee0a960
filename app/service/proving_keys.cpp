#include "app/service/proving_keys.hpp"

#include "core/log.hpp"
#include "core/text.hpp"

#include <algorithm>
#include <utility>
#include <variant>

namespace graphhook::app {
std::vector<ProvenTenant> proven_tenants(const subscriptions::SubscriptionsOptions& options) {
    std::vector<ProvenTenant> tenants;
    for (const auto& tenant : options.tenants) {
        tenants.push_back(
            {tenant.name, {lowered(tenant.tenant_id), lowered(tenant.client_id), tenant.cloud.login}
            }
        );
    }
    return tenants;
}

std::vector<authenticity::Authority> needed_authorities(
    const subscriptions::SubscriptionsOptions& options, const std::set<std::string>& also,
    Judged judged
) {
    std::vector<authenticity::Authority> needed;
    for (const auto& tenant : options.tenants) {
        const bool rich =
            std::any_of(options.wanted.begin(), options.wanted.end(), [&](const auto& wanted) {
                return wanted.tenant == tenant.name && wanted.resource_data;
            });
        const bool users = judged == Judged::ItemsAndUsers && !tenant.tenant_id.empty();
        if (!rich && !users && !also.contains(tenant.cloud.login)) continue;
        const bool there = std::any_of(needed.begin(), needed.end(), [&](const auto& one) {
            return one.login == tenant.cloud.login;
        });
        if (!there) needed.push_back({tenant.cloud.login, tenant.cloud.ca_file});
    }
    return needed;
}

Result<std::string> NoteShelf::read(const std::string& name) {
    return wait_for<std::string>([&](Completion<std::string> done) {
        store_.note(name, std::move(done));
    });
}

Result<void> NoteShelf::write(const std::string& name, const std::string& text) {
    if (text.size() > kMostBytes) {
        log().warn(
            "key set not kept for a restart, it is too large name={} bytes={}", for_log(name),
            text.size()
        );
        return fail(Errc::Full, "too large for a note");
    }
    const auto put = wait_for<std::monostate>([&](Completion<std::monostate> done) {
        store_.put_note(name, text, std::move(done));
    });
    if (!put) return put.error();
    return {};
}

authenticity::KeySets stored_key_sets(
    authenticity::KeySetShelf& shelf, const std::set<std::string>& logins
) {
    authenticity::KeySets sets;
    for (const auto& login : logins) {
        for (const auto version : {authenticity::Version::V1, authenticity::Version::V2}) {
            const auto text = shelf.read(authenticity::shelf_name(login, version));
            if (!text || text->empty()) continue;
            if (auto set = authenticity::key_set_from_text(*text))
                sets.sets.push_back(std::move(*set));
        }
    }
    return sets;
}

ProvingKeys::ProvingKeys(
    const subscriptions::SubscriptionsOptions& options, store::Store& store, Clock& clock,
    prometheus::Registry& registry, Judged judged
)
    : judged_(judged),
      shelf_(store),
      keeper_(
          needed_authorities(options, {}, judged),
          {.shelf = shelf_, .clock = clock, .registry = registry, .make_client = {}}
      ),
      options_(options),
      authorities_(needed_authorities(options, {}, judged)) {
}

void ProvingKeys::take(const subscriptions::SubscriptionsOptions& options) {
    const std::lock_guard lock(mutex_);
    options_ = options;
    auto needed = needed_authorities(options_, also_, judged_);
    if (needed == authorities_) return;
    authorities_ = std::move(needed);
    keeper_.set_authorities(authorities_);
}

void ProvingKeys::wanted(const std::string& login) {
    {
        const std::lock_guard lock(mutex_);
        const bool there =
            std::any_of(authorities_.begin(), authorities_.end(), [&](const auto& one) {
                return one.login == login;
            });
        if (!there) {
            also_.insert(login);
            authorities_ = needed_authorities(options_, also_, judged_);
            keeper_.set_authorities(authorities_);
            return;
        }
    }
    keeper_.kid_unknown(login);
}

}  // namespace graphhook::app
