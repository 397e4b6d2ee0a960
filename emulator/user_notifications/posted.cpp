#include "emulator/user_notifications/posted.hpp"

#include "core/time_text.hpp"
#include "emulator/identity/scopes.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <initializer_list>
#include <limits>

namespace graphhook::emulator {
namespace {

using boost::json::object;
using boost::json::value;

constexpr std::array<std::string_view, 4> kNames{"windows", "ios", "android", "webpush"};

/// What is wrong, in the order in which it is told.
enum class Rule { Contract, Payload, Types };

/// Remembers the first problem of the first rule that is broken.
class Problems {
  public:
    void add(Rule rule, std::string_view field, std::string_view what) {
        if (found_ && found_->rule <= rule) return;
        found_ = Found{rule, fmt::format("{} {}.", field, what)};
    }
    [[nodiscard]] bool none() const noexcept { return !found_; }
    [[nodiscard]] ApiError error() const {
        switch (found_->rule) {
            case Rule::Contract:
                return {
                    400, "BadRequest",
                    "The request body does not match the API's contract: " + found_->text
                };
            case Rule::Payload:
                return {400, "BadRequest", "The payload is invalid: " + found_->text};
            case Rule::Types:
                break;
        }
        return {
            401, "InvalidDataTypes",
            "The request body contains invalid activity data types: " + found_->text
        };
    }

  private:
    struct Found {
        Rule rule;
        std::string text;
    };
    std::optional<Found> found_;
};

/// Null for an absent member.
const value* member(const object& json, std::string_view name) {
    const auto* found = json.if_contains(name);
    return found == nullptr || found->is_null() ? nullptr : found;
}

std::string_view text_of(const value& json) {
    return json.as_string();
}

bool is_host_name(std::string_view text) {
    return !text.empty() && text.size() <= 253 && text.front() != '.' && text.front() != '-' &&
           std::all_of(text.begin(), text.end(), [](char c) {
               return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '.' || c == '-';
           });
}

class Reader {
  public:
    Reader(const PostRules& rules, SystemTime now) : rules_(rules), now_(now) {}

    ApiResult<PostedNotification> read(const object& json) {
        only(
            json, "",
            {"targetHostName", "appNotificationId", "groupName", "expirationDateTime",
             "displayTimeToLive", "priority", "payload", "targetPolicy", "fallbackPolicy"}
        );
        read_host(json);
        notification_.app_id = short_text(json, "appNotificationId");
        notification_.group = short_text(json, "groupName");
        read_expiry(json);
        read_display_time(json);
        read_priority(json);
        read_payload(json);
        read_targets(json);
        read_fallback(json);
        if (!problems_.none()) return problems_.error();
        return std::move(notification_);
    }

  private:
    void only(
        const object& json, std::string_view path, std::initializer_list<std::string_view> names
    ) {
        for (const auto& entry : json) {
            const std::string_view name(entry.key());
            if (name.find("@odata.") != std::string_view::npos) continue;
            if (std::find(names.begin(), names.end(), name) != names.end()) continue;
            problems_.add(
                Rule::Contract, path.empty() ? "The body" : path, "has a member that is not known"
            );
        }
    }

    /// Null if it is absent or of another type.
    const object* object_in(const object& json, std::string_view name, std::string_view path) {
        const auto* found = member(json, name);
        if (found == nullptr) return nullptr;
        if (found->is_object()) return &found->as_object();
        problems_.add(Rule::Types, path, "must be an object");
        return nullptr;
    }

    std::optional<std::string> text_in(
        const object& json, std::string_view name, std::string_view path
    ) {
        const auto* found = member(json, name);
        if (found == nullptr) return std::nullopt;
        if (found->is_string()) return std::string(found->as_string());
        problems_.add(Rule::Types, path, "must be text");
        return std::nullopt;
    }

    std::optional<std::string> short_text(const object& json, std::string_view name) {
        auto text = text_in(json, name, name);
        if (text && text->size() > rules_.most_content_bytes)
            problems_.add(Rule::Contract, name, "is too long");
        return text;
    }

    void read_host(const object& json) {
        if (member(json, "targetHostName") == nullptr)
            return problems_.add(Rule::Contract, "targetHostName", "is required");
        const auto host = text_in(json, "targetHostName", "targetHostName");
        if (!host) return;
        if (!is_host_name(*host))
            problems_.add(
                Rule::Contract, "targetHostName", "must be a host name, without a scheme"
            );
        if (rules_.has_host && !rules_.has_host(*host))
            problems_.add(Rule::Contract, "targetHostName", "is not registered for the app");
        notification_.host = *host;
    }

    void read_expiry(const object& json) {
        constexpr std::string_view kName = "expirationDateTime";
        const auto text = text_in(json, kName, kName);
        if (!text) return;
        const auto time = parse_time(*text);
        if (!time) return problems_.add(Rule::Types, kName, "must be a date and time");
        if (*time <= now_) problems_.add(Rule::Contract, kName, "is over");
        if (*time > now_ + kLongestLife)
            problems_.add(Rule::Contract, kName, "is more than 30 days ahead");
        notification_.expires = *time;
    }

    /// A number, or text that is one: the samples send "60".
    void read_display_time(const object& json) {
        constexpr std::string_view kName = "displayTimeToLive";
        const auto* found = member(json, kName);
        if (found == nullptr) return;
        std::int64_t seconds = 0;
        bool good = false;
        if (found->is_string()) {
            const auto text = text_of(*found);
            const auto read = std::from_chars(text.data(), text.data() + text.size(), seconds);
            good = read.ec == std::errc{} && read.ptr == text.data() + text.size();
        } else if (found->is_int64()) {
            seconds = found->as_int64();
            good = true;
        }
        if (!good || seconds > std::numeric_limits<std::int32_t>::max() ||
            seconds < std::numeric_limits<std::int32_t>::min())
            return problems_.add(Rule::Types, kName, "must be a whole number of seconds");
        if (seconds < 0) problems_.add(Rule::Contract, kName, "must not be negative");
        notification_.display_for = static_cast<std::int32_t>(seconds);
    }

    void read_priority(const object& json) {
        const auto priority = text_in(json, "priority", "priority");
        if (!priority) return;
        if (*priority != "None" && *priority != "High" && *priority != "Low")
            problems_.add(Rule::Contract, "priority", "must be None, High or Low");
        notification_.priority = *priority;
    }

    void content_size(std::string_view text, const std::string& path) {
        if (text.size() > rules_.most_content_bytes) {
            problems_.add(
                Rule::Payload, path,
                fmt::format("has more than {} bytes", rules_.most_content_bytes)
            );
        }
    }

    std::optional<Visual> visual_in(const object& json, const std::string& path) {
        const std::string here = path + ".visualContent";
        const auto* found = object_in(json, "visualContent", here);
        if (found == nullptr) return std::nullopt;
        only(*found, here, {"title", "body"});
        Visual visual;
        if (member(*found, "title") == nullptr) {
            problems_.add(Rule::Payload, here + ".title", "is required");
        } else if (const auto title = text_in(*found, "title", here + ".title")) {
            if (title->empty()) problems_.add(Rule::Payload, here + ".title", "is empty");
            content_size(*title, here + ".title");
            visual.title = *title;
        }
        visual.body = text_in(*found, "body", here + ".body");
        if (visual.body) content_size(*visual.body, here + ".body");
        return visual;
    }

    void read_payload(const object& json) {
        if (member(json, "payload") == nullptr)
            return problems_.add(Rule::Contract, "payload", "is required");
        const auto* payload = object_in(json, "payload", "payload");
        if (payload == nullptr) return;
        only(*payload, "payload", {"rawContent", "visualContent"});
        notification_.raw = text_in(*payload, "rawContent", "payload.rawContent");
        if (notification_.raw) content_size(*notification_.raw, "payload.rawContent");
        notification_.visual = visual_in(*payload, "payload");
        const auto* raw = member(*payload, "rawContent");
        const bool raw_empty = raw == nullptr || (raw->is_string() && raw->as_string().empty());
        if (raw_empty && member(*payload, "visualContent") == nullptr)
            problems_.add(Rule::Payload, "payload", "needs rawContent or visualContent");
    }

    /// The names in a member platformTypes; nothing if it is absent or there is a problem.
    std::optional<std::vector<Platform>> platforms_in(const object& json, const std::string& path) {
        const auto* found = member(json, "platformTypes");
        if (found == nullptr) return std::nullopt;
        const std::string here = path + ".platformTypes";
        if (!found->is_array()) {
            problems_.add(Rule::Types, here, "must be a list");
            return std::nullopt;
        }
        std::vector<Platform> platforms;
        for (const auto& element : found->as_array()) {
            if (!element.is_string()) {
                problems_.add(Rule::Types, here, "must hold text");
                return std::nullopt;
            }
            const auto platform = parse_platform(text_of(element));
            if (!platform) {
                problems_.add(Rule::Contract, here, "holds a platform that is not known");
                return std::nullopt;
            }
            if (std::find(platforms.begin(), platforms.end(), *platform) == platforms.end())
                platforms.push_back(*platform);
        }
        return platforms;
    }

    void read_targets(const object& json) {
        const auto* policy = object_in(json, "targetPolicy", "targetPolicy");
        if (policy == nullptr) return;
        only(*policy, "targetPolicy", {"platformTypes"});
        if (auto platforms = platforms_in(*policy, "targetPolicy"))
            notification_.platforms = std::move(*platforms);
    }

    void read_fallback(const object& json) {
        const auto* policy = object_in(json, "fallbackPolicy", "fallbackPolicy");
        if (policy == nullptr) return;
        only(*policy, "fallbackPolicy", {"endpointFallback"});
        const std::string path = "fallbackPolicy.endpointFallback";
        if (member(*policy, "endpointFallback") == nullptr)
            problems_.add(Rule::Contract, path, "is required");
        const auto& targets = notification_.platforms;
        if (!notification_.raw ||
            std::find(targets.begin(), targets.end(), Platform::Ios) == targets.end()) {
            problems_.add(
                Rule::Contract, "fallbackPolicy",
                "needs a raw payload, and iOS in targetPolicy.platformTypes"
            );
        }
        const auto* endpoint = object_in(*policy, "endpointFallback", path);
        if (endpoint == nullptr) return;
        only(*endpoint, path, {"platformTypes", "fallbackDelayInSeconds", "visualContent"});
        if (member(*endpoint, "platformTypes") == nullptr)
            problems_.add(Rule::Contract, path + ".platformTypes", "is required");
        const auto platforms = platforms_in(*endpoint, path);
        if (platforms && *platforms != std::vector{Platform::Ios})
            problems_.add(Rule::Contract, path + ".platformTypes", "must be iOS alone");
        IosFallback fallback;
        fallback.delay = delay_in(*endpoint, path + ".fallbackDelayInSeconds");
        if (member(*endpoint, "visualContent") == nullptr)
            problems_.add(Rule::Contract, path + ".visualContent", "is required");
        if (auto visual = visual_in(*endpoint, path)) fallback.content = std::move(*visual);
        notification_.fallback = std::move(fallback);
    }

    std::chrono::seconds delay_in(const object& json, const std::string& path) {
        const auto* found = member(json, "fallbackDelayInSeconds");
        if (found == nullptr) {
            problems_.add(Rule::Contract, path, "is required");
        } else if (!found->is_int64()) {
            problems_.add(Rule::Types, path, "must be a whole number");
        } else if (found->as_int64() < 60 || found->as_int64() > 600) {
            problems_.add(Rule::Contract, path, "must be 60 to 600");
        } else {
            return std::chrono::seconds(found->as_int64());
        }
        return {};
    }

    const PostRules& rules_;
    const SystemTime now_;
    Problems problems_;
    PostedNotification notification_;
};

}  // namespace

std::string_view to_string(Platform platform) noexcept {
    return kNames[static_cast<std::size_t>(platform)];
}

std::optional<Platform> parse_platform(std::string_view text) noexcept {
    for (const auto platform : kPlatforms) {
        if (same_text(to_string(platform), text)) return platform;
    }
    return std::nullopt;
}

bool PostedNotification::is_for(Platform platform) const noexcept {
    return platforms.empty() ||
           std::find(platforms.begin(), platforms.end(), platform) != platforms.end();
}

ApiResult<PostedNotification> read_posted(
    const value& body, const PostRules& rules, SystemTime now
) {
    if (body.is_array()) {
        return ApiError{
            400, "BadRequest", "Several notifications in one request are not supported."
        };
    }
    if (!body.is_object()) {
        return ApiError{
            400, "BadRequest",
            "The request body does not match the API's contract: it must be an object."
        };
    }
    const object* json = &body.as_object();
    if (rules.wrapped && json->size() == 1) {
        const auto* inner = json->if_contains("notification");
        if (inner != nullptr && inner->is_object()) json = &inner->as_object();
    }
    return Reader(rules, now).read(*json);
}

}  // namespace graphhook::emulator
