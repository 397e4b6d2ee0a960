#include "app/cli/notify_user.hpp"

#include "app/config/scalar.hpp"
#include "core/text.hpp"
#include "core/time_text.hpp"
#include "store/unsid.hpp"

#include <boost/json/parse.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>
#include <utility>
#include <variant>

namespace graphhook::app {
namespace {

namespace json = boost::json;
using handlers::FieldProblem;
using std::chrono::seconds;
using Problems = std::vector<FieldProblem>;

/// Which option says a field of the resource; what begins with it is said there too.
struct Spoken {
    std::string_view field, option;
};
constexpr std::array kSpoken = {
    Spoken{"targetHostName", "--host"},
    Spoken{"appNotificationId", "--id"},
    Spoken{"groupName", "--group"},
    Spoken{"expirationDateTime", "--expires-in, --expires-at"},
    Spoken{"displayTimeToLive", "--display-for"},
    Spoken{"priority", "--priority"},
    Spoken{"payload.rawContent", "--raw, --raw-file"},
    Spoken{"payload.visualContent.title", "--title"},
    Spoken{"payload.visualContent.body", "--body"},
    Spoken{"payload", "--title, --raw"},
    Spoken{"targetPolicy", "--platform"},
    Spoken{"fallbackPolicy.endpointFallback.fallbackDelayInSeconds", "--fallback-after"},
    Spoken{"fallbackPolicy.endpointFallback.visualContent.title", "--fallback-title"},
    Spoken{"fallbackPolicy.endpointFallback.visualContent.body", "--fallback-body"},
    Spoken{"fallbackPolicy", "--fallback-..."},
};

/// "payload.visualContent.title (--title)"
std::string with_option(const std::string& field) {
    for (const auto& spoken : kSpoken) {
        if (field.starts_with(spoken.field)) return fmt::format("{} ({})", field, spoken.option);
    }
    return field;
}

/// The service's own spelling, whatever case it was given in; others as they are, to be refused.
std::string spelt(const std::string& given, std::initializer_list<std::string_view> known) {
    for (const auto word : known) {
        if (same_letters(given, word)) return std::string(word);
    }
    return given;
}

std::optional<seconds> whole_seconds(
    const std::optional<std::string>& text, const char* option, Problems& problems
) {
    if (!text) return std::nullopt;
    const auto duration = parse_duration(*text);
    if (!duration || *duration % seconds(1) != std::chrono::milliseconds(0)) {
        problems.push_back({option, "is not a number of whole seconds such as 60s or 2m"});
        return std::nullopt;
    }
    return std::chrono::duration_cast<seconds>(*duration);
}

std::optional<SystemTime> expiry_of(
    const NotifyArguments& arguments, SystemTime now, Problems& problems
) {
    if (arguments.expires_at) {
        const auto time = parse_time(*arguments.expires_at);
        if (time) return *time;
        problems.push_back({"--expires-at", "is not a time such as 2026-12-20T23:59:00Z"});
    } else if (arguments.expires_in) {
        // Far beyond what is taken, which is said below, and within what a time can hold.
        constexpr std::chrono::milliseconds kMost = std::chrono::hours(24 * 3'650);
        const auto life = parse_duration(*arguments.expires_in);
        if (life) return std::chrono::floor<seconds>(now + std::min(*life, kMost));
        problems.push_back({"--expires-in", "is not a duration such as 7d or 12h"});
    }
    return std::nullopt;
}

handlers::UserNotification from_options(
    const NotifyArguments& arguments, const NotifyInput& input, SystemTime now, Problems& problems
) {
    handlers::UserNotification made;
    made.target_host_name = arguments.host.value_or("");
    made.app_notification_id = arguments.id.value_or("");
    made.group_name = arguments.group.value_or("");
    made.expires_at = expiry_of(arguments, now, problems);
    made.display_for = whole_seconds(arguments.display_for, "--display-for", problems);
    made.priority = spelt(arguments.priority.value_or(""), {"None", "High", "Low"});
    made.raw_content = arguments.raw_file ? std::optional(input.file) : arguments.raw;
    if (arguments.title || arguments.body)
        made.visual_content = {arguments.title.value_or(""), arguments.body};
    for (const auto& platform : arguments.platforms)
        made.platforms.push_back(spelt(platform, {"Windows", "iOS", "Android", "WebPush"}));
    if (arguments.fallback_after || arguments.fallback_title || arguments.fallback_body) {
        handlers::EndpointFallback fallback;
        fallback.delay = whole_seconds(arguments.fallback_after, "--fallback-after", problems)
                             .value_or(fallback.delay);
        fallback.content = {arguments.fallback_title.value_or(""), arguments.fallback_body};
        made.fallback = std::move(fallback);
    }
    return made;
}

handlers::ContentCoding coding_of(std::string_view name) {
    if (name == "gzip") return handlers::ContentCoding::Gzip;
    if (name == "deflate") return handlers::ContentCoding::Deflate;
    return handlers::ContentCoding::Identity;
}

void check_url(const std::string& text, Problems& problems) {
    const auto url = boost::urls::parse_absolute_uri(text);
    if (url.has_error() || url->host().empty() ||
        (url->scheme() != "https" && url->scheme() != "http")) {
        problems.push_back({"--url", "is not an http or https URL"});
    } else if (url->has_userinfo()) {
        problems.push_back({"--url", "holds a user name, which is not taken"});
    } else if (url->scheme() == "http" && url->host() != "localhost" &&
               !is_loopback(std::string(url->encoded_host()) + ":80")) {
        problems.push_back({"--url", "is not https: the access token would travel unprotected"});
    }
}

handlers::PostOptions post_options(
    const NotifyArguments& arguments, const handlers::UserNotificationOptions* handler,
    Problems& problems
) {
    handlers::PostOptions post;
    if (handler != nullptr) {
        post.url = handler->url;
        post.coding = handler->coding;
        post.wrapped = handler->wrapped;
        post.most_content_bytes = handler->most_content_bytes;
    }
    if (arguments.url) {
        post.url = *arguments.url;
        check_url(post.url, problems);
    }
    if (arguments.coding) post.coding = coding_of(*arguments.coding);
    post.wrapped = post.wrapped || arguments.wrapped;
    return post;
}

json::object receipt_in(const handlers::Outcome& outcome) {
    boost::system::error_code error;
    auto value = json::parse(outcome.receipt, error);
    if (error || !value.is_object()) return {};
    return std::move(value.as_object());
}

}  // namespace

NotifyPlan compose(const NotifyArguments& arguments, const NotifyInput& input, SystemTime now) {
    NotifyPlan plan;
    plan.post = post_options(arguments, input.handler, plan.problems);
    const bool from_file = !arguments.file.empty();
    if (from_file) {
        auto read = handlers::read_notification(input.file);
        if (auto* problems = std::get_if<Problems>(&read)) {
            std::ranges::move(*problems, std::back_inserter(plan.problems));
            return plan;
        }
        plan.notification = std::get<handlers::UserNotification>(std::move(read));
    } else {
        plan.notification = from_options(arguments, input, now, plan.problems);
    }
    auto& made = plan.notification;
    if (made.target_host_name.empty() && input.handler != nullptr)
        made.target_host_name = input.handler->target_host_name;
    // An empty one that was given is not none.
    if (made.app_notification_id.empty() && !arguments.id)
        made.app_notification_id = input.fresh_id;
    if (arguments.id && arguments.id->empty()) plan.problems.push_back({"--id", "is empty"});
    for (auto& problem : handlers::check(made, now, plan.post.most_content_bytes)) {
        if (!from_file) problem.field = with_option(problem.field);
        plan.problems.push_back(std::move(problem));
    }
    return plan;
}

Problems check_target(const NotifyArguments& arguments, const subscriptions::Tenant& tenant) {
    Problems problems;
    if (tenant.delegated()) {
        for (const auto& [option, given] :
             {std::pair("--user", &arguments.user), std::pair("--unsid", &arguments.unsid)}) {
            if (!given->empty())
                problems.push_back(
                    {option,
                     "is not taken: the tokens of this tenant are a signed-in user's, who "
                     "is told"}
                );
        }
        return problems;
    }
    if (arguments.user.empty() && arguments.unsid.empty())
        problems.push_back({"--user, --unsid", "one of them is required: who is to be told"});
    if (!arguments.user.empty() && !is_guid(arguments.user))
        problems.push_back({"--user", "is not a GUID"});
    if (!arguments.unsid.empty() && !store::is_unsid(arguments.unsid))
        problems.push_back({"--unsid", "is not 1 to 128 of A-Z a-z 0-9 . _ : -"});
    return problems;
}

std::string service_url(const handlers::PostOptions& post, const subscriptions::Cloud& cloud) {
    return post.url.empty() ? cloud.graph + "/beta/me/notifications/" : post.url;
}

json::object outcome_view(
    const handlers::Outcome& outcome, const std::string& tenant, const std::string& id,
    unsigned attempts
) {
    using Kind = handlers::Outcome::Kind;
    const auto receipt = receipt_in(outcome);
    const auto of_receipt = [&receipt](std::string_view name) -> json::value {
        const auto* value = receipt.if_contains(name);
        return value == nullptr ? json::value() : *value;
    };
    json::value delay;
    if (outcome.kind == Kind::RetryAfter && outcome.delay)
        delay = std::chrono::ceil<seconds>(*outcome.delay).count();
    return {
        {"outcome", outcome.kind == Kind::Done   ? "done"
                    : outcome.kind == Kind::Dead ? "dead"
                                                 : "retry"},
        {"tenant", tenant},
        {"app_notification_id", id},
        {"attempts", attempts},
        {"status", of_receipt("status")},
        {"id", of_receipt("id")},
        {"location", of_receipt("location")},
        {"request_id", of_receipt("requestId")},
        {"client_request_id", of_receipt("clientRequestId")},
        {"reason", outcome.reason.empty() ? json::value() : json::value(outcome.reason)},
        {"retry_after_seconds", std::move(delay)},
    };
}

std::string hint(const handlers::Outcome& outcome) {
    const auto receipt = receipt_in(outcome);
    const auto* value = receipt.if_contains("status");
    if (value == nullptr || !value->is_int64()) return {};
    const auto status = value->get_int64();
    if (outcome.kind == handlers::Outcome::Kind::Done) return {};
    if (outcome.kind == handlers::Outcome::Kind::Dead) {
        switch (status) {
            case 400:
            case 401:
                return "--dry-run shows what is sent";
            case 403:
                return "'graphhook unsids list' shows which UNSIDs there are and whose; one that "
                       "the service knows no more goes with 'graphhook unsids drop'. Whether the "
                       "app is blocked can only say who runs the service. A signed-in user's "
                       "token needs Notifications.ReadWrite.CreatedByApp";
            case 405:
                return "check the URL: --url, the handler's, or the tenant's cloud";
            case 413:
                return "make it shorter";
            case 415:
                return "--content-coding identity may be taken";
            default:
                return {};
        }
    }
    switch (status) {
        case 401:
        case 403:
            return "the service refuses the tenant's tokens: 'graphhook doctor' looks at the "
                   "credential";
        case 406:
        case 408:
        case 429:
            return {};
        default:
            if (status >= 500) return {};
            return "check the URL: --url, the handler's, or the tenant's cloud";
    }
}

}  // namespace graphhook::app
