#include "subscriptions/sync/finding.hpp"

#include "core/text.hpp"
#include "core/time_text.hpp"
#include "store/identity.hpp"
#include "store/resource.hpp"
#include "subscriptions/catalog/catalog.hpp"

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include <algorithm>
#include <memory>
#include <unordered_map>
#include <utility>

namespace graphhook::subscriptions {
namespace {

namespace json = boost::json;

/// What was created so shortly before the last round began may not have been there for it yet.
constexpr auto kMargin = std::chrono::minutes(15);
constexpr std::size_t kMostIdBytes = 1'024;

std::string text_of(const json::object& object, std::string_view key) {
    if (key.empty()) return {};
    const json::value* value = object.if_contains(key);
    if (value == nullptr) return {};
    if (value->is_string()) return std::string(value->get_string());
    if (value->is_int64()) return std::to_string(value->get_int64());
    if (value->is_uint64()) return std::to_string(value->get_uint64());
    return {};
}

SystemTime time_of(const json::object& object, std::string_view key) {
    const auto time = parse_time(text_of(object, key));
    return time ? *time : SystemTime{};
}

std::string id_of(const json::value& value) {
    if (!value.is_object()) return {};
    std::string id = text_of(value.get_object(), "id");
    if (id.size() > kMostIdBytes) id.clear();
    return id;
}

const json::value* there(const json::object& object, std::string_view key) {
    const json::value* value = key.empty() ? nullptr : object.if_contains(key);
    return value == nullptr || value->is_null() ? nullptr : value;
}

void replace_all(std::string& text, std::string_view what, std::string_view by) {
    for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + by.size()))
        text.replace(at, what.size(), by);
}

/// The resource of `id`; of `object` what else the spelling needs.
std::string resource_of(std::string_view id, const json::object* object, const ReadingOf& of) {
    std::string text = of.way.item;
    for (const auto& [token, value] : of.tokens) replace_all(text, token, value);
    if (object != nullptr) replace_all(text, "{chat}", text_of(*object, "chatId"));
    // The id comes last: whatever is in it is no token.
    if (const auto at = text.rfind("{id}"); at != std::string::npos) text.replace(at, 4, id);
    return text;
}

bool passed_over(const json::object& object, const Way& way) {
    if (way.how == Way::How::Calendar) return text_of(object, "type") == "occurrence";
    return way.exact && there(object, "root") != nullptr;
}

/// How an object is deleted: by @removed, a facet, a time. "changed": it may come back.
enum class Gone : std::uint8_t { No, Soft, Deleted };
Gone gone(const json::object& object, const Way& way) {
    if (const auto* removed = there(object, "@removed")) {
        const bool soft =
            removed->is_object() && lowered(text_of(removed->get_object(), "reason")) == "changed";
        return soft ? Gone::Soft : Gone::Deleted;
    }
    if (there(object, "deleted") != nullptr && way.exact) return Gone::Deleted;
    return there(object, way.gone) != nullptr ? Gone::Deleted : Gone::No;
}

std::string state_of(const json::object& object, const Way& way) {
    for (const std::string_view key : {"@odata.etag", "eTag", "etag", "cTag", "version"}) {
        if (auto text = text_of(object, key); !text.empty()) return text;
    }
    return text_of(object, way.modified);
}

std::string change_of(const json::object& object, const ReadingOf& of) {
    if (of.reading == Reading::All) return "created";
    const SystemTime made = time_of(object, of.way.created);
    if (made == SystemTime{}) {
        // Nothing says which: the one that is wanted.
        return (of.changes & (kUpdated | kCreated)) == kCreated ? "created" : "updated";
    }
    if (made <= of.since - kMargin) return "updated";
    // Who wants updates only is told of those that followed the creation.
    const bool only_updates = (of.changes & (kUpdated | kCreated)) == kUpdated;
    const SystemTime modified = time_of(object, of.way.modified);
    if (only_updates && modified > made + std::chrono::seconds(1)) return "updated";
    return "created";
}

/// Whether it changed since the last round, as far as it says.
bool is_news(const json::object& object, const ReadingOf& of) {
    const SystemTime modified = time_of(object, of.way.modified);
    return modified == SystemTime{} || modified > of.since - kMargin;
}

store::StreamPtr stream_of(const Finding& finding, const Addressee& to) {
    // A page holds many of the same: one stream for each run of them.
    static thread_local store::StreamPtr last;
    store::Stream stream;
    stream.tenant = to.tenant;
    stream.subscription = to.name;
    stream.kind = to.kind;
    stream.change = finding.change;
    stream.source = to.source;
    if (last == nullptr || *last != stream)
        last = std::make_shared<const store::Stream>(std::move(stream));
    return last;
}

}  // namespace

std::string_view to_string(Reading reading) noexcept {
    switch (reading) {
        case Reading::Baseline:
            return "baseline";
        case Reading::Changes:
            return "changes";
        case Reading::Anew:
            return "anew";
        case Reading::All:
            return "all";
        case Reading::Fresh:
            return "fresh";
    }
    return "changes";
}

std::string told_as(std::string_view change, const Way& way, std::uint8_t wanted) {
    if (way.exact) return std::string((wanted & kUpdated) != 0 ? change : std::string_view());
    std::string_view told = change;
    if (way.created_is_updated && told == "created" && (wanted & kCreated) == 0) told = "updated";
    return std::string((wanted & change_bit(told)) != 0 ? told : std::string_view());
}

Finding finding_of(const json::object& object, const ReadingOf& of) {
    Finding found;
    found.id = text_of(object, "id");
    found.resource = resource_of(found.id, &object, of);
    found.print = key128(json::serialize(object));
    found.asked_time = time_of(object, of.way.time);
    const Gone how = gone(object, of.way);
    if (how != Gone::No) {
        // Of users and groups Graph tells `deleted` when they are gone for good.
        const bool comes_back = how == Gone::Soft && of.way.created_is_updated;
        found.change = comes_back ? "updated" : "deleted";
        found.removed = !comes_back;
        if (comes_back) found.state = "@removed changed";
        return found;
    }
    found.etag = text_of(object, "@odata.etag");
    if (found.etag.empty()) found.etag = text_of(object, "eTag");
    found.state = state_of(object, of.way);
    found.change = change_of(object, of);
    return found;
}

Finding removed(std::string_view id, const ReadingOf& of) {
    Finding found;
    found.id = id;
    found.removed = true;
    found.change = "deleted";
    found.resource = resource_of(id, nullptr, of);
    found.print = key128(id);
    return found;
}

std::vector<Finding> findings(const json::array& page, const ReadingOf& of) {
    if (of.reading == Reading::Baseline) return {};
    std::unordered_map<std::string, std::size_t> last;
    for (std::size_t i = 0; i < page.size(); ++i) {
        if (auto id = id_of(page[i]); !id.empty()) last[std::move(id)] = i;
    }
    std::vector<Finding> found;
    for (std::size_t i = 0; i < page.size(); ++i) {
        const std::string id = id_of(page[i]);
        if (id.empty() || last[id] != i) continue;
        const json::object& object = page[i].get_object();
        if (passed_over(object, of.way)) continue;
        Finding finding = finding_of(object, of);
        if (!finding.removed) {
            if (of.way.filter && !of.way.filter->passes(object)) continue;
            if (of.reading == Reading::Anew && !is_news(object, of)) continue;
        } else if (of.reading == Reading::All) {
            continue;
        }
        found.push_back(std::move(finding));
    }
    return found;
}

store::Item to_item(
    const Finding& finding, const Way& way, const Addressee& to, std::string_view round
) {
    store::Item item;
    item.stream = stream_of(finding, to);
    item.subscription_id =
        to.graph_id.empty() ? "00000000-0000-0000-0000-000000000000" : to.graph_id;
    item.resource = finding.resource;
    json::object data;
    if (!way.type.empty()) data["@odata.type"] = way.type;
    data["@odata.id"] = finding.resource;
    if (!finding.etag.empty()) data["@odata.etag"] = finding.etag;
    data["id"] = finding.id;
    json::object body;
    body["subscriptionId"] = item.subscription_id;
    body["changeType"] = finding.change;
    body["resource"] = finding.resource;
    if (!to.tenant_id.empty()) body["tenantId"] = to.tenant_id;
    body["resourceData"] = std::move(data);
    item.body = json::serialize(body);
    item.order_key = store::order_key(to.name, store::normalise_resource(finding.resource));
    if (!finding.state.empty() || finding.removed)
        item.version = store::version_key(to.name, finding.id, finding.state, finding.removed);
    // The same object on the same page of the same round: only a crash brings it twice.
    std::string who("sweep\xff");
    for (const std::string_view part :
         {std::string_view(to.name), std::string_view(to.element), round,
          std::string_view(finding.id), std::string_view(finding.change)}) {
        who += part;
        who += '\xff';
    }
    who += to_hex(finding.print);
    item.identity = key128(who);
    return item;
}

}  // namespace graphhook::subscriptions
