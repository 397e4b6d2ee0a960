#include "handlers/user_notification/user_notification_handler.hpp"

#include "core/log.hpp"
#include "core/text.hpp"
#include "handlers/user_notification/options_check.hpp"
#include "handlers/user_notification/poster.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace graphhook::handlers {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// `check_options` has seen that it is one.
Template template_of(const std::string& written) {
    auto read = Template::parse(written);
    auto* const made = std::get_if<Template>(&read);
    return made == nullptr ? Template() : std::move(*made);
}

/// Content of a resource may have any character; what is shown may not.
std::string on_one_line(std::string text) {
    std::ranges::replace_if(
        text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, ' '
    );
    return text;
}

std::string without_controls(std::string text) {
    std::ranges::replace_if(
        text,
        [](char c) {
            const bool line = c == '\n' || c == '\r' || c == '\t';
            return (static_cast<unsigned char>(c) < 0x20 && !line) || c == 0x7f;
        },
        ' '
    );
    return text;
}

VisualContent content_of(const Template& title, const Template& body, const TemplateValues& from) {
    VisualContent content{on_one_line(title.render(from)), {}};
    if (auto text = without_controls(body.render(from)); !text.empty())
        content.body = std::move(text);
    return content;
}

/// Graph's importance of messages and events is "normal" where nothing is to be said.
std::string priority_of(std::string said) {
    if (same_letters(said, "normal")) said.clear();
    return said;
}

}  // namespace

Result<std::unique_ptr<UserNotificationHandler>> UserNotificationHandler::make(
    std::string name, UserNotificationOptions options, bool resource_data, Clock& clock,
    NotificationWorld& world
) {
    if (const auto problems = check_options(options, resource_data); !problems.empty())
        return fail(Errc::BadInput, to_text(problems));
    Texts texts;
    texts.title = template_of(options.title);
    texts.body = template_of(options.body);
    texts.raw = template_of(options.raw);
    texts.group = template_of(options.group);
    texts.app_notification_id = template_of(options.app_notification_id);
    texts.priority = template_of(options.priority);
    if (options.fallback) {
        texts.fallback_title = template_of(options.fallback->title);
        texts.fallback_body = template_of(options.fallback->body);
    }
    return std::unique_ptr<UserNotificationHandler>(new UserNotificationHandler(
        std::move(name), std::move(options), std::move(texts), resource_data, clock, world
    ));
}

UserNotificationHandler::UserNotificationHandler(
    std::string name, UserNotificationOptions options, Texts texts, bool resource_data,
    Clock& clock, NotificationWorld& world
)
    : name_(std::move(name)),
      options_(std::move(options)),
      texts_(std::move(texts)),
      wanted_([this] {
          int wanted = TemplateValues::kNeither;
          for (const auto* one :
               {&texts_.title, &texts_.body, &texts_.raw, &texts_.group,
                &texts_.app_notification_id, &texts_.priority, &texts_.fallback_title,
                &texts_.fallback_body}) {
              if (one->wants_item()) wanted |= TemplateValues::kItem;
              if (one->wants_data()) wanted |= TemplateValues::kData;
          }
          return static_cast<TemplateValues::Wanted>(wanted);
      }()),
      resource_data_(resource_data),
      clock_(clock),
      world_(world) {
}

milliseconds UserNotificationHandler::time_limit(const UserNotificationOptions& options) {
    return options.timeout * 4 + milliseconds(10'000);
}

std::optional<SystemTime> UserNotificationHandler::expiry_of(const Delivery& delivery) const {
    if (options_.expires_after == milliseconds(0)) return std::nullopt;
    return std::chrono::floor<seconds>(delivery.received_at + options_.expires_after);
}

UserNotification UserNotificationHandler::notification_for(const Delivery& delivery) const {
    const TemplateValues values(delivery, name_, wanted_);
    UserNotification made;
    made.target_host_name = options_.target_host_name;
    made.app_notification_id = on_one_line(texts_.app_notification_id.render(values));
    if (made.app_notification_id.empty()) {
        const auto received = std::chrono::floor<milliseconds>(delivery.received_at);
        made.app_notification_id =
            fmt::format("{}-{}-{:x}", name_, delivery.id, received.time_since_epoch().count());
    }
    made.group_name = on_one_line(texts_.group.render(values));
    made.expires_at = expiry_of(delivery);
    if (options_.display_for != milliseconds(0))
        made.display_for = std::chrono::floor<seconds>(options_.display_for);
    made.priority = priority_of(texts_.priority.render(values));
    if (auto raw = texts_.raw.render(values); !raw.empty()) made.raw_content = std::move(raw);
    if (!options_.title.empty())
        made.visual_content = content_of(texts_.title, texts_.body, values);
    made.platforms = options_.platforms;
    if (options_.fallback) {
        made.fallback = EndpointFallback{
            std::chrono::floor<seconds>(options_.fallback->after),
            content_of(texts_.fallback_title, texts_.fallback_body, values)
        };
    }
    return made;
}

std::vector<Outcome> UserNotificationHandler::handle(
    std::span<const Delivery> batch, std::stop_token stop
) {
    std::vector<Outcome> outcomes;
    outcomes.reserve(batch.size());
    for (const auto& delivery : batch) outcomes.push_back(handle_one(delivery, stop));
    return outcomes;
}

Outcome UserNotificationHandler::handle_one(const Delivery& delivery, const std::stop_token& stop) {
    if (delivery.lifecycle) {
        return Outcome::dead(
            "a lifecycle notification is about a subscription, not a user: no route should bring it"
        );
    }
    const auto now = clock_.system_now();
    if (const auto expiry = expiry_of(delivery); expiry && *expiry <= now)
        return Outcome::dead("expirationDateTime is past");
    const auto access = world_.access(delivery.tenant);
    if (access == nullptr) return Outcome::dead("no_tenant: the tenant is not configured any more");
    std::string unsid;
    if (!access->delegated()) {
        const auto user = user_of_resource(delivery.resource);
        if (!user) return Outcome::dead("no_user: the resource names no user by id");
        auto found = world_.unsid_of(delivery.tenant, *user, now);
        if (found.has_error()) {
            return Outcome::retry_target(
                "the UNSID could not be looked up: " + for_log(to_string(found.error()))
            );
        }
        if (!*found) {
            if (options_.without_unsid == UserNotificationOptions::WithoutUnsid::Dead)
                return Outcome::dead("no_unsid: the user has no live UNSID");
            auto skipped = Outcome::done();
            skipped.receipt = R"({"skipped":"no_unsid"})";
            return skipped;
        }
        unsid = std::move(**found);
    }
    PostOptions post;
    post.url = options_.url;
    post.coding = options_.coding;
    post.wrapped = options_.wrapped;
    post.most_content_bytes = options_.most_content_bytes;
    post.timeout = options_.timeout;
    return post_notification(
        notification_for(delivery), unsid, *access, post, [this] { return world_.new_guid(); }, now,
        stop
    );
}

}  // namespace graphhook::handlers
