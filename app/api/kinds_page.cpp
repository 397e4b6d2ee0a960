#include "app/api/kinds_page.hpp"

#include "subscriptions/catalog/catalog.hpp"
#include "subscriptions/catalog/permissions.hpp"
#include "subscriptions/sync/way.hpp"

#include <boost/json/object.hpp>
#include <fmt/format.h>

#include <string_view>

namespace graphhook::app {
namespace {

namespace json = boost::json;
using namespace graphhook::subscriptions;

json::array words(std::string_view text) {
    json::array all;
    while (!text.empty()) {
        const auto blank = text.find(' ');
        all.emplace_back(text.substr(0, blank));
        text.remove_prefix(blank == std::string_view::npos ? text.size() : blank + 1);
    }
    return all;
}

json::array changes_json(std::uint8_t changes) {
    json::array all;
    if ((changes & kCreated) != 0) all.emplace_back("created");
    if ((changes & kUpdated) != 0) all.emplace_back("updated");
    if ((changes & kDeleted) != 0) all.emplace_back("deleted");
    return all;
}

json::array lifecycle_json(std::uint8_t lifecycle) {
    json::array all{"reauthorizationRequired"};
    if ((lifecycle & kMayBeRemoved) != 0) all.emplace_back("subscriptionRemoved");
    if ((lifecycle & kMayMiss) != 0) all.emplace_back("missed");
    return all;
}

std::string_view needs_text(const Kind& kind) {
    switch (kind.needs) {
        case Needs::Nothing:
            return kind.beta ? "beta" : "";
        case Needs::FilterOrId:
            return "$filter or an id";
        case Needs::ResourceData:
            return "resource data";
        case Needs::QueryOptions:
            return "query_options";
    }
    return "";
}

std::string code_list(std::string_view text) {
    std::string out;
    for (const auto& word : words(text)) {
        if (!out.empty()) out += ", ";
        out += fmt::format("`{}`", std::string_view(word.as_string()));
    }
    return out;
}

std::string initials(std::uint8_t changes) {
    std::string out;
    for (const auto& change : changes_json(changes)) {
        if (!out.empty()) out += ' ';
        out += change.as_string()[0];
    }
    return out;
}

/// "10070 min", "29 d", "6 h"
std::string life_text(std::chrono::minutes life) {
    if (life.count() == 0) return "–";
    if (life.count() % 1'440 == 0) return fmt::format("{} d", life.count() / 1'440);
    if (life.count() % 60 == 0) return fmt::format("{} h", life.count() / 60);
    return fmt::format("{} min", life.count());
}

std::string permission_text(std::string_view names) {
    if (names.empty()) return "?";
    if (names == "-") return "–";
    std::string out;
    for (const auto& name : words(names)) {
        if (!out.empty()) out += ", ";
        out += name.as_string();
    }
    return out;
}

}  // namespace

json::array kinds_json() {
    json::array all;
    for (const Kind& kind : catalog()) {
        all.emplace_back(json::object{
            {"kind", kind.name},
            {"changes", changes_json(kind.changes)},
            {"longest_life_minutes", kind.longest.count()},
            {"longest_rich_life_minutes", kind.longest_rich.count()},
            {"lifecycle_events", lifecycle_json(kind.lifecycle)},
            {"lifecycle_url_needed", kind.lifecycle_url_needed},
            {"resync", to_string(resync_of(kind.name))},
            {"needs", needs_text(kind)},
            {"resources", words(kind.paths)},
        });
    }
    return all;
}

std::string kinds_tables() {
    std::string out =
        "| kind | resource | changes | longest life | with resource data | lifecycle | resync | "
        "needs |\n|---|---|---|---|---|---|---|---|\n";
    for (const Kind& kind : catalog()) {
        std::string lifecycle;
        if ((kind.lifecycle & kMayBeRemoved) != 0) lifecycle += "removed";
        if ((kind.lifecycle & kMayMiss) != 0) lifecycle += ", missed";
        out += fmt::format(
            "| {} | {} | {} | {} | {} | {} | {} | {} |\n", kind.name, code_list(kind.paths),
            initials(kind.changes), life_text(kind.longest), life_text(kind.longest_rich),
            lifecycle, to_string(resync_of(kind.name)), needs_text(kind)
        );
    }
    out +=
        "\n| resource | an application | a user, work or school | a user, personal account "
        "|\n|---|---|---|---|\n";
    for (const PermissionRow& row : permission_rows()) {
        out += fmt::format(
            "| {} | {} | {} | {} |\n", code_list(row.paths), permission_text(row.application),
            permission_text(row.work), permission_text(row.personal)
        );
    }
    return out;
}

}  // namespace graphhook::app
