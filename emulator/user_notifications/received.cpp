#include "emulator/user_notifications/received.hpp"

#include "core/time_text.hpp"
#include "emulator/user_notifications/evaluation.hpp"

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>

#include <algorithm>
#include <string>

namespace graphhook::emulator {
namespace {

using boost::json::object;
using boost::json::value;

constexpr std::size_t kMost = 10'000;
constexpr std::size_t kLongestBody = 64 * 1'024;

value text_or_null(std::string_view text) {
    return text.empty() ? value(nullptr) : value(text);
}

/// A member of the notification, also of one that is wrapped.
value member_of(const value& body, std::string_view name) {
    if (!body.is_object()) return nullptr;
    const auto* json = &body.as_object();
    if (const auto* inner = json->if_contains("notification");
        inner != nullptr && inner->is_object())
        json = &inner->as_object();
    const auto* found = json->if_contains(name);
    return found == nullptr ? value(nullptr) : *found;
}

/// The code in an error's body; null for none.
value code_of(const Response& response) {
    boost::system::error_code error;
    const auto json = boost::json::parse(response.body, error);
    if (error) return nullptr;
    const auto* code = json.find_pointer("/error/code", error);
    return code == nullptr ? value(nullptr) : *code;
}

/// The id that a Location ends in.
value id_of(const Response& response) {
    for (const auto& [name, link] : response.headers) {
        if (name == "Location" && response.status < 300)
            return value(link.substr(link.rfind('/') + 1));
    }
    return nullptr;
}

}  // namespace

void ReceivedPosts::add(
    const Request& request, const Caller& caller, const Response& response, std::size_t endpoints,
    SystemTime now
) {
    value body;
    if (request.body.size() <= kLongestBody) {
        if (auto read = read_post_body(request)) body = std::move(*read);
    }
    object json;
    json["number"] = next_++;
    json["time"] = to_text(now);
    json["method"] = request.method;
    json["status"] = response.status;
    json["code"] = code_of(response);
    json["appNotificationId"] = member_of(body, "appNotificationId");
    json["unsid"] = text_or_null(request.header("x-uns-id"));
    json["id"] = id_of(response);
    json["endpoints"] = endpoints;
    json["tenantId"] = text_or_null(caller.tenant);
    json["appId"] = text_or_null(caller.app);
    json["userId"] = text_or_null(caller.user);
    json["contentEncoding"] = text_or_null(request.header("content-encoding"));
    json["clientRequestId"] = text_or_null(request.header("client-request-id"));
    json["bytes"] = request.body.size();
    json["notification"] = std::move(body);
    posts_.push_back(std::move(json));
    if (posts_.size() > kMost) posts_.pop_front();
    ++by_status_[response.status];
}

object ReceivedPosts::page(std::uint64_t after, std::size_t limit) const {
    // Numbers are consecutive.
    const auto first = next_ - posts_.size();
    const auto skip = after < first ? 0 : std::min<std::uint64_t>(after - first + 1, posts_.size());
    object json;
    boost::json::array list;
    for (auto i = static_cast<std::size_t>(skip); i < posts_.size(); ++i) {
        if (list.size() == limit) {
            json["next"] = posts_[i - 1].at("number");
            break;
        }
        list.push_back(posts_[i]);
    }
    json["received"] = std::move(list);
    return json;
}

object ReceivedPosts::by_status() const {
    object json;
    for (const auto& [status, count] : by_status_) json[std::to_string(status)] = count;
    return json;
}

void ReceivedPosts::clear() {
    posts_.clear();
    by_status_.clear();
    next_ = 1;
}

}  // namespace graphhook::emulator
