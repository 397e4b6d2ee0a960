#include "store/resource.hpp"

#include "core/text.hpp"

namespace graphhook::store {
namespace {

/// Takes "https://host" and the slashes behind it off the front.
std::string_view without_base(std::string_view text) {
    for (const std::string_view scheme : {"https://", "http://"}) {
        if (same_letters(text.substr(0, scheme.size()), scheme)) {
            const auto path = text.find('/', scheme.size());
            text = path == std::string_view::npos ? std::string_view() : text.substr(path);
            break;
        }
    }
    while (text.starts_with('/')) text.remove_prefix(1);
    for (const std::string_view version : {"v1.0", "beta"}) {
        const auto rest = text.substr(std::min(version.size(), text.size()));
        if (same_letters(text.substr(0, version.size()), version) &&
            (rest.empty() || rest.front() == '/' || rest.front() == '?')) {
            text = rest;
            break;
        }
    }
    while (text.starts_with('/')) text.remove_prefix(1);
    return text;
}

/// Where the query begins: the first '?' outside quotes.
std::size_t query_begin(std::string_view text) {
    bool quoted = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '\'') quoted = !quoted;
        if (text[i] == '?' && !quoted) return i;
    }
    return text.size();
}

/// Appends what lies between the quotes of "('…')" at `text`'s front and returns how long that is;
/// 0 if there is no such thing, or something follows it within the segment.
std::size_t append_quoted_id(std::string_view text, std::string& out) {
    if (!text.starts_with("('")) return 0;
    const std::size_t before = out.size();
    out += '/';
    for (std::size_t i = 2; i < text.size(); ++i) {
        if (text[i] == '/') {
            out += "%2f";
        } else if (text[i] != '\'') {
            out += text[i];
        } else if (i + 1 < text.size() && text[i + 1] == '\'') {
            out += '\'';
            ++i;
        } else {
            const auto rest = text.substr(i + 1);
            if (rest.starts_with(')') && (rest.size() == 1 || rest[1] == '/')) return i + 2;
            break;
        }
    }
    out.resize(before);
    return 0;
}

}  // namespace

std::string canonical_resource(std::string_view resource) {
    const auto text = without_base(resource);
    const auto query_at = query_begin(text);
    auto path = text.substr(0, query_at);
    while (path.ends_with('/')) path.remove_suffix(1);
    std::string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < path.size();) {
        if (path[i] == '(' && !out.empty() && out.back() != '/') {
            if (const auto length = append_quoted_id(path.substr(i), out); length != 0) {
                i += length;
                continue;
            }
        }
        out += path[i++];
    }
    auto query = text.substr(std::min(query_at + 1, text.size()));
    char separator = '?';
    while (!query.empty()) {
        const auto end = query.find('&');
        const auto option = query.substr(0, end);
        query.remove_prefix(end == std::string_view::npos ? query.size() : end + 1);
        if (option.empty() || option.starts_with('$') || option.starts_with("%24")) continue;
        out += separator;
        out += option;
        separator = '&';
    }
    return out;
}

std::string normalise_resource(std::string_view resource) {
    std::string out = canonical_resource(resource);
    std::transform(out.begin(), out.end(), out.begin(), lower);
    return out;
}

}  // namespace graphhook::store
