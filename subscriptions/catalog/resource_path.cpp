// Reading Graph's resource paths: one spelling for all, and which kind of the catalog they name.
#include "core/text.hpp"
#include "subscriptions/catalog/catalog.hpp"

#include <algorithm>
#include <cctype>
#include <vector>

namespace graphhook::subscriptions {
namespace {

/// The path of `resource` in one spelling, and its query options with their '?'.
struct Parts {
    std::vector<std::string> segments;
    std::string query;
};

/// Cuts at '/' outside of quotes and parentheses.
std::vector<std::string_view> cut(std::string_view path) {
    std::vector<std::string_view> pieces;
    std::size_t begin = 0;
    int depth = 0;
    bool quoted = false;
    for (std::size_t i = 0; i <= path.size(); ++i) {
        const char c = i < path.size() ? path[i] : '/';
        if (i < path.size()) {
            if (c == '\'') quoted = !quoted;
            if (c == '(' && !quoted) ++depth;
            if (c == ')' && !quoted && depth > 0) --depth;
            if (c != '/' || quoted || depth > 0) continue;
        }
        if (i > begin) pieces.push_back(path.substr(begin, i - begin));
        begin = i + 1;
    }
    return pieces;
}

Parts take_apart(std::string_view resource) {
    std::string text = lowered(resource);
    std::string_view rest = text;
    while (!rest.empty() && std::isspace(static_cast<unsigned char>(rest.front())) != 0)
        rest.remove_prefix(1);
    while (!rest.empty() && std::isspace(static_cast<unsigned char>(rest.back())) != 0)
        rest.remove_suffix(1);
    for (const std::string_view scheme : {"https://", "http://"}) {
        if (!rest.starts_with(scheme)) continue;
        const auto path = rest.find('/', scheme.size());
        rest = path == std::string_view::npos ? std::string_view{} : rest.substr(path);
    }
    Parts parts;
    if (const auto question = rest.find('?'); question != std::string_view::npos) {
        parts.query = rest.substr(question);
        rest = rest.substr(0, question);
    }
    auto pieces = cut(rest);
    if (!pieces.empty() && (pieces[0] == "v1.0" || pieces[0] == "beta"))
        pieces.erase(pieces.begin());
    for (const std::string_view piece : pieces) {
        const auto open = piece.find('(');
        if (open == std::string_view::npos || open == 0 || piece.back() != ')') {
            parts.segments.emplace_back(piece);
            continue;
        }
        // users('x') is users/x; f(a='x') is f/a='x'; f() is f.
        parts.segments.emplace_back(piece.substr(0, open));
        std::string_view argument = piece.substr(open + 1, piece.size() - open - 2);
        if (argument.size() >= 2 && argument.front() == '\'' && argument.back() == '\'')
            argument = argument.substr(1, argument.size() - 2);
        if (!argument.empty()) parts.segments.emplace_back(argument);
    }
    return parts;
}

bool fits(const std::vector<std::string>& segments, std::string_view pattern) {
    for (const std::string& segment : segments) {
        if (pattern.empty()) return false;
        const auto slash = pattern.find('/');
        const auto part = pattern.substr(0, slash);
        if (part == "**") return true;
        if (part != "*" && part != segment) return false;
        pattern = slash == std::string_view::npos ? std::string_view{} : pattern.substr(slash + 1);
    }
    return pattern.empty() || pattern == "**";
}

/// `me` is a user.
std::vector<std::string> segments_of(std::string_view resource) {
    auto segments = take_apart(resource).segments;
    if (!segments.empty() && segments[0] == "me") {
        segments[0] = "users";
        segments.insert(segments.begin() + 1, "me");
    }
    return segments;
}

std::optional<std::size_t> best_fit(
    const std::vector<std::string>& segments, std::string_view paths
) {
    std::optional<std::size_t> best;
    while (!segments.empty() && !paths.empty()) {
        const auto blank = paths.find(' ');
        const auto pattern = paths.substr(0, blank);
        paths = blank == std::string_view::npos ? std::string_view{} : paths.substr(blank + 1);
        if (!fits(segments, pattern)) continue;
        const auto wildcards = static_cast<std::size_t>(std::ranges::count(pattern, '*'));
        if (!best || wildcards < *best) best = wildcards;
    }
    return best;
}

}  // namespace

std::uint8_t change_bit(std::string_view text) noexcept {
    const auto is = [text](std::string_view word) { return same_letters(text, word); };
    if (is("created")) return kCreated;
    if (is("updated")) return kUpdated;
    if (is("deleted")) return kDeleted;
    return 0;
}

std::optional<std::size_t> fit(std::string_view resource, std::string_view paths) {
    return best_fit(segments_of(resource), paths);
}

const Kind* recognise(std::string_view resource) {
    const auto segments = segments_of(resource);
    const Kind* found = nullptr;
    std::size_t fewest_wildcards = 0;
    for (const Kind& kind : catalog()) {
        const auto wildcards = best_fit(segments, kind.paths);
        // teams/getAllMessages is a literal, though teams/{id} would fit it too.
        if (!wildcards || (found != nullptr && *wildcards >= fewest_wildcards)) continue;
        found = &kind;
        fewest_wildcards = *wildcards;
    }
    return found;
}

std::string comparable(std::string_view resource) {
    const Parts parts = take_apart(resource);
    std::string text;
    for (const auto& segment : parts.segments) {
        if (!text.empty()) text += '/';
        text += segment;
    }
    return text + parts.query;
}

bool selects(std::string_view resource) {
    const std::string query = take_apart(resource).query;
    std::string_view rest = query;
    while (!rest.empty()) {
        rest.remove_prefix(1);  // '?' or '&'
        const auto end = std::min(rest.find('&'), rest.size());
        const std::string_view option = rest.substr(0, end);
        for (const std::string_view name : {"$select=", "%24select="}) {
            if (option.starts_with(name) && option.size() > name.size()) return true;
        }
        rest.remove_prefix(end);
    }
    return false;
}

bool is_about_me(std::string_view resource) {
    const auto segments = take_apart(resource).segments;
    return !segments.empty() &&
           (segments[0] == "me" ||
            (segments.size() > 1 && segments[0] == "users" && segments[1] == "me"));
}

bool same_changes(std::string_view a, std::string_view b) {
    const auto words = [](std::string_view list) {
        std::vector<std::string> result;
        while (true) {
            const auto comma = list.find(',');
            std::string word = lowered(list.substr(0, comma));
            std::erase_if(word, [](unsigned char c) { return std::isspace(c) != 0; });
            if (!word.empty()) result.push_back(std::move(word));
            if (comma == std::string_view::npos) break;
            list.remove_prefix(comma + 1);
        }
        std::ranges::sort(result);
        result.erase(std::unique(result.begin(), result.end()), result.end());
        return result;
    };
    return words(a) == words(b);
}

}  // namespace graphhook::subscriptions
