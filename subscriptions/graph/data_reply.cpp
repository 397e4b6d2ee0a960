#include "core/base64.hpp"
#include "core/log.hpp"
#include "core/text.hpp"
#include "subscriptions/graph/graph_reply.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <boost/url/parse.hpp>
#include <fmt/format.h>

#include <algorithm>

namespace graphhook::subscriptions {
namespace {

namespace json = boost::json;

constexpr std::size_t kLinkBytes = 64u * 1024u;

std::optional<json::value> parse(std::string_view body) {
    boost::system::error_code error;
    json::parse_options options;
    options.max_depth = 64;
    json::value value = json::parse(body, error, {}, options);
    if (error) return std::nullopt;
    return value;
}

std::string what_instead_of_json(const HttpResponse& response) {
    const std::string_view body = trimmed(response.body);
    if (body.empty()) return "an empty answer";
    if (body.front() == '<') return "HTML or XML instead of JSON";
    return "an answer that is not JSON, or cut off";
}

/// The part before query and fragment: queries of Graph's links are opaque, and not always clean.
struct Link {
    std::string scheme, host, path;
    unsigned port = 0;
};
std::optional<Link> read_link(std::string_view text) {
    const bool sendable =
        text.size() <= kLinkBytes && std::ranges::all_of(text, [](unsigned char c) {
            return c > 0x20 && c < 0x7f && c != '\\' && c != '#';
        });
    if (!sendable) return std::nullopt;
    const auto url = boost::urls::parse_uri(text.substr(0, text.find('?')));
    if (!url || url->has_userinfo()) return std::nullopt;
    Link link{.scheme = lowered(url->scheme()), .host = lowered(url->host()), .path = url->path()};
    if (link.scheme != "https" && link.scheme != "http") return std::nullopt;
    link.port = link.scheme == "https" ? 443U : 80U;
    if (url->has_port() && !url->port().empty()) link.port = url->port_number();
    return link;
}

/// A link of that name, checked. False: there is one that cannot be used; `bad` says why.
bool take_link(
    const json::object& object, std::string_view name, std::string_view base, std::string& link,
    std::string& bad
) {
    const json::value* value = object.if_contains(name);
    if (value == nullptr || value->is_null()) return true;
    if (!value->is_string()) {
        bad = fmt::format("a page whose {} is no text", name);
        return false;
    }
    const std::string_view text = value->get_string();
    if (text.empty()) return true;
    if (!is_own_link(text, base)) {
        bad =
            fmt::format("a page whose {} leads elsewhere ({}): not followed", name, host_of(text));
        return false;
    }
    link = text;
    return true;
}

/// The value of `name="…"` in a list of authentication parameters.
std::optional<std::string> parameter(std::string_view header, std::string_view name) {
    const std::string low = lowered(header);
    for (std::size_t at = 0; (at = low.find(name, at)) != std::string::npos; at += name.size()) {
        const bool begins =
            at == 0 || low[at - 1] == ' ' || low[at - 1] == ',' || low[at - 1] == '\t';
        std::size_t next = at + name.size();
        while (next < low.size() && low[next] == ' ') ++next;
        if (!begins || next >= low.size() || low[next] != '=') continue;
        ++next;
        while (next < low.size() && low[next] == ' ') ++next;
        if (next < low.size() && low[next] == '"') {
            const auto end = header.find('"', next + 1);
            if (end == std::string_view::npos) return std::nullopt;
            return std::string(header.substr(next + 1, end - next - 1));
        }
        return std::string(header.substr(next, header.find_first_of(", \t", next) - next));
    }
    return std::nullopt;
}

}  // namespace

std::string host_of(std::string_view link) {
    const auto scheme = link.find("://");
    if (scheme == std::string_view::npos) return "nowhere";
    std::string_view rest = link.substr(scheme + 3);
    rest = rest.substr(0, rest.find_first_of("/?#\\"));
    if (const auto at = rest.rfind('@'); at != std::string_view::npos) rest.remove_prefix(at + 1);
    return rest.empty() ? "nowhere" : for_log(rest, 100);
}

bool is_own_link(std::string_view link, std::string_view base) {
    const auto target = read_link(link);
    const auto own = read_link(base);
    if (!target || !own) return false;
    if (target->scheme != own->scheme || target->host != own->host || target->port != own->port)
        return false;
    const std::string path = lowered(target->path);
    if (!path.starts_with("/v1.0/") && !path.starts_with("/beta/")) return false;
    return (path + "/").find("/../") == std::string::npos &&
           (path + "/").find("/./") == std::string::npos;
}

bool is_list_link(std::string_view link, std::string_view base) {
    if (!is_own_link(link, base)) return false;
    const std::string path = read_link(link)->path;
    return path == "/v1.0/subscriptions" || path == "/beta/subscriptions";
}

GraphError read_data_error(const HttpResponse& response, std::string_view base, SystemTime now) {
    GraphError error = read_error(response, now);
    if (error.status == 410) error.next = Next::Resync;
    if (error.next != Next::Resync) return error;
    const auto location = response.header("location");
    if (!location || location->empty()) return error;
    if (is_own_link(*location, base)) {
        error.location = *location;
    } else {
        error.message +=
            fmt::format(" (its Location leads elsewhere ({}): not followed)", host_of(*location));
    }
    return error;
}

GraphResult<json::object> read_object(const HttpResponse& response) {
    auto document = parse(response.body);
    if (!document) return garbled(response, what_instead_of_json(response));
    if (!document->is_object()) return garbled(response, "JSON that is no object");
    return std::move(document->get_object());
}

GraphResult<DataPage> read_data_page(
    const HttpResponse& response, std::string_view base, std::string_view asked
) {
    auto object = read_object(response);
    if (!object) return object.error();
    json::value* values = object->if_contains("value");
    if (values == nullptr || !values->is_array())
        return garbled(response, "a page without its values");
    for (const json::value& value : values->get_array()) {
        if (!value.is_object()) return garbled(response, "a page with a value that is no object");
    }
    DataPage page;
    std::string bad;
    if (!take_link(*object, "@odata.nextLink", base, page.next_link, bad) ||
        !take_link(*object, "@odata.deltaLink", base, page.delta_link, bad))
        return garbled(response, bad);
    if (page.next_link == asked && !asked.empty())
        return garbled(response, "a page that names itself as the next");
    // Where both are said, the round is not over.
    if (!page.next_link.empty()) page.delta_link.clear();
    page.value = std::move(values->get_array());
    page.request_id = for_log(response.header("request-id").value_or(""), 80);
    return page;
}

std::optional<std::string> claims_challenge(const HttpResponse& response) {
    for (const auto& [name, value] : response.headers) {
        if (name != "www-authenticate") continue;
        const auto encoded = parameter(value, "claims");
        if (!encoded || encoded->empty() || encoded->size() > 8u * 1024u) continue;
        const auto claims = from_base64(*encoded);
        if (!claims) continue;
        const auto document = parse(*claims);
        if (document && document->is_object()) return claims;
    }
    return std::nullopt;
}

}  // namespace graphhook::subscriptions
