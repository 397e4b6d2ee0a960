#include "emulator/user_notifications/apps.hpp"

#include "emulator/identity/scopes.hpp"

#include <algorithm>

namespace graphhook::emulator {
namespace {

using boost::json::array;
using boost::json::object;

constexpr std::size_t kMostHosts = 100;

/// The texts in a list; empty if it is absent.
Result<std::vector<std::string>> texts(const object& json, std::string_view name) {
    std::vector<std::string> found;
    const auto* list = json.if_contains(name);
    if (list == nullptr || list->is_null()) return found;
    if (!list->is_array() || list->as_array().size() > kMostHosts)
        return fail(Errc::BadInput, std::string(name) + " must be a list of at most 100");
    for (const auto& element : list->as_array()) {
        if (!element.is_string())
            return fail(Errc::BadInput, std::string(name) + " must hold text");
        found.emplace_back(element.as_string());
    }
    return found;
}

}  // namespace

Result<void> CrossDeviceApps::put(const object& json) {
    for (const auto& entry : json) {
        if (entry.key() != "appId" && entry.key() != "hosts" && entry.key() != "platforms")
            return fail(Errc::BadInput, "only appId, hosts and platforms are known");
    }
    const auto* id = json.if_contains("appId");
    if (id == nullptr || !id->is_string() || id->as_string().empty())
        return fail(Errc::BadInput, "which app? say appId");
    Registration made;
    auto hosts = texts(json, "hosts");
    if (!hosts) return hosts.error();
    made.hosts = std::move(*hosts);
    const auto platforms = texts(json, "platforms");
    if (!platforms) return platforms.error();
    for (const auto& name : *platforms) {
        const auto platform = parse_platform(name);
        if (!platform) {
            return fail(Errc::BadInput, "platforms are windows, ios, android and webpush");
        }
        made.platforms.push_back(*platform);
    }
    apps_[lower_text(std::string_view(id->as_string()))] = std::move(made);
    return {};
}

bool CrossDeviceApps::remove(std::string_view app) {
    return apps_.erase(lower_text(app)) > 0;
}

bool CrossDeviceApps::has_host(std::string_view app, std::string_view host) const {
    const auto found = apps_.find(lower_text(app));
    if (found == apps_.end() || found->second.hosts.empty()) return true;
    const auto& hosts = found->second.hosts;
    return std::any_of(hosts.begin(), hosts.end(), [host](const auto& one) {
        return same_text(one, host);
    });
}

bool CrossDeviceApps::has_platform(std::string_view app, Platform platform) const {
    const auto found = apps_.find(lower_text(app));
    if (found == apps_.end() || found->second.platforms.empty()) return true;
    const auto& platforms = found->second.platforms;
    return std::find(platforms.begin(), platforms.end(), platform) != platforms.end();
}

void CrossDeviceApps::block(std::string_view app) {
    blocked_.insert(lower_text(app));
}

bool CrossDeviceApps::unblock(std::string_view app) {
    return blocked_.erase(lower_text(app)) > 0;
}

bool CrossDeviceApps::blocked(std::string_view app) const {
    return blocked_.contains(lower_text(app));
}

array CrossDeviceApps::to_json() const {
    array list;
    for (const auto& [id, registration] : apps_) {
        array platforms;
        for (const auto platform : registration.platforms)
            platforms.push_back(boost::json::value(to_string(platform)));
        list.push_back(object{
            {"appId", id},
            {"hosts", array(registration.hosts.begin(), registration.hosts.end())},
            {"platforms", std::move(platforms)}
        });
    }
    return list;
}

array CrossDeviceApps::blocked_to_json() const {
    return array(blocked_.begin(), blocked_.end());
}

}  // namespace graphhook::emulator
