#include "core/log.hpp"
#include "core/strict_json.hpp"
#include "core/time_text.hpp"
#include "handlers/user_notification/notification.hpp"
#include "handlers/user_notification/wording.hpp"

#include <boost/json/parse.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <initializer_list>

// Reads the resource from JSON. Without mercy: it is written by hand, and the service would drop or
// refuse what it does not know.

namespace graphhook::handlers {
namespace {

namespace json = boost::json;

/// Far above what any sensible limit of content allows.
constexpr std::size_t kMostBytes = 4u << 20;

/// "payload.visualContent.title"
std::string dotted(const MemberTwice& twice) {
    auto path = twice.object.empty() ? twice.name : twice.object.substr(1) + '/' + twice.name;
    std::replace(path.begin(), path.end(), '/', '.');
    return path;
}

class Reader {
  public:
    void problem(std::string field, std::string text) {
        problems.push_back({std::move(field), std::move(text)});
    }

    /// The value as an object with no other members than these; nullptr: it is none.
    const json::object* object(
        const std::string& at, const json::value& value,
        std::initializer_list<std::string_view> known
    ) {
        const auto* members = value.if_object();
        if (members == nullptr) {
            problem(at.empty() ? "notification" : at, "must be an object");
            return nullptr;
        }
        for (const auto& member : *members) {
            const std::string_view name = member.key();
            if (std::ranges::find(known, name) != known.end()) continue;
            const auto path = below(at, for_log(name, 100));
            problem(path, at.empty() && name == "id" ? "is given by the service" : "is unknown");
        }
        return members;
    }

    void text(
        const json::object& from, const std::string& at, std::string_view name, std::string& into
    ) {
        const auto* value = from.if_contains(name);
        if (value == nullptr) return;
        if (const auto* string = value->if_string()) {
            into.assign(string->data(), string->size());
        } else {
            problem(below(at, name), "must be a string");
        }
    }
    void text(
        const json::object& from, const std::string& at, std::string_view name,
        std::optional<std::string>& into
    ) {
        if (from.if_contains(name) == nullptr) return;
        text(from, at, name, into.emplace());
    }

    /// What is said by leaving it out is not said by an empty string.
    void name(const json::object& from, std::string_view name_is, std::string& into) {
        std::optional<std::string> written;
        text(from, {}, name_is, written);
        if (!written) return;
        into = std::move(*written);
        const auto* value = from.if_contains(name_is);
        if (value->is_string() && into.empty()) problem(std::string(name_is), "is empty");
    }

    std::optional<VisualContent> content(const json::object& from, const std::string& at) {
        const auto* value = from.if_contains("visualContent");
        if (value == nullptr) return std::nullopt;
        const auto path = below(at, "visualContent");
        VisualContent content;
        if (const auto* members = object(path, *value, {"title", "body"})) {
            text(*members, path, "title", content.title);
            text(*members, path, "body", content.body);
        }
        return content;
    }

    void time(const json::object& from, std::optional<SystemTime>& into) {
        std::optional<std::string> written;
        const auto before = problems.size();
        text(from, {}, "expirationDateTime", written);
        if (!written) return;
        if (const auto read = parse_time(*written); read.has_value()) {
            into = *read;
        } else if (problems.size() == before) {
            problem("expirationDateTime", "must be a time such as 2026-12-20T23:59:00Z");
        }
    }

    /// A number, or a string of digits, as Microsoft's samples have it.
    void display_time(const json::object& from, std::optional<std::chrono::seconds>& into) {
        const auto* value = from.if_contains("displayTimeToLive");
        if (value == nullptr) return;
        if (const auto* number = value->if_int64()) {
            into = std::chrono::seconds(*number);
            return;
        }
        if (const auto* string = value->if_string()) {
            std::int32_t number = 0;
            const char* const end = string->data() + string->size();
            const auto [stop, error] = std::from_chars(string->data(), end, number);
            if (error == std::errc{} && stop == end) {
                into = std::chrono::seconds(number);
                return;
            }
        }
        problem("displayTimeToLive", "must be a whole number of seconds, or a string of one");
    }

    void platforms(
        const json::object& from, const std::string& at, std::vector<std::string>& into
    ) {
        const auto* value = from.if_contains("platformTypes");
        if (value == nullptr) return;
        const auto path = below(at, "platformTypes");
        const auto* list = value->if_array();
        if (list == nullptr) return problem(path, "must be a list of strings");
        if (list->empty()) return problem(path, "is empty; leave it out for all platforms");
        for (std::size_t i = 0; i < list->size(); ++i) {
            if (const auto* string = (*list)[i].if_string()) {
                const std::string_view name(string->data(), string->size());
                into.emplace_back(platform_named(name).value_or(name));
            } else {
                problem(fmt::format("{}[{}]", path, i), "must be a string");
            }
        }
    }

    void fallback(const json::value& value, std::optional<EndpointFallback>& into) {
        const auto* policy = object("fallbackPolicy", value, {"endpointFallback"});
        if (policy == nullptr) return;
        const std::string at = "fallbackPolicy.endpointFallback";
        const auto* inner = policy->if_contains("endpointFallback");
        if (inner == nullptr) return problem(at, "is required");
        const auto* members =
            object(at, *inner, {"platformTypes", "fallbackDelayInSeconds", "visualContent"});
        if (members == nullptr) return;
        EndpointFallback read;
        std::vector<std::string> only;
        platforms(*members, at, only);
        if (std::ranges::any_of(only, [](const auto& name) { return name != "iOS"; }))
            problem(at + ".platformTypes", "may only name iOS");
        const auto* delay = members->if_contains("fallbackDelayInSeconds");
        if (delay == nullptr) {
            problem(at + ".fallbackDelayInSeconds", "is required");
        } else if (const auto* number = delay->if_int64()) {
            read.delay = std::chrono::seconds(*number);
        } else {
            problem(at + ".fallbackDelayInSeconds", "must be a whole number");
        }
        if (auto content_read = content(*members, at)) {
            read.content = std::move(*content_read);
        } else {
            problem(at + ".visualContent", "is required");
        }
        into = std::move(read);
    }

    void payload(const json::object& from, UserNotification& into) {
        const auto* value = from.if_contains("payload");
        if (value == nullptr) return problem("payload", "is required");
        const auto* members = object("payload", *value, {"rawContent", "visualContent"});
        if (members == nullptr) return;
        text(*members, "payload", "rawContent", into.raw_content);
        into.visual_content = content(*members, "payload");
    }

    std::vector<FieldProblem> problems;

  private:
    static std::string below(const std::string& at, std::string_view name) {
        return at.empty() ? std::string(name) : fmt::format("{}.{}", at, name);
    }
};

}  // namespace

std::variant<UserNotification, std::vector<FieldProblem>> read_notification(std::string_view text) {
    using Problems = std::vector<FieldProblem>;
    if (text.size() > kMostBytes) return Problems{{"notification", "is larger than 4 MiB"}};
    boost::system::error_code bad;
    const auto document = json::parse(text, bad);
    if (bad) return Problems{{"notification", "is not JSON"}};
    if (document.is_array())
        return Problems{{"notification", "is an array; one request takes one notification"}};

    Reader reader;
    if (const auto twice = members_twice(text)) {
        for (const auto& member : *twice) reader.problem(for_log(dotted(member)), "is there twice");
    }
    UserNotification read;
    const auto* members = reader.object(
        {}, document,
        {"targetHostName", "appNotificationId", "groupName", "expirationDateTime",
         "displayTimeToLive", "priority", "payload", "targetPolicy", "fallbackPolicy"}
    );
    if (members == nullptr) return std::move(reader.problems);
    reader.text(*members, {}, "targetHostName", read.target_host_name);
    reader.name(*members, "appNotificationId", read.app_notification_id);
    reader.name(*members, "groupName", read.group_name);
    reader.time(*members, read.expires_at);
    reader.display_time(*members, read.display_for);
    reader.name(*members, "priority", read.priority);
    reader.payload(*members, read);
    if (const auto* policy = members->if_contains("targetPolicy")) {
        if (const auto* inner = reader.object("targetPolicy", *policy, {"platformTypes"}))
            reader.platforms(*inner, "targetPolicy", read.platforms);
    }
    if (const auto* policy = members->if_contains("fallbackPolicy"))
        reader.fallback(*policy, read.fallback);
    if (!reader.problems.empty()) return std::move(reader.problems);
    return read;
}

}  // namespace graphhook::handlers
