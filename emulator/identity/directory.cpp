#include "emulator/identity/directory.hpp"

#include "emulator/identity/scopes.hpp"

#include <algorithm>

namespace graphhook::emulator {

bool App::is_in(std::string_view tenant) const {
    return tenants.empty() || std::any_of(tenants.begin(), tenants.end(), [&](const auto& one) {
               return same_text(one, tenant);
           });
}

void Directory::put(App app) {
    auto key = lower_text(app.id);
    apps_.insert_or_assign(std::move(key), std::move(app));
}

void Directory::put(User user) {
    auto key = lower_text(user.id);
    users_.insert_or_assign(std::move(key), std::move(user));
}

void Directory::put(ManagedIdentity identity) {
    std::erase_if(managed_identities_, [&](const ManagedIdentity& other) {
        return same_text(other.client_id, identity.client_id);
    });
    managed_identities_.push_back(std::move(identity));
}

void Directory::permit(
    std::string_view tenant, std::string_view app, std::optional<std::vector<std::string>> roles,
    std::optional<std::vector<std::string>> scopes
) {
    Set& set = permissions_[{lower_text(tenant), lower_text(app)}];
    if (roles) set.roles = std::move(roles);
    if (scopes) set.scopes = std::move(scopes);
}

bool Directory::remove_app(std::string_view id) {
    return apps_.erase(lower_text(id)) > 0;
}

const App* Directory::find_app(std::string_view id) const {
    const auto it = apps_.find(lower_text(id));
    return it == apps_.end() ? nullptr : &it->second;
}

const User* Directory::find_user(std::string_view name) const {
    const auto it = users_.find(lower_text(name));
    if (it != users_.end()) return &it->second;
    for (const auto& [id, user] : users_) {
        if (same_text(user.name, name)) return &user;
    }
    return nullptr;
}

Permissions Directory::permissions(std::string_view tenant, std::string_view app) const {
    Permissions found{{"*"}, {"*"}};
    const auto in = lower_text(tenant);
    const auto of = lower_text(app);
    // From the widest to the narrowest: the narrowest that says anything counts.
    for (const auto& key :
         {std::pair(std::string(), std::string()), std::pair(in, std::string()),
          std::pair(std::string(), of), std::pair(in, of)}) {
        const auto it = permissions_.find(key);
        if (it == permissions_.end()) continue;
        if (it->second.roles) found.roles = *it->second.roles;
        if (it->second.scopes) found.scopes = *it->second.scopes;
    }
    return found;
}

}  // namespace graphhook::emulator
