#include "handlers/user_notification/notification.hpp"

#include "core/text.hpp"
#include "core/time_text.hpp"
#include "handlers/envelope.hpp"
#include "handlers/user_notification/wording.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

namespace graphhook::handlers {
namespace {

using std::chrono::seconds;

class Checker {
  public:
    explicit Checker(std::size_t most_content_bytes) : most_(most_content_bytes) {}

    void add(std::string field, std::string text) {
        problems.push_back({std::move(field), std::move(text)});
    }
    void add_if(std::string field, std::optional<std::string> text) {
        if (text) add(std::move(field), std::move(*text));
    }
    void content(const std::string& at, const VisualContent& content) {
        if (content.title.empty()) {
            add(at + ".title", "is required");
        } else {
            add_if(at + ".title", text_problem(content.title, most_, false));
        }
        if (content.body) add_if(at + ".body", text_problem(*content.body, most_, true));
    }
    void raw(const std::string& text) { add_if("payload.rawContent", raw_problem(text, most_)); }

    std::vector<FieldProblem> problems;

  private:
    const std::size_t most_;
};

void check_platforms(const std::vector<std::string>& platforms, Checker& checker) {
    for (std::size_t i = 0; i < platforms.size(); ++i) {
        const auto at = fmt::format("targetPolicy.platformTypes[{}]", i);
        if (!platform_named(platforms[i])) {
            checker.add(at, fmt::format("is unknown; known are {}", kPlatformNames));
            continue;
        }
        const bool again = std::any_of(
            platforms.begin(), platforms.begin() + static_cast<std::ptrdiff_t>(i),
            [&](const auto& earlier) { return same_letters(earlier, platforms[i]); }
        );
        if (again) checker.add(at, "is there already");
    }
}

void check_fallback(const UserNotification& notification, Checker& checker) {
    const bool to_ios = std::ranges::any_of(notification.platforms, [](const auto& platform) {
        return same_letters(platform, "iOS");
    });
    if (!to_ios)
        checker.add("fallbackPolicy", "is only allowed with iOS in targetPolicy.platformTypes");
    if (!notification.raw_content)
        checker.add("fallbackPolicy", "is only allowed with payload.rawContent");
    const std::string at = "fallbackPolicy.endpointFallback";
    const auto& fallback = *notification.fallback;
    if (fallback.delay < seconds(kShortestFallback) || fallback.delay > seconds(kLongestFallback)) {
        checker.add(
            at + ".fallbackDelayInSeconds",
            fmt::format("must be {} to {}", kShortestFallback, kLongestFallback)
        );
    }
    checker.content(at + ".visualContent", fallback.content);
}

/// Writes members of one object.
class Members {
  public:
    explicit Members(std::string& out) : out_(out) { out_ += '{'; }
    ~Members() { out_ += '}'; }
    Members(const Members&) = delete;
    Members& operator=(const Members&) = delete;

    /// Begins a member; its value is to follow.
    std::string& name(std::string_view name) {
        if (any_) out_ += ',';
        any_ = true;
        append_json_string(out_, name);
        out_ += ':';
        return out_;
    }
    void text(std::string_view name_is, std::string_view value) {
        append_json_string(name(name_is), value);
    }
    void number(std::string_view name_is, std::int64_t value) {
        name(name_is) += std::to_string(value);
    }

  private:
    std::string& out_;
    bool any_ = false;
};

void append_content(std::string& out, const VisualContent& content) {
    Members members(out);
    members.text("title", content.title);
    if (content.body) members.text("body", *content.body);
}

void append_payload(std::string& out, const UserNotification& notification) {
    Members members(out);
    if (notification.raw_content) members.text("rawContent", *notification.raw_content);
    if (notification.visual_content)
        append_content(members.name("visualContent"), *notification.visual_content);
}

void append_platforms(std::string& out, const std::vector<std::string>& platforms) {
    Members members(out);
    members.name("platformTypes") += '[';
    for (std::size_t i = 0; i < platforms.size(); ++i) {
        if (i > 0) out += ',';
        append_json_string(out, platform_named(platforms[i]).value_or(platforms[i]));
    }
    out += ']';
}

void append_fallback(std::string& out, const EndpointFallback& fallback) {
    Members policy(out);
    policy.name("endpointFallback");
    Members members(out);
    members.name("platformTypes") += R"(["iOS"])";
    members.number("fallbackDelayInSeconds", fallback.delay.count());
    append_content(members.name("visualContent"), fallback.content);
}

void append_notification(std::string& out, const UserNotification& notification) {
    Members members(out);
    members.text("targetHostName", notification.target_host_name);
    if (!notification.app_notification_id.empty())
        members.text("appNotificationId", notification.app_notification_id);
    if (!notification.group_name.empty()) members.text("groupName", notification.group_name);
    if (notification.expires_at)
        members.text("expirationDateTime", graphhook::to_text(*notification.expires_at));
    if (notification.display_for)
        members.number("displayTimeToLive", notification.display_for->count());
    if (!notification.priority.empty()) {
        members.text(
            "priority", priority_named(notification.priority).value_or(notification.priority)
        );
    }
    append_payload(members.name("payload"), notification);
    if (!notification.platforms.empty())
        append_platforms(members.name("targetPolicy"), notification.platforms);
    if (notification.fallback)
        append_fallback(members.name("fallbackPolicy"), *notification.fallback);
}

}  // namespace

std::string to_text(const std::vector<FieldProblem>& problems) {
    std::string text;
    for (const auto& problem : problems) {
        if (!text.empty()) text += "; ";
        text += problem.field;
        text += ' ';
        text += problem.text;
    }
    return text;
}

std::vector<FieldProblem> check(
    const UserNotification& notification, SystemTime now, std::size_t most_content_bytes
) {
    Checker checker(most_content_bytes);
    checker.add_if("targetHostName", host_name_problem(notification.target_host_name));
    checker.add_if("appNotificationId", name_problem(notification.app_notification_id));
    checker.add_if("groupName", name_problem(notification.group_name));
    if (notification.expires_at) {
        if (*notification.expires_at <= now) {
            checker.add("expirationDateTime", "is past");
        } else if (*notification.expires_at > now + kLongestLife) {
            checker.add("expirationDateTime", "is more than 30 days ahead");
        }
    }
    if (notification.display_for) {
        const auto count = notification.display_for->count();
        if (count < 1 || count > std::numeric_limits<std::int32_t>::max())
            checker.add("displayTimeToLive", "must be 1 to 2147483647 seconds");
    }
    if (!notification.priority.empty() && !priority_named(notification.priority))
        checker.add("priority", fmt::format("is unknown; known are {}", kPriorityNames));
    if (!notification.raw_content && !notification.visual_content)
        checker.add("payload", "needs rawContent or visualContent");
    if (notification.raw_content) checker.raw(*notification.raw_content);
    if (notification.visual_content)
        checker.content("payload.visualContent", *notification.visual_content);
    check_platforms(notification.platforms, checker);
    if (notification.fallback) check_fallback(notification, checker);
    return std::move(checker.problems);
}

std::string to_json(const UserNotification& notification, bool wrapped) {
    std::string out;
    if (wrapped) out = R"({"notification":)";
    append_notification(out, notification);
    if (wrapped) out += '}';
    return out;
}

}  // namespace graphhook::handlers
