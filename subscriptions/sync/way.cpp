#include "subscriptions/sync/way.hpp"

#include "core/text.hpp"
#include "store/resource.hpp"
#include "subscriptions/sync/way_table.hpp"

#include <algorithm>
#include <utility>

namespace graphhook::subscriptions {
namespace {

using How = Way::How;

/// Cuts at '/' outside of parentheses and quotes.
std::vector<std::string> segments_of(std::string_view path) {
    std::vector<std::string> pieces;
    std::string piece;
    int depth = 0;
    bool quoted = false;
    for (const char c : path) {
        if (c == '\'') quoted = !quoted;
        if (c == '(' && !quoted) ++depth;
        if (c == ')' && !quoted && depth > 0) --depth;
        if (c == '/' && !quoted && depth == 0) {
            if (!piece.empty()) pieces.push_back(std::exchange(piece, {}));
        } else {
            piece += c;
        }
    }
    if (!piece.empty()) pieces.push_back(std::move(piece));
    return pieces;
}

/// A resource's path as it is asked, and as it is recognised.
struct Path {
    std::string text;                   ///< "me/messages"
    std::vector<std::string> segments;  ///< "users", "me", "messages"
    std::string user;                   ///< "me" or "users/x", where it begins so.
};

Path path_of(std::string_view resource) {
    Path path;
    std::string text = store::canonical_resource(resource);
    bool quoted = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '\'') quoted = !quoted;
        if (text[i] == '?' && !quoted) text.resize(i);
    }
    path.segments = segments_of(text);
    if (!path.segments.empty() && same_letters(path.segments[0], "me"))
        path.segments.insert(path.segments.begin(), "users");
    if (path.segments.size() > 1 && same_letters(path.segments[0], "users"))
        path.user = same_letters(path.segments[1], "me") ? "me" : "users/" + path.segments[1];
    path.text = std::move(text);
    return path;
}

/// The number of wildcards; nothing: it does not fit.
std::optional<std::vector<std::string>> fits(
    const std::vector<std::string>& segments, std::string_view pattern
) {
    std::vector<std::string> values;
    std::size_t at = 0;
    while (!pattern.empty()) {
        const auto end = std::min(pattern.find('/'), pattern.size());
        const auto word = pattern.substr(0, end);
        pattern.remove_prefix(std::min(end + 1, pattern.size()));
        if (word == "**") {
            if (at >= segments.size()) return std::nullopt;
            std::string rest;
            for (; at < segments.size(); ++at) rest += (rest.empty() ? "" : "/") + segments[at];
            values.push_back(std::move(rest));
            return values;
        }
        if (at >= segments.size()) return std::nullopt;
        if (word == "*") {
            values.push_back(segments[at]);
        } else if (lowered(segments[at]) != word) {
            return std::nullopt;
        }
        ++at;
    }
    if (at != segments.size()) return std::nullopt;
    return values;
}

struct Match {
    const Row* row = nullptr;
    std::vector<std::string> values;
};

Match match(const Path& path) {
    Match best;
    for (const Row& row : way_rows()) {
        auto values = fits(path.segments, row.pattern);
        if (!values) continue;
        // teams/getAllMessages is a literal, though teams/* would fit it too.
        if (best.row != nullptr && values->size() >= best.values.size()) continue;
        best = {&row, std::move(*values)};
    }
    return best;
}

void replace_all(std::string& text, std::string_view what, std::string_view by) {
    for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + by.size()))
        text.replace(at, what.size(), by);
}

bool is_guid(std::string_view text) noexcept {
    return text.size() == 36 && text[8] == '-' && text[13] == '-' && text[18] == '-' &&
           text[23] == '-';
}

class Maker {
  public:
    Maker(const Path& path, const Match& found) : path_(path), found_(found) {}

    [[nodiscard]] std::string filled(std::string_view text) const {
        std::string out(text);
        replace_all(out, "{p}", path_.text);
        replace_all(out, "{u}", path_.user);
        for (std::size_t i = 0; i < found_.values.size(); ++i)
            replace_all(out, "{" + std::to_string(i + 1) + "}", found_.values[i]);
        return out;
    }

    void look_up(Way& way) const {
        const std::string all = way.path + way.item + way.options + way.folders;
        const auto needs = [&](std::string_view token) {
            return all.find(token) != std::string::npos;
        };
        if (needs("{oid}")) {
            const std::string user = found_.values.empty() ? "me" : found_.values.front();
            if (is_guid(user)) {
                for (auto* text : {&way.path, &way.item, &way.options, &way.folders})
                    replace_all(*text, "{oid}", user);
            } else {
                way.lookups.push_back({"{oid}", path_.user + "?$select=id", user});
            }
        }
        if (needs("{drive}"))
            way.lookups.push_back({"{drive}", path_.user + "/drive?$select=id", {}});
        if (needs("{item}")) way.lookups.push_back({"{item}", subfolder(), {}});
    }

  private:
    /// "drives/x/root/A/B" or "drives/x/root:/A/B:" as Graph takes the path of a folder.
    [[nodiscard]] std::string subfolder() const {
        std::string below = found_.values.back();
        while (below.ends_with(':') || below.ends_with('/')) below.pop_back();
        const std::string drive =
            path_.user.empty() ? "drives/" + found_.values.front() : path_.user + "/drive";
        return drive + "/root:/" + below + "?$select=id";
    }

    const Path& path_;
    const Match& found_;
};

void add_option(std::string& options, std::string_view option) {
    if (option.empty()) return;
    if (!options.empty()) options += '&';
    options += option;
}

void add_filter(Way& way, const Row& row, std::string_view resource) {
    const std::string text = query_option(resource, "$filter");
    std::string select(row.select);
    if (!text.empty()) {
        if (way.how == How::Since) {
            way.sent_filter = text;
        } else if (auto filter = Filter::parse(text)) {
            for (const std::string& property : filter->properties()) {
                if (!select.empty() &&
                    ("," + select + ",").find("," + property + ",") == std::string::npos)
                    select += "," + property;
            }
            way.filter = std::move(*filter);
        }
    }
    if (!select.empty()) add_option(way.options, "$select=" + select);
}

Way guess(const Path& path, std::string_view resource) {
    Way way;
    way.how = How::Since;
    way.resync = Resync::NoDeletes;
    way.path = path.text;
    way.time = "lastModifiedDateTime";
    way.item = path.text + "/{id}";
    way.guessed = true;
    way.overlap = std::chrono::minutes(5);
    way.sent_filter = query_option(resource, "$filter");
    way.why = "asked by lastModifiedDateTime; where Graph refuses that, the whole list is compared";
    return way;
}

}  // namespace

std::string_view to_string(Resync resync) noexcept {
    switch (resync) {
        case Resync::Full:
            return "full";
        case Resync::Window:
            return "window";
        case Resync::NoDeletes:
            return "no-deletes";
        case Resync::None:
            return "none";
    }
    return "none";
}

Way way_of(const WantedSubscription& entry, std::string_view resource, bool delegated) {
    const Path path = path_of(resource);
    const Match found = match(path);
    const bool polled = entry.way == WantedSubscription::Way::Poll;
    if (found.row == nullptr) {
        if (polled) return guess(path, resource);
        Way way;
        way.why = "nothing is known of how to ask for such a resource; `source: poll` may do";
        return way;
    }
    const Row& row = *found.row;
    Way way;
    way.why = row.why;
    if (row.how == How::None) return way;
    if (row.delegated_only && !delegated) {
        way.why = "Graph lists these for a signed-in user only, not for an application";
        return way;
    }
    const Maker make(path, found);
    way.how = row.how;
    way.resync = row.resync;
    way.path = make.filled(row.ask);
    way.folders = make.filled(row.folders);
    way.first_folder = make.filled(row.first_folder);
    way.confirm = make.filled(row.confirm);
    way.options = make.filled(row.options);
    way.baseline = row.baseline;
    way.time = row.time;
    way.order = row.order;
    if (!row.created.empty()) way.created = row.created;
    if (!row.modified.empty()) way.modified = row.modified;
    way.gone = row.gone;
    way.item = make.filled(row.item);
    way.type = row.type;
    way.exact = row.exact;
    way.created_is_updated = row.created_is_updated;
    way.overlap = row.overlap;
    if (!row.prefer.empty()) way.prefer.emplace_back(row.prefer);
    if (row.outlook && entry.immutable_ids) way.prefer.emplace_back("IdType=\"ImmutableId\"");
    add_filter(way, row, resource);
    make.look_up(way);
    return way;
}

Result<void> can_filter(std::string_view resource) {
    if (!query_option(resource, "$search").empty())
        return fail(Errc::BadInput, "`$search` cannot be kept to when Graph is asked again");
    const std::string text = query_option(resource, "$filter");
    if (text.empty()) return {};
    const Match found = match(path_of(resource));
    // A list takes the filter itself; of an unknown kind it has to.
    if (found.row == nullptr || found.row->how == How::Since || found.row->how == How::None)
        return {};
    if (auto filter = Filter::parse(text); !filter) return filter.error();
    return {};
}

Resync resync_of(std::string_view kind) noexcept {
    Resync best = Resync::None;
    for (const Row& row : way_rows()) {
        if (row.kind == kind && row.how != How::None) best = std::min(best, row.resync);
    }
    return best;
}

std::chrono::milliseconds usual_silence(std::string_view kind) noexcept {
    std::chrono::milliseconds silence{0};
    for (const Row& row : way_rows()) {
        if (row.kind == kind) silence = std::max<std::chrono::milliseconds>(silence, row.silence);
    }
    return silence;
}

bool only_signals(std::string_view kind) noexcept {
    return std::ranges::any_of(way_rows(), [&](const Row& row) {
        return row.kind == kind && row.exact;
    });
}

std::vector<WayRow> all_ways() {
    std::vector<WayRow> all;
    for (const Row& row : way_rows())
        all.push_back(
            {row.kind, row.pattern, row.how == How::None ? Resync::None : row.resync, row.why}
        );
    return all;
}

}  // namespace graphhook::subscriptions
