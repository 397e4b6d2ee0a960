#include "emulator/user_notifications/evaluation.hpp"

#include "emulator/identity/scopes.hpp"
#include "emulator/user_notifications/content_coding.hpp"

#include <boost/json/parse.hpp>
#include <fmt/format.h>

#include <algorithm>

namespace graphhook::emulator {
namespace {

bool has_header(const Request& request, std::string_view name) {
    return std::any_of(request.headers.begin(), request.headers.end(), [name](const auto& one) {
        return one.first == name;
    });
}

/// Nothing for a coding that is not supported; the header given twice is two codings.
std::optional<ContentCoding> coding_of(const Request& request) {
    const auto times =
        std::count_if(request.headers.begin(), request.headers.end(), [](const auto& one) {
            return one.first == "content-encoding";
        });
    if (times > 1) return std::nullopt;
    return parse_content_coding(request.header("content-encoding"));
}

bool is_json(std::string_view type) {
    type = type.substr(0, type.find(';'));
    while (type.ends_with(' ')) type.remove_suffix(1);
    return same_text(type, "application/json");
}

}  // namespace

ApiResult<boost::json::value> read_post_body(const Request& request) {
    const auto text =
        decode(coding_of(request).value_or(ContentCoding::Identity), request.body, kMostPostBytes);
    if (!text)
        return ApiError{400, "BadRequest", "Unable to read the request: " + text.error().detail};
    boost::system::error_code error;
    auto json = boost::json::parse(*text, error);
    if (error) return ApiError{400, "BadRequest", "Unable to read JSON request payload."};
    return json;
}

ApiResult<PostedNotification> evaluate_post(
    const Request& request, const Caller& caller, const CrossDeviceApps& apps, PostRules rules,
    SystemTime now
) {
    if (apps.blocked(caller.app)) return ApiError{403, "Forbidden", "The caller is blocked."};
    for (const std::string_view name : {"if-modified-since", "if-range"}) {
        if (has_header(request, name)) {
            return ApiError{
                400, "BadRequest", fmt::format("The header {} is not supported.", name)
            };
        }
    }
    if (!coding_of(request)) {
        return ApiError{
            415, "UnsupportedMediaType", "Content-Encoding must be gzip or deflate, or absent."
        };
    }
    if (!is_json(request.header("content-type")))
        return ApiError{400, "BadRequest", "Content-Type must be application/json."};
    if (!caller.delegated && request.header("x-uns-id").empty())
        return ApiError{400, "BadRequest", "The header X-UNS-ID is required."};
    const auto body = read_post_body(request);
    if (!body) return body.error();
    rules.has_host = [&apps, &caller](std::string_view host) {
        return apps.has_host(caller.app, host);
    };
    return read_posted(*body, rules, now);
}

}  // namespace graphhook::emulator
