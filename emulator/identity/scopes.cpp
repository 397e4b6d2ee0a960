#include "emulator/identity/scopes.hpp"

#include "emulator/url.hpp"

#include <boost/throw_exception.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <stdexcept>

namespace graphhook::emulator {
namespace {

constexpr std::size_t kLongestScope = 4'096;
constexpr std::string_view kGraph = "https://graph.microsoft.com";
constexpr auto kGraphs = std::to_array<std::string_view>(
    {kGraph, "https://graph.microsoft.us", "https://dod-graph.microsoft.us",
     "https://microsoftgraph.chinacloudapi.cn", "00000003-0000-0000-c000-000000000000"}
);

Refusal bad_scope(std::string_view text) {
    return {
        400, "invalid_scope", 70011,
        fmt::format(
            "The provided value for the input parameter 'scope' is not valid. The scope {} is not "
            "valid.",
            text.substr(0, 256)
        )
    };
}

char lower(char c) {
    return static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
}

}  // namespace

void throw_exception_from_error(const Refusal& refusal, const boost::source_location& where) {
    boost::throw_exception(
        std::runtime_error(fmt::format("AADSTS{}: {}", refusal.code, refusal.text)), where
    );
}

bool same_text(std::string_view a, std::string_view b) noexcept {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
        return lower(x) == lower(y);
    });
}

std::string lower_text(std::string_view text) {
    std::string out(text);
    std::transform(out.begin(), out.end(), out.begin(), lower);
    return out;
}

std::string joined(const std::vector<std::string>& words) {
    return fmt::format("{}", fmt::join(words, " "));
}

bool is_graph(std::string_view resource, std::string_view base) {
    while (resource.ends_with('/')) resource.remove_suffix(1);
    if (same_text(resource, base)) return true;
    for (const auto graph : kGraphs) {
        if (same_text(resource, graph)) return true;
    }
    const auto url = parse_url(resource);
    return url && is_loopback(url->host) && url->target == "/";
}

std::string own_api(std::string_view resource) {
    constexpr std::string_view kApi = "api://";
    constexpr std::size_t kLongest = 128;
    if (resource.starts_with(kApi)) {
        resource.remove_prefix(kApi.size());
        const bool sane = !resource.empty() && resource.size() <= kLongest &&
                          std::all_of(resource.begin(), resource.end(), [](unsigned char c) {
                              return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.';
                          });
        return sane ? std::string(resource) : std::string();
    }
    for (const auto graph : kGraphs) {
        if (same_text(resource, graph)) return {};
    }
    constexpr std::string_view kForm = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
    const bool guid = std::equal(
        resource.begin(), resource.end(), kForm.begin(), kForm.end(),
        [](char c, char form) {
            return form == '-' ? c == '-' : std::isxdigit(static_cast<unsigned char>(c)) != 0;
        }
    );
    return guid ? std::string(resource) : std::string();
}

Granted<ScopeRequest> read_scope(std::string_view text) {
    if (text.size() > kLongestScope) return bad_scope(text);
    ScopeRequest request;
    const auto all = text;
    while (!text.empty()) {
        const auto space = text.find(' ');
        const auto word = text.substr(0, space);
        text = space == std::string_view::npos ? std::string_view{} : text.substr(space + 1);
        if (word.empty()) continue;
        if (word == "offline_access") {
            request.offline = true;
            continue;
        }
        if (word == "openid" || word == "profile" || word == "email") {
            request.openid = request.openid || word == "openid";
            continue;
        }
        const auto slash = word.rfind('/');
        const auto name = slash == std::string_view::npos ? word : word.substr(slash + 1);
        const auto resource = slash == std::string_view::npos ? kGraph : word.substr(0, slash);
        if (name.empty() || resource.empty()) return bad_scope(word);
        if (!request.resource.empty() && !same_text(request.resource, resource)) {
            return Refusal(
                400, "invalid_scope", 70011,
                "The provided value for the input parameter 'scope' is not valid because it "
                "contains more than one resource."
            );
        }
        request.resource = std::string(resource);
        if (name == ".default") {
            request.everything = true;
        } else {
            request.names.emplace_back(name);
        }
    }
    if (request.everything && !request.names.empty()) {
        return Refusal(
            400, "invalid_scope", 70011,
            ".default scope can't be combined with resource-specific scopes."
        );
    }
    if (request.resource.empty() && !request.offline && !request.openid) return bad_scope(all);
    if (request.resource.empty()) request.resource = std::string(kGraph);
    return request;
}

}  // namespace graphhook::emulator
