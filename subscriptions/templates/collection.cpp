#include "subscriptions/templates/collection.hpp"

#include "core/text.hpp"
#include "subscriptions/catalog/catalog.hpp"

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>

namespace graphhook::subscriptions {
namespace {

namespace json = boost::json;

/// Above this something is wrong: with Graph, or with the template.
constexpr std::size_t kMostElements = 500'000;

constexpr std::string_view kName = "{userPrincipalName}";

bool needs_name(const WantedSubscription& entry) {
    return entry.resource.find(kName) != std::string::npos;
}

/// A query's value: everything but what RFC 3986 leaves unreserved is encoded.
std::string query_encoded(std::string_view text) {
    std::string out;
    for (const char c : text) {
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                           (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.' || c == '~';
        if (plain) {
            out += c;
        } else {
            out += fmt::format("%{:02X}", static_cast<unsigned>(static_cast<unsigned char>(c)));
        }
    }
    return out;
}

bool has_option(std::string_view query, std::string_view option) {
    while (!query.empty()) {
        const auto end = query.find('&');
        const auto name = query.substr(0, std::min(end, query.find('=')));
        if (same_letters(name, option)) return true;
        query = end == std::string_view::npos ? std::string_view{} : query.substr(end + 1);
    }
    return false;
}

std::vector<std::string> segments_of(std::string_view resource) {
    const std::string path = comparable(resource);
    std::string_view rest = std::string_view(path).substr(0, path.find('?'));
    std::vector<std::string> segments;
    while (!rest.empty()) {
        const auto slash = rest.find('/');
        segments.emplace_back(rest.substr(0, slash));
        rest = slash == std::string_view::npos ? std::string_view{} : rest.substr(slash + 1);
    }
    return segments;
}

/// Without "/microsoft.graph.user" at the end, which only says what is wanted of it.
std::vector<std::string> collection_of(const WantedSubscription& entry) {
    auto segments = segments_of(entry.for_each);
    if (segments.size() > 1 && segments.back().starts_with("microsoft.graph.")) segments.pop_back();
    return segments;
}

/// Where pages of 999 are documented.
bool is_directory(const std::vector<std::string>& segments) {
    constexpr std::array<std::string_view, 5> kCollections{
        "members", "transitivemembers", "owners", "memberof", "transitivememberof"
    };
    if (segments.size() == 1) return segments[0] == "users" || segments[0] == "groups";
    return segments.size() == 3 && (segments[0] == "groups" || segments[0] == "users") &&
           std::ranges::find(kCollections, segments[2]) != kCollections.end();
}

/// What an element must be, if it says what it is; empty: anything.
std::string_view wanted_type(const WantedSubscription& entry) {
    const auto segments = segments_of(entry.resource);
    if (segments.size() < 2) return {};
    if (segments[0] == "users") return "#microsoft.graph.user";
    if (segments[0] == "groups") return "#microsoft.graph.group";
    return {};
}

std::string_view text_of(const json::object& object, std::string_view key) {
    const json::value* value = object.if_contains(key);
    if (value == nullptr || !value->is_string()) return {};
    return value->get_string();
}

WantedSubscription watch_of(
    const WantedSubscription& entry, std::string resource, std::string kind
) {
    WantedSubscription watch;
    watch.name = entry.name;
    watch.tenant = entry.tenant;
    watch.resource = std::move(resource);
    watch.changes = {"updated", "deleted"};
    watch.kind = std::move(kind);
    return watch;
}

}  // namespace

DataRequest collection_request(const WantedSubscription& entry) {
    DataRequest request;
    request.api = entry.beta ? Api::Beta : Api::V1;
    request.operation = "expand";
    const auto question = entry.for_each.find('?');
    const std::string_view query = question == std::string::npos
                                       ? std::string_view{}
                                       : std::string_view(entry.for_each).substr(question + 1);
    request.target = entry.for_each;
    while (request.target.starts_with('/')) request.target.erase(0, 1);
    bool more = question != std::string::npos;
    const auto add = [&](std::string_view option, std::string_view value) {
        if (has_option(query, option)) return;
        request.target += more ? '&' : '?';
        more = true;
        request.target += option;
        request.target += '=';
        request.target += value;
    };
    if (!entry.filter.empty()) add("$filter", query_encoded(entry.filter));
    add("$select", needs_name(entry) ? "id,userPrincipalName" : "id");
    if (is_directory(collection_of(entry))) add("$top", "999");
    return request;
}

Result<std::monostate> add_page(
    const WantedSubscription& entry, const json::array& page, Collected& into
) {
    const bool named = needs_name(entry);
    const std::string_view type = wanted_type(entry);
    for (const json::value& value : page) {
        if (!value.is_object()) return fail(Errc::BadInput, "an element that is no JSON object");
        const json::object& object = value.get_object();
        const std::string_view id = text_of(object, "id");
        if (id.empty()) return fail(Errc::BadInput, "an element without an id");
        const std::string_view is = text_of(object, "@odata.type");
        if (!type.empty() && !is.empty() && !same_letters(is, type)) {
            ++into.skipped;
            continue;
        }
        const std::string_view name = text_of(object, "userPrincipalName");
        if (named && name.empty()) {
            ++into.skipped;
            ++into.nameless;
            continue;
        }
        auto resource = render(entry.resource, std::string(id), std::string(name));
        if (!resource) {
            ++into.skipped;
            continue;
        }
        if (into.elements.size() >= kMostElements)
            return fail(
                Errc::BadInput, fmt::format("a collection of more than {} elements", kMostElements)
            );
        into.elements.push_back({std::string(id), std::move(*resource)});
    }
    return std::monostate{};
}

Result<std::monostate> finish(Collected& collected) {
    auto& elements = collected.elements;
    if (elements.empty() && collected.nameless > 0)
        return fail(
            Errc::Refused,
            "none of its elements tells its userPrincipalName: the permission User.ReadBasic.All "
            "may be missing"
        );
    std::ranges::sort(elements);
    const auto rest = std::ranges::unique(elements, {}, &Element::id);
    elements.erase(rest.begin(), rest.end());
    elements.shrink_to_fit();
    return std::monostate{};
}

std::optional<WantedSubscription> collection_watch(const WantedSubscription& entry) {
    if (!entry.is_template()) return std::nullopt;
    const auto segments = collection_of(entry);
    if (segments.size() == 1 && (segments[0] == "users" || segments[0] == "groups"))
        return watch_of(entry, segments[0], segments[0] == "users" ? "user" : "group");
    if (segments.size() == 3 && segments[0] == "groups" &&
        (segments[2] == "members" || segments[2] == "transitivemembers"))
        return watch_of(entry, "groups/" + segments[1] + "/members", "group");
    return std::nullopt;
}

}  // namespace graphhook::subscriptions
