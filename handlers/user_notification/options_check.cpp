#include "handlers/user_notification/options_check.hpp"

#include "core/log.hpp"
#include "core/text.hpp"
#include "core/time_text.hpp"
#include "handlers/user_notification/template.hpp"
#include "handlers/user_notification/wording.hpp"

#include <boost/url/parse.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <limits>

namespace graphhook::handlers {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// More than any carrier takes, and small enough to be held several times over.
constexpr std::size_t kMostContentLimit = 256u << 10;
constexpr std::chrono::minutes kLongestTimeout{10};

/// Not by Boost, which reads the host of 127.0.0.1.example as an address.
std::string_view authority_of(std::string_view url) {
    url.remove_prefix(url.find("://") + 3);
    return url.substr(0, url.find_first_of("/?#"));
}

bool is_loopback(std::string_view authority) {
    if (authority.starts_with("[::1]")) return true;
    const auto host = authority.substr(0, authority.find(':'));
    const bool numeric = host.find_first_not_of("0123456789.") == std::string_view::npos;
    return same_letters(host, "localhost") || (numeric && host.starts_with("127."));
}

class OptionsChecker {
  public:
    OptionsChecker(const UserNotificationOptions& options, bool resource_data)
        : options_(options), resource_data_(resource_data) {}

    std::vector<FieldProblem> check() {
        add_if("target_host_name", host_name_problem(options_.target_host_name));
        if (options_.title.empty() && options_.raw.empty()) add("title", "or 'raw' is required");
        text("title", options_.title, false);
        text("body", options_.body, true);
        if (!options_.body.empty() && options_.title.empty()) add("body", "needs a 'title'");
        if (const auto said = parsed("raw", options_.raw); said && !said->empty())
            add_if("raw", raw_problem(*said, options_.most_content_bytes));
        name("group", options_.group);
        name("app_notification_id", options_.app_notification_id);
        priority();
        life();
        platforms();
        if (options_.fallback) fallback(*options_.fallback);
        if (!options_.url.empty()) url();
        if (options_.most_content_bytes == 0 || options_.most_content_bytes > kMostContentLimit)
            add("most_content_bytes",
                fmt::format("must be 1B to {}", size_text(kMostContentLimit)));
        if (options_.timeout <= milliseconds(0) || options_.timeout > kLongestTimeout)
            add("timeout", "must be more than nothing and at most 10m");
        return std::move(problems_);
    }

  private:
    void add(std::string field, std::string what) {
        problems_.push_back({std::move(field), std::move(what)});
    }
    void add_if(std::string field, std::optional<std::string> what) {
        if (what) add(std::move(field), std::move(*what));
    }

    /// What the template always says; nothing: it depends, or is not readable.
    std::optional<std::string> parsed(const std::string& field, const std::string& written) {
        auto read = Template::parse(written);
        if (const auto* wrong = std::get_if<Template::Problem>(&read)) {
            add(field, fmt::format("has at character {}: {}", wrong->position, wrong->text));
            return std::nullopt;
        }
        const auto& made = std::get<Template>(read);
        if (made.wants_data() && !resource_data_) {
            add(field, fmt::format("has {}, which needs 'resource_data: true'", made.data_place()));
        }
        if (!made.constant()) return std::nullopt;
        const Delivery none;
        return made.render(TemplateValues(none, {}, TemplateValues::kNeither));
    }

    void text(const std::string& field, const std::string& written, bool lines) {
        if (const auto said = parsed(field, written))
            add_if(field, text_problem(*said, options_.most_content_bytes, lines));
    }
    void name(const std::string& field, const std::string& written) {
        if (const auto said = parsed(field, written)) add_if(field, name_problem(*said));
    }
    void priority() {
        const auto said = parsed("priority", options_.priority);
        if (!said || said->empty() || priority_named(*said) || same_letters(*said, "normal"))
            return;
        add("priority", fmt::format("is '{}'; known are {}", for_log(*said, 60), kPriorityNames));
    }
    void life() {
        if (options_.expires_after != milliseconds(0) && options_.expires_after < seconds(1))
            add("expires_after", "must be 1s at least");
        if (options_.expires_after > kLongestLife) add("expires_after", "must be 30d at most");
        if (options_.display_for == milliseconds(0)) return;
        if (options_.display_for < seconds(1)) add("display_for", "must be 1s at least");
        if (options_.display_for > seconds(std::numeric_limits<std::int32_t>::max()))
            add("display_for", "must be 2147483647s at most");
    }
    void platforms() {
        const auto& all = options_.platforms;
        for (std::size_t i = 0; i < all.size(); ++i) {
            const auto at = fmt::format("platforms[{}]", i);
            const auto known = platform_named(all[i]);
            if (!known) {
                add(at, fmt::format("is '{}'; known are {}", for_log(all[i], 60), kPlatformNames));
            } else if (std::any_of(
                           all.begin(), all.begin() + static_cast<std::ptrdiff_t>(i),
                           [&](const auto& other) { return same_letters(other, *known); }
                       )) {
                add(at, fmt::format("names {} again", *known));
            }
        }
    }
    void fallback(const UserNotificationOptions::Fallback& wanted) {
        if (options_.raw.empty()) add("fallback", "is only allowed with 'raw'");
        const bool to_ios = std::ranges::any_of(options_.platforms, [](const auto& platform) {
            return same_letters(platform, "iOS");
        });
        if (!to_ios) add("fallback", "is only allowed with ios among 'platforms'");
        if (wanted.after < seconds(kShortestFallback) || wanted.after > seconds(kLongestFallback))
            add("fallback.after", "must be 60s to 600s");
        if (wanted.title.empty()) add("fallback.title", "is required");
        text("fallback.title", wanted.title, false);
        text("fallback.body", wanted.body, true);
    }
    /// A token travels to it.
    void url() {
        const auto read = boost::urls::parse_uri(options_.url);
        if (!read || (read->scheme() != "https" && read->scheme() != "http") ||
            read->host().empty())
            return add("url", "must begin with https://, or http:// for loopback, and name a host");
        if (read->has_userinfo()) add("url", "must not have a user or a password");
        if (read->has_fragment()) add("url", "must not have a fragment");
        if (read->scheme() == "http" && !is_loopback(authority_of(options_.url)))
            add("url", "must begin with https://: a token travels to it");
    }

    const UserNotificationOptions& options_;
    const bool resource_data_;
    std::vector<FieldProblem> problems_;
};

}  // namespace

std::vector<FieldProblem> check_options(
    const UserNotificationOptions& options, bool resource_data
) {
    return OptionsChecker(options, resource_data).check();
}

}  // namespace graphhook::handlers
