// A template's resource, with the variables of one element filled in.
#include "subscriptions/graph/quota.hpp"
#include "subscriptions/templates/expander.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>

namespace graphhook::subscriptions {
namespace {

constexpr std::size_t kMostBytes = 512;

bool is_hex(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/// Fits into one segment of a path: ids of Graph's are printable ASCII, and none holds what cuts a
/// path or a query ("19:…@thread.v2", "b!…", "host,guid,guid" and base64 in its form for URLs are
/// fine). Names may hold any UTF-8 (it is encoded) but control characters and slashes.
bool is_id(std::string_view text) {
    constexpr std::string_view kNever = "/\\?#%&'\"<>{}^`|* ";
    return !text.empty() && text.size() <= kMostBytes && text != "." && text != ".." &&
           std::ranges::all_of(text, [kNever](char c) {
               return c > ' ' && c < 0x7f && kNever.find(c) == std::string_view::npos;
           });
}

bool is_name(std::string_view text) {
    return !text.empty() && text.size() <= kMostBytes && text != "." && text != ".." &&
           std::ranges::all_of(text, [](char c) {
               const auto byte = static_cast<unsigned char>(c);
               return byte > ' ' && byte != 0x7f && c != '/' && c != '\\';
           });
}

bool begins_with_guid(std::string_view text) {
    if (text.size() < 36) return false;
    for (std::size_t i = 0; i < 36; ++i) {
        const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? text[i] != '-' : !is_hex(text[i])) return false;
    }
    return true;
}

/// As a segment of a path needs it (RFC 3986, pchar; the apostrophe is encoded too, and doubled
/// where the template has it between quotes).
void append_encoded(std::string_view text, bool quoted, std::string& out) {
    constexpr std::string_view kPlain = "-._~!$()*+,;=:@";
    for (const char c : text) {
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                           (c >= '0' && c <= '9') || kPlain.find(c) != std::string_view::npos;
        if (plain) {
            out += c;
        } else if (c == '\'' && quoted) {
            out += "%27%27";
        } else {
            out += fmt::format("%{:02X}", static_cast<unsigned>(static_cast<unsigned char>(c)));
        }
    }
}

}  // namespace

Result<std::string> render(
    const std::string& resource, const std::string& id, const std::string& user_principal_name
) {
    std::string out;
    out.reserve(resource.size() + 40);
    bool quoted = false;
    for (std::size_t i = 0; i < resource.size();) {
        if (resource[i] != '{') {
            if (resource[i] == '\'') quoted = !quoted;
            out += resource[i++];
            continue;
        }
        const auto end = resource.find('}', i);
        const std::string_view variable = std::string_view(resource).substr(
            i, end == std::string::npos ? std::string::npos : end - i + 1
        );
        if (variable == "{id}") {
            if (!is_id(id)) return fail(Errc::BadInput, "an id that does not fit into a path");
            append_encoded(id, quoted, out);
        } else if (variable == "{userPrincipalName}") {
            if (!is_name(user_principal_name))
                return fail(Errc::BadInput, "no userPrincipalName that fits into a path");
            // Outlook takes a name that begins like an id for an id (protocol as of 2026-11-21).
            if (begins_with_guid(user_principal_name) && !mailbox_of(resource).empty())
                out += "AAD-UPN:";
            append_encoded(user_principal_name, quoted, out);
        } else {
            return fail(Errc::BadInput, fmt::format("no such variable: {}", variable));
        }
        i += variable.size();
    }
    return out;
}

}  // namespace graphhook::subscriptions
