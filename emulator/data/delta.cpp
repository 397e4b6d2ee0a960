#include "emulator/data/delta.hpp"

#include "emulator/data/filter.hpp"
#include "emulator/data/render.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace graphhook::emulator {
namespace {

namespace json = boost::json;

/// Members of a group in one object; a larger group goes on in another one with the same id.
constexpr std::size_t kMembersInOne = 1'000;
/// With a $filter, a delta of messages ends here (protocol 8.2).
constexpr std::uint64_t kMostFiltered = 5'000;
constexpr std::size_t kMostIds = 50;

ApiError bad(std::string message) {
    return {400, "BadRequest", std::move(message)};
}

/// One page in the making.
class Round {
  public:
    explicit Round(const DeltaAsk& ask) : ask_(ask), style_(ask.collection.shelf().delta) {}

    ApiResult<DeltaPage> run() {
        begin();
        if (!ask_.query.filter.empty()) {
            auto filter =
                Filter::parse(ask_.query.filter, render_sample(ask_.tenant, ask_.collection));
            if (!filter) return filter.error();
            filter_ = std::move(*filter);
        }
        if (!ask_.folder.empty()) folder_ = ask_.collection.number_of(ask_.folder);
        bool more = false;
        for (const auto& entry : ask_.collection.after(token_.position)) {
            if (page_.value.size() >= ask_.query.page_size) {
                more = true;
                break;
            }
            const Object* const object = ask_.collection.current(entry);
            if (object != nullptr && !tell(*object)) {
                more = true;  // the rest of a large group comes on the next page
                break;
            }
            token_.position = entry.version;
            token_.group = 0;
            token_.member = 0;
            if (filter_ && style_ == DeltaStyle::Outlook && token_.taken >= kMostFiltered) break;
        }
        if (style_ == DeltaStyle::Drive && !token_.initial && !ask_.query.exclude_parent)
            repeat_parents();
        end(more);
        return std::move(page_);
    }

  private:
    void begin() {
        if (ask_.query.token) {
            token_ = *ask_.query.token;
            if (token_.kind == SyncToken::Kind::Link) {
                token_.since = token_.position;
                token_.initial = false;
                token_.taken = 0;
                token_.page = 1;
            }
            return;
        }
        token_.generation = ask_.generation;
        token_.place = ask_.place;
        token_.query = ask_.query.text;
        if (ask_.query.latest) {
            token_.position = ask_.newest;
            token_.since = ask_.newest;
        } else if (ask_.query.since) {
            token_.position = ask_.collection.version_at(*ask_.query.since);
            token_.since = token_.position;
        } else {
            token_.initial = true;
            token_.since = ask_.newest;
        }
    }

    void end(bool more) {
        token_.issued =
            std::chrono::duration_cast<std::chrono::seconds>(ask_.now.time_since_epoch()).count();
        token_.kind = more ? SyncToken::Kind::Round : SyncToken::Kind::Link;
        ++token_.page;
        if (!more) {
            token_.page = 1;
            token_.initial = false;
            // Nothing older is left to tell, here and of the members of groups.
            token_.position = std::max(token_.position, ask_.newest);
        }
        page_.next = token_;
    }

    /// False if there is more of it than fits.
    bool tell(const Object& object) {
        // Who starts now need not know of what was gone before.
        if (token_.initial && object.removed && object.version <= token_.since) return true;
        if (folder_ && !below_folder(object)) return true;
        const auto type = object.removed          ? ChangeType::Deleted
                          : object.born > known() ? ChangeType::Created
                                                  : ChangeType::Updated;
        if ((ask_.query.change_types & bit(type)) == 0) return true;
        if (object.removed) {
            add(render_removed(ask_.collection, object));
            return true;
        }
        if (style_ == DeltaStyle::Calendar && !in_window(object)) {
            if (!token_.initial) add(render_removed(ask_.collection, object));
            return true;
        }
        auto shown = render(ask_.tenant, ask_.collection, object);
        if (filter_ && !filter_->matches(shown)) return true;
        if (ask_.query.minimal && !token_.initial && type == ChangeType::Updated) {
            select(
                shown, {ask_.collection.shelf().type == Type::User ? "jobTitle" : "description"}
            );
        }
        select(shown, ask_.query.select);
        if (ask_.collection.shelf().type == Type::Group && wants("members"))
            return tell_members(object, std::move(shown));
        add(std::move(shown));
        return true;
    }

    /// Up to where the caller knows everything.
    [[nodiscard]] std::uint64_t known() const { return token_.initial ? 0 : token_.since; }

    void add(json::object object) {
        page_.value.push_back(std::move(object));
        ++token_.taken;
    }

    [[nodiscard]] bool wants(std::string_view property) const {
        const auto& select = ask_.query.select;
        return std::find(select.begin(), select.end(), property) != select.end();
    }

    [[nodiscard]] bool in_window(const Object& event) const {
        const SystemTime start{std::chrono::microseconds(event.aux)};
        return ask_.query.start && ask_.query.end && start < *ask_.query.end &&
               start + std::chrono::minutes(30) > *ask_.query.start;
    }

    [[nodiscard]] bool below_folder(const Object& item) const {
        const Object* at = &item;
        // A tree of ours is never deeper than it has items; this only guards against a ring.
        for (int depth = 0; at != nullptr && depth < 1'000; ++depth) {
            if (at->number == *folder_) return true;
            if (at->aux == 0) return false;
            at = ask_.collection.find(static_cast<std::uint64_t>(at->aux));
        }
        return false;
    }

    bool tell_members(const Object& group, json::object shown) {
        const auto key = "groups/" + lower_case(ask_.collection.id_of(group.number)) + "/members";
        const Collection* const members = ask_.tenant.find(key);
        std::uint64_t from = known();
        if (token_.group == group.number && token_.member != 0) {
            from = token_.member;
            shown = json::object{{"id", ask_.collection.id_of(group.number)}};
        }
        json::array list;
        if (members != nullptr) {
            for (const auto& entry : members->after(from)) {
                if (list.size() == kMembersInOne) {
                    shown["members@delta"] = std::move(list);
                    add(std::move(shown));
                    shown = json::object{{"id", ask_.collection.id_of(group.number)}};
                    list = {};
                    if (page_.value.size() >= ask_.query.page_size) {
                        token_.group = group.number;
                        token_.member = from;
                        return false;
                    }
                }
                from = entry.version;
                const Object* const member = members->current(entry);
                if (member == nullptr || (token_.initial && member->removed)) continue;
                auto one = render(ask_.tenant, *members, *member);
                json::object reference{{"id", one.at("id")}};
                if (const auto* type = one.if_contains("@odata.type"))
                    reference["@odata.type"] = *type;
                if (member->removed) reference["@removed"] = {{"reason", "deleted"}};
                list.push_back(std::move(reference));
            }
        }
        if (!list.empty()) shown["members@delta"] = std::move(list);
        add(std::move(shown));
        return true;
    }

    /// The folders above what changed come along (protocol 8.5).
    void repeat_parents() {
        std::set<std::uint64_t> there;
        json::array parents;
        const auto told = page_.value.size();
        for (std::size_t i = 0; i < told; ++i) {
            const auto& item = page_.value[i].as_object();
            const Object* object =
                ask_.collection.find(std::string_view(item.at("id").as_string()));
            for (int depth = 0; object != nullptr && depth < 1'000; ++depth) {
                if ((object->flags & trait::kRoot) != 0) break;
                object = object->aux == 0
                             ? ask_.collection.find("root")
                             : ask_.collection.find(static_cast<std::uint64_t>(object->aux));
                if (object == nullptr || object->removed || !there.insert(object->number).second)
                    break;
                auto shown = render(ask_.tenant, ask_.collection, *object);
                select(shown, ask_.query.select);
                parents.push_back(std::move(shown));
            }
        }
        // Root first, and before what is in them.
        std::reverse(parents.begin(), parents.end());
        for (auto& item : page_.value) parents.push_back(std::move(item));
        page_.value = std::move(parents);
    }

    const DeltaAsk& ask_;
    const DeltaStyle style_;
    SyncToken token_;
    DeltaPage page_;
    std::optional<Filter> filter_;
    std::optional<std::uint64_t> folder_;
};

std::optional<ApiError> refuse_options(
    const Query& query, std::initializer_list<std::string_view> refused
) {
    for (const auto option : refused) {
        if (query.has(option)) {
            return bad(fmt::format("The query option '{}' is not supported with delta.", option));
        }
    }
    return std::nullopt;
}

std::optional<ApiError> check_filter(const DeltaAsk& ask) {
    if (ask.query.filter.empty()) return std::nullopt;
    const auto filter = Filter::parse(ask.query.filter, render_sample(ask.tenant, ask.collection));
    if (!filter) return filter.error();
    const bool directory = ask.collection.shelf().delta == DeltaStyle::Directory;
    for (const auto& comparison : filter->comparisons()) {
        const bool fine =
            directory ? comparison == "id eq" || comparison == "id in"
                      : comparison == "receivedDateTime ge" || comparison == "receivedDateTime gt";
        if (!fine) {
            return bad(fmt::format("A filter with '{}' is not supported with delta.", comparison));
        }
    }
    if (directory && filter->comparisons().size() > kMostIds)
        return bad("A delta can be filtered by 50 ids at most.");
    return std::nullopt;
}

}  // namespace

bool expired(const DeltaAsk& ask, const DeltaLives& lives) {
    if (!ask.query.token) return false;
    const SyncToken& token = *ask.query.token;
    if (token.generation != ask.generation) return true;
    const auto& life =
        ask.collection.shelf().delta == DeltaStyle::Directory ? lives.directory : lives.others;
    const SystemTime issued{std::chrono::seconds(token.issued)};
    return life && ask.now > issued + *life;
}

std::optional<ApiError> check_delta(const DeltaAsk& ask) {
    const Query& query = ask.query;
    if (query.token &&
        (query.token->kind == SyncToken::Kind::List || query.token->place != ask.place))
        return bad("Badly formed token.");
    switch (ask.collection.shelf().delta) {
        case DeltaStyle::Calendar:
            if (!query.start || !query.end || *query.end <= *query.start) {
                return bad("startDateTime and endDateTime are needed, the later one second.");
            }
            return refuse_options(query, {"$select", "$filter", "$orderby", "$expand", "$search"});
        case DeltaStyle::Outlook:
            if (query.has("$orderby") &&
                (query.order_by != "receivedDateTime" || !query.descending))
                return bad("Only $orderby=receivedDateTime desc is supported with delta.");
            if (ask.collection.shelf().type != Type::Message && query.has("$filter"))
                return bad("The query option '$filter' is not supported with delta.");
            if (auto refused = refuse_options(query, {"$search"})) return refused;
            return check_filter(ask);
        case DeltaStyle::Directory:
            if (auto refused = refuse_options(query, {"$orderby", "$search", "$top"}))
                return refused;
            return check_filter(ask);
        default:
            return refuse_options(query, {"$filter", "$orderby", "$search"});
    }
}

ApiResult<DeltaPage> delta_page(const DeltaAsk& ask) {
    return Round(ask).run();
}

}  // namespace graphhook::emulator
