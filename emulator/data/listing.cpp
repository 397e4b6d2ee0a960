#include "emulator/data/listing.hpp"

#include "core/time_text.hpp"
#include "emulator/data/filter.hpp"
#include "emulator/data/render.hpp"

#include <algorithm>
#include <set>
#include <tuple>

namespace graphhook::emulator {
namespace {

namespace json = boost::json;

/// The collection of messages of a folder; null if nothing ever was in it.
const Collection* messages_of(
    const Tenant& tenant, const Collection& folders, const Object& folder
) {
    return tenant.find(
        folders.key() + "/" + canonical_folder(folders.id_of(folder.number)) + "/messages"
    );
}

void add_members(
    const Tenant& tenant, const Collection& members, std::set<std::uint64_t>& seen,
    std::vector<Found>& found
) {
    const Collection* const groups = tenant.find("groups");
    for (const Object& member : members.objects()) {
        if (member.removed || !seen.insert(member.number).second) continue;
        found.push_back({&members, &member});
        const Object* const group = groups == nullptr ? nullptr : groups->find_alive(member.number);
        if (group == nullptr) continue;
        const Collection* const inner =
            tenant.find("groups/" + lower_case(groups->id_of(group->number)) + "/members");
        if (inner != nullptr) add_members(tenant, *inner, seen, found);
    }
}

bool in_window(const Object& event, const Query& query) {
    const SystemTime start{std::chrono::microseconds(event.aux)};
    return start < *query.end && start + std::chrono::minutes(30) > *query.start;
}

bool child_of(const Collection& collection, const Object& object, std::uint64_t parent) {
    if ((object.flags & trait::kRoot) != 0) return false;
    const Object* const top = collection.find(parent);
    if (object.aux == 0) return top != nullptr && (top->flags & trait::kRoot) != 0;
    return static_cast<std::uint64_t>(object.aux) == parent;
}

/// Everything the place shows, in order of numbers.
std::vector<Found> gather(
    const Tenant& tenant, const Collection& collection, const Place& place, const Query& query
) {
    std::vector<Found> found;
    if (place.what == Place::What::MailboxMessages) {
        for (const Object& folder : collection.objects()) {
            const Collection* const messages =
                folder.removed ? nullptr : messages_of(tenant, collection, folder);
            if (messages == nullptr) continue;
            for (const Object& message : messages->objects()) {
                if (!message.removed) found.push_back({messages, &message});
            }
        }
        return found;
    }
    if (place.what == Place::What::TransitiveMembers) {
        std::set<std::uint64_t> seen;
        add_members(tenant, collection, seen, found);
        return found;
    }
    const auto parent = place.what == Place::What::Children ? collection.number_of(place.id)
                                                            : std::optional<std::uint64_t>{};
    for (const Object& object : collection.objects()) {
        if (object.removed) continue;
        if (place.what == Place::What::CalendarView && !in_window(object, query)) continue;
        if (place.what == Place::What::Children &&
            (!parent || !child_of(collection, object, *parent)))
            continue;
        found.push_back({&collection, &object});
    }
    return found;
}

/// Times as times, everything else as text.
std::string sort_key(const json::object& object, std::string_view property) {
    const auto* value = property_at(object, property);
    if (value == nullptr || !value->is_string()) return {};
    const std::string_view text(value->as_string());
    // The longest form sorts as text; times without a fraction are shorter.
    if (const auto time = parse_time(text)) {
        const auto micros = time->time_since_epoch().count();
        auto digits = std::to_string(micros);
        return std::string(20 - std::min<std::size_t>(digits.size(), 20), '0') + digits;
    }
    return lower_case(text);
}

}  // namespace

Found find_in_mailbox(const Tenant& tenant, const Collection& folders, std::string_view id) {
    for (const Object& folder : folders.objects()) {
        const Collection* const messages =
            folder.removed ? nullptr : messages_of(tenant, folders, folder);
        const Object* const message = messages == nullptr ? nullptr : messages->find(id);
        if (message != nullptr && !message->removed) return {messages, message};
    }
    return {};
}

ApiResult<ListPage> list_page(
    const Tenant& tenant, const Collection& collection, const Place& place, const Query& query
) {
    // Messages are rendered by their folder's collection: its properties are those to filter by.
    Shelf shelf = collection.shelf();
    if (place.what == Place::What::MailboxMessages) shelf.type = Type::Message;
    const Collection sample_of(
        place.what == Place::What::MailboxMessages ? collection.key() + "/inbox/messages"
                                                   : collection.key(),
        shelf
    );
    const auto sample = render_sample(tenant, sample_of);
    std::optional<Filter> filter;
    if (!query.filter.empty()) {
        auto parsed = Filter::parse(query.filter, sample);
        if (!parsed) return parsed.error();
        filter = std::move(*parsed);
    }
    if (!query.order_by.empty() && property_at(sample, query.order_by) == nullptr)
        return ApiError{400, "BadRequest", "Could not find the property of $orderby."};
    const std::uint64_t from = query.token ? query.token->position : 0;
    ListPage page;
    const auto take = [&](const Found& one) {
        auto shown = render(tenant, *one.collection, *one.object);
        if (filter && !filter->matches(shown)) return;
        select(shown, query.select);
        page.value.push_back(std::move(shown));
    };
    if (place.what == Place::What::Collection && query.order_by.empty()) {
        // In order of numbers, so that a page costs no more than itself.
        const auto objects = collection.objects();
        auto it = std::upper_bound(
            objects.begin(), objects.end(), from,
            [](std::uint64_t wanted, const Object& object) { return wanted < object.number; }
        );
        for (; it != objects.end(); ++it) {
            if (it->removed) continue;
            if (page.value.size() == query.page_size) {
                page.next = std::prev(it)->number;
                break;
            }
            take({&collection, &*it});
        }
        return page;
    }
    auto found = gather(tenant, collection, place, query);
    if (!query.order_by.empty()) {
        // With their place, so that equal ones stay in order.
        std::vector<std::tuple<std::string, std::size_t, Found>> keyed;
        keyed.reserve(found.size());
        for (const Found& one : found) {
            keyed.emplace_back(
                sort_key(render(tenant, *one.collection, *one.object), query.order_by),
                keyed.size(), one
            );
        }
        std::sort(keyed.begin(), keyed.end(), [&](const auto& a, const auto& b) {
            const int order = std::get<0>(a).compare(std::get<0>(b));
            if (order != 0) return query.descending ? order > 0 : order < 0;
            return std::get<1>(a) < std::get<1>(b);
        });
        for (std::size_t i = 0; i < found.size(); ++i) found[i] = std::get<2>(keyed[i]);
    }
    for (std::uint64_t at = from; at < found.size(); ++at) {
        if (page.value.size() == query.page_size) {
            page.next = at;
            break;
        }
        take(found[static_cast<std::size_t>(at)]);
    }
    return page;
}

}  // namespace graphhook::emulator
